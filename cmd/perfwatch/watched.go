package main

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/perfwatch/perfwatch/collector"
	"github.com/perfwatch/perfwatch/internal/config"
	"github.com/perfwatch/perfwatch/internal/load"
	"github.com/perfwatch/perfwatch/internal/schedule"
	"github.com/perfwatch/perfwatch/probes"
)

// A watched is a probe of the configuration and what it runs on: a prober or the plan of a burst.
type watched struct {
	config.Probe
	spec    schedule.Spec
	prober  probes.Prober // nil for a burst
	plan    *load.Plan    // nil for a probe
	series  *collector.ProbeSeries
	burst   *collector.BurstSeries // nil for a probe
	running atomic.Bool            // a burst runs now
}

func newWatched(p *config.Probe, cfg *config.Config) (*watched, error) {
	w := &watched{Probe: *p}
	var err error
	if w.spec, err = schedule.Parse(p.Schedule); err != nil {
		return nil, fmt.Errorf("building probe %q: %w", p.Name, err)
	}
	if p.Load != nil {
		w.plan, err = p.Load.Plan(p.Name, cfg.BurstEnv())
	} else {
		w.prober, err = p.HTTP.Prober(cfg.Env())
	}
	if err != nil {
		return nil, fmt.Errorf("building probe %q: %w", p.Name, err)
	}
	if w.plan != nil {
		w.plan.RequestTimeout = cfg.Global.Timeout
	}
	return w, nil
}

// attach makes the series of the probe, once.
func (w *watched) attach(r *collector.Recorder) {
	if w.series != nil {
		return
	}
	w.series = r.Probe(collector.ProbeInfo{
		Name: w.Name, Group: w.Group, Kind: w.Kind(), Interval: w.spec.Interval(time.Now()),
	})
	if w.plan != nil {
		w.burst = w.series.Burst(w.plan)
	}
}

// close lets go of the prober's connections.
func (w *watched) close() {
	if c, ok := w.prober.(interface{ Close() }); ok {
		c.Close()
	}
}

// job is the probe as the scheduler sees it.
func (w *watched) job(d *daemon) schedule.Job {
	job := schedule.Job{
		Name: w.Name, Spec: w.spec, Timeout: w.Timeout,
		Run: func(ctx context.Context, due time.Time) { w.observe(d, probes.Take(ctx, w.prober, due)) },
		Skipped: func(due time.Time, reason schedule.Reason) {
			w.series.Skipped(string(reason))
			d.logger.Debug("run skipped", "probe", w.Name, "due", due, "reason", string(reason))
		},
		Panicked: func(due time.Time, value any, stack []byte) {
			w.observe(d, probes.Sample{
				Due: due, Start: due, Outcome: probes.Panic, Err: &probes.PanicError{Value: value},
			})
			d.logger.Error("run panicked", "probe", w.Name, "err", value, "stack", string(stack))
		},
	}
	if w.plan != nil {
		job.Exclusive = w.plan.Hosts() // two bursts never run against one host at once
		job.Run = func(ctx context.Context, due time.Time) { w.fire(ctx, d, due) }
	}
	return job
}

// fire runs one burst.
func (w *watched) fire(ctx context.Context, d *daemon, due time.Time) {
	start := time.Now()
	w.running.Store(true)
	defer w.running.Store(false)
	w.burst.Begin()
	summary := load.Run(ctx, w.plan, w.burst)
	w.burst.End(summary)
	d.bursts.Store(w.Name, lastBurst(summary))
	sample := probes.Sample{Due: due, Start: start, Duration: time.Since(start)}
	if summary.Result != load.Completed {
		sample.Err = fmt.Errorf("running burst: %s: %s", summary.Result, summary.Reason)
		if ctx.Err() != nil {
			sample.Err = ctx.Err()
		}
		sample.Outcome = probes.OutcomeOf(sample.Err)
	}
	w.observe(d, sample)
}

func (w *watched) observe(d *daemon, s probes.Sample) {
	w.series.Observe(&s)
	d.board.Observe(w.Name, &s)
	if s.Err != nil {
		d.logger.Debug("run ended", "probe", w.Name, "outcome", s.Outcome.String(), "err", s.Err)
	}
}
