package load

import (
	"sync"
	"sync/atomic"
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
	end          time.Duration // since the start of the chronicle
	service, lag time.Duration
	bytes        int64
	phases       probes.Phases
	leaf         uint16
	outcome      probes.Outcome
	cache        probes.CacheVerdict
}

// A batch holds a user's last requests, so that the tally's lock is taken for 32 of them at once and its histograms,
// which are larger than a processor's cache, are not touched in between. It is 3.3 kB a user; a histogram a user and leaf
// would be 376 kB.
type batch struct {
	n       int
	entries [32]entry
}

// flushAfter is how old a batch may get, so that whoever looks at a burst that runs sees it as it is. A user who thinks
// for longer has one request in it.
const flushAfter = time.Second

// put notes a request and says whether the batch is to be counted now. The instants count from the given one.
func (t *batch) put(leaf int, s *probes.Sample, from time.Time) (full bool) {
	end := s.Start.Sub(from) + s.Duration
	t.entries[t.n] = entry{
		end: end, service: s.Duration, lag: s.Lag(), bytes: s.Bytes, phases: s.Phases, leaf: uint16(leaf), outcome: s.Outcome,
		cache: s.Cache,
	}
	t.n++
	return t.n == len(t.entries) || end-t.entries[0].end >= flushAfter
}

// A tally counts what a burst found out: two histograms a leaf in the open model, one in the closed, however many users.
type tally struct {
	slowest slowest
	failed  failed

	mu     sync.Mutex
	lag    *hdrhistogram.Histogram
	late   uint64
	leaves []LeafSummary
}

func newTally(p *Plan) *tally {
	t := &tally{lag: newHistogram(), leaves: make([]LeafSummary, len(p.Leaves))}
	t.failed.seen = make([]atomic.Uint32, len(p.Leaves))
	for i, l := range p.Leaves {
		h := newHistogram()
		t.leaves[i] = LeafSummary{Task: l.Task, Endpoint: l.Endpoint, Response: h, Service: h}
		if p.rate > 0 {
			t.leaves[i].Response = newHistogram()
		}
	}
	return t
}

// add counts a batch.
func (t *tally) add(b *batch) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for i := range b.entries[:b.n] {
		t.count(&b.entries[i])
	}
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
