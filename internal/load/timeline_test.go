package load

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/perfwatch/perfwatch/probes"
)

// ended is one request that ended some time after the start.
func ended(after, took time.Duration, o probes.Outcome) entry {
	return entry{end: after, service: took, outcome: o}
}

func TestATimelineCountsWhatEndedWhen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newChronicle()
		c.sees(3, 1)
		c.sees(2, 2)
		c.add([]entry{
			ended(10*time.Millisecond, time.Second, probes.OK), ended(firstStep-1, 2*time.Second, probes.HTTP5xx),
			ended(firstStep, 20, probes.OK), ended(3*firstStep, time.Second, probes.Canceled),
			{end: 2 * firstStep, service: time.Second, lag: time.Second},
			ended(-time.Hour, time.Second, probes.OK), // a clock that was set
		})
		want := Timeline{Step: 0.25, Cells: []Cell{
			{Requests: 3, Failures: 1, Users: 3, InFlight: 2, P50: 0.999423, P95: 1.998847},
			{Requests: 1, P50: 1e-6, P95: 1e-6},
			{Requests: 1, P50: 1.998847, P95: 1.998847},
		}}
		if diff := cmp.Diff(want, c.timeline()); diff != "" {
			t.Error(diff)
		}
		if p50, p95, _ := c.quantiles(); p50 < 1 || p50 > 1.01 || p95 < 2 || p95 > 2.02 {
			t.Errorf("p50 %g, p95 %g so far, want 1 and 2 to two digits", p50, p95)
		}
	})
}

// TestATimelineHasNoMoreCellsHoweverLongItIs counts a request a second for a day: none may be lost, and its quantiles are
// those of all that a cell holds.
func TestATimelineHasNoMoreCellsHoweverLongItIs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newChronicle()
		const n = 24 * 60 * 60
		for i := range n {
			took := 100 * time.Millisecond
			if i%10 == 0 {
				took = time.Second
			}
			c.add([]entry{ended(time.Duration(i)*time.Second, took, probes.OK)})
			if len(c.cells) > maxCells {
				t.Fatalf("%d cells after %d s", len(c.cells), i)
			}
		}
		line := c.timeline()
		if line.Step != 1024 || len(line.Cells) != 85 {
			t.Fatalf("%d cells of %g s, want 85 of 1024", len(line.Cells), line.Step)
		}
		sum := uint64(0)
		for i, cell := range line.Cells {
			sum += cell.Requests
			near(t, "p50", cell.P50, 0.1, 0.003)
			near(t, "p95", cell.P95, 1, 0.03)
			if i < 84 && cell.Requests != 1024 {
				t.Errorf("cell %d has %d requests", i, cell.Requests)
			}
		}
		if sum != n {
			t.Errorf("%d requests, want %d", sum, n)
		}
	})
}

func TestMiddleIsWithinThreePercent(t *testing.T) {
	for us := int64(1); us < highest; us += us/7 + 1 {
		c := newChronicle()
		c.add([]entry{ended(0, time.Duration(us)*time.Microsecond, probes.OK)})
		near(t, "p50", c.timeline().Cells[0].P50, float64(us)/1e6, float64(us)/1e6*0.032)
	}
}

func TestASummaryHasTheTimelineOfItsBurst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		p := planOf(t, Spec{Rate: 100, MaxUsers: 50, Duration: 2 * time.Second}, func(ctx context.Context) (probes.Result, error) {
			if time.Since(start) < time.Second {
				return after(10 * time.Millisecond)(ctx)
			}
			_ = pass(ctx, 200*time.Millisecond)
			return probes.Result{Status: 503}, &probes.StatusError{Code: 503}
		})
		p.abort.ErrorRatio = 1
		s := Run(t.Context(), p, &log{})
		sum, failures := uint64(0), uint64(0)
		for _, cell := range s.Timeline.Cells {
			sum, failures = sum+cell.Requests, failures+cell.Failures
		}
		if sum != s.Requests() || failures != s.Failures() || failures == 0 {
			t.Errorf("%d requests and %d failures in the time line, %d and %d in all", sum, failures, s.Requests(), s.Failures())
		}
		first, last := s.Timeline.Cells[1], s.Timeline.Cells[7]
		if first.Requests != 25 || first.Failures != 0 || last.Requests != 25 || last.Failures != 25 {
			t.Errorf("a good cell %+v, and a bad one %+v", first, last)
		}
		near(t, "p50 of a good cell", first.P50, 0.01, 0.0003)
		near(t, "p95 of a bad cell", last.P95, 0.2, 0.006)
		if s.Timeline.Cells[0].Users == 0 {
			t.Error("no users in the first cell")
		}
		if last.InFlight < 19 || last.InFlight > 21 || last.Users < 20 {
			t.Errorf("%d in flight and %d users, want about 20", last.InFlight, last.Users)
		}
	})
}

func TestOneOfEachFailureIsKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := 0
		p := planOf(t, Spec{Users: 1, Iterations: 40, Tasks: requests(2)}, func(ctx context.Context) (probes.Result, error) {
			n++
			switch n % 4 {
			case 0:
				return probes.Result{Status: 429}, &probes.StatusError{Code: 429}
			case 1:
				return probes.Result{Status: 500 + n}, &probes.StatusError{Code: 500 + n}
			}
			return after(time.Millisecond)(ctx)
		})
		p.abort.ErrorRatio = 1
		s := Run(t.Context(), p, &log{})
		type kind struct {
			leaf   int
			o      probes.Outcome
			status int
		}
		var got []kind
		for _, r := range s.Failed {
			got = append(got, kind{r.Leaf, r.Outcome, r.Status})
		}
		want := map[kind]bool{}
		for _, k := range got {
			want[k] = true
		}
		if len(got) < 2 || len(got) > 4 || len(want) != len(got) || got[0].status != 501 || got[0].o != probes.HTTP5xx || got[1].o != probes.HTTP429 {
			t.Errorf("%+v, want the first 5xx and the first 429 of each leaf", got)
		}
		if again := firstFailed(s.Failed, s.Failed); len(again) != len(s.Failed) {
			t.Errorf("%d of two runs, want %d", len(again), len(s.Failed))
		}
	})
}

// TestProgressIsToldWhileABurstRuns reads it as the status page does.
func TestProgressIsToldWhileABurstRuns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var live Live
		p := planOf(t, Spec{Users: 10, Duration: 20 * time.Second, ThinkTime: ThinkTime{Min: 90 * time.Millisecond, Max: 90 * time.Millisecond}},
			after(10*time.Millisecond))
		p.Live = &live
		if _, ok := live.Progress(); ok {
			t.Error("a burst that has not begun runs")
		}
		done := make(chan *Summary)
		go func() { done <- Run(t.Context(), p, &log{}) }()
		time.Sleep(10*time.Second + monitorTick/2)
		got, ok := live.Progress()
		if !ok {
			t.Fatal("no burst runs")
		}
		near(t, "elapsed", got.Elapsed, 10, 0.01)
		near(t, "requests", float64(got.Requests), 1000, 20)
		near(t, "rate", got.Rate, 100, 1)
		near(t, "p95", got.P95, 0.01, 0.0002)
		if got.Probe != "burst" || got.Limit != 20 || got.Users != 10 || got.Failures != 0 || got.Bytes != 10*got.Requests || got.Asked != 0 {
			t.Errorf("%+v", got)
		}
		s := <-done
		if got, ok := live.Progress(); ok {
			t.Errorf("%+v after the end", got)
		}
		if !got.Start.Equal(s.Start) {
			t.Errorf("started at %s, want %s", got.Start, s.Start)
		}
	})
}

func TestProgressNamesTheRunOfAMatrix(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var live Live
		p := planOf(t, Spec{
			Users: 1, Duration: 4 * time.Second, Matrix: map[string][]int{"batch": {1, 2}},
			Tasks: []Task{{Name: "t", HTTP: &probes.HTTP{URL: "http://127.0.0.1/?n=${batch}"}}},
		}, after(10*time.Millisecond))
		p.Live = &live
		done := make(chan *Summary)
		go func() { done <- Run(t.Context(), p, &log{}) }()
		time.Sleep(6 * time.Second)
		got, _ := live.Progress()
		if got.Run != "batch=2" || got.Limit != 8 {
			t.Errorf("%+v, want batch=2 of 8 s", got)
		}
		if s := <-done; len(s.Timeline.Cells) != 33 {
			t.Errorf("%d cells, want those of both runs", len(s.Timeline.Cells))
		}
	})
}
