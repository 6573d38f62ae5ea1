package web

import (
	"math"
	"strings"
	"time"

	"github.com/perfwatch/perfwatch/probes"
)

// A record is what a Board keeps of one probe. It grows as results come: most probes never fail.
type record struct {
	results      ring[run]
	failures     ring[failure]
	runs, failed uint64
	held         int // bytes of the details that the rings lead to
}

// A run is a Result in 56 bytes.
type run struct {
	at       int64 // nanoseconds since 1970
	bytes    int64
	details  *details
	took     uint32 // microseconds, an hour at most
	phases   [probes.NumPhases]uint32
	status   uint16
	happened uint8 // a bit for each phase
	outcome  probes.Outcome
}

// A failure is a run that failed, with what leads to its trace.
type failure struct {
	run
	trace probes.TraceID
}

// details are what differs least from run to run, and takes most: runs with the same share them.
type details struct {
	text     string // of the error
	evidence *probes.Evidence
	uses     int // by runs of the rings
}

func (d *details) size() int {
	n := sizeOfDetails + len(d.text)
	if d.evidence != nil {
		n += d.evidence.Size()
	}
	return n
}

// add records a run.
func (h *record) add(s *probes.Sample, text string) {
	r := run{
		at: s.Start.UnixNano(), bytes: s.Bytes, took: micros(s.Duration), status: uint16(s.Status),
		outcome: s.Outcome, details: h.describe(text, s.Evidence),
	}
	for p := range probes.NumPhases {
		if d, ok := s.Phases.Get(p); ok {
			r.phases[p] = micros(d)
			r.happened |= 1 << p
		}
	}
	h.runs++
	h.use(r.details, 1)
	h.use(h.results.put(r).details, -1)
	if r.outcome != probes.OK {
		h.failed++
		h.use(r.details, 1)
		h.use(h.failures.put(failure{r, s.TraceID}).details, -1)
	}
}

// describe finds the details of a run among those before, or makes them; nil if there are none.
func (h *record) describe(text string, e *probes.Evidence) *details {
	if text == "" && e == nil {
		return nil
	}
	for _, before := range []*details{h.results.last().details, h.failures.last().details} {
		if before != nil && before.text == text && sameEvidence(before.evidence, e) {
			return before
		}
	}
	return &details{text: strings.Clone(text), evidence: e} // a clone, so that a long text can go
}

func sameEvidence(a, b *probes.Evidence) bool { return a == b || a != nil && b != nil && *a == *b }

// use counts who leads to details, and what they hold by it.
func (h *record) use(d *details, by int) {
	if d == nil {
		return
	}
	if d.uses == 0 {
		h.held += d.size()
	}
	if d.uses += by; d.uses == 0 {
		h.held -= d.size()
	}
}

// trim lets details go, of successes first and the oldest first, until at most so many bytes are held. Those of the last
// run and of the last failure stay.
func (h *record) trim(limit int) {
	if h.held <= limit {
		return
	}
	last, bad := h.results.last().details, h.failures.last().details
	drop := func(r *run) {
		if d := r.details; h.held > limit && d != last && d != bad {
			h.use(d, -1)
			r.details = nil
		}
	}
	h.results.each(func(r *run) {
		if r.outcome == probes.OK {
			drop(r)
		}
	})
	h.failures.each(func(f *failure) {
		if h.held <= limit {
			return
		}
		h.results.each(func(r *run) {
			if f.details != nil && r.details == f.details {
				drop(r)
			}
		})
		drop(&f.run)
	})
}

func (h *record) lately() Lately {
	l := Lately{Runs: h.runs, Failed: h.failed, Kept: len(h.results.items)}
	if l.Kept == 0 {
		return l
	}
	h.results.each(func(r *run) {
		if r.outcome != probes.OK {
			l.KeptFailed++
		}
	})
	last := h.results.last()
	shown := last.result()
	l.Last = &shown
	return l
}

// result is the run as it is shown.
func (r *run) result() Result {
	shown := Result{
		At: time.Unix(0, r.at).UTC(), Duration: time.Duration(r.took) * time.Microsecond, Outcome: r.outcome,
		Status: int(r.status), Bytes: r.bytes,
	}
	if r.details != nil {
		shown.Error, shown.Evidence = r.details.text, r.details.evidence
	}
	for p := range probes.NumPhases {
		if r.happened&(1<<p) != 0 {
			shown.Phases.Set(p, time.Duration(r.phases[p])*time.Microsecond)
		}
	}
	return shown
}

// micros rounds to microseconds.
func micros(d time.Duration) uint32 {
	return uint32(min(max(d.Round(time.Microsecond)/time.Microsecond, 0), math.MaxUint32))
}

// A ring keeps the last ringSize items.
type ring[T any] struct {
	items  []T
	oldest int // once it is full
}

// put adds an item and returns the one that it pushes out; the zero item if there was room.
func (r *ring[T]) put(item T) (gone T) {
	if len(r.items) < ringSize {
		if len(r.items) == cap(r.items) {
			r.items = append(make([]T, 0, min(max(8, 2*cap(r.items)), ringSize)), r.items...)
		}
		r.items = append(r.items, item)
		return gone
	}
	gone, r.items[r.oldest] = r.items[r.oldest], item
	r.oldest = (r.oldest + 1) % ringSize
	return gone
}

// each goes through the items from the oldest on.
func (r *ring[T]) each(visit func(item *T)) {
	for i := range r.items {
		visit(&r.items[(r.oldest+i)%len(r.items)])
	}
}

// last is the newest item; the zero item if there is none.
func (r *ring[T]) last() (item T) {
	if n := len(r.items); n > 0 {
		return r.items[(r.oldest+n-1)%n]
	}
	return item
}
