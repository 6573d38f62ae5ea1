package chart

import (
	"math"
	"strconv"
	"time"
)

// A scale is the ends of an axis and the round values that are written on it.
type scale struct {
	min, max, step float64
	ticks          []float64
}

// share is how far along the axis a value lies, 0 at its lower end and 1 at its upper; a value beyond lies at the end.
func (s *scale) share(v float64) float64 {
	return max(0, min(1, (v-s.min)/(s.max-s.min)))
}

// fit chooses the ends and about so many ticks for values from low to high. Only fitted upper ends are rounded.
func (a *Axis) fit(low, high float64, about int) scale {
	fixed := a.Min < a.Max
	if fixed {
		low, high = a.Min, a.Max
	} else if a.Zero {
		low, high = min(low, 0), max(high, 0)
	}
	if low == high { // one value: it lies on a line with some room above
		high = low + max(math.Abs(low), 1)
	}
	s := scale{min: low, max: high, step: a.step((high - low) / float64(about))}
	if !fixed && !a.Time {
		s.min, s.max = math.Floor(low/s.step)*s.step, math.Ceil(high/s.step)*s.step
	}
	first := math.Ceil(s.min/s.step - 1e-9)
	for i := first; i*s.step <= s.max+s.step*1e-9; i++ {
		s.ticks = append(s.ticks, i*s.step+0) // which makes -0 a 0
	}
	return s
}

// step is the round number that is no less than the least distance between two ticks.
func (a *Axis) step(least float64) float64 {
	switch {
	case a.Time:
		for _, s := range []float64{1, 5, 10, 30, 60, 120, 300, 600, 1800, 3600, 7200, 4 * 3600, 12 * 3600, 86400} {
			if s >= least {
				return s
			}
		}
		return math.Ceil(least/86400) * 86400
	case a.Binary:
		return math.Exp2(math.Ceil(math.Log2(least)))
	}
	magnitude := math.Pow(10, math.Floor(math.Log10(least)))
	for _, m := range []float64{1, 2, 5} {
		if m*magnitude >= least*(1-1e-9) {
			return m * magnitude
		}
	}
	return 10 * magnitude
}

// word writes a tick.
func (a *Axis) word(v, step float64) string {
	switch {
	case a.Format != nil:
		return a.Format(v)
	case a.Time && step >= 86400:
		return time.Unix(int64(v), 0).UTC().Format("Jan 2")
	case a.Time && step < 60:
		return time.Unix(int64(v), 0).UTC().Format("15:04:05")
	case a.Time:
		return time.Unix(int64(v), 0).UTC().Format("15:04")
	}
	digits := max(0, int(math.Ceil(-math.Log10(step)-1e-9)))
	return strconv.FormatFloat(v, 'f', min(digits, 9), 64)
}
