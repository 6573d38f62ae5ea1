// Package baseline tells whether the newest bursts of a probe were slower or faster than the earlier ones, and keeps
// chance out of the answer. It knows counts, and nothing of where they come from.
//
// Requests of one burst are not independent: they share the machine, the caches and the neighbours of that minute, and a
// test over requests takes every such difference for a change. So the burst is the unit. Each gets one score for where
// its requests lie among those of all bursts, and the scores of the newest are ranked among the earlier ones: a rank
// test over the whole distribution whose clusters are the bursts (after Rosner, Glynn and Lee, Incorporation of
// clustering effects for the Wilcoxon rank sum test, Biometrics 59, 2003).
package baseline

import (
	"math/rand/v2"
	"slices"
)

const (
	// floor is how many requests make a unit. Bursts with fewer are pooled with those before them.
	floor = 100
	// window is how many of the newest units are compared; early of them show a large change sooner. One is never
	// enough: a single burst beside a backup would be an alarm.
	window, early = 5, 3
	// fewest and most earlier units to compare with. Ranks of 5 among 17 can just be as unlikely as they must be.
	fewest, most = 12, 60
	// risk of any false claim in one comparison of all endpoints together: half of the 1 in 100 that is promised, since
	// bursts are never quite independent of each other.
	risk = 0.005
	// smallest change of the p50, or the p95, that is worth a claim, as a part of it.
	smallest = 0.02
	// patience is how many changed bursts in a row become the normal of those after them.
	patience = 20
	// maxErrors is by how much the share of failures may grow beside a claim of being faster: failing is fast.
	maxErrors = 0.01
)

// MaxBursts is how many bursts are worth giving to Compare.
const MaxBursts = 200

// An Endpoint is the history of one endpoint, the newest burst first. The one that stands for all has no name.
type Endpoint struct {
	Name   string
	Bursts []Burst
}

// A Verdict is what a comparison shows of an endpoint.
type Verdict struct {
	Change          int        // -1 faster, 0 no change shown, 1 slower
	Risk            float64    // that such a claim is false, corrected for all that was looked at; 1 without a claim
	P50, P95        Difference // of the newest five units to the earlier ones
	Newest, Earlier int        // bursts compared
}

// Compare judges each endpoint whose history is long enough; others are left out. The same seed gives the same
// intervals. Claims are held to a risk of 1 in 200 for all endpoints together (Holm, A simple sequentially rejective
// multiple test procedure, Scand. J. Stat. 6, 1979): half of it goes to the endpoint of all, and the rest to the others
// in equal parts.
func Compare(endpoints []Endpoint, seed uint64) map[string]Verdict {
	verdicts := map[string]Verdict{}
	var claims []claim
	for i, e := range endpoints {
		newest, earlier := units(e.Bursts)
		if newest == nil {
			continue
		}
		c := newContest(newest, earlier)
		found := c.claim()
		found.name, found.weight = e.Name, 1.0
		if e.Name != "" {
			found.weight = 1 / float64(max(len(endpoints)-1, 1))
		}
		claims = append(claims, found)
		v := Verdict{Newest: bursts(newest), Earlier: bursts(earlier)}
		v.P50, v.P95 = c.differences(rand.New(rand.NewPCG(seed, uint64(i))))
		verdicts[e.Name] = v
	}
	holm(claims)
	for _, found := range claims {
		v := verdicts[found.name]
		if v.Risk = found.risk; v.Risk <= risk {
			v.Change = found.change
		}
		verdicts[found.name] = v
	}
	return verdicts
}

// A claim is the least likely finding of an endpoint if nothing had changed.
type claim struct {
	name   string
	change int
	risk   float64
	weight float64 // its part of the risk
}

// holm corrects the risks of claims for their number, and sorts them.
func holm(claims []claim) {
	slices.SortStableFunc(claims, func(a, b claim) int {
		switch x, y := a.risk/a.weight, b.risk/b.weight; {
		case x < y:
			return -1
		case x > y:
			return 1
		}
		return 0
	})
	var left, above float64
	for _, c := range claims {
		left += c.weight
	}
	for i := range claims {
		c := &claims[i]
		above = max(above, min(c.risk*left/c.weight, 1))
		left -= c.weight
		c.risk = above
	}
}

// looks are how often claim looks at one endpoint: at the body of the distributions and at their tail, over the newest
// five units and over the newest three. Its risk is corrected for that (Bonferroni).
const looks = 4

func (c *contest) claim() claim {
	best := claim{risk: 1}
	for _, look := range []struct {
		scores []float64
		q      float64 // the quantile that must have moved too
	}{{c.body(), 0.5}, {c.tail(), 0.95}} {
		for _, k := range []int{early, window} {
			newest, earlier := look.scores[:k], look.scores[window:]
			p, side := rankSum(newest, earlier)
			moved := c.quantile(places(0, k), look.q)/c.quantile(places(window, len(c.counts)), look.q) - 1
			if looks*p < best.risk && moved*float64(side) >= smallest && !seenBefore(newest, earlier, side) {
				best = claim{risk: looks * p, change: side}
			}
		}
	}
	if best.change < 0 && c.errors[0] > c.errors[1]+maxErrors {
		return claim{risk: 1}
	}
	return best
}

// seenBefore says that some earlier units in a row were already as far on this side as the newest are. Then it is an
// hour of the day, or a neighbour who comes and goes. Ranks alone would not know: to them bursts are independent.
func seenBefore(newest, earlier []float64, side int) bool {
	k, level := len(newest), mean(newest)*float64(side)
	for i := range len(earlier) - k + 1 {
		if mean(earlier[i:i+k])*float64(side) >= level {
			return true
		}
	}
	return false
}

func mean(values []float64) float64 {
	var sum float64
	for _, v := range values {
		sum += v
	}
	return sum / float64(len(values))
}
