package load

import (
	"testing"
	"testing/synctest"
	"time"
	"unsafe"

	"github.com/perfwatch/perfwatch/probes"
)

// leafWith has n requests of each outcome given, each answered after d.
func leafWith(n uint64, d time.Duration, outcomes ...probes.Outcome) LeafSummary {
	l := LeafSummary{Response: newHistogram(), Service: newHistogram(), Bytes: 7}
	for _, o := range outcomes {
		l.Outcomes[o] = n
		for range n {
			record(l.Service, d)
			record(l.Response, 2*d)
		}
	}
	return l
}

func TestSummaryCounts(t *testing.T) {
	start := time.Unix(1_700_000_000, 0)
	s := &Summary{Start: start, End: start.Add(10 * time.Second), Result: Completed, Leaves: []LeafSummary{
		leafWith(30, 100*time.Millisecond, probes.OK),
		leafWith(5, 300*time.Millisecond, probes.HTTP5xx, probes.HTTP429, probes.InvalidResponse),
		leafWith(5, 500*time.Millisecond, probes.Timeout),
	}}
	s.Leaves[2].Outcomes[probes.Canceled] = 100
	s.Leaves[0].Cache = [probes.NumCacheVerdicts]uint64{probes.CacheHit: 20, probes.CacheBypass: 10}
	s.Leaves[1].Cache = [probes.NumCacheVerdicts]uint64{probes.CacheHit: 1, probes.CacheMiss: 7, probes.CacheUnsaid: 7}
	all := s.All()
	hits, lookups := all.CacheHits()
	for _, tt := range []struct {
		name      string
		got, want float64
	}{
		{"requests", float64(s.Requests()), 50},
		{"failures", float64(s.Failures()), 20},
		{"error ratio", s.ErrorRatio(), 0.4},
		{"error ratio of a leaf", s.Leaves[1].ErrorRatio(), 1},
		{"successes a second", s.Throughput(), 3},
		{"requests of all", float64(all.Requests()), 50},
		{"failures of all", float64(all.Failures()), 20},
		{"hits of all", float64(hits), 21},
		{"lookups of all", float64(lookups), 28},
		{"bytes of all", float64(all.Bytes), 21},
		{"responses of all", float64(all.Response.TotalCount()), 50},
	} {
		near(t, tt.name, tt.got, tt.want, 1e-9)
	}
	near(t, "median of all", all.Quantile(0.5), 0.2, 0.0002)
	near(t, "p90 of all", all.Quantile(0.9), 0.6, 0.0006)
	near(t, "slowest of all", all.Max(), 1, 0.001)
	near(t, "mean of all", all.Mean(), (30*0.2+15*0.6+5*1)/50, 0.001)
	near(t, "slowest service", seconds(all.Service.Max()), 0.5, 0.0005)
	if s.Leaves[0].Response.TotalCount() != 30 {
		t.Error("merging changed a leaf")
	}
}

func TestLeavesOfOneEndpointMerge(t *testing.T) {
	s := &Summary{Leaves: []LeafSummary{
		leafWith(3, 100*time.Millisecond, probes.OK),
		leafWith(5, 200*time.Millisecond, probes.OK),
		leafWith(7, 300*time.Millisecond, probes.HTTP5xx),
	}}
	for i, name := range []string{"list", "detail", "list"} {
		s.Leaves[i].Task, s.Leaves[i].Endpoint = "browse", name
	}
	got := s.ByEndpoint()
	if len(got) != 2 || got[0].Endpoint != "list" || got[1].Endpoint != "detail" || got[0].Task != "" {
		t.Fatalf("%+v, want list and detail", got)
	}
	near(t, "requests of list", float64(got[0].Requests()), 10, 0)
	near(t, "failures of list", float64(got[0].Failures()), 7, 0)
	near(t, "requests of detail", float64(got[1].Requests()), 5, 0)
	near(t, "slowest of list", got[0].Max(), 0.6, 0.001)
	near(t, "bytes of list", float64(got[0].Bytes), 14, 0)
	if s.Leaves[0].Response.TotalCount() != 3 {
		t.Error("merging changed a leaf")
	}
}

func TestSummaryOfNothingHasNoNaN(t *testing.T) {
	s := &Summary{Leaves: []LeafSummary{leafWith(0, 0)}}
	all := s.All()
	for i, got := range []float64{
		s.ErrorRatio(), s.Throughput(), all.ErrorRatio(), all.Quantile(0.95), all.Min(), all.Mean(), all.Max(),
	} {
		if got != 0 {
			t.Errorf("figure %d is %g, want 0", i, got)
		}
	}
}

func TestRecordKeepsToTheHistogramsRange(t *testing.T) {
	tests := []struct {
		took   time.Duration
		lo, hi int64
	}{
		{0, 1, 1},
		{-time.Second, 1, 1},
		{1499 * time.Nanosecond, 1, 1},
		{1500 * time.Nanosecond, 2, 2},
		{1234 * time.Millisecond, 1_233_000, 1_235_000},
		{10 * time.Minute, 599_500_000, 600_500_000},
		{24 * time.Hour, 3_597_000_000, 3_603_000_000},
	}
	for _, tt := range tests {
		h := newHistogram()
		record(h, tt.took)
		if got := h.Max(); h.TotalCount() != 1 || got < tt.lo || got > tt.hi {
			t.Errorf("%s counts as %d us, want %d to %d", tt.took, got, tt.lo, tt.hi)
		}
	}
}

func TestMemoryOfTheCountsDoesNotGrowWithUsers(t *testing.T) {
	p := planOf(t, Spec{Rate: 1, MaxUsers: 5000, Duration: time.Hour, Tasks: planTree()}, after(0))
	tally := newTally(p)
	bytes := tally.lag.ByteSize()
	for i := range tally.leaves {
		bytes += tally.leaves[i].Response.ByteSize() + tally.leaves[i].Service.ByteSize()
	}
	if want := 5_500_000; bytes > want {
		t.Errorf("14 leaves take %d bytes, want at most %d", bytes, want)
	}
	if got, want := unsafe.Sizeof(batch{}), uintptr(3400); got > want {
		t.Errorf("a user's batch takes %d bytes, want at most %d", got, want)
	}
}

// A keeper does what a sink must not: it keeps the pointer.
type keeper struct {
	counter
	kept map[*probes.Sample]int
}

func (k *keeper) Observe(_ int, s *probes.Sample) { k.kept[s]++ }

func TestUserReusesItsSample(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sink := &keeper{kept: map[*probes.Sample]int{}}
		Run(t.Context(), planOf(t, Spec{Users: 1, Duration: 10 * time.Second}, after(time.Second)), sink)
		if len(sink.kept) != 1 {
			t.Errorf("%d samples for 10 requests, want one", len(sink.kept))
		}
	})
}

func TestRequestAllocatesNothingOfItsOwn(t *testing.T) {
	u := idleUser(t)
	now := time.Now()
	if got := testing.AllocsPerRun(1000, func() { u.send(t.Context(), now) }); got != 0 {
		t.Errorf("%g allocations a request, want 0", got)
	}
}
