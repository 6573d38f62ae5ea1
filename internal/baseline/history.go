package baseline

import "math"

// A unit is one burst, or several in a row that are too small alone.
type unit []*Burst

// units parts a history in the newest units and the earlier ones; there are none where it is too short. Bursts that
// resemble their neighbours in time are no independent witnesses: they are pooled, two, four and so on to a unit, until
// the units are.
func units(all []Burst) (newest, earlier []unit) {
	limit := independent
	for several := 1; ; several *= 2 {
		newest, earlier = split(all, several)
		if len(newest) < window || len(earlier) < fewest {
			return nil, nil
		}
		scores := newContest(newest, earlier).body()[window:]
		if resemblance(scores) < limit/math.Sqrt(float64(len(scores))) {
			return newest, earlier
		}
		limit = suspicious
	}
}

// Independent values resemble their neighbours by less than this over the root of their number: 99 times in 100, and for
// those that were found not to be independent before they were pooled, 5 times in 6.
const (
	independent = 2.326
	suspicious  = 1.0
)

// resemblance is the correlation of the ranks of values with those of their neighbours.
func resemblance(values []float64) float64 {
	var own, next, before float64
	for _, r := range doubledRanks(values) {
		v := float64(r - len(values) - 1)
		own += v * v
		next += v * before
		before = v
	}
	if own == 0 {
		return 0
	}
	return next / own
}

// split pools bursts, the newest first, to units of at least 100 requests, and parts the newest from the earlier ones.
// Earlier bursts that were judged changed are left out, so that a slow release is not soon compared with itself. Where
// 20 in a row were, they are the normal, and what lies behind them is history.
func split(all []Burst, several int) (newest, earlier []unit) {
	newest, rest := pool(all, several, window)
	normal := make([]Burst, 0, len(rest))
	for i := 0; i < len(rest); {
		run := 0
		for i+run < len(rest) && rest[i+run].changed {
			run++
		}
		switch {
		case run >= patience:
			normal = append(normal, rest[i:i+run]...)
			rest = rest[:i+run]
		case run == 0:
			normal = append(normal, rest[i])
			run = 1
		}
		i += run
	}
	earlier, _ = pool(normal, several, most)
	return newest, earlier
}

// pool makes at most a number of units and returns the bursts that are left. What is left of bursts too few for a unit
// is dropped.
func pool(all []Burst, several, limit int) (units []unit, rest []Burst) {
	var u unit
	var total int64
	for i := range all {
		if len(units) == limit {
			return units, all[i:]
		}
		if all[i].total == 0 {
			continue
		}
		u = append(u, &all[i])
		total += all[i].total
		if total >= floor && len(u) >= several {
			units = append(units, u)
			u, total = nil, 0
		}
	}
	return units, nil
}

// bursts counts those of some units.
func bursts(units []unit) (n int) {
	for _, u := range units {
		n += len(u)
	}
	return n
}
