package load

import (
	"sync/atomic"
	"time"
)

// A Live says how the burst that runs is going. Its zero value says that none does. It is safe for concurrent use; who
// asks it waits for nobody, and nobody waits for them.
type Live struct{ last atomic.Pointer[Progress] }

// Progress is how far the burst had come at most a quarter of a second ago; false if none runs. A nil Live knows of none.
func (l *Live) Progress() (Progress, bool) {
	if l == nil {
		return Progress{}, false
	}
	if p := l.last.Load(); p != nil {
		return *p, true
	}
	return Progress{}, false
}

// A Progress is how far a burst has come. Canceled requests are not in it; those of the last second may be missing from
// the quantiles.
type Progress struct {
	Probe      string    `json:"probe"`
	Start      time.Time `json:"start"`
	Elapsed    float64   `json:"elapsed"`         // seconds
	Limit      float64   `json:"limit"`           // seconds that it sends for at most, all its runs together
	Run        string    `json:"run,omitempty"`   // of a matrix or a search, the one that is on
	Asked      uint64    `json:"asked,omitempty"` // requests that its iterations come to
	Users      int       `json:"users"`           // now
	InFlight   int       `json:"in_flight"`       // requests, now
	Requests   uint64    `json:"requests"`        // so far
	Failures   uint64    `json:"failures"`        // so far
	Bytes      uint64    `json:"bytes"`           // so far
	Rate       float64   `json:"rate"`            // requests a second, over the last five seconds
	ErrorRatio float64   `json:"error_ratio"`     // over the last five seconds
	P50        float64   `json:"p50"`             // response times so far, in seconds, to two digits
	P95        float64   `json:"p95"`
	P99        float64   `json:"p99"`
}

// tell says how far the burst has come, and notes its users in the time line.
func (m *monitor) tell(c *crew) {
	users, inFlight := c.size(), int(c.inFlight.Load())
	m.chronicle.sees(users, inFlight)
	if m.live == nil {
		return
	}
	p := m.progress
	p.Elapsed, p.Users, p.InFlight = time.Since(p.Start).Seconds(), users, inFlight
	p.Requests, p.Failures, p.Bytes = m.now.requests, m.now.failed, m.now.bytes
	p.ErrorRatio = ratio(m.last.failed, m.last.requests)
	if ticks := min(m.ticks-1, monitorWindow); ticks > 0 {
		p.Rate = float64(m.last.requests) / (time.Duration(ticks) * monitorTick).Seconds()
	}
	p.P50, p.P95, p.P99 = m.chronicle.quantiles()
	m.live.last.Store(&p)
}

// end says that no burst runs any more.
func (m *monitor) end() {
	if m.live != nil {
		m.live.last.Store(nil)
	}
}
