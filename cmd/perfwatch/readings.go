package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"reflect"
	"sync"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/perfwatch/perfwatch/collector"
	"github.com/perfwatch/perfwatch/internal/config"
	"github.com/perfwatch/perfwatch/internal/objective"
)

// readings are the objectives of a generation, and what is read beside its probes. The next generation takes over what
// did not change: trackers with their windows, pollers with their counts.
type readings struct {
	registry *prometheus.Registry // of what is here
	book     *objective.Book
	all      map[string]*reading

	redis     []*collector.Redis
	host      *collector.Host // nil if the host is not read
	processes []*collector.Process
}

// A poller reads something over and over until the context of its Run is done.
type poller interface {
	prometheus.Collector
	Run(ctx context.Context)
}

// A reading is the pollers of one thing.
type reading struct {
	spec    any // all that they were made of: what has an equal one is the same
	pollers []poller
	cancel  context.CancelFunc
	running sync.WaitGroup
}

// newReadings starts reading what the old generation does not read yet. Old is nil at the start.
func newReadings(cfg *config.Config, old *readings, log *slog.Logger) (*readings, error) {
	r := &readings{registry: prometheus.NewRegistry(), all: map[string]*reading{}}
	if old == nil {
		old = &readings{}
	}
	r.book = old.book.Next(cfg.Objectives)
	r.registry.MustRegister(collector.NewObjectives(r.book))
	for _, add := range []func(cfg *config.Config, old *readings, log *slog.Logger) error{
		r.addRedis, r.addHost, r.addProcesses, r.addPostgres, r.addBusiness,
	} {
		if err := add(cfg, old, log); err != nil {
			r.stop(old)
			return nil, err
		}
	}
	return r, nil
}

// read keeps the old pollers of a thing, if there are any with the same spec, or starts new ones.
func (r *readings) read(name string, spec any, old *readings, start func() ([]poller, error)) ([]poller, error) {
	one := old.all[name]
	if one == nil || !reflect.DeepEqual(one.spec, spec) {
		pollers, err := start()
		if err != nil {
			return nil, err
		}
		one = &reading{spec: spec, pollers: pollers}
		var ctx context.Context
		ctx, one.cancel = context.WithCancel(context.Background())
		for _, p := range pollers {
			one.running.Go(func() { p.Run(ctx) })
		}
	}
	r.all[name] = one
	for _, p := range one.pollers {
		r.registry.MustRegister(p)
	}
	return one.pollers, nil
}

// readOne is read for a thing of one poller.
func (r *readings) readOne(name string, spec any, old *readings, start func() (poller, error)) error {
	_, err := r.read(name, spec, old, func() ([]poller, error) {
		p, err := start()
		return []poller{p}, err
	})
	return err
}

// judge makes everything that is read feed the objectives of this generation.
func (r *readings) judge() {
	for _, one := range r.all {
		for _, p := range one.pollers {
			if judged, ok := p.(interface{ Judge(book *objective.Book) }); ok {
				judged.Judge(r.book)
			}
		}
	}
}

// stop ends what the kept readings have not, and waits for it. Nil keeps nothing.
func (r *readings) stop(kept *readings) {
	gone := make([]*reading, 0, len(r.all))
	for name, one := range r.all {
		if kept == nil || kept.all[name] != one {
			one.cancel()
			gone = append(gone, one)
		}
	}
	for _, one := range gone {
		one.running.Wait()
	}
}

func (r *readings) addRedis(cfg *config.Config, old *readings, log *slog.Logger) error {
	for _, c := range cfg.Redis {
		pollers, err := r.read("redis/"+c.Name, c, old, func() ([]poller, error) {
			redis, err := collector.NewRedis(c.Name, redisServer(&c), r.book, log)
			if err != nil {
				return nil, err
			}
			redis.Interval, redis.Timeout = c.Interval, c.Timeout
			return []poller{redis}, nil
		})
		if err != nil {
			return err
		}
		redis, _ := pollers[0].(*collector.Redis)
		r.redis = append(r.redis, redis)
	}
	return nil
}

func (r *readings) addHost(cfg *config.Config, old *readings, log *slog.Logger) error {
	if !cfg.Host.Enabled {
		return nil
	}
	pollers, err := r.read("host", cfg.Host, old, func() ([]poller, error) {
		host := collector.NewHost(cfg.Host.Cgroup, r.book, log)
		host.Interval = cfg.Host.SampleInterval
		return []poller{host, collector.NewHostDetails(log)}, nil
	})
	if err == nil {
		r.host, _ = pollers[0].(*collector.Host)
	}
	return err
}

// addProcesses starts reading the processes of the platform, which share their looks at the machine's.
func (r *readings) addProcesses(cfg *config.Config, old *readings, log *slog.Logger) error {
	specs := make([]collector.ProcessSpec, 0, len(cfg.Processes))
	for _, p := range cfg.Processes {
		specs = append(specs, collector.ProcessSpec(p))
	}
	pollers, err := r.read("processes", specs, old, func() (list []poller, err error) {
		all, err := collector.NewProcesses(specs, log)
		for _, p := range all {
			list = append(list, p)
		}
		return list, err
	})
	for _, p := range pollers {
		process, _ := p.(*collector.Process)
		r.processes = append(r.processes, process)
	}
	return err
}

// addPostgres starts reading the PostgreSQL servers, and the poolers before them.
func (r *readings) addPostgres(cfg *config.Config, old *readings, log *slog.Logger) error {
	var errs []error
	for _, c := range cfg.Postgres {
		spec := collector.PostgresSpec{
			Name: c.Name, DSNFile: c.DSNFile, Dir: cfg.Dir, Interval: c.Interval, Timeout: c.Timeout, Statements: c.Statements,
		}
		start := func() (poller, error) { return collector.NewPostgres(spec, log) }
		errs = append(errs, r.readOne("postgres/"+c.Name, spec, old, start))
	}
	for _, c := range cfg.PgBouncer {
		spec := collector.PostgresSpec{Name: c.Name, DSNFile: c.DSNFile, Dir: cfg.Dir, Interval: c.Interval, Timeout: c.Timeout}
		start := func() (poller, error) { return collector.NewPgBouncer(spec, log) }
		errs = append(errs, r.readOne("pgbouncer/"+c.Name, spec, old, start))
	}
	return errors.Join(errs...)
}

// addBusiness starts reading the business values. What they are read from is part of what they are.
func (r *readings) addBusiness(cfg *config.Config, old *readings, log *slog.Logger) error {
	for i := range cfg.Business {
		c := &cfg.Business[i]
		spec := []any{*c, cfg.Env(), cfg.Redis, cfg.Postgres}
		err := r.readOne("business/"+c.Name, spec, old, func() (poller, error) { return newBusiness(cfg, c, log) })
		if err != nil {
			return fmt.Errorf("reading business value %q: %w", c.Name, err)
		}
	}
	return nil
}
