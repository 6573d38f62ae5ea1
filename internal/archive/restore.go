package archive

import (
	"slices"

	"github.com/HdrHistogram/hdrhistogram-go"

	"github.com/perfwatch/perfwatch/internal/load"
	"github.com/perfwatch/perfwatch/probes"
)

// Summary is the burst as it was before it was kept. Its lag and its single requests are left out.
func (b *Burst) Summary() *load.Summary {
	s := &load.Summary{
		Probe: b.Probe, Seed: b.Seed, Start: b.Start, End: b.End, Result: b.Result, Reason: b.Reason, Cause: b.Cause,
		Doubts: b.Doubts, Reduced: b.Reduced, UsersPeak: b.UsersPeak, InFlightPeak: b.InFlightPeak, Dropped: b.Dropped,
		Late: b.Late, Asked: b.Asked, Items: b.Items, Fairness: b.Fairness, Runs: b.Runs, Best: b.Best, Capacity: b.Capacity,
	}
	if b.Timeline != nil {
		s.Timeline = *b.Timeline
	}
	for i := range b.Leaves {
		s.Leaves = append(s.Leaves, b.Leaves[i].summary())
	}
	return s
}

func (l *Leaf) summary() load.LeafSummary {
	s := load.LeafSummary{Task: l.Task, Endpoint: l.Endpoint, Bytes: l.Bytes, Response: l.Response.Histogram()}
	s.Service = s.Response
	if l.Service != nil {
		s.Service = l.Service.Histogram()
	}
	for i := range s.Outcomes {
		s.Outcomes[i] = l.Outcomes[probes.Outcome(i).String()]
	}
	for i := range s.Cache {
		s.Cache[i] = l.Cache[probes.CacheVerdict(i).String()]
	}
	return s
}

// Histogram is the distribution in the buckets that it came from.
func (c Counts) Histogram() *hdrhistogram.Histogram {
	h := hdrhistogram.New(1, highest, 3)
	for _, count := range c {
		_ = h.RecordValues(count.Value, count.N) // no count of ours lies beyond the highest
	}
	return h
}

// CountsOf lists the buckets of a histogram that hold something; nil has none.
func CountsOf(h *hdrhistogram.Histogram) Counts { return slices.Clip(countsOf(h)) }

// At is the microseconds of the request of a rank, counted from 1 in ascending order; 0 without requests.
func (c Counts) At(rank int64) int64 {
	var value int64
	for _, count := range c {
		value = count.Value
		if rank -= count.N; rank <= 0 {
			break
		}
	}
	return value
}
