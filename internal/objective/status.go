package objective

import (
	"math"
	"time"
)

// Status values and judges the objective over the window that ends at an instant. At a threshold of a latency it counts
// the samples at or under it, as a rule over the buckets does; a value exactly at a threshold has not crossed it.
func (t *Tracker) Status(at time.Time) Status {
	if t.objective.Measure == PromQL {
		return Status{Value: math.NaN(), State: Elsewhere}
	}
	t.mu.Lock()
	sum, durations := t.window(at)
	value, crossed := t.judge(sum, durations)
	t.mu.Unlock()
	status := Status{Value: value, Samples: int(sum.whole)}
	switch {
	case status.Samples == 0:
		status.Value, status.State = math.NaN(), NoData
		return status
	case status.Samples < t.floor:
		status.State = NotEnough
		return status
	}
	status.State = Met
	if len(crossed) > 0 && crossed[0] {
		status.State = Missed // target, warning and critical stand in this order, and the first that is set decides
	}
	for i, c := range crossed {
		if c {
			status.Level = worse(status.Level, t.thresholds[i].Level)
		}
	}
	return status
}

// window sums the slots of the window that ends at an instant.
func (t *Tracker) window(at time.Time) (sum slot, durations []*histogram) {
	if t.objective.Measure.OfLast() {
		return t.slots[0], nil
	}
	last := t.number(at)
	for i := range t.slots {
		s := &t.slots[i]
		if s.number > last || s.number <= last-int64(len(t.slots)) {
			continue
		}
		sum.whole += s.whole
		sum.part += s.part
		for j := range s.within {
			sum.within[j] += s.within[j]
		}
		if s.durations != nil {
			durations = append(durations, s.durations)
		}
	}
	return sum, durations
}

// judge values a sum of slots and says which thresholds it crosses.
func (t *Tracker) judge(sum slot, durations []*histogram) (value float64, crossed []bool) {
	crossed = make([]bool, len(t.thresholds))
	if sum.whole == 0 {
		return math.NaN(), crossed
	}
	if !t.objective.Measure.OverDurations() {
		value = sum.part / sum.whole
		if t.objective.Measure.OfLast() {
			value = sum.part
		}
		for i, threshold := range t.thresholds {
			crossed[i] = t.objective.Crossed(value, threshold.Value)
		}
		return value, crossed
	}
	value = quantile(durations, rankOf(t.objective.Quantile, uint64(sum.whole)))
	for i, threshold := range t.thresholds {
		crossed[i] = float64(sum.within[i])/sum.whole < t.objective.Quantile
		// The bucket's middle may lie on the other side of a threshold in the bucket than the sample did.
		if crossed[i] && value <= threshold.Value {
			value = math.Nextafter(threshold.Value, math.Inf(1))
		} else if !crossed[i] && value > threshold.Value {
			value = threshold.Value
		}
	}
	return value, crossed
}

// worse is the worse of two levels.
func worse(a, b Level) Level {
	for _, level := range []Level{Critical, Warning, Target} {
		if a == level || b == level {
			return level
		}
	}
	return ""
}
