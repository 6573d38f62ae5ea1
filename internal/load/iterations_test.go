package load

import (
	"context"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/perfwatch/perfwatch/probes"
)

func TestCursorHandsOutEachIterationOnce(t *testing.T) {
	const n = 10_000
	c := newCursor(n)
	var taken atomic.Int64
	var users sync.WaitGroup
	for range 8 {
		users.Go(func() {
			for c.take() {
				taken.Add(1)
			}
		})
	}
	users.Wait()
	<-c.end
	if taken.Load() != n || !c.over() || c.take() {
		t.Errorf("%d taken of %d", taken.Load(), n)
	}
	if c := newCursor(0); !c.take() || c.over() {
		t.Error("a burst without iterations has an end")
	}
}

// perUser counts the requests of each user that a plan opens.
func perUser(p *Plan, ask answer) (counts func() []int64) {
	var mu sync.Mutex
	var sent []*atomic.Int64
	p.open = func() (session, error) {
		n := &atomic.Int64{}
		mu.Lock()
		sent = append(sent, n)
		mu.Unlock()
		counted := answer(func(ctx context.Context) (probes.Result, error) {
			n.Add(1)
			return ask(ctx)
		})
		return session{take: counted.take, close: func() {}}, nil
	}
	return func() (all []int64) {
		for _, n := range sent {
			all = append(all, n.Load())
		}
		return slices.Sorted(slices.Values(all))
	}
}

func TestIterationsAreDoneExactly(t *testing.T) {
	think := ThinkTime{Min: 500 * time.Millisecond, Max: 500 * time.Millisecond}
	tests := []struct {
		name string
		spec Spec
		want []int64 // requests of each user
		took time.Duration
	}{
		{"each user its own", Spec{Users: 3, IterationsPerUser: 10}, []int64{10, 10, 10}, time.Second},
		{"shared evenly by users alike", Spec{Users: 4, Iterations: 20}, []int64{5, 5, 5, 5}, 500 * time.Millisecond},
		{"shared, one over", Spec{Users: 4, Iterations: 21}, []int64{5, 5, 5, 6}, 600 * time.Millisecond},
		{"no thought after the last", Spec{Users: 2, Iterations: 4, ThinkTime: think}, []int64{2, 2}, 700 * time.Millisecond},
		{"nor after one's own last", Spec{Users: 2, IterationsPerUser: 2, ThinkTime: think}, []int64{2, 2}, 700 * time.Millisecond},
		{
			"users who come late have their own to do", Spec{Users: 3, IterationsPerUser: 2, RampUp: 1},
			[]int64{2, 2, 2}, 2200 * time.Millisecond,
		},
		{
			"nobody starts once all is taken", Spec{Users: 3, Iterations: 12, RampUp: 1},
			[]int64{1, 11}, 1100 * time.Millisecond,
		},
		{"the duration ends it first", Spec{Users: 2, Iterations: 100, Duration: time.Second}, []int64{10, 10}, time.Second},
		{"the paced end", Spec{Users: 5, Iterations: 50, MaxRate: 20}, []int64{10, 10, 10, 10, 10}, 2550 * time.Millisecond},
	}
	for _, tt := range tests {
		synctest.Test(t, func(t *testing.T) {
			p := planOf(t, tt.spec, nil)
			counts := perUser(p, after(100*time.Millisecond))
			s := Run(t.Context(), p, &log{})
			if got := counts(); !slices.Equal(got, tt.want) || s.Duration() != tt.took || s.Result != Completed {
				t.Errorf("%s: %v requests in %s, %s; want %v in %s", tt.name, got, s.Duration(), s.Result, tt.want, tt.took)
			}
			asked := uint64(tt.spec.Iterations + tt.spec.IterationsPerUser*tt.spec.Users)
			if s.Asked != asked {
				t.Errorf("%s: %d asked, want %d", tt.name, s.Asked, asked)
			}
		})
	}
}

