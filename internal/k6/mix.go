package k6

import (
	"math"

	"github.com/perfwatch/perfwatch/internal/load"
)

const (
	// longestPeriod bounds the search for a number of draws in which every share is a whole number of them.
	longestPeriod = 100_000
	// roughPeriod is the one of shares that have none: a share is off by a millionth at most. It and its step are numbers
	// of Fibonacci, one after the other, whose quotients are all 1.
	roughPeriod = 832_040
	roughStep   = 514_229
)

// A list says what is drawn from it. Users of k6 share no memory, so that a draw can depend on nothing but its own number:
// draw n of a list takes place p(n), and what it comes to is the first entry whose upper bound is above that place.
//
// With P places, b = n div P and r = n mod P, place p(n) = (r*step + b) mod P. As step and P have no common divisor, P
// draws take each place once: after each P draws every entry has had exactly its share. Within them the draws of an entry
// are spread the more evenly the smaller the quotients of the continued fraction of step/P are (H. Niederreiter, Random
// Number Generation and Quasi-Monte Carlo Methods, 1992, chapters 3 and 5). Adding b keeps a user, or one of several k6,
// who gets every k-th draw with k dividing P, from coming to the same entries again and again.
type list struct {
	Period int   `json:"period"`
	Step   int   `json:"step"`
	Upto   []int `json:"upto"` // of each entry
	To     []int `json:"to"`   // a task; below zero another list in which the user draws on: -1 is the first
}

func lists(draws [][]load.Draw) []list {
	all := make([]list, len(draws))
	for i, l := range draws {
		shares := make([]float64, len(l))
		for k, d := range l {
			shares[k] = d.Share
			to := d.Leaf
			if d.Leaf < 0 {
				to = -1 - d.Into
			}
			all[i].To = append(all[i].To, to)
		}
		all[i].Period, all[i].Upto = places(shares)
		all[i].Step = step(all[i].Period)
	}
	return all
}

// places divides the places of a period by shares that sum to 1.
func places(shares []float64) (period int, upto []int) {
	period = roughPeriod
	for p := 1; p <= longestPeriod; p++ {
		if whole(shares, p) {
			period = p
			break
		}
	}
	sum := 0.0
	for _, s := range shares {
		sum += s
		upto = append(upto, int(math.Round(sum*float64(period))))
	}
	upto[len(upto)-1] = period // whatever the sum rounds to
	return period, upto
}

// whole reports whether all shares of p are whole numbers, but for what a float64 loses.
func whole(shares []float64, p int) bool {
	for _, s := range shares {
		n := s * float64(p)
		if math.Abs(n-math.Round(n)) > 1e-7 {
			return false
		}
	}
	return true
}

// step is the number without a common divisor with the period whose fraction of it has the smallest quotients: the sum of
// them bounds how unevenly its multiples lie. Of several it is the least.
func step(period int) int {
	if period == roughPeriod {
		return roughStep
	}
	best, least := 1, math.MaxInt
	for s := 1; s <= period; s++ {
		if sum := quotients(s, period); sum < least {
			best, least = s, sum
		}
	}
	return best
}

// quotients sums those of the continued fraction of a/b; a number that is too large where both have a common divisor.
func quotients(a, b int) (sum int) {
	for a != 0 {
		sum += b / a
		a, b = b%a, a
	}
	if b != 1 {
		return math.MaxInt
	}
	return sum
}
