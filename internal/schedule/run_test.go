package schedule

import (
	"context"
	"fmt"
	"runtime"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

func TestCallbacksCannotHoldUpTheLoop(t *testing.T) {
	block := make(chan struct{})
	tests := []struct {
		name  string
		fault func(s *Scheduler, j *Job)
	}{
		{"Skipped panics", func(_ *Scheduler, j *Job) { j.Skipped = func(time.Time, Reason, int) { panic("boom") } }},
		{"Skipped blocks", func(_ *Scheduler, j *Job) { j.Skipped = func(time.Time, Reason, int) { <-block } }},
		{"Skipped exits", func(_ *Scheduler, j *Job) { j.Skipped = func(time.Time, Reason, int) { runtime.Goexit() } }},
		{"Panicked panics", func(_ *Scheduler, j *Job) {
			j.Run = func(context.Context, time.Time) { panic("boom") }
			j.Panicked = func(time.Time, any, []byte) { panic("boom") }
		}},
		{"Panicked is nil", func(_ *Scheduler, j *Job) { j.Run = func(context.Context, time.Time) { panic("boom") } }},
		{"Panicked blocks", func(_ *Scheduler, j *Job) {
			j.Run = func(context.Context, time.Time) { panic("boom") }
			j.Panicked = func(time.Time, any, []byte) { <-block }
		}},
		{"Lag panics", func(s *Scheduler, _ *Job) { s.Lag = func(time.Duration) { panic("boom") } }},
		{"Run is nil", func(_ *Scheduler, j *Job) { j.Run = nil }},
		{"Run exits", func(_ *Scheduler, j *Job) { j.Run = func(context.Context, time.Time) { runtime.Goexit() } }},
		{"Run blocks", func(_ *Scheduler, j *Job) { j.Run = func(context.Context, time.Time) { <-block } }},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				block = make(chan struct{})
				d := newDiary()
				s := &Scheduler{}
				bad := d.job(t, "bad", "@every 1s", 90*time.Second)
				tt.fault(s, &bad)
				s.Replace([]Job{bad, d.job(t, "good", "CRON_TZ=UTC 0 * * * * *", 0)})
				stop := run(t, s)
				time.Sleep(2*time.Minute + time.Second)
				got := slices.DeleteFunc(d.read(), func(line string) bool { return line != "1m0s good" && line != "2m0s good" })
				expect(t, got, "1m0s good", "2m0s good")
				close(block)
				if left := stop(); left != 0 {
					t.Errorf("left %d", left)
				}
			})
		})
	}
}

// state counts what the scheduler holds.
func (s *Scheduler) state() (entries, keys, active int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.entries), len(s.held), s.active
}

func TestSkipsThatWaitAreToldTogether(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		block := make(chan struct{})
		var calls, skipped atomic.Int64
		s := &Scheduler{}
		s.Replace([]Job{{
			Name: "a", Spec: mustParse(t, "@every 1s"),
			Run:     func(context.Context, time.Time) { <-block },
			Skipped: func(_ time.Time, _ Reason, n int) { <-block; calls.Add(1); skipped.Add(int64(n)) },
		}})
		stop := run(t, s)
		time.Sleep(time.Hour)
		if _, _, active := s.state(); active != 2 {
			t.Errorf("%d goroutines, want the run and one reporter", active)
		}
		close(block)
		if left := stop(); left != 0 {
			t.Errorf("left %d", left)
		}
		if calls.Load() != 2 || skipped.Load() != 3599 { // of an hour of one each second the first one runs
			t.Errorf("%d skips in %d reports, want 3599 in 2", skipped.Load(), calls.Load())
		}
	})
}

// A clock is a wall clock that can be moved against the monotonic one.
type clock struct{ offset atomic.Int64 }

