package baseline

import (
	"math"
	"slices"
)

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
	binned := make(map[int64]int64, len(counts)/4)
	for _, c := range counts {
		if c.N > 0 {
			binned[bin(c.Value)] += c.N
			b.total += c.N
		}
	}
	b.counts = make([]Count, 0, len(binned))
	for value, n := range binned {
		b.counts = append(b.counts, Count{value, n})
	}
	slices.SortFunc(b.counts, func(a, b Count) int { return int(a.Value - b.Value) })
	return b
}

// gridStep is the width of the bins in which distributions are compared, half a percent, as a logarithm.
const gridStep = 0.004987541511038968

// bin is the place of a value on the grid: 0 for a microsecond, 4,411 for an hour.
func bin(value int64) int64 { return int64(math.Log(float64(max(value, 1))) / gridStep) }
