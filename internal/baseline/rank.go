package baseline

import "slices"

// rankSum is how likely values are to part into newest and earlier at least as far as they do, on either side, if
// nothing sets the newest apart, and on which side they lie. It is the test of Wilcoxon, Mann and Whitney, counted out
// over all choices of the newest among all; equal values share their ranks (Lehmann, Nonparametrics, 1975, chapter 1).
func rankSum(newest, earlier []float64) (p float64, side int) {
	ranks := doubledRanks(slices.Concat(newest, earlier))
	k := len(newest)
	middle := k * (len(ranks) + 1) // of the sum of k doubled ranks
	away := -middle
	for _, r := range ranks[:k] {
		away += r
	}
	var all, beyond float64
	for sum, ways := range choices(ranks, k) {
		all += ways
		if d := sum - middle; max(d, -d) >= max(away, -away) {
			beyond += ways
		}
	}
	switch {
	case away > 0:
		side = 1
	case away < 0:
		side = -1
	}
	return beyond / all, side
}

// choices counts the ways to choose k of the ranks, by their sum. Of 65 there are 8 million ways to choose 5.
func choices(ranks []int, k int) []float64 {
	ways := make([][]float64, k+1)
	for i := range ways {
		ways[i] = make([]float64, k*slices.Max(ranks)+1)
	}
	ways[0][0] = 1
	for _, r := range ranks {
		for i := k; i > 0; i-- {
			for sum, n := range ways[i-1][:len(ways[i-1])-r] {
				ways[i][sum+r] += n
			}
		}
	}
	return ways[k]
}

// doubledRanks are twice the ranks of values, from 1, so that shared ones are whole.
func doubledRanks(values []float64) []int {
	ranks := make([]int, len(values))
	for i, v := range values {
		ranks[i] = 1
		for _, w := range values {
			switch {
			case w < v:
				ranks[i] += 2
			case w == v:
				ranks[i]++
			}
		}
	}
	return ranks
}
