package config

import (
	"time"

	"github.com/perfwatch/perfwatch/internal/schedule"
)

// rounding is what a sum of rates may lack of a whole number of samples.
const rounding = 1e-6

// interval is the shortest time between two runs of a schedule; 0 if it never fires. It is asked for one fixed Monday, so
// that the windows chosen do not depend on the day of the week on which a configuration is loaded.
func (c *checker) interval(text string) time.Duration {
	every, known := c.intervals[text]
	if known {
		return every
	}
	if spec, err := schedule.Parse(text); err == nil {
		every = spec.Interval(time.Date(2024, time.January, 1, 0, 0, 0, 0, time.UTC))
	}
	c.intervals[text] = every
	return every
}
