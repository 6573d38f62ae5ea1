package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/perfwatch/perfwatch/internal/guard"
	"github.com/perfwatch/perfwatch/internal/load"
	"github.com/perfwatch/perfwatch/internal/objective"
	"github.com/perfwatch/perfwatch/internal/web"
	"github.com/perfwatch/perfwatch/probes"
)

// fire runs one burst, if it may.
func (w *watched) fire(ctx context.Context, d *daemon, due time.Time) {
	plan, err := d.admit(ctx, w)
	if err != nil {
		d.refuse(w, err)
		return
	}
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	w.stop.Store(&stop)
	defer w.stop.Store(nil)
	// A burst is not drained as a probe is: whoever ends the daemon wants the load to end now.
	defer context.AfterFunc(d.ending, func() { stop(&load.AbortError{Cause: load.ByShutdown, Detail: "perfwatch ends"}) })()

	var reserved uint64
	plan.Reserve = func(n uint64) (uint64, error) {
		got, err := d.guard.Reserve(time.Now(), n)
		reserved += got
		return got, err
	}
	defer d.turns.burst(plan.Hosts())()
	start := time.Now()
	watching := w.watch.Load().Begin(ctx)
	defer watching.Stop()
	w.burst.Begin()
	plan.Live = &w.live
	summary := load.Run(ctx, plan, w.burst)
	platform := watching.End(ctx, summary)
	w.burst.End(summary, platform)
	d.keep(w, summary, platform)
	w.expect(&d.current.Load().config.Bursts.Rules)
	d.show(w.Name, func() { d.bursts.Store(w.Name, lastBurst(summary)) })
	d.settle(summary, reserved)
	w.observe(d, sampleOf(ctx, summary, due, start))
}

// sampleOf is a burst as the run of a probe.
func sampleOf(ctx context.Context, s *load.Summary, due, start time.Time) probes.Sample {
	sample := probes.Sample{Due: due, Start: start, Duration: time.Since(start)}
	if s.Result != load.Completed {
		sample.Err = fmt.Errorf("running burst: %s: %s", s.Result, s.Reason)
		if ctx.Err() != nil && !s.Cause.Harmful() {
			sample.Err = ctx.Err()
		}
		sample.Outcome = probes.OutcomeOf(sample.Err)
	}
	if s.Result == load.Invalid { // it says nothing of the platform, as a run that perfwatch stops itself
		sample.Outcome = probes.Canceled
	}
	return sample
}

// admit says with which plan a burst may begin. What costs nothing to ask and changes nothing comes first: back-off
// counts a skip only for a burst that nothing else would have kept back.
func (d *daemon) admit(ctx context.Context, w *watched) (*load.Plan, error) {
	if err := d.preflight(w.plan.Hosts()); err != nil {
		return nil, err
	}
	if err := w.plan.Permitted(ctx); err != nil {
		return nil, err
	}
	half, err := d.guard.Admit(time.Now(), w.Name)
	if err != nil {
		return nil, err
	}
	plan := *w.plan
	if half {
		return w.half(d.current.Load().config)
	}
	return &plan, nil
}

// preflight says what is wrong with a platform before any load goes there: a probe of one of the hosts that failed last,
// or a host without CPU or memory to spare.
func (d *daemon) preflight(hosts []string) error {
	g := d.current.Load()
	for _, w := range g.probes {
		h, ok := w.prober.(interface{ Host() string })
		if !ok || !slices.Contains(hosts, h.Host()) {
			continue
		}
		if last := d.board.Lately(w.Name).Last; last != nil && last.Failed() {
			return fmt.Errorf("probe %q of the same host failed last: %s", w.Name, last.Outcome)
		}
	}
	for _, t := range g.book.All() {
		o := t.Objective()
		if o.Measure != objective.CPUUsage && o.Measure != objective.MemoryUsage {
			continue
		}
		if t.Status(time.Now()).Level == objective.Critical {
			return fmt.Errorf("objective %q is critical", o.Name)
		}
	}
	return nil
}

// refuse counts and shows a burst that did not begin.
func (d *daemon) refuse(w *watched, why error) {
	reason := guard.Guarded
	var refused *guard.RefusedError
	if errors.As(why, &refused) {
		reason = refused.Reason
	}
	w.series.Skipped(string(reason), 1)
	d.show(w.Name, func() { d.skips.Store(w.Name, web.Skip{At: time.Now(), Why: why.Error()}) })
	d.logger.Info("burst skipped", "burst", w.Name, "reason", string(reason), "err", why)
}

// settle tells the guard how a burst ended.
func (d *daemon) settle(s *load.Summary, reserved uint64) {
	sent := s.Requests()
	for i := range s.Leaves {
		sent += s.Leaves[i].Outcomes[probes.Canceled]
	}
	ending := guard.Unproven
	switch {
	case s.Cause.Harmful():
		ending = guard.Harmful
	case s.Result == load.Completed:
		ending = guard.Fine
	}
	err := errors.Join(d.guard.Ended(s.Probe, ending), d.guard.Return(time.Now(), reserved-min(sent, reserved)))
	if err != nil {
		d.logger.Error("burst not settled", "burst", s.Probe, "err", err)
	}
}

// startBurst begins a burst now. What keeps one that is due from running keeps this one too.
func (d *daemon) startBurst(name string) error {
	if w := d.current.Load().named[name]; w == nil || w.plan == nil {
		return web.ErrNoBurst
	}
	return d.scheduler.Trigger(name)
}

// stopBurst ends the burst that runs.
func (d *daemon) stopBurst(name string) error {
	w := d.current.Load().named[name]
	if w == nil || w.plan == nil {
		return web.ErrNoBurst
	}
	stop := w.stop.Load()
	if stop == nil {
		return fmt.Errorf("stopping %q: it does not run", name)
	}
	(*stop)(&load.AbortError{Cause: load.ByStop, Detail: "stopped by hand"})
	return nil
}
