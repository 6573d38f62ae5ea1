package load

import (
	"math"
	"math/rand/v2"
)

// maxExponent bounds the exponent of zipf: at 10 a thousand in a thousand and one draws are the first value.
const maxExponent = 10

// What the default exponent of zipf gives: 80 % of the draws to the first 20 % of the values.
const (
	paretoValues = 0.2
	paretoDraws  = 0.8
)

// zipfWeights are those of n ranks: 1/k^exponent.
func zipfWeights(n int, exponent float64) []float64 {
	weights := make([]float64, n)
	for i := range weights {
		weights[i] = math.Pow(float64(i+1), -exponent)
	}
	return weights
}

// paretoExponent is the exponent at which the first fifth of n values, rounded up, has four fifths of the draws. That
// share grows with the exponent, so halving the interval finds it.
func paretoExponent(n int) float64 {
	head := int(math.Ceil(paretoValues * float64(n)))
	low, high := 0.0, float64(maxExponent)
	for high-low > 1e-9 {
		middle := (low + high) / 2
		all, first := 0.0, 0.0
		for i, w := range zipfWeights(n, middle) {
			all += w
			if i < head {
				first += w
			}
		}
		if first < paretoDraws*all {
			low = middle
		} else {
			high = middle
		}
	}
	return high
}

// An alias draws from any weights in constant time, by the alias method of M. D. Vose, "A linear algorithm for
// generating random numbers with a given distribution", IEEE Transactions on Software Engineering 17 (1991).
type alias struct {
	keep  []float64 // the chance to stay at a place that was drawn evenly
	other []int     // where to go otherwise
}

func newAlias(weights []float64) *alias {
	n := len(weights)
	sum := 0.0
	for _, w := range weights {
		sum += w
	}
	a := &alias{keep: make([]float64, n), other: make([]int, n)}
	var small, large []int
	scaled := make([]float64, n)
	for i, w := range weights {
		scaled[i] = w * float64(n) / sum
		if scaled[i] < 1 {
			small = append(small, i)
		} else {
			large = append(large, i)
		}
	}
	for len(small) > 0 && len(large) > 0 {
		s, l := small[len(small)-1], large[len(large)-1]
		small = small[:len(small)-1]
		a.keep[s], a.other[s] = scaled[s], l
		scaled[l] -= 1 - scaled[s]
		if scaled[l] < 1 {
			large = large[:len(large)-1]
			small = append(small, l)
		}
	}
	for _, i := range append(small, large...) { // what rounding left over
		a.keep[i] = 1
	}
	return a
}

func (a *alias) draw(random *rand.Rand) int {
	i := random.IntN(len(a.keep))
	if random.Float64() < a.keep[i] {
		return i
	}
	return a.other[i]
}
