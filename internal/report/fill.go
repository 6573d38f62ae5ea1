package report

import (
	"encoding/json"
	"math"

	"github.com/perfwatch/perfwatch/collector"
	"github.com/perfwatch/perfwatch/internal/archive"
	"github.com/perfwatch/perfwatch/internal/load"
	"github.com/perfwatch/perfwatch/internal/objective"
	"github.com/perfwatch/perfwatch/probes"
)

// FiguresOf are those of an endpoint in a stretch of time, in seconds.
func FiguresOf(l *load.LeafSummary, seconds float64) Figures {
	f := Figures{
		Requests: l.Requests(), Failures: l.Failures(), ErrorRatio: l.ErrorRatio(), Bytes: l.Bytes,
		Latency: Latency{
			Min: l.Min(), Mean: l.Mean(), P50: l.Quantile(0.5), P90: l.Quantile(0.9), P95: l.Quantile(0.95),
			P99: l.Quantile(0.99), Max: l.Max(),
		},
		Outcomes: map[string]uint64{}, Counts: archive.CountsOf(l.Response),
	}
	f.CacheHits, f.CacheOf = l.CacheHits()
	if seconds > 0 {
		f.Throughput = float64(f.Requests-f.Failures) / seconds
	}
	for o, n := range l.Outcomes {
		if n > 0 {
			f.Outcomes[probes.Outcome(o).String()] = n
		}
	}
	return f
}

// BurstOf is a burst as it was kept. Group, Suite and Plan, which the configuration knows, are the caller's.
func BurstOf(b *archive.Burst) Burst {
	s := b.Summary()
	all := s.All()
	seconds := s.Duration().Seconds()
	out := Burst{
		Probe: b.Probe, Hash: b.Hash, Seed: b.Seed, Start: b.Start, End: b.End, Duration: seconds,
		Result: b.Result, Reason: b.Reason, Cause: b.Cause, UsersPeak: b.UsersPeak, InFlightPeak: b.InFlightPeak,
		Dropped: b.Dropped, Late: b.Late, Asked: b.Asked, Fairness: b.Fairness, Best: s.Verdict(),
		All: FiguresOf(&all, seconds), Runs: b.Runs, Capacity: b.Capacity, Timeline: b.Timeline,
		Slowest: b.Slowest, Failed: b.Failed,
	}
	out.ItemsRate, _ = s.ItemsRate()
	for i := range s.Leaves {
		l := &s.Leaves[i]
		out.Endpoints = append(out.Endpoints, Endpoint{Task: l.Task, Name: l.Endpoint, Figures: FiguresOf(l, seconds)})
	}
	if len(b.Watch) > 0 { // what cannot be read was written by no version of ours, and is left out
		var watch collector.BurstWatch
		if json.Unmarshal(b.Watch, &watch) == nil {
			out.Watch = &watch
		}
	}
	return out
}

// ObjectiveOf is a row of the targets table.
func ObjectiveOf(o *objective.Objective, s objective.Status) Objective {
	row := Objective{
		Name: o.Name, Title: o.Title, Measure: o.Measure, Unit: o.Unit(), Quantile: o.Quantile,
		Of: o.Probe + o.Group + o.Redis, Higher: o.HigherIsBetter(),
		Target: o.Target, Warning: o.Warning, Critical: o.Critical,
		Samples: s.Samples, Floor: o.Floor(), State: s.State, Level: s.Level,
	}
	if !math.IsNaN(s.Value) && !math.IsInf(s.Value, 0) {
		row.Value = &s.Value
	}
	return row
}

// burstsOf are the bursts of one part of the plan.
func (r *Report) burstsOf(suite string) (of []*Burst) {
	for i := range r.Bursts {
		if r.Bursts[i].Suite == suite {
			of = append(of, &r.Bursts[i])
		}
	}
	return of
}
