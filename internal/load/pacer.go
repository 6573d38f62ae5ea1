package load

import (
	"math"
	"time"
)

// A Pacer says when the requests of the open model are due: request k at k/Rate after the start, for as long as the
// burst lasts. It is a pure function of elapsed time and requests sent, so it can neither drift nor catch up by guess.
type Pacer struct {
	Rate     float64 // requests a second
	Duration time.Duration
}

// Total is how many requests are due in the whole burst.
func (p Pacer) Total() uint64 {
	// The slack keeps 0.1/s over 30 s at 3 requests, whatever the product rounds to.
	return uint64(math.Ceil(p.Rate*p.Duration.Seconds() - 1e-9))
}

// At is when request k, counted from 0, is due after the start.
func (p Pacer) At(k uint64) time.Duration {
	return time.Duration(math.Round(float64(k) / p.Rate * float64(time.Second)))
}

// Pace says how many requests are due and not yet sent, and how long it is until one more is. After the last it is how
// long until the burst ends.
func (p Pacer) Pace(elapsed time.Duration, sent uint64) (due uint64, wait time.Duration) {
	total := p.Total()
	n := min(total, uint64(max(0, elapsed.Seconds()*p.Rate)))
	// The product may be off by one at a due instant: At decides.
	for n < total && p.At(n) <= elapsed {
		n++
	}
	for n > 0 && p.At(n-1) > elapsed {
		n--
	}
	next := p.Duration
	if n < total {
		next = p.At(n)
	}
	return n - min(n, sent), max(0, next-elapsed)
}