func (c *clock) now() time.Time       { return time.Now().Add(time.Duration(c.offset.Load())) }
func (c *clock) move(d time.Duration) { c.offset.Add(int64(d)) }
func (c *clock) job(d *diary, j Job) Job {
	j.Run = func(_ context.Context, due time.Time) {
		d.note(time.Now(), fmt.Sprintf("%s of %v at %v", j.Name, due.Sub(d.start), c.now().Sub(d.start)))
	}
	return j
}

func TestSteppingTheWallClock(t *testing.T) {
	const at = 8 * time.Second // of the step; the job is due at 4.259 s of every 15 s
	tests := []struct {
		name string
		step time.Duration
		want []string
	}{
		{"not at all", 0, []string{"19.259s dashboard of 19.259s at 19.259s", "34.259s dashboard of 34.259s at 34.259s"}},
		{"forward within the interval", 10 * time.Second, []string{
			"14.259s dashboard of 19.259s at 24.259s", "24.259s dashboard of 34.259s at 34.259s",
		}},
		{"forward beyond it: one run and the rest counted", 40 * time.Second, []string{
			"14.259s dashboard of 19.259s at 54.259s", "14.259s skipped 2 from 34.259s: overlap",
			"24.259s dashboard of 1m4.259s at 1m4.259s",
		}},
		{"back a little", -900 * time.Millisecond, []string{
			"20.159s dashboard of 19.259s at 19.259s", "35.159s dashboard of 34.259s at 34.259s",
		}},
		{"back an hour: the job goes on", -time.Hour, []string{
			"19.259s dashboard of -59m40.741s at -59m40.741s", "34.259s dashboard of -59m25.741s at -59m25.741s",
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				d, c := newDiary(), &clock{}
				job := c.job(d, d.job(t, "dashboard", "@every 15s", 0))
				job.Skipped = func(due time.Time, reason Reason, n int) {
					d.note(time.Now(), fmt.Sprintf("skipped %d from %v: %s", n, due.Sub(d.start), reason))
				}
				s := &Scheduler{wall: c.now}
				s.Replace([]Job{job})
				stop := run(t, s)
				time.Sleep(at)
				d.read()
				c.move(tt.step)
				time.Sleep(30 * time.Second)
				stop()
				got := d.read()
				slices.Sort(got[:max(0, len(got)-1)]) // a run and its skips come at the same instant in any order
				expect(t, got, tt.want...)
			})
		})
	}
}

func TestReplaceDoesNotLoseARunThatIsOverdue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, c := newDiary(), &clock{}
		job := c.job(d, d.job(t, "dashboard", "@every 15s", 0))
		s := &Scheduler{wall: c.now}
		s.Replace([]Job{job})
		stop := run(t, s)
		time.Sleep(8 * time.Second)
		d.read()
		c.move(12 * time.Second)
		s.Replace([]Job{job})
		expect(t, d.read(), "8s dashboard of 19.259s at 20s")
		stop()
	})
}

func TestALongStallIsNoStorm(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := &clock{}
		var runs, skips atomic.Int64
		var lag time.Duration
		s := &Scheduler{wall: c.now, Lag: func(d time.Duration) { lag = max(lag, d) }}
		s.Replace([]Job{{
			Name: "dashboard", Spec: mustParse(t, "@every 15s"),
			Run:     func(context.Context, time.Time) { runs.Add(1) },
			Skipped: func(_ time.Time, _ Reason, n int) { skips.Add(int64(n)) },
		}})
		stop := run(t, s)
		time.Sleep(5 * time.Second)
		c.move(8 * time.Hour)
		time.Sleep(10 * time.Second)
		stop()
		if want := int64(8*60*4 - 1); runs.Load() != 2 || skips.Load() != want { // the first of those missed ran
			t.Errorf("got %d runs and %d skips, want 2 and %d", runs.Load(), skips.Load(), want)
		}
		if want := 8*time.Hour - 5*time.Second; lag != want {
			t.Errorf("lag %v, want %v", lag, want)
		}
	})
}
