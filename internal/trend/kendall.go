package trend

import (
	"math"
	"slices"
)

// maxExact is up to how many values the distribution is counted out; beyond it the normal one is as good.
const maxExact = 20

// A ranking is how well values keep an order (Mann, Nonparametric tests against trend, Econometrica 13, 1945; Kendall,
// Rank Correlation Methods, 4th edition, 1975).
type ranking struct {
	n        int
	s        int     // pairs that rise less pairs that fall
	variance float64 // of s where there is no order
	tied     bool
}

func rank(values []float64) ranking {
	n := len(values)
	r := ranking{n: n}
	for i, a := range values {
		for _, b := range values[i+1:] {
			switch {
			case b > a:
				r.s++
			case b < a:
				r.s--
			}
		}
	}
	eighteenfold := n * (n - 1) * (2*n + 5)
	for _, t := range ties(values) {
		r.tied = true
		eighteenfold -= t * (t - 1) * (2*t + 5)
	}
	r.variance = float64(eighteenfold) / 18
	return r
}

// p is the chance that values without an order give an s at least this far from 0, where the variance is wider times
// that of independent values. An infinite one can show nothing.
func (r *ranking) p(wider float64) float64 {
	if wider == 1 && !r.tied && r.n <= maxExact {
		return exactP(r.n, r.s)
	}
	if r.s == 0 || r.variance <= 0 || math.IsInf(wider, 1) {
		return 1
	}
	z := (math.Abs(float64(r.s)) - 1) / math.Sqrt(r.variance*wider) // s moves in steps of two, hence the one
	return math.Erfc(z / math.Sqrt2)
}

// ties are how often each value occurs that occurs more than once.
func ties(values []float64) []int {
	var counts []int
	sorted := slices.Sorted(slices.Values(values))
	for i := 0; i < len(sorted); {
		j := i + 1
		for j < len(sorted) && sorted[j] == sorted[i] {
			j++
		}
		if j-i > 1 {
			counts = append(counts, j-i)
		}
		i = j
	}
	return counts
}

// exactP counts the orders of n different values by the pairs that are out of order in them: the k-th value added can
// stand before 0 to k-1 of those before it.
func exactP(n, s int) float64 {
	share := []float64{1} // of all orders, by pairs out of order
	for k := 2; k <= n; k++ {
		next := make([]float64, len(share)+k-1)
		for i, p := range share {
			for j := range k {
				next[i+j] += p / float64(k)
			}
		}
		share = next
	}
	var p float64
	for inverted, q := range share {
		if pairs := len(share) - 1; max(pairs-2*inverted, 2*inverted-pairs) >= max(s, -s) {
			p += q
		}
	}
	return min(p, 1)
}
