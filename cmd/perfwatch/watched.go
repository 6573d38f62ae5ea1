package main

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/perfwatch/perfwatch/collector"
	"github.com/perfwatch/perfwatch/internal/browser"
	"github.com/perfwatch/perfwatch/internal/config"
	"github.com/perfwatch/perfwatch/internal/guard"
	"github.com/perfwatch/perfwatch/internal/load"
	"github.com/perfwatch/perfwatch/internal/schedule"
	"github.com/perfwatch/perfwatch/probes"
)

// A watched is a probe of the configuration and what it runs on: a prober or the plan of a burst.
type watched struct {
	config.Probe
	spec   schedule.Spec
	prober probes.Prober // nil for a burst
	plan   *load.Plan    // nil for a probe
	series *collector.ProbeSeries
	burst  *collector.BurstSeries                  // nil for a probe
	watch  atomic.Pointer[collector.Watch]         // nil for a burst that watches nothing
	permit atomic.Pointer[probes.Permit]           // where a burst may go
	hash   string                                  // of what shapes a burst
	stop   atomic.Pointer[context.CancelCauseFunc] // ends the burst that runs now; nil if none does
	live   load.Live                               // says how it is going
}

func newWatched(p *config.Probe, cfg *config.Config, pages *browser.Browser) (*watched, error) {
	w := &watched{Probe: *p}
	var err error
	if w.spec, err = schedule.Parse(p.Schedule); err != nil {
		return nil, fmt.Errorf("building probe %q: %w", p.Name, err)
	}
	if p.Load != nil {
		w.allow(cfg.Bursts.AllowHosts)
		w.plan, err = p.Load.Plan(p.Name, w.burstEnv(cfg))
	} else {
		env := cfg.Env()
		env.Browser, env.Redis = pages, redisOf(cfg)
		w.prober, err = p.Spec().Prober(env)
	}
	if err != nil {
		return nil, fmt.Errorf("building probe %q: %w", p.Name, err)
	}
	if w.plan != nil {
		w.plan.RequestTimeout, w.plan.Precise, w.hash = cfg.Global.Timeout, true, cfg.BurstHash(p.Load)
	}
	return w, nil
}

// attach makes the series of the probe, once, and says what a burst watches and where it may go.
func (w *watched) attach(rec *collector.Recorder, r *readings, bursts *config.Bursts) {
	if w.plan != nil {
		w.allow(bursts.AllowHosts)
		w.watch.Store(collector.NewWatch(w.Load.Watch, r.processes, r.redis, r.host))
	}
	if w.series != nil {
		return
	}
	info := collector.ProbeInfo{
		Name: w.Name, Group: w.Group, Kind: w.Kind(), Interval: w.spec.Interval(time.Now()), Queries: w.queries(), Steps: w.steps(),
		Workers: w.workers(), Labels: w.Labels,
	}
	if w.Page != nil {
		info.Marks, info.Warm = w.Page.Marks, w.Page.Warm
	}
	w.series = rec.Probe(info)
	if w.plan != nil {
		w.burst = w.series.Burst(w.plan)
	}
	w.expect(&bursts.Rules)
}

// missedRuns is how many runs or bursts in a row may stay away before the next is missing: one may be skipped for a good
// reason, and after a burst that was aborted one is.
const missedRuns = 3

// expect says from when on the next run or burst is missing. Only bursts keep blackouts.
func (w *watched) expect(rules *guard.Rules) {
	var blackout func(at time.Time) bool
	if w.plan != nil {
		blackout = func(at time.Time) bool {
			_, in := rules.Blackout(at)
			return in
		}
	}
	due := w.spec.Nth(w.Name, time.Now(), missedRuns, blackout)
	if !due.IsZero() {
		due = due.Add(w.Timeout)
	}
	w.series.Overdue(due)
}

// queries are the names of the probe's queries, if it has any.
func (w *watched) queries() []string {
	if named, ok := w.Spec().(interface{ QueryNames() []string }); ok {
		return named.QueryNames()
	}
	return nil
}

// steps are the names of the probe's steps, if it is a journey.
func (w *watched) steps() []string {
	if named, ok := w.Spec().(interface{ StepNames() []string }); ok {
		return named.StepNames()
	}
	return nil
}

// workers are the names of those whom the probe compares, if it does.
func (w *watched) workers() []string {
	if named, ok := w.prober.(interface{ Workers() []string }); ok {
		return named.Workers()
	}
	return nil
}

// half is the plan of a burst after one that was aborted. It has connections of its own, as its users do.
func (w *watched) half(cfg *config.Config) (*load.Plan, error) {
	plan, err := w.Load.Half().Plan(w.Name, w.burstEnv(cfg))
	if err != nil {
		return nil, fmt.Errorf("building half of burst %q: %w", w.Name, err)
	}
	plan.RequestTimeout, plan.Precise, plan.Reduced = w.plan.RequestTimeout, w.plan.Precise, true
	return plan, nil
}

// close lets go of the prober's connections and ends the burst.
func (w *watched) close() {
	if stop := w.stop.Load(); stop != nil {
		(*stop)(&load.AbortError{Cause: load.ByStop, Detail: "its configuration was changed"})
	}
	if c, ok := w.prober.(interface{ Close() }); ok {
		c.Close()
	}
}

// job is the probe as the scheduler sees it.
func (w *watched) job(d *daemon) schedule.Job {
	job := schedule.Job{
		Name: w.Name, Spec: w.spec, Timeout: w.Timeout,
		Run: func(ctx context.Context, due time.Time) { w.observe(d, probes.Take(ctx, w.prober, due)) },
		Skipped: func(due time.Time, reason schedule.Reason, n int) {
			w.series.Skipped(string(reason), n)
			d.logger.Debug("runs skipped", "probe", w.Name, "due", due, "reason", string(reason), "runs", n)
		},
		Panicked: func(due time.Time, value any, stack []byte) {
			w.observe(d, probes.Sample{
				Due: due, Start: due, Outcome: probes.Panic, Err: &probes.PanicError{Value: value},
			})
			d.logger.Error("run panicked", "probe", w.Name, "err", value, "stack", string(stack))
		},
	}
	if page, ok := w.prober.(interface{ PageHost() string }); ok {
		job.Run = func(ctx context.Context, due time.Time) { w.load(ctx, d, page.PageHost(), due) }
	}
	if w.plan != nil {
		job.Exclusive = w.plan.Hosts() // two bursts never run against one host at once
		job.Run = func(ctx context.Context, due time.Time) { w.fire(ctx, d, due) }
	}
	return job
}

func (w *watched) observe(d *daemon, s probes.Sample) {
	w.series.Observe(&s)
	if w.plan == nil && s.Outcome != probes.Canceled {
		w.expect(nil)
	}
	d.show(w.Name, func() {
		d.board.Observe(w.Name, &s)
		d.loads.Observe(w.Name, &s)
	})
	if s.Err != nil {
		d.logger.Debug("run ended", "probe", w.Name, "outcome", s.Outcome.String(), "err", s.Err)
	}
}
