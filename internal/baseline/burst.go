package baseline

import "math"

// A Count is how many requests took a time, in microseconds.
type Count struct{ Value, N int64 }

// A Burst is what one burst found out of an endpoint.
type Burst struct {
	counts  []Count // by bin of the grid
	total   int64
	failed  int64
	changed bool
}

// NewBurst takes counts in any order; those without requests are left out. Failed is how many of the requests failed,
// and changed that the burst was judged slower or faster when it was the newest.
func NewBurst(counts []Count, failed int64, changed bool) Burst {
	b := Burst{failed: failed, changed: changed}
	var binned [bins]int64
	for _, c := range counts {
		if c.N > 0 {
			binned[bin(c.Value)] += c.N
			b.total += c.N
		}
	}
	for i, n := range binned {
		if n > 0 {
			b.counts = append(b.counts, Count{int64(i), n})
		}
	}
	return b
}

// The grid on which distributions are compared. Its bins are half a percent wide, and reach from a microsecond to an
// hour; what is beyond counts as its end.
const (
	gridStep = 0.004987541511038968 // the logarithm of 1.005
	bins     = 4412
	hour     = 3_600_000_000
)

// bin is the place of a time on the grid.
func bin(value int64) int64 { return int64(math.Log(float64(min(max(value, 1), hour))) / gridStep) }
