package schedule

import (
	"context"
	"testing"
	"testing/synctest"
	"time"
)

func TestAJobKeepsItsPhaseOverReplaceAndRestart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDiary()
		job := d.job(t, "dashboard", "@every 15s", 0)
		s := &Scheduler{}
		s.Replace([]Job{job})
		stop := run(t, s)
		time.Sleep(10 * time.Second)
		job.Timeout = time.Second
		s.Replace([]Job{d.job(t, "holdings", "@every 15s", 0), job})
		time.Sleep(15 * time.Second)
		stop()
		s = &Scheduler{}
		s.Replace([]Job{job})
		stop = run(t, s)
		time.Sleep(15 * time.Second)
		expect(t, d.read(), "4.259s dashboard", "19.259s dashboard", "22.897s holdings", "34.259s dashboard")
		stop()
	})
}

func TestReplaceChangesWhatIsDue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDiary()
		s := &Scheduler{}
		s.Replace([]Job{d.job(t, "dashboard", "@every 15s", 0), d.job(t, "holdings", "@every 15s", 0)})
		stop := run(t, s)
		time.Sleep(10 * time.Second)
		expect(t, d.read(), "4.259s dashboard", "7.897s holdings")
		s.Replace([]Job{d.job(t, "dashboard", "CRON_TZ=UTC 12 * * * * *", 0)})
		time.Sleep(50 * time.Second)
		expect(t, d.read(), "12s dashboard")
		s.Replace(nil)
		time.Sleep(time.Hour)
		expect(t, d.read())
		s.Replace([]Job{d.job(t, "holdings", "@every 15s", 0), d.job(t, "never", "0 0 30 2 *", 0), {Name: "zero"}})
		time.Sleep(15 * time.Second)
		expect(t, d.read(), "1h1m7.897s holdings")
		stop()
	})
}

func TestReplaceBeforeRunIsNotLate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDiary()
		s := &Scheduler{}
		s.Replace([]Job{d.job(t, "dashboard", "@every 15s", 0)})
		time.Sleep(time.Minute)
		stop := run(t, s)
		time.Sleep(15 * time.Second)
		expect(t, d.read(), "1m4.259s dashboard")
		stop()
	})
}

func TestOfJobsWithTheSameNameTheLastCounts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDiary()
		s := &Scheduler{}
		s.Replace([]Job{d.job(t, "a", "CRON_TZ=UTC 5 * * * * *", 0), d.job(t, "a", "CRON_TZ=UTC 6 * * * * *", 0)})
		stop := run(t, s)
		time.Sleep(time.Minute)
		expect(t, d.read(), "6s a")
		stop()
	})
}

func TestARunOutlivesItsJobAndKeepsItsLocks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDiary()
		burst := d.job(t, "burst", "CRON_TZ=UTC 0 * * * * *", 50*time.Second)
		burst.Exclusive = []string{"host"}
		s := &Scheduler{}
		s.Replace([]Job{burst})
		stop := run(t, s)
		time.Sleep(61 * time.Second)
		other := d.job(t, "other", "CRON_TZ=UTC 2,55 * * * * *", 0)
		other.Exclusive = []string{"host"}
		s.Replace([]Job{other})
		time.Sleep(3 * time.Second)
		burst = d.job(t, "burst", "CRON_TZ=UTC 5,58 * * * * *", 0) // it comes back with another key
		burst.Exclusive = []string{"elsewhere"}
		s.Replace([]Job{burst, other})
		time.Sleep(55 * time.Second)
		expect(t, d.read(), "1m0s burst", "1m2s other guard", "1m5s burst overlap", "1m55s other", "1m58s burst")
		s.Replace(nil)
		if entries, keys, active := s.state(); entries+keys+active != 0 {
			t.Errorf("left %d entries, %d keys, %d goroutines", entries, keys, active)
		}
		stop()
	})
}

func TestAJobThatComesBackIsNotOverdue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDiary()
		slow := d.job(t, "dashboard", "@every 15s", 50*time.Second)
		s := &Scheduler{}
		s.Replace([]Job{slow})
		stop := run(t, s)
		time.Sleep(5 * time.Second)
		s.Replace(nil)
		time.Sleep(40 * time.Second)
		s.Replace([]Job{slow})
		time.Sleep(20 * time.Second)
		expect(t, d.read(), "4.259s dashboard", "49.259s dashboard overlap", "1m4.259s dashboard")
		s.Replace(nil)
		stop()
		if entries, _, _ := s.state(); entries != 0 {
			t.Errorf("left %d entries", entries)
		}
	})
}

func TestDrain(t *testing.T) {
	const begin = 4259 * time.Millisecond
	tests := []struct {
		name     string
		drain    time.Duration
		takes    time.Duration
		deaf     bool // does not hear that it is cancelled
		wantLeft int
		wantTook time.Duration
		want     string
	}{
		{"nothing runs", time.Minute, 0, false, 0, 0, ""},
		{"a run may end by itself", 10 * time.Second, 5 * time.Second, false, 0, 4259 * time.Millisecond, ""},
		{"a longer one is cancelled", 3 * time.Second, time.Hour, false, 0, 3 * time.Second, "dashboard context canceled"},
		{"without a drain it is cancelled at once", 0, time.Hour, false, 0, 0, "dashboard context canceled"},
		{"a deaf one is left after a second", 3 * time.Second, time.Hour, true, 1, 4 * time.Second, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				d := newDiary()
				job := d.job(t, "dashboard", "@every 15s", tt.takes)
				if tt.deaf {
					job.Run = func(context.Context, time.Time) { time.Sleep(tt.takes) }
				}
				s := &Scheduler{Drain: tt.drain}
				s.Replace([]Job{job})
				stop := run(t, s)
				time.Sleep(begin + 741*time.Millisecond)
				d.read()
				at := time.Now()
				if left := stop(); left != tt.wantLeft {
					t.Errorf("left %d, want %d", left, tt.wantLeft)
				}
				if took := time.Since(at); took != tt.wantTook {
					t.Errorf("took %v, want %v", took, tt.wantTook)
				}
				var want []string
				if tt.want != "" {
					want = []string{time.Since(d.start).String() + " " + tt.want}
				}
				expect(t, d.read(), want...)
				time.Sleep(tt.takes) // the bubble ends only when no goroutine is left
			})
		})
	}
}

func TestASchedulerRunsAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDiary()
		s := &Scheduler{Drain: time.Second}
		s.Replace([]Job{d.job(t, "dashboard", "@every 15s", time.Second)})
		run(t, s)()
		time.Sleep(time.Hour)
		stop := run(t, s)
		time.Sleep(5 * time.Second)
		stop()
		expect(t, d.read(), "1h0m4.259s dashboard")
	})
}
