package load

import (
	"context"
	"errors"
	"math"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/perfwatch/perfwatch/internal/trend"
	"github.com/perfwatch/perfwatch/probes"
)

// batchPlan is a matrix whose requests say their batch in the URL. The answer to one of n takes cost(n).
func batchPlan(t *testing.T, spec Spec, cost func(n int) (time.Duration, error)) *Plan {
	t.Helper()
	spec.Tasks = []Task{{Name: "predict", HTTP: &probes.HTTP{URL: "http://127.0.0.1/predict/${batch}"}}}
	p, err := spec.Plan("batches", probes.Env{})
	if err != nil {
		t.Fatal(err)
	}
	p.usage = func() usage { return usage{} }
	p.open = func() (session, error) {
		return session{close: func() {}, take: func(
			ctx context.Context, timeout time.Duration, _ *probes.HTTPProber, d *probes.Draft, due time.Time,
		) probes.Sample {
			n, err := strconv.Atoi(strings.TrimPrefix(string(d.Target), "/predict/"))
			if err != nil {
				t.Errorf("target %q: %v", d.Target, err)
			}
			return answer(func(ctx context.Context) (probes.Result, error) {
				took, err := cost(n)
				return probes.Result{}, errors.Join(err, pass(ctx, took))
			}).take(ctx, timeout, nil, nil, due)
		}}, nil
	}
	return p
}

// growing is a model that takes 10 ms and 1 ms for each item.
func growing(n int) (time.Duration, error) {
	return 10*time.Millisecond + time.Duration(n)*time.Millisecond, nil
}

func TestAMatrixRunsOnceForEachValueAndNamesTheBest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		spec := Spec{Users: 1, Iterations: 50, Matrix: map[string][]int{"batch": {1, 10, 40}}, Items: Items{Variable: "batch"}}
		s := Run(t.Context(), batchPlan(t, spec, growing), &log{})
		if s.Result != Completed || s.Requests() != 150 || s.Asked != 150 || len(s.Runs) != 3 {
			t.Fatalf("%s, %d of %d requests in %d runs, want 150 in 3", s.Result, s.Requests(), s.Asked, len(s.Runs))
		}
		for i, want := range []struct {
			name       string
			throughput float64
			items      float64
		}{{"batch=1", 1000.0 / 11, 1}, {"batch=10", 1000.0 / 20, 10}, {"batch=40", 1000.0 / 50, 40}} {
			r := &s.Runs[i]
			if r.Name != want.name || r.Items != want.items || r.Requests != 50 || r.Asked != 50 || r.Result != Completed {
				t.Errorf("run %d: %+v", i, r)
			}
			near(t, want.name, r.Throughput, want.throughput, 0.01)
			near(t, want.name+" items", r.ItemsRate(), want.throughput*want.items, 0.1)
			near(t, want.name+" p95", r.P95, 1/want.throughput, 1e-4)
		}
		if got := s.Verdict(); got != "best: batch=40" {
			t.Errorf("verdict %q", got)
		}
		if rate, ok := s.ItemsRate(); !ok || math.Abs(rate-800) > 0.5 {
			t.Errorf("%v items a second, %v, want those of the best run, 800", rate, ok)
		}
	})
}

func TestNoiseIsNotCalledTheBest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		i := 0
		spec := Spec{Users: 1, Iterations: 200, Matrix: map[string][]int{"batch": {1, 2}}}
		s := Run(t.Context(), batchPlan(t, spec, func(n int) (time.Duration, error) {
			i++ // every seventh is slow, and a value of 2 costs a little more: less than its runs differ
			return time.Duration(10+i%7*n*2) * time.Millisecond, nil
		}), &log{})
		if !strings.HasPrefix(s.Verdict(), "best: batch=1") {
			t.Errorf("verdict %q of runs that differ by half, want the faster one", s.Verdict())
		}
		s = Run(t.Context(), batchPlan(t, spec, func(int) (time.Duration, error) {
			i++
			return time.Duration(10+i%7) * time.Millisecond, nil
		}), &log{})
		if !strings.HasPrefix(s.Verdict(), "no clear best: batch=") || len(s.Best) != 2 {
			t.Errorf("verdict %q, best %v of two runs that are alike", s.Verdict(), s.Best)
		}
	})
}

func TestAnAbortEndsTheMatrixAndKeepsWhatWasMeasured(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		spec := Spec{Users: 1, Iterations: 1000, Matrix: map[string][]int{"batch": {1, 2, 3}}, Items: Items{Number: 5}}
		s := Run(t.Context(), batchPlan(t, spec, func(n int) (time.Duration, error) {
			if n == 2 {
				return 10 * time.Millisecond, probes.ErrInvalidResponse
			}
			return 10 * time.Millisecond, nil
		}), &log{})
		if s.Result != Aborted || s.Cause != ByErrors || len(s.Runs) != 2 || !strings.HasPrefix(s.Reason, "batch=2: ") {
			t.Errorf("%s by %q after %d runs: %q, want an abort in the second", s.Result, s.Cause, len(s.Runs), s.Reason)
		}
		if r := s.Runs[0]; r.Requests != 1000 || r.Items != 5 || math.Abs(r.ItemsRate()-500) > 0.1 {
			t.Errorf("the run before the abort: %+v", r)
		}
		if len(s.Best) != 1 || s.Verdict() != "" {
			t.Errorf("best %v, verdict %q: nothing was compared", s.Best, s.Verdict())
		}
	})
}

