package baseline

import (
	"math"
	"slices"
	"sort"
)

// A contest is the distributions of units on one grid, the newest first, all of them with requests.
type contest struct {
	lowest int64     // bin of the first count
	counts [][]int64 // by unit and bin
	upTo   [][]int64 // counts in a bin and below it
	pooled []int64   // of all units
	errors [2]float64
}

func newContest(newest, earlier []unit) *contest {
	units := slices.Concat(newest, earlier)
	lowest, highest := int64(math.MaxInt64), int64(0)
	each(units, func(_ int, b *Burst) {
		lowest, highest = min(lowest, b.counts[0].Value), max(highest, b.counts[len(b.counts)-1].Value)
	})
	c := &contest{lowest: lowest, errors: [2]float64{failures(newest), failures(earlier)}}
	c.counts, c.upTo = make([][]int64, len(units)), make([][]int64, len(units))
	for i := range units {
		c.counts[i] = make([]int64, highest-lowest+1)
	}
	each(units, func(i int, b *Burst) {
		for _, count := range b.counts {
			c.counts[i][count.Value-lowest] += count.N
		}
	})
	c.pooled = make([]int64, highest-lowest+1)
	for i, counts := range c.counts {
		c.upTo[i] = make([]int64, len(counts))
		var sum int64
		for b, n := range counts {
			sum += n
			c.upTo[i][b] = sum
			c.pooled[b] += n
		}
	}
	return c
}

// each calls f for every burst of every unit.
func each(units []unit, f func(i int, b *Burst)) {
	for i, u := range units {
		for _, b := range u {
			f(i, b)
		}
	}
}

// failures is the share of requests that failed.
func failures(units []unit) float64 {
	var failed, all int64
	each(units, func(_ int, b *Burst) { failed, all = failed+b.failed, all+b.total })
	return float64(failed) / float64(all)
}

// body scores each unit with the chance that a request of it took longer than one of all units, those that took the same
// counted half: 0.5 where nothing differs (the mean ridit of Bross, How to use ridit analysis, Biometrics 14, 1958).
func (c *contest) body() []float64 {
	place := make([]float64, len(c.pooled))
	var below int64
	all := float64(total(c.pooled))
	for i, n := range c.pooled {
		place[i] = (float64(below) + float64(n)/2) / all
		below += n
	}
	return c.scores(place)
}

// tail scores each unit with the share of its requests that took longer than the p95 of all units.
func (c *contest) tail() []float64 {
	place := make([]float64, len(c.pooled))
	left := total(c.pooled) / 20
	for i := len(place) - 1; i >= 0 && left >= c.pooled[i]; i-- {
		place[i] = 1
		left -= c.pooled[i]
	}
	return c.scores(place)
}

// scores are the means over each unit's requests of what their bins are worth.
func (c *contest) scores(worth []float64) []float64 {
	scores := make([]float64, len(c.counts))
	for i, counts := range c.counts {
		var sum float64
		for b, n := range counts {
			sum += float64(n) * worth[b]
		}
		scores[i] = sum / float64(total(counts))
	}
	return scores
}

// quantile is that of some units together, named by their places, in microseconds. Within a bin requests are taken for
// evenly spread.
func (c *contest) quantile(units []int, q float64) float64 {
	upTo := func(b int) (n int64) {
		for _, u := range units {
			n += c.upTo[u][b]
		}
		return n
	}
	rank := q * float64(upTo(len(c.pooled)-1))
	b := sort.Search(len(c.pooled)-1, func(b int) bool { return float64(upTo(b)) >= rank })
	var below int64
	if b > 0 {
		below = upTo(b - 1)
	}
	within := (rank - float64(below)) / float64(upTo(b)-below)
	return math.Exp((float64(c.lowest) + float64(b) + within) * gridStep)
}

// places are the numbers from one up to another.
func places(from, to int) []int {
	all := make([]int, 0, to-from)
	for i := from; i < to; i++ {
		all = append(all, i)
	}
	return all
}

func total(counts []int64) (n int64) {
	for _, c := range counts {
		n += c
	}
	return n
}
