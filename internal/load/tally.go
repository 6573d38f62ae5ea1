package load

import (
	"sync"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"

	"github.com/perfwatch/perfwatch/probes"
)

// What histograms can tell apart: 1 us to 1 h, to three digits, in 188 kB each. Shorter and longer count as the bound.
const (
	lowest  = int64(1)
	highest = int64(time.Hour / time.Microsecond)
	digits  = 3
)

func newHistogram() *hdrhistogram.Histogram { return hdrhistogram.New(lowest, highest, digits) }

func record(h *hdrhistogram.Histogram, d time.Duration) {
	us := int64(d.Round(time.Microsecond) / time.Microsecond)
	_ = h.RecordValue(min(max(us, lowest), highest)) // never out of its range
}

// LateAfter is the lag from which a request counts as late: three times what the timers and the scheduler of a machine
// that is not overloaded take at the 99th percentile.
const LateAfter = 10 * time.Millisecond

// An entry is what the tally keeps of one request.
type entry struct {
	service, lag time.Duration
	bytes        int64
	phases       probes.Phases
	leaf         uint16
	outcome      probes.Outcome
	cache        probes.CacheVerdict
}

// A batch holds a user's last requests, so that the tally's lock is taken for 32 of them at once and its histograms,
// which are larger than a processor's cache, are not touched in between. It is 3 kB a user; a histogram a user and leaf
// would be 376 kB.
type batch struct {
	n       int
	entries [32]entry
}

// put notes a request and says whether the batch is full.
func (t *batch) put(leaf int, s *probes.Sample) (full bool) {
	t.entries[t.n] = entry{
		service: s.Duration, lag: s.Lag(), bytes: s.Bytes, phases: s.Phases, leaf: uint16(leaf), outcome: s.Outcome,
		cache: s.Cache,
	}
	t.n++
	return t.n == len(t.entries)
}

// A tally counts what a burst found out: two histograms a leaf in the open model, one in the closed, however many users.
type tally struct {
	slowest slowest

	mu     sync.Mutex
	lag    *hdrhistogram.Histogram
	late   uint64
	leaves []LeafSummary
}

func newTally(p *Plan) *tally {
	t := &tally{lag: newHistogram(), leaves: make([]LeafSummary, len(p.Leaves))}
	for i, l := range p.Leaves {
		h := newHistogram()
		t.leaves[i] = LeafSummary{Task: l.Task, Endpoint: l.Endpoint, Response: h, Service: h}
		if p.rate > 0 {
			t.leaves[i].Response = newHistogram()
		}
	}
	return t
}

// add counts a batch and empties it.
func (t *tally) add(b *batch) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for i := range b.entries[:b.n] {
		t.count(&b.entries[i])
	}
	b.n = 0
}

func (t *tally) count(e *entry) {
	l := &t.leaves[e.leaf]
	l.Outcomes[e.outcome]++
	l.Bytes += e.bytes
	if e.outcome == probes.Canceled {
		return
	}
	l.Cache[e.cache]++
	record(l.Service, e.service)
	if l.Response != l.Service {
		record(l.Response, e.lag+e.service)
		record(t.lag, e.lag)
		if e.lag > LateAfter {
			t.late++
		}
	}
	for p := range probes.NumPhases {
		if d, ok := e.phases.Get(p); ok {
			l.Phases[p].add(PhaseSummary{Count: 1, Sum: d, Max: d})
		}
	}
}

func (p *PhaseSummary) add(other PhaseSummary) {
	p.Count += other.Count
	p.Sum += other.Sum
	p.Max = max(p.Max, other.Max)
}
