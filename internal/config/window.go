package config

import (
	"math"
	"time"

	"github.com/perfwatch/perfwatch/internal/load"
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

// peakUsers is the most users that a burst can have at once.
func peakUsers(s *load.Spec) float64 {
	if s.Rate > 0 {
		return float64(s.MaxUsers)
	}
	users := float64(s.Users)
	if s.RampUp > 0 && s.Duration > 0 {
		users = min(users, math.Ceil(s.RampUp*s.Duration.Seconds()))
	}
	return users
}

// peakThroughput is the most requests a second that a burst can send, and what bounds it. In the closed model it is
// N/(Z+R) with the best response time of zero: each user waits between its requests.
func peakThroughput(s *load.Spec) (perSecond float64, bound string) {
	if s.Rate > 0 {
		return s.Rate, "its rate"
	}
	think := (s.ThinkTime.Min + s.ThinkTime.Max) / 2
	if think <= 0 {
		return math.Inf(1), "nothing"
	}
	return peakUsers(s) / think.Seconds(), "its users over their think time"
}
