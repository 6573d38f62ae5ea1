package baseline

import (
	"math"
	"math/rand/v2"
	"slices"
)

// draws is how often the bootstrap draws. The ends of its intervals rest on the 10 lowest and the 10 highest.
const draws = 400

// widening makes up for that five bursts, drawn with replacement, vary less than bursts do: by the root of 5/4, and by
// Student's quantile of 4 degrees of freedom over the normal one.
const widening = 1.118 * 2.776 / 1.960

// A Difference is of a quantile, in microseconds. Low and High hold its relative change with 95 % confidence.
type Difference struct{ Newest, Earlier, Low, High float64 }

// Change is by how much the newest took longer, as a part of the earlier.
func (d *Difference) Change() float64 { return d.Newest/d.Earlier - 1 }

// differences are those of the p50 and the p95, with a bootstrap of whole units: what is drawn varies as bursts do, and
// nothing is drawn within them (Davison and Hinkley, Bootstrap Methods and their Application, 1997, section 3.8).
func (c *contest) differences(random *rand.Rand) (p50, p95 Difference) {
	quantiles := []float64{0.5, 0.95}
	found := make([]Difference, len(quantiles))
	drawn := make([][]float64, len(quantiles)) // logarithms of the ratio
	newest, earlier := places(0, window), places(window, len(c.counts))
	for i, q := range quantiles {
		found[i] = Difference{Newest: c.quantile(newest, q), Earlier: c.quantile(earlier, q)}
	}
	a, b := make([]int, len(newest)), make([]int, len(earlier))
	for range draws {
		draw(random, newest, a)
		draw(random, earlier, b)
		for i, q := range quantiles {
			drawn[i] = append(drawn[i], math.Log(c.quantile(a, q)/c.quantile(b, q)))
		}
	}
	for i := range found {
		d := &found[i]
		centre := math.Log(d.Newest / d.Earlier)
		slices.Sort(drawn[i])
		low, high := drawn[i][draws/40], drawn[i][draws-1-draws/40]
		d.Low = math.Expm1(centre - widening*max(centre-low, 0))
		d.High = math.Expm1(centre + widening*max(high-centre, 0))
	}
	return found[0], found[1]
}

// draw takes as many units as there are, each time from all of them.
func draw(random *rand.Rand, units, into []int) {
	for i := range into {
		into[i] = units[random.IntN(len(units))]
	}
}
