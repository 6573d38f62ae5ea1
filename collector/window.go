package collector

import (
	"slices"
	"time"
)

// A reading is one value at an instant.
type reading struct {
	at time.Time
	v  float64
}

// recentMean keeps the readings of a short while and gives their mean.
type recentMean struct {
	width    time.Duration
	readings []reading // oldest first
}

func (w *recentMean) push(r reading) {
	w.expire(r.at)
	w.readings = append(w.readings, r)
}

// mean is over the readings younger than width at an instant; ok is false if there are none.
func (w *recentMean) mean(now time.Time) (mean float64, ok bool) {
	w.expire(now)
	if len(w.readings) == 0 {
		return 0, false
	}
	for _, r := range w.readings {
		mean += r.v
	}
	return mean / float64(len(w.readings)), true
}

func (w *recentMean) expire(now time.Time) { w.readings = dropOlder(w.readings, now.Add(-w.width)) }

// slidingMax gives the highest reading of a while. It keeps only readings that no later one exceeds, so that they fall
// from the oldest to the newest and the first is the highest: the monotonic queue. Looking at it changes nothing that
// another reader could miss.
type slidingMax struct {
	width    time.Duration
	readings []reading // values fall strictly
}

func (w *slidingMax) push(r reading) {
	n := len(w.readings)
	for n > 0 && w.readings[n-1].v <= r.v {
		n--
	}
	w.readings = append(dropOlder(w.readings[:n], r.at.Add(-w.width)), r)
}

// highest is over the readings younger than width at an instant; ok is false if there are none.
func (w *slidingMax) highest(now time.Time) (v float64, ok bool) {
	w.readings = dropOlder(w.readings, now.Add(-w.width))
	if len(w.readings) == 0 {
		return 0, false
	}
	return w.readings[0].v, true
}

// dropOlder drops the readings at or before an instant. The rest moves down, so that the slice never grows past one
// window.
func dropOlder(readings []reading, until time.Time) []reading {
	n := 0
	for n < len(readings) && !readings[n].at.After(until) {
		n++
	}
	return slices.Delete(readings, 0, n)
}
