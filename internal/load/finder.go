package load

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/perfwatch/perfwatch/probes"
)

// What a step must do to hold.
const (
	// keepsUp is which part of what comes due must be answered without a failure.
	keepsUp = 0.98
	// stepSlack is how many requests may lack beyond that: at a low rate, those that happen to be on their way.
	stepSlack = 5
)

// A Capacity is what a search found.
type Capacity struct {
	Rate    float64 `json:"rate"`               // requests a second, the highest that held; 0 if none did
	AtLeast bool    `json:"at_least,omitempty"` // the search ended before the target's limit
	Wanted  float64 `json:"wanted"`             // requests a second that the target has to keep up with
	Why     string  `json:"why"`                // the search ended, for people
}

// Headroom is what the capacity has beyond the rate that is wanted, over that rate: 0 is none, 1 is twice the rate, and
// below 0 it is too little.
func (c *Capacity) Headroom() float64 { return c.Rate/c.Wanted - 1 }

// String says the capacity in a few words.
func (c *Capacity) String() string {
	switch {
	case c.Rate == 0:
		return "no rate held"
	case c.AtLeast:
		return fmt.Sprintf("at least %.4g/s", c.Rate)
	}
	return fmt.Sprintf("%.4g/s", c.Rate)
}

// A finder runs a search.
type finder struct {
	plan    *Plan
	monitor *monitor
	sink    Sink

	whole  *Summary
	held   float64 // the highest rate that held
	failed float64 // the lowest that did not; 0 if all held
	why    string  // it did not
}

// run goes up until a step does not hold, then bisects. An abort, or a generator that cannot be believed, ends it with
// what it found until then.
func (f *finder) run(ctx context.Context) *Summary {
	s := f.plan.search
	for i := range s.ups() {
		rate := min(s.Start+float64(i)*s.Step, s.Max)
		if !f.step(ctx, rate) || f.failed > 0 {
			break
		}
	}
	for range s.refinements() {
		if f.whole.Result != Completed || f.held == 0 || f.failed == 0 || f.failed-f.held <= s.Refine {
			break
		}
		f.rest(ctx)
		f.step(ctx, (f.held+f.failed)/2)
	}
	f.whole.Fairness = f.plan.fairness(f.whole)
	f.whole.Capacity = f.capacity()
	return f.whole
}

func (f *finder) capacity() *Capacity {
	c := &Capacity{Rate: f.held, Wanted: f.plan.rate, AtLeast: f.failed == 0 && f.held > 0}
	switch {
	case f.whole.Result != Completed:
		c.Why = f.whole.Reason
	case f.failed == 0:
		c.Why = fmt.Sprintf("%.4g/s, the most it tries, held", f.held)
	default:
		c.Why = f.why
	}
	return c
}

// rest leaves the target alone after a step that did not hold. After one that did there is no need.
func (f *finder) rest(ctx context.Context) {
	if f.whole.Runs[len(f.whole.Runs)-1].Held {
		return
	}
	timer := time.NewTimer(f.plan.search.rest())
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done(): // which the next step tells
	}
}

// step tries a rate, and says whether the search may go on.
func (f *finder) step(ctx context.Context, rate float64) bool {
	one := *f.plan
	one.duration = one.search.stepDuration()
	one.rate, one.pacer = rate, NewPacer(rate, []Stage{{Rate: rate, Duration: one.duration}})
	g := newGauge(f.sink, &one)
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	f.monitor.progress.Run = fmt.Sprintf("%.4g/s", rate)
	b := one.burst(f.monitor, g)
	watched := g.start(ctx, stop)
	s := b.run(ctx)
	watched()

	reason := g.verdict()
	var over *overloadError
	if errors.As(context.Cause(ctx), &over) && s.Reason == over.reason { // and no abort came before it
		reason = over.reason
		s.Result, s.Reason, s.Cause = Completed, "", ""
		if doubt, doubts := b.evidence(s).reason(); doubt != "" {
			s.Result, s.Reason, s.Doubts = Invalid, doubt, doubts
		}
	}
	run := s.asRun(f.monitor.progress.Run)
	run.Rate, run.Throughput = rate, g.achieved()
	switch {
	case s.Result != Completed:
	case reason == "":
		run.Held, f.held = true, rate
	default:
		if s.InFlightPeak == one.users {
			reason += fmt.Sprintf(", and all %d users were busy", one.users)
		}
		run.Reason, f.failed = reason, rate
		f.why = fmt.Sprintf("%s did not hold: %s", run.Name, reason)
	}
	f.whole = f.whole.and(s, run)
	return s.Result == Completed
}

// An overloadError ends a step that can no longer hold.
type overloadError struct{ reason string }

func (e *overloadError) Error() string { return e.reason }