// A target that answers nobody ends a burst of iterations at its bound, and the summary says what was left.
func TestIterationsEndAtTheirBound(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := planOf(t, Spec{Users: 10, Iterations: 6000, Abort: Abort{ErrorRatio: 1}}, after(time.Hour))
		s := Run(t.Context(), p, &log{})
		// Ten users, whose requests time out every five seconds for ten minutes.
		if s.Duration() != 10*time.Minute || s.Asked != 6000 || s.Requests() != 1200 || s.Failures() != 1200 {
			t.Errorf("%d of %d requests, %d failed, in %s", s.Requests(), s.Asked, s.Failures(), s.Duration())
		}
		if p.MaxDuration() != 10*time.Minute+5*time.Second {
			t.Errorf("bound %s, want 10m5s", p.MaxDuration())
		}
	})
}

func TestCanceledIterationsStopAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 1050*time.Millisecond)
		defer cancel()
		think := ThinkTime{Mean: time.Minute}
		s := Run(ctx, planOf(t, Spec{Users: 5, Iterations: 1000, ThinkTime: think, MaxRate: 2}, after(time.Second)), &log{})
		// Sent at 0, 0.5 and 1 s; the first was answered.
		if o := s.Leaves[0].Outcomes; s.Result != Aborted || s.Duration() != 1050*time.Millisecond || o[probes.OK] != 1 || o[probes.Canceled] != 2 {
			t.Errorf("%s after %s, outcomes %v", s.Result, s.Duration(), o)
		}
	})
}

// Users who are now fast, now slow, never make up for it together.
func TestMaxRateIsNeverExceededInAnyWindow(t *testing.T) {
	tests := []struct {
		name   string
		rate   float64
		users  int
		answer func(time.Duration) time.Duration // at a time after the start
		least  int
	}{
		{"a target faster than the ceiling", 100, 10, func(time.Duration) time.Duration { return time.Millisecond }, 1000},
		{"a rate that is no whole number of nanoseconds", 30, 10, func(time.Duration) time.Duration { return time.Millisecond }, 300},
		{"a target that stalls", 50, 20, func(at time.Duration) time.Duration {
			if at%(2*time.Second) < time.Second {
				return time.Second
			}
			return time.Microsecond
		}, 250},
		{"a rate below one", 0.5, 3, func(time.Duration) time.Duration { return 0 }, 5},
	}
	for _, tt := range tests {
		synctest.Test(t, func(t *testing.T) {
			begin, sink := time.Now(), &log{}
			ask := answer(func(ctx context.Context) (probes.Result, error) {
				return after(tt.answer(time.Since(begin)))(ctx)
			})
			s := Run(t.Context(), planOf(t, Spec{Users: tt.users, Duration: 10 * time.Second, MaxRate: tt.rate}, ask), sink)
			at := sink.offsets(s.Start)
			if len(at) < tt.least {
				t.Errorf("%s: %d requests, want at least %d", tt.name, len(at), tt.least)
			}
			// n requests at most an interval apart span at least n-1 intervals, whichever of them a window begins with.
			for i := range at {
				for j := i + 1; j < len(at); j++ {
					if least := time.Duration(float64(j-i) / tt.rate * 1e9); at[j]-at[i] < least {
						t.Fatalf("%s: %d requests within %s, from %s on", tt.name, j-i+1, at[j]-at[i], at[i])
					}
				}
			}
			// What the ceiling makes a user wait is not the target's time.
			all := s.All()
			if s.Duration() > 11*time.Second { // the end, and an answer that takes a second
				t.Errorf("%s: waited %s for slots after the end", tt.name, s.Duration())
			}
			if longest := time.Duration(all.Max()*1e9) * time.Nanosecond; longest > 1010*time.Millisecond || s.Lag.TotalCount() != 0 {
				t.Errorf("%s: longest response %s, want the target's alone", tt.name, longest)
			}
		})
	}
}

func TestMaxRateIsReached(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sink := &log{}
		s := Run(t.Context(), planOf(t, Spec{Users: 10, Iterations: 600, MaxRate: 100}, after(20*time.Millisecond)), sink)
		for k, at := range sink.offsets(s.Start) {
			if want := time.Duration(k) * 10 * time.Millisecond; at != want {
				t.Fatalf("request %d was sent at %s, want %s", k, at, want)
			}
		}
		near(t, "throughput", s.Throughput(), 600/6.01, 1e-6)
	})
}
