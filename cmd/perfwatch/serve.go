package main

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"os"
	"os/signal"
	"runtime/debug"
	"sync"
	"syscall"
	"time"

	"github.com/alecthomas/kingpin/v2"
	"github.com/prometheus/common/version"
	toolkit "github.com/prometheus/exporter-toolkit/web"
	"github.com/prometheus/exporter-toolkit/web/kingpinflag"
)

// shutdownTimeout bounds how long open requests may take after the daemon was told to stop.
const shutdownTimeout = 5 * time.Second

func addServe(app *kingpin.Application, c *cli) (string, action) {
	cmd := app.Command("serve", "Watch the platform and expose /metrics until stopped.").Default()
	o := daemonOptions{configFile: &c.configFile}
	listen := kingpinflag.AddFlags(cmd, ":10095")
	cmd.Flag("web.enable-lifecycle", "Allow reload over HTTP.").BoolVar(&o.lifecycle)
	cmd.Flag("config.watch", "Reload when the configuration file changes. Files of targets are always looked at.").
		BoolVar(&o.watchConfig)
	cmd.Flag("web.external-url", "Where people reach perfwatch; default: global.external_url of the configuration.").
		StringVar(&o.externalURL)
	cmd.Flag("storage.path", "Folder of what outlives the daemon: finished bursts, the day's budget, back-off.").
		Default("data/").StringVar(&o.storage)
	return cmd.FullCommand(), func(ctx context.Context) error {
		logger := c.logger()
		if os.Getenv("GOGC") == "" {
			debug.SetGCPercent(gcPercent)
		}
		hangups, release := catchHangups()
		defer release()
		logger.Info("starting perfwatch", "version", version.Info())
		d, err := newDaemon(o, logger)
		if err != nil {
			return err
		}
		return serve(ctx, d, listen, hangups, logger)
	}
}

// gcPercent is how much garbage there may be beside what lives, in percent. What a probe leaves is little beside what it
// holds, so that the collector has next to nothing to do, and what it lets lie is a third of the memory.
const gcPercent = 50

// catchHangups takes SIGHUP, which would end the process, until release. One that comes before anybody reads waits, more are
// one.
func catchHangups() (hangups <-chan os.Signal, release func()) {
	caught := make(chan os.Signal, 1)
	signal.Notify(caught, syscall.SIGHUP)
	return caught, func() { signal.Stop(caught) }
}

// serve runs a daemon and its web server until ctx is done or one of them ends. Each of hangups reloads.
func serve(ctx context.Context, d *daemon, listen *toolkit.FlagConfig, hangups <-chan os.Signal, logger *slog.Logger) error {
	handler, err := d.handler()
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	server := &http.Server{Handler: handler, ReadHeaderTimeout: 10 * time.Second, IdleTimeout: 2 * time.Minute}

	server.RegisterOnShutdown(func() { close(d.closing) })

	var tasks sync.WaitGroup
	tasks.Go(func() { d.run(ctx) })
	tasks.Go(func() { reloadOnHangup(ctx, d, hangups) })
	tasks.Go(func() { d.watchFiles(ctx) })
	tasks.Go(func() {
		<-ctx.Done()
		bounded, done := context.WithTimeout(context.WithoutCancel(ctx), shutdownTimeout)
		defer done()
		if err := server.Shutdown(bounded); err != nil {
			_ = server.Close()
		}
	})
	err = toolkit.ListenAndServe(server, listen, logger)
	cancel()
	tasks.Wait()
	if errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return err
}

// reloadOnHangup reloads the configuration at each SIGHUP until ctx is done. Mistakes are logged by the daemon.
func reloadOnHangup(ctx context.Context, d *daemon, hangups <-chan os.Signal) {
	for {
		select {
		case <-hangups:
			_ = d.reload(ctx)
		case <-ctx.Done():
			return
		}
	}
}
