package main

import (
	"context"
	"errors"
	"log/slog"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"

	"github.com/perfwatch/perfwatch/collector"
	"github.com/perfwatch/perfwatch/internal/archive"
	"github.com/perfwatch/perfwatch/internal/config"
	"github.com/perfwatch/perfwatch/internal/guard"
	"github.com/perfwatch/perfwatch/internal/objective"
	"github.com/perfwatch/perfwatch/internal/schedule"
	"github.com/perfwatch/perfwatch/internal/web"
)

const (
	// drainTimeout is how long running probes may take to finish when the daemon stops.
	drainTimeout = 5 * time.Second
	// maxRunning bounds the runs at once, so that a platform that hangs cannot pile up goroutines without end.
	maxRunning = 10_000
)

// daemonOptions are what the command line says.
type daemonOptions struct {
	configFile  *string
	lifecycle   bool
	watchConfig bool   // reload when the file changes
	storage     string // folder of what outlives the daemon; "" keeps nothing
	externalURL string
	refresh     time.Duration // of the status page; 0 is never
	faults      func() []web.Fault
	setFault    func(name string, on bool) error
}

// A daemon is one running perfwatch: a configuration at work and what is shown of it.
type daemon struct {
	options   daemonOptions
	logger    *slog.Logger
	started   time.Time
	scheduler schedule.Scheduler
	registry  *prometheus.Registry // of what is the daemon's as long as it runs
	recorder  *collector.Recorder
	status    *collector.ConfigStatus
	board     web.Board
	loads     web.Loads
	trends    web.Trends
	closing   chan struct{} // closed when the web server ends
	bursts    sync.Map      // probe name -> web.Burst of its last burst
	skips     sync.Map      // probe name -> web.Skip, the last
	turns     turns
	guard     *guard.Guard
	archive   *archive.Archive // nil without a folder
	ending    context.Context  //nolint:containedctx // done when the daemon is to end
	running   atomic.Bool
	showing   sync.RWMutex               // write held while current is replaced, read while something of a probe is kept
	current   atomic.Pointer[generation] // the configuration at work; replaced as a whole
	asking    atomic.Int64               // runs on demand

	reloading sync.Mutex
	refused   error                  // of the last reading of the configuration; nil if it was taken. Guarded by reloading
	ended     bool                   // no other generation is made; guarded by reloading
	lastError atomic.Pointer[string] // of the last reload; nil if it was taken
}

// newDaemon reads the configuration and makes everything ready to run.
func newDaemon(o daemonOptions, logger *slog.Logger) (*daemon, error) {
	d := &daemon{options: o, logger: logger, started: time.Now(), closing: make(chan struct{})}
	d.scheduler.MaxRunning, d.scheduler.Precise = maxRunning, true
	d.scheduler.Drain = drainTimeout
	d.registry, d.status = collector.NewRegistry(), collector.NewConfigStatus()
	d.recorder = collector.NewRecorder(d.registry, objective.NewBook(nil))
	d.registry.MustRegister(d.status, collector.NewPipelines(d.pipelines), collector.NewStorage(d.corrupt),
		collector.NewBrowser(d.browserState))
	d.scheduler.Lag = d.recorder.ScheduleLag
	cfg, err := config.Load(*o.configFile)
	if err != nil {
		return nil, err
	}
	if err := d.open(o.storage); err != nil {
		return nil, err
	}
	g, err := d.build(cfg, nil)
	if err != nil {
		return nil, errors.Join(err, d.closeArchive())
	}
	d.take(g)
	return d, nil
}

// run fires probes until ctx is done and nothing of the daemon runs any more.
func (d *daemon) run(ctx context.Context) {
	d.ending = ctx
	d.running.Store(true)
	var noting sync.WaitGroup
	noting.Go(func() { d.noteObjectives(ctx) })
	noting.Go(func() { d.watchPipelines(ctx) })
	noting.Go(func() { d.watchObjectives(ctx) })
	if left := d.scheduler.Run(ctx); left > 0 {
		d.logger.Warn("stopping with runs that did not end", "runs", left)
	}
	d.running.Store(false)
	noting.Wait()
	d.reloading.Lock()
	defer d.reloading.Unlock()
	d.ended = true
	d.current.Load().stop(nil)
	d.current.Load().browser.Close()
	if err := d.closeArchive(); err != nil {
		d.logger.Error("storage not closed", "err", err)
	}
}

// take puts a generation to work in the place of the one before.
func (d *daemon) take(g *generation) {
	g.attach(d.recorder)
	for _, w := range g.config.Warnings {
		d.logger.Warn("configuration", "warning", w.Error())
	}
	d.status.Loaded(g.config.Hash, g.loaded)
	for _, f := range g.config.TargetFileList() {
		d.status.Discovered(f.Path, f.Targets, f.Good)
	}
	d.lastError.Store(nil)
	d.guard.SetRules(g.config.Bursts.Rules)
	d.showing.Lock()
	d.current.Store(g)
	d.showing.Unlock()
	g.takePipelines()
	d.scheduler.Replace(g.jobs(d))
	debug.FreeOSMemory() // reading a file takes several times the memory that running it does
}

// show keeps something of a probe for people to look at, unless it is gone: one that hangs may end long after that.
func (d *daemon) show(name string, keep func()) {
	d.showing.RLock()
	defer d.showing.RUnlock()
	if d.current.Load().named[name] != nil {
		keep()
	}
}

// forget drops the series of a probe that is gone, and what is shown of it. It is for after another generation was taken.
func (d *daemon) forget(name string) {
	d.recorder.Remove(name)
	d.board.Remove(name)
	d.loads.Remove(name)
	d.bursts.Delete(name)
	d.skips.Delete(name)
}

// gather reads all metrics: those of the daemon, and of the generation at work. No family is of both.
func (d *daemon) gather() ([]*dto.MetricFamily, error) {
	own, err := d.registry.Gather()
	read, readErr := d.current.Load().registry.Gather()
	all := append(own, read...)
	slices.SortFunc(all, func(a, b *dto.MetricFamily) int { return strings.Compare(a.GetName(), b.GetName()) })
	return all, errors.Join(err, readErr)
}
