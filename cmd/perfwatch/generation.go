package main

import (
	"context"
	"log/slog"
	"reflect"
	"slices"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/perfwatch/perfwatch/collector"
	"github.com/perfwatch/perfwatch/internal/browser"
	"github.com/perfwatch/perfwatch/internal/config"
	"github.com/perfwatch/perfwatch/internal/objective"
	"github.com/perfwatch/perfwatch/internal/pipeline"
	"github.com/perfwatch/perfwatch/internal/schedule"
)

// A generation is one configuration at work. A reload makes the next one, which takes over what did not change.
type generation struct {
	*readings
	config *config.Config
	loaded time.Time
	probes []*watched // in the order of the configuration

	browser   *browser.Browser // of its pages
	pipelines []*pipeline.Pipeline
}

// readings are what a reload keeps unless it changes an objective or something that is read: all series with their
// values, the objectives with their windows, and the pollers that feed them.
type readings struct {
	registry *prometheus.Registry
	book     *objective.Book
	recorder *collector.Recorder
	status   *collector.ConfigStatus
	redis    []*collector.Redis
	host     *collector.Host // nil if the host is not read

	processes []*collector.Process

	cancel  context.CancelFunc
	pollers sync.WaitGroup
}

// build makes the next generation without touching the old one, which is nil at the start.
func (d *daemon) build(cfg *config.Config, old *generation) (*generation, error) {
	next := &generation{config: cfg, loaded: time.Now(), pipelines: d.pipelinesOf(cfg, old)}
	kept := map[string]*watched{}
	if old != nil && old.config.Browser == cfg.Browser {
		next.browser = old.browser
	} else {
		next.browser = newBrowser(cfg, d.logger)
	}
	if old != nil && sameReadings(old.config, cfg) {
		next.readings = old.readings
		if next.browser == old.browser && reflect.DeepEqual(old.config.Global, cfg.Global) &&
			slices.Equal(old.config.Bursts.AllowHosts, cfg.Bursts.AllowHosts) {
			kept = old.byName()
		}
	}
	for i := range cfg.Probes {
		p := &cfg.Probes[i]
		if w := kept[p.Name]; w != nil && reflect.DeepEqual(w.Probe, *p) {
			next.probes = append(next.probes, w)
			continue
		}
		w, err := newWatched(p, cfg, next.browser)
		if err != nil {
			return nil, err
		}
		next.probes = append(next.probes, w)
	}
	if next.readings != nil {
		return next, nil
	}
	var err error
	if next.readings, err = newReadings(cfg, d.logger); err != nil {
		return nil, err
	}
	next.registry.MustRegister(collector.NewPipelines(d.pipelines), collector.NewStorage(d.corrupt),
		collector.NewBrowser(d.browserState))
	return next, nil
}

// sameReadings says that nothing changed but probes.
func sameReadings(a, b *config.Config) bool {
	return reflect.DeepEqual(a.Objectives, b.Objectives) && reflect.DeepEqual(a.Redis, b.Redis) && a.Host == b.Host &&
		reflect.DeepEqual(a.Processes, b.Processes) && slices.Equal(a.Postgres, b.Postgres) &&
		slices.Equal(a.PgBouncer, b.PgBouncer) && sameBusiness(a, b)
}

func (g *generation) byName() map[string]*watched {
	byName := make(map[string]*watched, len(g.probes))
	for _, w := range g.probes {
		byName[w.Name] = w
	}
	return byName
}

// attach makes the series of every probe that has none yet.
func (g *generation) attach() {
	for _, w := range g.probes {
		w.attach(g.readings, &g.config.Bursts.Rules)
	}
}

// retire ends what g had and the next generation has not; forget is told each probe that is gone.
func (g *generation) retire(next *generation, forget func(name string)) {
	now := next.byName()
	for _, w := range g.probes {
		if now[w.Name] == nil {
			g.recorder.Remove(w.Name)
			forget(w.Name)
		}
		if now[w.Name] != w {
			w.close()
		}
	}
	if g.readings != next.readings {
		g.stop()
	}
	if g.browser != next.browser {
		g.browser.Close()
	}
}

// jobs are what the scheduler runs.
func (g *generation) jobs(d *daemon) []schedule.Job {
	jobs := make([]schedule.Job, 0, len(g.probes))
	for _, w := range g.probes {
		jobs = append(jobs, w.job(d))
	}
	return jobs
}

// newReadings makes the series of everything that is read and starts reading.
func newReadings(cfg *config.Config, log *slog.Logger) (*readings, error) {
	r := &readings{
		registry: collector.NewRegistry(),
		book:     objective.NewBook(cfg.Objectives),
		status:   collector.NewConfigStatus(),
	}
	r.recorder = collector.NewRecorder(r.registry, r.book)
	r.registry.MustRegister(r.status, collector.NewObjectives(r.book))
	var ctx context.Context
	ctx, r.cancel = context.WithCancel(context.Background())
	for _, c := range cfg.Redis {
		redis, err := collector.NewRedis(c.Name, redisServer(&c), r.book, log)
		if err != nil {
			r.stop()
			return nil, err
		}
		redis.Interval, redis.Timeout = c.Interval, c.Timeout
		r.redis = append(r.redis, redis)
		r.registry.MustRegister(redis)
		r.pollers.Go(func() { redis.Run(ctx) })
	}
	if cfg.Host.Enabled {
		r.host = collector.NewHost(cfg.Host.Cgroup, r.book, log)
		r.host.Interval = cfg.Host.SampleInterval
		r.registry.MustRegister(r.host)
		r.pollers.Go(func() { r.host.Run(ctx) })
		details := collector.NewHostDetails(log)
		r.registry.MustRegister(details)
		r.pollers.Go(func() { details.Run(ctx) })
	}
	for _, add := range []func(context.Context, *config.Config, *slog.Logger) error{
		r.addProcesses, r.addPostgres, r.addPgBouncer, r.addBusiness,
	} {
		if err := add(ctx, cfg, log); err != nil {
			r.stop()
			return nil, err
		}
	}
	return r, nil
}

// addProcesses starts reading the processes of the platform.
func (r *readings) addProcesses(ctx context.Context, cfg *config.Config, log *slog.Logger) (err error) {
	specs := make([]collector.ProcessSpec, 0, len(cfg.Processes))
	for _, p := range cfg.Processes {
		specs = append(specs, collector.ProcessSpec(p))
	}
	r.processes, err = collector.NewProcesses(specs, log)
	for _, p := range r.processes {
		r.registry.MustRegister(p)
		r.pollers.Go(func() { p.Run(ctx) })
	}
	return err
}

// stop ends the pollers and waits for them.
func (r *readings) stop() {
	r.cancel()
	r.pollers.Wait()
}
