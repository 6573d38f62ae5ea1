package main

import (
	"encoding/json"
	"errors"

	"github.com/prometheus/common/version"

	"github.com/perfwatch/perfwatch/collector"
	"github.com/perfwatch/perfwatch/internal/archive"
	"github.com/perfwatch/perfwatch/internal/guard"
	"github.com/perfwatch/perfwatch/internal/load"
	"github.com/perfwatch/perfwatch/internal/web"
)

// guardState is the name under which the guard's state is kept.
const guardState = "bursts"

// open opens what outlives the daemon: finished bursts, and what the guard holds against the next ones. Without a path
// the guard forgets with the daemon, and no burst is kept.
func (d *daemon) open(path string) error {
	var err error
	if path == "" {
		d.guard, err = guard.New(nil, nil)
		return err
	}
	if d.archive, err = archive.Open(path, d.logger); err != nil {
		return err
	}
	state, err := d.archive.State(guardState)
	if err != nil {
		d.logger.Error("state of bursts not read, it begins anew", "err", err)
	}
	d.guard, err = guard.New(state, func(state []byte) error { return d.archive.SetState(guardState, state) })
	if err != nil {
		d.archive.RejectState(guardState, err) // it begins anew
	}
	d.restoreTrends()
	return nil
}

// corrupt is how many files of the folder were set aside since the start.
func (d *daemon) corrupt() uint64 {
	if d.archive == nil {
		return 0
	}
	return d.archive.Corrupt()
}

// closeArchive lets go of the folder.
func (d *daemon) closeArchive() error {
	if d.archive == nil {
		return nil
	}
	return d.archive.Close()
}

// kept is the newest burst of a load probe that the archive has.
func (d *daemon) kept(name string) (any, error) {
	if w := d.current.Load().named[name]; w == nil || w.plan == nil {
		return nil, web.ErrNoBurst
	}
	if d.archive != nil {
		for b := range d.archive.Bursts(name) {
			return b, nil
		}
	}
	return nil, errNoneKept
}

// errNoneKept is the error of a load probe without a burst in the archive.
var errNoneKept = errors.New("no burst of this probe is kept")

// keep compares a burst with the earlier ones and keeps it beside them, with what the platform did meanwhile if it was
// watched.
func (d *daemon) keep(w *watched, s *load.Summary, platform *collector.BurstWatch) {
	if d.archive == nil {
		return
	}
	burst := archive.NewBurst(s, w.hash, version.Version)
	if platform != nil {
		var err error
		if burst.Watch, err = json.Marshal(platform); err != nil {
			d.logger.Error("what the platform did is not kept", "burst", s.Probe, "err", err)
		}
	}
	changes := map[string]int{}
	for endpoint, v := range d.archive.Compare(burst) {
		changes[endpoint] = v.Change
		if v.Change > 0 {
			d.logger.Info("burst slower than the earlier ones", "burst", s.Probe, "endpoint", endpoint,
				"p50_change", v.P50.Change(), "p95_change", v.P95.Change())
		}
	}
	if s.Valid() { // another says nothing, and what the last valid one showed stands
		w.burst.Compared(changes)
	}
	if err := d.archive.Put(burst); err != nil {
		d.logger.Error("burst not kept", "burst", s.Probe, "err", err)
	}
}