func TestSeveralVariablesRunInEveryCombination(t *testing.T) {
	s := Spec{Matrix: map[string][]int{"b": {1, 2}, "a": {3, 4}}}
	var names []string
	for _, values := range s.combinations() {
		names = append(names, label(s.variables(), values))
	}
	if got := strings.Join(names, "; "); got != "a=3, b=1; a=3, b=2; a=4, b=1; a=4, b=2" || s.Runs() != 4 {
		t.Errorf("%d runs: %s", s.Runs(), got)
	}
}

func TestFairnessIsJainsIndexOfWhatTheTargetDecides(t *testing.T) {
	slow := func(times ...time.Duration) *Plan {
		i := -1
		p := planOf(t, Spec{Users: 1, Iterations: 300, Tasks: requests(len(times))}, nil)
		p.open = func() (session, error) {
			return session{close: func() {}, take: func(
				ctx context.Context, timeout time.Duration, prober *probes.HTTPProber, _ *probes.Draft, due time.Time,
			) probes.Sample {
				for k := range p.Leaves {
					if p.Leaves[k].message.prober == prober {
						i = k
					}
				}
				return after(times[i]).take(ctx, timeout, nil, nil, due)
			}}, nil
		}
		return p
	}
	third, _ := trend.Jain([]float64{100, 100.0 / 3})
	for _, tt := range []struct {
		times []time.Duration
		want  float64
	}{
		{[]time.Duration{10 * time.Millisecond}, 0},
		{[]time.Duration{10 * time.Millisecond, 10 * time.Millisecond}, 1},
		{[]time.Duration{10 * time.Millisecond, 30 * time.Millisecond}, third},
	} {
		synctest.Test(t, func(t *testing.T) {
			s := Run(t.Context(), slow(tt.times...), &log{})
			near(t, "fairness", s.Fairness, tt.want, 1e-3)
		})
	}
}

// A counter of one place serves one after the other, so many a second.
type oneByOne struct {
	mu   sync.Mutex
	free time.Time
	each time.Duration
}

func (q *oneByOne) serve(ctx context.Context) (probes.Result, error) {
	q.mu.Lock()
	if now := time.Now(); q.free.Before(now) {
		q.free = now
	}
	q.free = q.free.Add(q.each)
	wait := time.Until(q.free)
	q.mu.Unlock()
	return probes.Result{}, pass(ctx, wait)
}

func TestASearchFindsTheRateThatTheTargetKeepsUpWith(t *testing.T) {
	search := func(refine float64, each time.Duration) *Summary {
		var s *Summary
		synctest.Test(t, func(t *testing.T) {
			spec := Spec{Rate: 50, MaxUsers: 100, FindCapacity: &Search{
				Start: 20, Step: 40, Max: 300, StepDuration: 10 * time.Second, LatencyP95: 500 * time.Millisecond, Refine: refine,
			}}
			s = Run(t.Context(), planOf(t, spec, (&oneByOne{each: each}).serve), &log{})
		})
		return s
	}
	s := search(0, 10*time.Millisecond) // 100 a second
	if c := s.Capacity; s.Result != Completed || c == nil || c.Rate != 100 || c.AtLeast || c.Headroom() != 1 {
		t.Errorf("%s %q, capacity %+v, want 100 with a headroom of 1", s.Result, s.Reason, s.Capacity)
	}
	if len(s.Runs) != 4 || !s.Runs[2].Held || s.Runs[3].Held || s.Runs[3].Name != "140/s" {
		t.Errorf("steps %+v, want three that held and 140/s, which did not", s.Runs)
	}
	if s.Valid() || !s.Sound() {
		t.Error("a search is believed, and compared with no other burst")
	}
	if c := search(5, 9*time.Millisecond).Capacity; c.Rate < 105 || c.Rate > 111.2 { // 111.1 a second
		t.Errorf("refined to %+v, want 105 to 111", c)
	}
	if c := search(0, time.Millisecond).Capacity; c.Rate != 300 || !c.AtLeast || c.String() != "at least 300/s" {
		t.Errorf("of a fast target: %+v", c)
	}
	if c := search(0, 100*time.Millisecond).Capacity; c.Rate != 0 || c.Headroom() != -1 || c.String() != "no rate held" {
		t.Errorf("of a slow target: %+v", c)
	}
}

func TestASearchLeavesATargetThatFailsAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := 0
		spec := Spec{Rate: 50, MaxUsers: 100, FindCapacity: &Search{Start: 20, Step: 20, Max: 200}}
		s := Run(t.Context(), planOf(t, spec, func(ctx context.Context) (probes.Result, error) {
			if n++; n > 250 { // in the second step
				return probes.Result{}, probes.ErrInvalidResponse
			}
			return probes.Result{}, pass(ctx, time.Millisecond)
		}), &log{})
		if s.Result != Completed || s.Capacity.Rate != 20 || len(s.Runs) != 2 || !strings.Contains(s.Capacity.Why, "of 400 failed") {
			t.Errorf("%s, %+v: want 20/s, and that more failed", s.Result, s.Capacity)
		}
		if failed := s.Failures(); failed < 14 || failed > 25 {
			t.Errorf("%d requests failed before the search left the target, want it to leave when 14 of 400 have", failed)
		}
	})
}
