// Package oneshot runs probes and bursts once, and no longer than it takes to judge the objectives on them: single probes
// beside each other until there are samples enough, then bursts one after another. What it finds out goes into a report.
package oneshot

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/perfwatch/perfwatch/collector"
	"github.com/perfwatch/perfwatch/internal/archive"
	"github.com/perfwatch/perfwatch/internal/load"
	"github.com/perfwatch/perfwatch/internal/objective"
	"github.com/perfwatch/perfwatch/internal/report"
	"github.com/perfwatch/perfwatch/probes"
)

const (
	// pace is how far apart the runs of one probe begin at least: 20 a second, which is no load for a platform that has
	// users, and 200 samples for a p95 in ten seconds.
	pace = 50 * time.Millisecond
	// maxAtOnce bounds the single probes that run beside each other, so that a configuration of thousands is no burst.
	maxAtOnce = 32
)

// A Unit is one probe of the run, built and ready.
type Unit struct {
	Name, Group, Kind string
	Suite             string // its part of the performance plan
	Timeout           time.Duration
	Hash              string // of what shapes a burst

	Prober probes.Prober          // nil for a burst
	Plan   *load.Plan             // nil for a probe
	Feeds  []*objective.Tracker   // the objectives that its samples feed
	Sample func(s *probes.Sample) // takes each run, and feeds them
	Burst  *collector.BurstSeries // takes a burst, and feeds the objectives on it
	Watch  *collector.Watch       // may be nil
	asked  *asked                 // how the runs of a probe went
	live   load.Live              // how a burst goes
}

// Options say how a run goes.
type Options struct {
	Duration time.Duration                            // single probes are not asked again after it
	Version  string                                   // of perfwatch
	Progress Progress                                 // told how it goes
	Admit    func(burst string) error                 // says why a burst may not begin
	Reserve  func(n uint64) (uint64, error)           // takes requests from the day's budget
	Await    []*objective.Tracker                     // of what is sampled beside the probes, and awaited a little
	Keep     func(b *archive.Burst, r *report.Report) // is given each burst; nil keeps none
}

// A Progress shows how a run goes. Begin and End are called by several units at once.
type Progress interface {
	// Begin says that a unit starts. How it goes can be asked until End.
	Begin(name string, now func() State)
	End(name string, last State)
}

// A State is how far a unit has come.
type State struct {
	Done      float64 // 0 to 1
	Users     int     // of a burst
	Requests  uint64
	Failures  uint64
	Rate      float64       // requests a second
	P95       float64       // seconds
	Left      time.Duration // at most
	Word      string        // how it ended; "" before that
	WithUsers bool
}

// Run fires everything and fills in the report. A done ctx ends it: users stop, and what was measured until then stays.
func Run(ctx context.Context, units []*Unit, o Options, r *report.Report) {
	r.Source, r.Start = report.FromRun, time.Now().UTC()
	// A page that loads while other probes run would measure them.
	page := func(u *Unit) bool { _, ok := u.Prober.(interface{ PageHost() string }); return ok }
	askAll(ctx, units, &o, func(u *Unit) bool { return u.Plan == nil && !page(u) })
	askAll(ctx, units, &o, func(u *Unit) bool { return u.Plan == nil && page(u) })
	for _, u := range units {
		if u.Plan == nil {
			r.Probes = append(r.Probes, u.row())
		}
	}
	for _, u := range units {
		if u.Plan == nil {
			continue
		}
		if ctx.Err() != nil {
			r.NotFired(u.Name, "the run was interrupted")
			continue
		}
		if err := u.admit(ctx, units, &o); err != nil {
			r.NotFired(u.Name, err.Error())
			continue
		}
		u.fire(ctx, &o, r)
	}
	await(ctx, o.Await)
	r.Interrupted = ctx.Err() != nil
	r.End = time.Now().UTC()
}

// mostAwait is how long a run waits for what is sampled beside it: twice what samples of a host need, ten a second.
const mostAwait = 20 * time.Second

// await waits until objectives have samples enough.
func await(ctx context.Context, trackers []*objective.Tracker) {
	ctx, cancel := context.WithTimeout(ctx, mostAwait)
	defer cancel()
	ticker := time.NewTicker(pace)
	defer ticker.Stop()
	for _, t := range trackers {
		for ctx.Err() == nil && t.Status(time.Now()).Samples < t.Objective().Floor() {
			select {
			case <-ticker.C:
			case <-ctx.Done():
			}
		}
	}
}

// askAll asks some single probes beside each other.
func askAll(ctx context.Context, units []*Unit, o *Options, which func(*Unit) bool) {
	end := time.Now().Add(o.Duration)
	needs := needsOf(units)
	seats := make(chan struct{}, maxAtOnce)
	var wg sync.WaitGroup
	for _, u := range units {
		if !which(u) {
			continue
		}
		u.asked = newAsked(end)
		for _, t := range u.Feeds {
			u.asked.needs = append(u.asked.needs, needs[t])
		}
		wg.Go(func() {
			seats <- struct{}{}
			defer func() { <-seats }()
			o.Progress.Begin(u.Name, u.asked.state)
			u.ask(ctx, end)
			o.Progress.End(u.Name, u.asked.ended())
		})
	}
	wg.Wait()
}

// admit says why a burst may not begin: a probe of its host failed last, its addresses are not allowed, or what the
// caller knows.
func (u *Unit) admit(ctx context.Context, units []*Unit, o *Options) error {
	hosts := strings.Join(u.Plan.Hosts(), " ") + " "
	for _, other := range units {
		h, ok := other.Prober.(interface{ Host() string })
		if !ok || other.asked == nil || !strings.Contains(hosts, h.Host()+" ") {
			continue
		}
		if why := other.asked.failure(); why != "" {
			return fmt.Errorf("probe %s of the same host failed last: %s", other.Name, why)
		}
	}
	if err := u.Plan.Permitted(ctx); err != nil {
		return err
	}
	return o.Admit(u.Name)
}

// fire runs one burst.
func (u *Unit) fire(ctx context.Context, o *Options, r *report.Report) {
	// A context of its own, so that the cause of its end is ours and not that of ctx.
	burst, end := context.WithCancelCause(context.WithoutCancel(ctx))
	defer end(nil)
	defer context.AfterFunc(ctx, func() { end(&load.AbortError{Cause: load.ByStop, Detail: "interrupted"}) })()
	u.Plan.Reserve, u.Plan.Live = o.Reserve, &u.live
	if u.Timeout > 0 {
		timer := time.AfterFunc(u.Timeout, func() {
			end(&load.AbortError{Cause: load.ByTimeout, Detail: fmt.Sprintf("it took longer than its timeout of %s", u.Timeout)})
		})
		defer timer.Stop()
	}
	o.Progress.Begin(u.Name, u.state)
	watching := u.Watch.Begin(ctx)
	defer watching.Stop()
	u.Burst.Begin()
	summary := load.Run(burst, u.Plan, u.Burst)
	platform := watching.End(context.WithoutCancel(ctx), summary)
	u.Burst.End(summary, platform)

	kept := archive.NewBurst(summary, u.Hash, o.Version)
	row := report.BurstOf(kept)
	row.Group, row.Suite, row.Plan, row.Watch = u.Group, u.Suite, u.Plan.String(), platform
	r.Bursts = append(r.Bursts, row)
	if o.Keep != nil {
		o.Keep(watched(kept, platform), r)
	}
	o.Progress.End(u.Name, ended(&row))
}
