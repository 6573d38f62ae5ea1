// Package trend tells a slope from noise in a series of readings, such as the memory of a process during a burst, and
// says how evenly something is shared. It is plain statistics and knows nothing of where the figures come from.
package trend

import (
	"cmp"
	"math"
	"slices"
)

const (
	// maxMedians is how many medians a series is thinned to. Both methods look at every pair; and readings 100 ms apart
	// say nearly the same thing, so that more of them add cost and no evidence.
	maxMedians = 50
	// minReadings is below which serial correlation cannot be told, and with it no trend.
	minReadings = 10
	// confidence of the interval of the slope, as the normal quantile of 97.5 %.
	confidence = 1.959964
)

// A Reading is a value at an instant, in seconds from any fixed one.
type Reading struct{ At, Value float64 }

// A Trend is what a series shows. Slopes are in units of the value a second.
type Trend struct {
	Slope     float64 // median slope of all pairs
	Low, High float64 // the slope lies between them with 95 % confidence; never wider than the steepest pairs
	P         float64 // how likely such a rise or fall is where there is none
	N         int     // medians that it was found in, at most 50
}

// Fit finds the trend of a series, in any order, by Theil's and Sen's slope and the test of Mann and Kendall. Readings
// that are not finite are left out; fewer than 10 show nothing, and ok is false.
//
// Neighbouring readings of a machine resemble each other, which the plain test takes for a trend: on noise that
// remembers 99 % of its last value it is wrong 6 times in 10 at a level of 1 %. Therefore the series is thinned to
// medians of equal parts, and the test's variance is enlarged for the correlation that remains. A process that truly
// wanders (a random walk) still shows a trend about once in ten times at that level.
func Fit(series []Reading) (t Trend, ok bool) {
	s := thin(series)
	if len(s) < minReadings {
		return Trend{}, false
	}
	values := make([]float64, len(s))
	for i, r := range s {
		values[i] = r.Value
	}
	slopes := pairSlopes(s)
	if len(slopes) == 0 {
		return Trend{}, false
	}
	t = Trend{Slope: median(slopes), N: len(s)}
	k := rank(values)
	wider := inflation(residuals(s, t.Slope))
	t.P = k.p(wider)
	t.Low, t.High = slopeBounds(slopes, confidence*math.Sqrt(k.variance*wider))
	return t, true
}

// Rises says whether the series grows, with the risk of saying so wrongly held to level.
func (t *Trend) Rises(level float64) bool { return t.Slope > 0 && t.P < level }

// thin replaces a series by the medians of at most 50 parts of it, in the order of time.
func thin(series []Reading) []Reading {
	s := make([]Reading, 0, len(series))
	for _, r := range series {
		if finite(r.At) && finite(r.Value) {
			s = append(s, r)
		}
	}
	slices.SortStableFunc(s, func(a, b Reading) int { return cmp.Compare(a.At, b.At) })
	parts := min(len(s), maxMedians)
	thinned := make([]Reading, parts)
	for i := range parts {
		thinned[i] = middle(s[i*len(s)/parts : (i+1)*len(s)/parts])
	}
	return thinned
}

// middle is the median value of some readings at their mean instant.
func middle(part []Reading) Reading {
	values := make([]float64, len(part))
	var at float64
	for i, r := range part {
		values[i] = r.Value
		at += (r.At - part[0].At) / float64(len(part))
	}
	slices.Sort(values)
	return Reading{At: part[0].At + at, Value: median(values)}
}

// pairSlopes are the slopes of all pairs of readings that differ in time, sorted (Sen, Estimates of the regression
// coefficient based on Kendall's tau, J. Am. Stat. Assoc. 63, 1968). The readings are in the order of time.
func pairSlopes(s []Reading) []float64 {
	slopes := make([]float64, 0, len(s)*(len(s)-1)/2)
	for i, a := range s {
		for _, b := range s[i+1:] {
			if slope := (b.Value - a.Value) / (b.At - a.At); finite(slope) {
				slopes = append(slopes, slope)
			}
		}
	}
	slices.Sort(slopes)
	return slopes
}

// slopeBounds are the slopes between which the true one lies, where half is half the width in ranks (Sen 1968;
// Hollander and Wolfe, Nonparametric Statistical Methods, 9.3).
func slopeBounds(sorted []float64, half float64) (low, high float64) {
	n := len(sorted)
	beyond := int(max((float64(n)-half)/2-1, 0))
	return sorted[beyond], sorted[n-1-beyond]
}

// residuals are what is left of the values when the slope is taken out. What is left of a straight line is the error of
// its arithmetic, which wanders; rounding takes it off.
func residuals(s []Reading, slope float64) []float64 {
	var largest float64
	for _, r := range s {
		largest = max(largest, math.Abs(r.Value))
	}
	rest := make([]float64, len(s))
	for i, r := range s {
		rest[i] = math.Round((r.Value - slope*(r.At-s[0].At)) / largest * 1e12)
	}
	return rest
}

// median of sorted values, of which there is at least one.
func median(sorted []float64) float64 {
	n := len(sorted)
	if n%2 == 1 {
		return sorted[n/2]
	}
	return sorted[n/2-1]/2 + sorted[n/2]/2
}

func finite(v float64) bool { return !math.IsNaN(v) && !math.IsInf(v, 0) }
