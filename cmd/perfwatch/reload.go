package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/perfwatch/perfwatch/internal/config"
)

var errEnding = errors.New("perfwatch ends")

// reload reads the configuration again. A file with mistakes changes nothing; probes that did not change keep their
// counters, their schedule and their connections.
func (d *daemon) reload(context.Context) error {
	d.reloading.Lock()
	defer d.reloading.Unlock()
	cfg, err := config.LoadAfter(*d.options.configFile, d.current.Load().config)
	if err == nil {
		err = d.replace(cfg, time.Now())
	}
	if d.refused = err; err != nil {
		d.fail(err)
		d.logger.Error("configuration not reloaded, the old one goes on", "err", err)
		return fmt.Errorf("reloading: %w", err)
	}
	d.logger.Info("configuration reloaded", "hash", cfg.Hash)
	return nil
}

// retarget reads the files of targets again for the configuration at work. Its file is not read: one that was refused is
// still shown as that, and one that was edited waits until somebody asks.
func (d *daemon) retarget() {
	d.reloading.Lock()
	defer d.reloading.Unlock()
	old := d.current.Load()
	cfg, err := config.Rediscover(old.config)
	if err == nil {
		err = d.replace(cfg, old.loaded)
	}
	if err != nil {
		d.fail(err)
		d.logger.Error("targets not reloaded, the old ones go on", "err", err)
		return
	}
	if d.refused != nil {
		d.fail(d.refused)
	}
	d.logger.Info("targets reloaded", "probes", len(cfg.Probes))
}

// replace puts a configuration to work in the place of the one before. Loaded is when its file was read.
func (d *daemon) replace(cfg *config.Config, loaded time.Time) error {
	if d.ended {
		return errEnding
	}
	old := d.current.Load()
	next, err := d.build(cfg, old)
	if err != nil {
		return err
	}
	next.loaded = loaded
	d.take(next)
	old.retire(next, d.forget)
	return nil
}

// fail shows why the last reading changed nothing.
func (d *daemon) fail(err error) {
	d.status.Failed()
	text := err.Error()
	d.lastError.Store(&text)
}
