package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/alecthomas/kingpin/v2"
	"github.com/prometheus/exporter-toolkit/web/kingpinflag"

	"github.com/perfwatch/perfwatch/internal/browser"
	"github.com/perfwatch/perfwatch/internal/demo"
	"github.com/perfwatch/perfwatch/internal/web"
)

// demoRefresh is how often the demo's page reloads itself, so that a fault is seen at work.
const demoRefresh = 3 * time.Second

func addDemo(app *kingpin.Application, c *cli) (string, action) {
	cmd := app.Command("demo", "Run everything in one process: a platform, its Redis, probes, bursts and faults to switch on.")
	listen := kingpinflag.AddFlags(cmd, "127.0.0.1:10095")
	return cmd.FullCommand(), func(ctx context.Context) (err error) {
		logger := c.logger()
		dir, err := os.MkdirTemp("", "perfwatch-demo-")
		if err != nil {
			return fmt.Errorf("making folder for the demo: %w", err)
		}
		defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()

		redis, err := demo.StartRedis(ctx)
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, redis.Close()) }()
		l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
		if err != nil {
			return fmt.Errorf("listening for the demo's platform: %w", err)
		}
		platform, err := demo.Start(ctx, l, redis.Address, logger)
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, platform.Close()) }()

		file := filepath.Join(dir, "perfwatch.yml")
		if err := os.WriteFile(file, demo.Config("http://"+l.Addr().String(), redis.Address), 0o600); err != nil {
			return fmt.Errorf("writing the demo's configuration: %w", err)
		}
		hangups, release := catchHangups()
		defer release()
		d, err := newDaemon(daemonOptions{
			configFile: &file, lifecycle: true, storage: filepath.Join(dir, "data"), refresh: demoRefresh,
			faults:   func() []web.Fault { return demoFaults(platform) },
			setFault: func(name string, on bool) error { return setDemoFault(platform, name, on) },
		}, logger)
		if err != nil {
			return err
		}
		reporting, stop := context.WithCancel(ctx)
		var pipeline sync.WaitGroup
		pipeline.Go(func() { platform.RunPipeline(reporting, "http://"+(*listen.WebListenAddresses)[0]) })
		defer pipeline.Wait()
		defer stop()
		fmt.Fprintf(c.stdout, "The platform listens on http://%s, its configuration is %s.\n"+
			"Open http://%s/ and switch a fault on; objectives have values within a minute, those of its page within two.\n"+
			"Ctrl-C ends the demo.\n",
			l.Addr(), file, (*listen.WebListenAddresses)[0])
		if _, err := browser.Find(""); err != nil {
			fmt.Fprintf(c.stdout, "The platform's page cannot be loaded: %v.\n", err)
		}
		return serve(ctx, d, listen, hangups, logger)
	}
}

// demoFaults are the platform's faults as the page shows them.
func demoFaults(p *demo.Platform) []web.Fault {
	all := p.Faults()
	faults := make([]web.Fault, 0, len(all))
	for _, f := range all {
		faults = append(faults, web.Fault{Name: f.Name, Title: f.Title, Effect: effect(f), On: f.Level > 0})
	}
	return faults
}

// effect words what switching a fault on does.
func effect(f demo.Fault) string {
	if f.Unit == "ratio" {
		return fmt.Sprintf("%g %%", f.On*100)
	}
	return fmt.Sprintf("%g %s", f.On, f.Unit)
}

// setDemoFault switches a fault to the level that breaks its objective, or off.
func setDemoFault(p *demo.Platform, name string, on bool) error {
	for _, f := range p.Faults() {
		if f.Name != name {
			continue
		}
		if !on {
			return p.SetFault(name, 0)
		}
		return p.SetFault(name, f.On)
	}
	return fmt.Errorf("switching fault %q: no such fault", name)
}
