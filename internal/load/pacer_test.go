package load

import (
	"testing"
	"time"
)

func steady(rate float64, d time.Duration) Pacer { return NewPacer(rate, []Stage{{rate, d}}) }

func TestPacerIsAFunctionOfElapsedTimeAndRequestsSent(t *testing.T) {
	tests := []struct {
		name     string
		rate     float64
		duration time.Duration
		elapsed  time.Duration
		sent     uint64
		due      uint64
		wait     time.Duration
	}{
		{"first is due at once", 10, time.Second, 0, 0, 1, 100 * ms},
		{"none before the second", 10, time.Second, 99 * ms, 1, 0, 1 * ms},
		{"second at its instant", 10, time.Second, 100 * ms, 1, 1, 100 * ms},
		{"late by three", 10, time.Second, 350 * ms, 1, 3, 50 * ms},
		{"never back after sending early", 10, time.Second, 100 * ms, 5, 0, 100 * ms},
		{"last waits for the end", 10, time.Second, 900 * ms, 9, 1, 100 * ms},
		{"none at the end itself", 10, time.Second, time.Second, 10, 0, 0},
		{"all of them long after", 10, time.Second, time.Hour, 0, 10, 0},
		{"third of a second is not lost", 3, time.Second, 333333333, 1, 1, 333333334},
		{"a nanosecond before a third", 3, time.Second, 333333332, 1, 0, 1},
		{"slow rate", 0.1, 30 * time.Second, 10 * time.Second, 1, 1, 10 * time.Second},
		{"an hour at the highest rate", 10_000, time.Hour, time.Hour - 50*time.Microsecond, 35_999_998, 2, 50 * time.Microsecond},
		{"the end comes before the next instant", 3, 1100 * ms, time.Second, 4, 0, 100 * ms},
		{"before the start", 10, time.Second, -time.Second, 0, 0, time.Second},
	}
	for _, tt := range tests {
		due, wait := steady(tt.rate, tt.duration).Pace(tt.elapsed, tt.sent)
		if due != tt.due || wait != tt.wait {
			t.Errorf("%s: Pace(%s, %d) = %d, %s, want %d, %s", tt.name, tt.elapsed, tt.sent, due, wait, tt.due, tt.wait)
		}
	}
}

func TestPacerTotal(t *testing.T) {
	tests := []struct {
		rate     float64
		duration time.Duration
		want     uint64
	}{
		{120, 30 * time.Second, 3600},
		{0.1, 30 * time.Second, 3},
		{0.1, 31 * time.Second, 4},
		{0.07, 100 * time.Second, 7}, // the product rounds to above 7
		{0.001, time.Second, 1},
		{1.0 / 3, 9 * time.Second, 3},
		{10_000, time.Hour, 36_000_000},
	}
	for _, tt := range tests {
		if got := steady(tt.rate, tt.duration).Total(); got != tt.want {
			t.Errorf("Total of %g/s over %s = %d, want %d", tt.rate, tt.duration, got, tt.want)
		}
	}
}

// Summed intervals would drift by a rounding a request; instants computed from the start cannot.
func TestPacerDoesNotDrift(t *testing.T) {
	for _, rate := range []float64{3, 7, 120, 333.3, 9999} {
		k := uint64(rate * 3600)
		want := time.Duration(float64(k) / rate * 1e9)
		if got := steady(rate, time.Hour).At(k); (got - want).Abs() > time.Nanosecond {
			t.Errorf("request %d at %g/s is due at %s, want %s", k, rate, got, want)
		}
	}
}
