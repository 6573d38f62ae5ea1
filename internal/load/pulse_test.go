package load

import (
	"testing"
	"testing/synctest"
	"time"
)

// TestPulseOfAnIdleMachine beats every 10 ms and is never late.
func TestPulseOfAnIdleMachine(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := startPulse()
		time.Sleep(time.Second + pulseEvery/2)
		if late := p.end(); late > time.Microsecond || p.late.TotalCount() != 100 {
			t.Errorf("%s late in %d beats, want none in 100", late, p.late.TotalCount())
		}
	})
}

// TestPulseCountsABeatForEachThatItMissed lets the clock run on without a beat.
func TestPulseCountsABeatForEachThatItMissed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &pulse{late: newHistogram(), stop: make(chan struct{})}
		p.due = time.Now().Add(pulseEvery)
		time.Sleep(time.Second)
		p.count(time.Now())
		// Of 100 beats the first is 990 ms late and the last not at all.
		got := []int64{p.late.TotalCount(), p.late.Max() / 10_000, p.late.ValueAtQuantile(50) / 10_000}
		if got[0] != 100 || got[1] != 99 || got[2] != 49 {
			t.Errorf("%d beats, at most %d0 ms late, %d0 ms at the median, want 100, 99, 49", got[0], got[1], got[2])
		}
		p.count(time.Now())
		if p.late.TotalCount() != 100 {
			t.Errorf("%d beats a second time, want no more", p.late.TotalCount())
		}
	})
}
