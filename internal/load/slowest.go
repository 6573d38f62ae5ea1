package load

import (
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/perfwatch/perfwatch/probes"
)

// maxSlowest is how many of the slowest requests a burst keeps whole, and maxFailed how many failed ones.
const (
	maxSlowest = 10
	maxFailed  = 100
)

// A Request is one request of a burst, with all that was found out of it.
type Request struct {
	Leaf     int // indexes Summary.Leaves
	Due      time.Time
	Start    time.Time     // the send
	Response time.Duration // from the due instant
	Service  time.Duration // from the send
	TraceID  probes.TraceID
	Phases   probes.Phases
	Status   int // HTTP status code; 0 without a response
	Outcome  probes.Outcome
	Err      string // why the outcome is not ok; bounded in length by probes
}

func newRequest(leaf int, s *probes.Sample) Request {
	r := Request{
		Leaf: leaf, Due: s.Due, Start: s.Start, Response: s.Response(), Service: s.Duration, TraceID: s.TraceID,
		Phases: s.Phases, Status: s.Status, Outcome: s.Outcome,
	}
	if s.Err != nil {
		r.Err = s.Err.Error()
	}
	return r
}

// slowest keeps the slowest requests. The floor is read without a lock, so that a request that is not among them, as
// nearly all are not, costs one comparison: the n-th request is among the ten with a chance of 10/n.
type slowest struct {
	floor atomic.Int64 // response time of the fastest one kept, once there are enough

	mu   sync.Mutex
	kept []Request // slowest first
}

func (l *slowest) put(leaf int, s *probes.Sample) {
	if response := s.Response(); s.Outcome != probes.Canceled && int64(response) > l.floor.Load() {
		l.insert(newRequest(leaf, s))
	}
}

func (l *slowest) insert(r Request) {
	l.mu.Lock()
	defer l.mu.Unlock()
	at := len(l.kept)
	for at > 0 && l.kept[at-1].Response < r.Response {
		at--
	}
	if at == maxSlowest {
		return
	}
	if len(l.kept) == maxSlowest {
		l.kept = l.kept[:maxSlowest-1]
	}
	l.kept = slices.Insert(l.kept, at, r)
	if len(l.kept) == maxSlowest {
		l.floor.Store(int64(l.kept[maxSlowest-1].Response))
	}
}

// failed keeps one request of each endpoint and outcome that failed: the first, which is the one to look into.
type failed struct {
	seen []atomic.Uint32 // a bit for each outcome of each leaf

	mu   sync.Mutex
	kept []Request
}

func (f *failed) put(leaf int, s *probes.Sample) {
	if s.Outcome == probes.OK || s.Outcome == probes.Canceled {
		return
	}
	bit := uint32(1) << s.Outcome
	if f.seen[leaf].Or(bit)&bit != 0 {
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.kept) < maxFailed {
		f.kept = append(f.kept, newRequest(leaf, s))
	}
}
