package config

import (
	"time"

	"github.com/perfwatch/perfwatch/internal/objective"
)

const (
	day           = 24 * time.Hour
	defaultBudget = 30 * day
	shortBudget   = 7 * day
	longBudget    = 90 * day
)

// errorBudget reads how long the allowance of a target must last. An error ratio with a target has a budget even if it
// gives none; 0s is none.
func (c *checker) errorBudget(path string, given time.Duration, o *objective.Objective) {
	allowance := o.Allowance()
	some := allowance > 0 && allowance < 1
	switch {
	case !c.has(path):
		if o.Measure == objective.ErrorRatio && some {
			o.Budget = defaultBudget
		}
	case !o.Measure.TakesBudget():
		c.refuse(path, "an error budget of %s, want it only with %s, %s and %s",
			o.Measure, objective.Latency, objective.ErrorRatio, objective.CacheHitRatio)
	case given == 0:
	case !some && !c.doubtful(parent(path)):
		c.refuse(path, "%s without a target that allows for something bad, and something good, want one", quote(written(given)))
	default:
		o.Budget = c.duration(path, given, defaultBudget, shortBudget, longBudget)
	}
}
