package load

import (
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/perfwatch/perfwatch/probes"
)

// maxSlowest is how many of the slowest requests a burst keeps whole.
const maxSlowest = 10

// A SlowRequest is one of the slowest requests of a burst, with all that was found out of it.
type SlowRequest struct {
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

// slowest keeps the slowest requests. The floor is read without a lock, so that a request that is not among them, as
// nearly all are not, costs one comparison: the n-th request is among the ten with a chance of 10/n.
type slowest struct {
	floor atomic.Int64 // response time of the fastest one kept, once there are enough

	mu   sync.Mutex
	kept []SlowRequest // slowest first
}

func (l *slowest) put(leaf int, s *probes.Sample) {
	if response := s.Response(); s.Outcome != probes.Canceled && int64(response) > l.floor.Load() {
		l.insert(leaf, response, s)
	}
}

func (l *slowest) insert(leaf int, response time.Duration, s *probes.Sample) {
	r := SlowRequest{
		Leaf: leaf, Due: s.Due, Start: s.Start, Response: response, Service: s.Duration, TraceID: s.TraceID,
		Phases: s.Phases, Status: s.Status, Outcome: s.Outcome,
	}
	if s.Err != nil {
		r.Err = s.Err.Error()
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	at := len(l.kept)
	for at > 0 && l.kept[at-1].Response < response {
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