// A gauge wraps the sink of a step and counts what was answered, so that a step that can no longer hold is left at once
// and not at its end: every request more would only be harm.
type gauge struct {
	Sink
	plan                     *Plan
	ok, failed, slow, onTime atomic.Uint64
	began                    time.Time

	// Of the second half of the step, in which the target has met the rate for a while: how many requests were due and
	// answered at its ends.
	middle, end reading
}

// A reading is where a step stands at one instant.
type reading struct {
	at      time.Duration // since its begin
	due, ok uint64
}

func newGauge(sink Sink, p *Plan) *gauge { return &gauge{Sink: sink, plan: p, began: time.Now()} }

// Observe implements Sink.
func (g *gauge) Observe(leaf int, s *probes.Sample) {
	g.Sink.Observe(leaf, s)
	limit := g.plan.search.LatencyP95
	switch {
	case s.Outcome == probes.Canceled:
		return
	case limit > 0 && s.Response() > limit:
		g.slow.Add(1)
	default:
		g.onTime.Add(1)
	}
	if s.Outcome == probes.OK {
		g.ok.Add(1)
	} else {
		g.failed.Add(1)
	}
}

// start begins to look at the step. What it returns ends that, and takes the last reading if it was not taken.
func (g *gauge) start(ctx context.Context, stop context.CancelCauseFunc) (end func()) {
	ctx, cancel := context.WithCancel(ctx)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		g.watch(ctx, stop)
	}()
	return func() {
		cancel()
		<-ended
		if g.end.at == 0 {
			g.end = g.read()
		}
	}
}

// watch looks at the step in parts of it of at most monitorTick, of which one ends in its middle.
func (g *gauge) watch(ctx context.Context, stop context.CancelCauseFunc) {
	half := g.plan.duration / 2
	parts := (half + monitorTick - 1) / monitorTick
	timer := time.NewTimer(0)
	defer timer.Stop()
	for i := range 2*parts + 1 {
		timer.Reset(time.Until(g.began.Add(half * i / parts)))
		select {
		case <-timer.C:
		case <-ctx.Done():
			return
		}
		if err := g.look(); err != nil {
			g.end = g.read()
			stop(err)
			return
		}
		if i == parts {
			g.middle = g.read()
		}
	}
	g.end = g.read()
}

func (g *gauge) read() reading {
	ok := g.ok.Load()
	at := time.Since(g.began)
	return reading{at: at, due: g.plan.pacer.due(at), ok: ok}
}

// look says why the step must be left now, or nil. A target that fails most of what it is asked is no longer measured
// but harmed: that is an abort.
func (g *gauge) look() error {
	failed, answered := g.failed.Load(), g.failed.Load()+g.ok.Load()
	if part := ratio(failed, answered); answered >= leastRequests && part > g.plan.abort.MaxErrorRatio() {
		return abort(ByErrors, "%.1f%% of %d requests failed, want at most %s", part*100, answered, Ratio(g.plan.abort.MaxErrorRatio()))
	}
	if reason := g.already(time.Since(g.began)); reason != "" {
		return &overloadError{reason}
	}
	return nil
}

// already says why the step cannot hold any more, whatever comes. What was due longer ago than it may take, and is not
// answered, will be slow; what was due longer ago than the timeout has failed or will not be sent.
func (g *gauge) already(since time.Duration) string {
	p, onTime, slow := g.plan, g.onTime.Load(), g.slow.Load()
	total, answered := p.pacer.Total(), onTime+slow
	if limit := p.search.LatencyP95; limit > 0 {
		slow += positive(p.pacer.due(since-limit), answered)
		if part := ratio(slow, total); part > slowPart {
			return fmt.Sprintf("more than 5 %% took longer than %s", limit)
		}
	}
	if lost := g.failed.Load() + positive(p.pacer.due(since-p.timeout()), answered); lost > allowance(total) {
		return fmt.Sprintf("%d of %d failed", lost, total)
	}
	return ""
}

// verdict says at the end of a step why it did not hold, or nothing.
func (g *gauge) verdict() string {
	if reason := g.already(1 << 62); reason != "" { // all that is not answered by now never will be
		return reason
	}
	due, ok := g.end.due-g.middle.due, positive(g.end.ok, g.middle.ok)
	if positive(due, ok) > allowance(due) {
		return fmt.Sprintf("%.4g/s were answered", g.achieved())
	}
	return ""
}

// achieved is how many requests a second the target answered in the second half of the step, or until it was left.
func (g *gauge) achieved() float64 {
	from := g.middle
	if d := (g.end.at - from.at).Seconds(); d > 0 {
		return float64(positive(g.end.ok, from.ok)) / d
	}
	return 0
}

// allowance is how many of so many requests may lack.
func allowance(of uint64) uint64 { return uint64((1-keepsUp)*float64(of)) + stepSlack }

func positive(a, b uint64) uint64 { return a - min(a, b) }
