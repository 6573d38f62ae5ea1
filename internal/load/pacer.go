package load

import (
	"math"
	"sort"
	"time"
)

// pacerSlack is the part of a request that sums may lack of a whole one: 0.07/s over 100 s is 7 requests, whatever the
// product rounds to.
const pacerSlack = 1e-6

// A Pacer says when the requests of the open model are due. With N(t), the integral of the rate, as how many are due
// within t, request k, counted from 0, is due when N passes k: at k/rate where the rate is constant, at a root of a
// quadratic where it is a line. It is a pure function of elapsed time and requests sent, so it can neither drift nor
// catch up by guess.
type Pacer struct{ ramps []ramp }

// A ramp is a stretch of time in which the rate is a line.
type ramp struct {
	begin, end time.Duration
	from, to   float64 // requests a second
	before     float64 // requests due before it
	after      float64 // and with its own
}

// NewPacer begins at a rate in requests a second and goes through the stages in turn.
func NewPacer(rate float64, stages []Stage) Pacer {
	var p Pacer
	var at time.Duration
	sum := 0.0
	for _, s := range stages {
		if s.Duration > 0 {
			r := ramp{begin: at, end: at + s.Duration, from: rate, to: s.Rate, before: sum}
			sum += (rate + s.Rate) / 2 * s.Duration.Seconds()
			r.after = sum
			p.ramps = append(p.ramps, r)
		}
		at, rate = at+s.Duration, s.Rate
	}
	return p
}

// Duration is how long the stages last together.
func (p Pacer) Duration() time.Duration {
	if len(p.ramps) == 0 {
		return 0
	}
	return p.ramps[len(p.ramps)-1].end
}

// steady says that the rate never changes.
func (p Pacer) steady() bool { return len(p.ramps) == 1 && p.ramps[0].from == p.ramps[0].to }

// Total is how many requests are due in the whole burst.
func (p Pacer) Total() uint64 {
	if len(p.ramps) == 0 {
		return 0
	}
	return uint64(max(0, math.Ceil(p.ramps[len(p.ramps)-1].after-pacerSlack)))
}

// At is when request k is due after the start. Past the last it is the end.
func (p Pacer) At(k uint64) time.Duration {
	// The ramp in which N passes k: one that ends at k has not passed it, and neither has a pause after it.
	i := sort.Search(len(p.ramps), func(i int) bool { return p.ramps[i].after-pacerSlack > float64(k) })
	if i == len(p.ramps) {
		return p.Duration()
	}
	r := &p.ramps[i]
	return r.begin + r.reach(float64(k)-r.before)
}

// reach is how long into the ramp it takes for n of its requests to be due: the least t with from*t + slope/2*t^2 = n. It
// is written with the root in the denominator, which loses no digits where the slope is small and divides by zero only
// where the rate is zero at both ends.
func (r *ramp) reach(n float64) time.Duration {
	if n <= 0 {
		return 0
	}
	slope := (r.to - r.from) / (r.end - r.begin).Seconds()
	root := math.Sqrt(max(0, r.from*r.from+2*slope*n))
	return time.Duration(math.Round(2 * n / (r.from + root) * float64(time.Second)))
}

// count is how many requests of the ramp are due t into it, in parts of one.
func (r *ramp) count(t time.Duration) float64 {
	part := t.Seconds() / (r.end - r.begin).Seconds()
	return (r.from + (r.to-r.from)*part/2) * t.Seconds()
}

// Pace says how many requests are due and not yet sent, and how long it is until one more is. After the last it is how
// long until the burst ends.
func (p Pacer) Pace(elapsed time.Duration, sent uint64) (due uint64, wait time.Duration) {
	n := p.due(elapsed)
	return n - min(n, sent), max(0, p.At(n)-elapsed)
}

// due is how many requests are due within a time, the one due at that very instant included.
func (p Pacer) due(elapsed time.Duration) uint64 {
	if elapsed < 0 {
		return 0
	}
	i := sort.Search(len(p.ramps), func(i int) bool { return p.ramps[i].end > elapsed })
	total := p.Total()
	if i == len(p.ramps) {
		return total
	}
	r := &p.ramps[i]
	n := min(total, uint64(max(0, r.before+r.count(elapsed-r.begin))))
	// The product may be off by one at a due instant: At decides.
	for n < total && p.At(n) <= elapsed {
		n++
	}
	for n > 0 && p.At(n-1) > elapsed {
		n--
	}
	return n
}
