package load

import (
	"math"
	"sync"
	"sync/atomic"
	"time"
)

// A cursor hands out the iterations that the users of a burst share: each to one user, none twice.
type cursor struct {
	left atomic.Int64
	end  chan struct{} // closed once the last one is taken; nil without iterations, and then there is no end
}

func newCursor(iterations int) *cursor {
	c := &cursor{}
	if iterations > 0 {
		c.left.Store(int64(iterations))
		c.end = make(chan struct{})
	}
	return c
}

// take takes one and says whether there was one left.
func (c *cursor) take() bool {
	if c.end == nil {
		return true
	}
	left := c.left.Add(-1)
	if left == 0 {
		close(c.end)
	}
	return left >= 0
}

// over says whether all of them are taken.
func (c *cursor) over() bool { return c.end != nil && c.left.Load() <= 0 }

// A ceiling spaces the requests of a closed burst, so that no window of time holds more of them than its rate allows:
// each has a slot of its own, a whole interval after the one before it. A slot that nobody used is gone: users who were
// slow do not make up for it together. A timer may fire some milliseconds late, so that single requests are closer.
type ceiling struct {
	interval time.Duration // 0 without a ceiling

	mu   sync.Mutex
	next time.Time
}

func newCeiling(perSecond float64) *ceiling {
	if perSecond <= 0 {
		return &ceiling{}
	}
	return &ceiling{interval: time.Duration(math.Ceil(float64(time.Second) / perSecond))} // too long rather than too short
}

// slot is the instant at which whoever asks now may send. Who asks first has the earlier one.
func (c *ceiling) slot(now time.Time) time.Time {
	if c.interval == 0 {
		return now
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.next.Before(now) {
		c.next = now
	}
	at := c.next
	c.next = at.Add(c.interval)
	return at
}
