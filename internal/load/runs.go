package load

import (
	"cmp"
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
)

// A RunSummary is what one run of a matrix, or one step of a search, found out.
type RunSummary struct {
	Name       string  `json:"name"`            // "batch=64", or "150/s"
	Items      float64 `json:"items,omitempty"` // that each request of a matrix carried
	Rate       float64 `json:"rate,omitempty"`  // requests a second of a step
	Held       bool    `json:"held,omitempty"`  // the target kept up with the step
	Result     Result  `json:"result"`
	Reason     string  `json:"reason,omitempty"` // why it is not completed, or why the step did not hold
	Requests   uint64  `json:"requests"`
	Asked      uint64  `json:"asked,omitempty"`
	Throughput float64 `json:"throughput"` // of a run as of a Summary; of a step the requests a second that the target answered
	P50        float64 `json:"p50"`        // response times in seconds
	P95        float64 `json:"p95"`
	P99        float64 `json:"p99"`
	ErrorRatio float64 `json:"error_ratio"`
	Noise      float64 `json:"noise"` // of a run: standard error of Throughput over Throughput; below 0 if it cannot be told
}

// ItemsRate is the items a second of a run of a matrix.
func (r *RunSummary) ItemsRate() float64 { return r.Throughput * r.Items }

// Run fires a burst and returns when its last request has ended. A done ctx ends it at once; the Summary then holds what
// was measured until then and is Aborted with the reason. Run never returns nil and leaves no goroutine behind.
//
// The runs of a matrix and the steps of a search are bursts of their own, with connections of their own, one after
// another from the same seed. One monitor watches them all: its window, and what it counts, go on from one to the next.
func Run(ctx context.Context, p *Plan, sink Sink) *Summary {
	plan, m := *p, newMonitor(p)
	if plan.Seed == 0 {
		plan.Seed = rand.Uint64()
	}
	defer m.end()
	var s *Summary
	switch {
	case p.search != nil:
		s = (&finder{plan: &plan, monitor: m, sink: sink}).run(ctx)
	case len(p.combinations) > 0:
		s = plan.each(ctx, m, sink)
	default:
		s = plan.burst(m, sink).run(ctx)
		s.Items = plan.itemsOf()
	}
	s.Timeline = m.chronicle.timeline()
	return s
}

// burst is one of several, which share a monitor.
func (p *Plan) burst(m *monitor, sink Sink) *burst {
	b := newBurst(p, sink)
	b.monitor = m
	b.crew.changed = func(users int) {
		sink.SetUsers(users)
		m.chronicle.sees(users, 0)
	}
	return b
}

// each runs a matrix, until one of its runs is aborted.
func (p *Plan) each(ctx context.Context, m *monitor, sink Sink) *Summary {
	var whole *Summary
	for _, values := range p.combinations {
		one := *p
		one.values = values
		marks := newMarks(sink)
		m.progress.Run = label(p.variables, values)
		s := one.burst(m, marks).run(ctx)
		run := s.asRun(m.progress.Run)
		run.Asked = s.Asked / uint64(len(p.combinations))
		run.Items, run.Noise = one.itemsOf(), marks.noise(s.Start)
		if run.Items == 0 {
			run.Items = 1 // a request is one
		}
		whole = whole.and(s, run)
		if s.Result == Aborted {
			break
		}
	}
	whole.Fairness = p.fairness(whole)
	whole.Best = best(whole.Runs)
	return whole
}

// asRun is what a table keeps of a whole burst. The counts, which take megabytes, are not in it.
func (s *Summary) asRun(name string) RunSummary {
	all := s.All()
	return RunSummary{
		Name: name, Result: s.Result, Reason: s.Reason, Requests: s.Requests(), Asked: s.Asked,
		Throughput: s.Throughput(), ErrorRatio: s.ErrorRatio(),
		P50: all.Quantile(0.5), P95: all.Quantile(0.95), P99: all.Quantile(0.99),
	}
}

// and adds the next run to what is nil before the first. The worst result is that of them all.
func (s *Summary) and(next *Summary, run RunSummary) *Summary {
	if run.Reason != "" && next.Result != Completed {
		next.Reason = fmt.Sprintf("%s: %s", run.Name, run.Reason)
	}
	if s == nil {
		next.Runs = []RunSummary{run}
		return next
	}
	s.Runs = append(s.Runs, run)
	s.End = next.End
	s.UsersPeak, s.InFlightPeak = max(s.UsersPeak, next.UsersPeak), max(s.InFlightPeak, next.InFlightPeak)
	s.Dropped, s.Late = s.Dropped+next.Dropped, s.Late+next.Late
	s.Lag.Merge(next.Lag)
	for i := range s.Leaves {
		s.Leaves[i].merge(&next.Leaves[i])
	}
	s.Slowest = append(s.Slowest, next.Slowest...)
	slices.SortStableFunc(s.Slowest, func(a, b Request) int { return cmp.Compare(b.Response, a.Response) })
	s.Slowest = s.Slowest[:min(len(s.Slowest), maxSlowest)]
	s.Failed = firstFailed(s.Failed, next.Failed)
	if next.Result == Aborted || s.Result == Completed {
		s.Result, s.Reason, s.Cause, s.Doubts = next.Result, next.Reason, next.Cause, next.Doubts
	}
	return s
}

// ItemsRate is the items a second of a burst whose requests carry items, or of the best run of a matrix. The best of
// several is a little flattered by chance. Ok is false where nobody counts items.
func (s *Summary) ItemsRate() (perSecond float64, ok bool) {
	if len(s.Best) > 0 {
		return s.Runs[s.Best[0]].ItemsRate(), true
	}
	return s.Throughput() * s.Items, s.Items > 0
}

// firstFailed keeps the first request of each endpoint and outcome.
func firstFailed(kept, next []Request) []Request {
	for _, r := range next {
		same := func(k Request) bool { return k.Leaf == r.Leaf && k.Outcome == r.Outcome }
		if len(kept) < maxFailed && !slices.ContainsFunc(kept, same) {
			kept = append(kept, r)
		}
	}
	return kept
}
