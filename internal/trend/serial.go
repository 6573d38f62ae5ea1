package trend

import (
	"math"
	"slices"
	"sort"
)

// inflation is how much larger the variance of Kendall's s is for a series whose neighbours resemble each other than
// for independent values: the formula of Hamed and Rao (A modified Mann-Kendall trend test for autocorrelated data, J.
// Hydrology 204, 1998) over the ranks of what is left when the slope is taken out. Instead of a correlation measured
// at each distance, whose errors add up, it takes the one between neighbours and lets it fade as its powers do. That
// one is measured too low in short series, by about (1+4r)/n with the mean and another such part with the slope taken
// out (Kendall, Note on bias in the estimation of autocorrelation, Biometrika 41, 1954), and is put right first.
//
// The result is 1 or more: a series that swings back and forth proves no more than an independent one. It is infinite
// where the series cannot be told from one that wanders.
func inflation(rest []float64) float64 {
	n := float64(len(rest))
	r := (n*neighbours(ranks(rest)) + 2) / (n - 4)
	if r >= 1 {
		return math.Inf(1)
	}
	sum, power := 0.0, 1.0
	for k := 1.0; k < n-2 && r > 0; k++ {
		power *= r
		sum += (n - k) * (n - k - 1) * (n - k - 2) * power
	}
	return 1 + 2*sum/(n*(n-1)*(n-2))
}

// neighbours is the correlation of each value with the next; 0 where all are the same.
func neighbours(values []float64) float64 {
	var mean, own, next float64
	for _, v := range values {
		mean += v
	}
	mean /= float64(len(values))
	before := mean
	for _, v := range values {
		own += (v - mean) * (v - mean)
		next += (v - mean) * (before - mean)
		before = v
	}
	if own == 0 {
		return 0
	}
	return next / own
}

// ranks are the places of values in their order; equal values share the middle of theirs.
func ranks(values []float64) []float64 {
	sorted := slices.Sorted(slices.Values(values))
	placed := make([]float64, len(values))
	for i, v := range values {
		first := sort.SearchFloat64s(sorted, v)
		after := sort.Search(len(sorted), func(k int) bool { return sorted[k] > v })
		placed[i] = float64(first+after-1) / 2
	}
	return placed
}
