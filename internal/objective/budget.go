package objective

import "slices"

// TakesBudget says that values of the measure are parts of events that are good or bad, so that bad ones can be budgeted.
func (m Measure) TakesBudget() bool {
	return slices.Contains([]Measure{Latency, ErrorRatio, CacheHitRatio}, m)
}

// Allowance is the part of all events that may be bad while the target is met: failed runs, lookups that miss, or runs
// slower than the target of a latency. It is zero of what takes no budget, or has no target.
func (o *Objective) Allowance() float64 {
	switch {
	case o.Target == nil:
		return 0
	case o.Measure == ErrorRatio:
		return *o.Target
	case o.Measure == CacheHitRatio:
		return 1 - *o.Target
	case o.Measure == Latency:
		return 1 - o.Quantile
	default:
		return 0
	}
}
