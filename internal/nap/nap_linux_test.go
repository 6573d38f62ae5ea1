package nap

import (
	"slices"
	"testing"
	"testing/synctest"
	"time"
)

// kinds are both sleepers. The precise one is made for certain.
func kinds(t testing.TB) map[string]Sleeper {
	t.Helper()
	precise, err := newPrecise()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(precise.Close)
	plain := New(false)
	t.Cleanup(plain.Close)
	return map[string]Sleeper{"plain": plain, "precise": precise}
}

func TestSleepIsNeverTooShort(t *testing.T) {
	for name, s := range kinds(t) {
		for _, d := range []time.Duration{-time.Second, 0, 1, 10 * time.Microsecond, 1500 * time.Microsecond, 20 * time.Millisecond} {
			before := time.Now()
			s.Sleep(d)
			if slept := time.Since(before); slept < d {
				t.Errorf("%s: slept for %s, want %s at least", name, slept, d)
			}
		}
	}
}

// TestWakeIsNotLost wakes a sleeper about when it goes to sleep, for an hour, many times. One lost would be an hour.
func TestWakeIsNotLost(t *testing.T) {
	for name, s := range kinds(t) {
		t.Run(name, func(*testing.T) {
			for range 2000 {
				go s.Wake()
				s.Sleep(time.Hour)
			}
		})
	}
}

// TestWakeIsKept until the next sleep, and for that one only.
func TestWakeIsKept(t *testing.T) {
	for name, s := range kinds(t) {
		s.Wake()
		s.Wake()
		New(false).Sleep(time.Millisecond) // until the ring has been heard, and forgotten
		s.Sleep(time.Hour)
		before := time.Now()
		for range 2 { // the first may be too short
			s.Sleep(10 * time.Millisecond)
		}
		if slept := time.Since(before); slept < 10*time.Millisecond {
			t.Errorf("%s: slept for %s after a wake that was over, want 10 ms at least", name, slept)
		}
	}
}

func TestPlainSleepsInTheBubblesTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := New(false)
		defer s.Close()
		for _, d := range []time.Duration{time.Hour, time.Microsecond} {
			before := time.Now()
			s.Sleep(d)
			if slept := time.Since(before); slept != d {
				t.Errorf("slept for %s, want %s", slept, d)
			}
		}
	})
}

func TestCloseGivesTheTimerBack(t *testing.T) {
	for name, s := range kinds(t) {
		s.Sleep(0)
		s.Close()
		s.Wake() // does nothing
		if p, ok := s.(*precise); ok {
			if err := p.raw.Control(func(uintptr) {}); err == nil {
				t.Errorf("%s: its file is open", name)
			}
		}
	}
}

// BenchmarkLate says by how much sleeps of 1.7 ms of a process with nothing else to do are too long.
func BenchmarkLate(b *testing.B) {
	for name, s := range kinds(b) {
		b.Run(name, func(b *testing.B) {
			const d = 1700 * time.Microsecond
			var late []time.Duration
			for b.Loop() {
				before := time.Now()
				s.Sleep(d)
				late = append(late, time.Since(before)-d)
			}
			slices.Sort(late)
			b.ReportMetric(float64(late[len(late)/2].Nanoseconds())/1000, "us-late-p50")
			b.ReportMetric(float64(late[len(late)*99/100].Nanoseconds())/1000, "us-late-p99")
		})
	}
}
