package schedule

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

// A diary notes what jobs did, with the virtual time since the bubble's midnight.
type diary struct {
	mu    sync.Mutex
	start time.Time
	lines []string
}

func newDiary() *diary { return &diary{start: time.Now()} }

func (d *diary) note(due time.Time, what string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	line := fmt.Sprintf("%v %s", time.Since(d.start), what)
	if !due.Equal(time.Now()) {
		line += fmt.Sprintf(" due %v", due.Sub(d.start))
	}
	d.lines = append(d.lines, line)
}

// read returns the lines in order of time and empties the diary.
func (d *diary) read() []string {
	synctest.Wait()
	d.mu.Lock()
	defer d.mu.Unlock()
	lines := d.lines
	d.lines = nil
	return lines
}

// job is one that notes its runs, each of which takes a while, and its skips.
func (d *diary) job(t testing.TB, name, spec string, takes time.Duration) Job {
	t.Helper()
	return Job{
		Name: name, Spec: mustParse(t, spec),
		Run: func(ctx context.Context, due time.Time) {
			d.note(due, name)
			if takes == 0 {
				return
			}
			select {
			case <-time.After(takes):
			case <-ctx.Done():
				d.note(time.Now(), name+" "+ctx.Err().Error())
			}
		},
		Skipped: func(due time.Time, reason Reason, _ int) { d.note(due, name+" "+string(reason)) },
	}
}

// run runs the scheduler in a bubble until stop is called, which returns what Run does.
func run(t testing.TB, s *Scheduler) (stop func() int) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	left := make(chan int)
	go func() { left <- s.Run(ctx) }()
	synctest.Wait()
	return func() int {
		cancel()
		return <-left
	}
}

func expect(t *testing.T, got []string, want ...string) {
	t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestRunsAtEveryInstantOfADayWithoutDrift(t *testing.T) {
	tests := []struct {
		spec        string
		want        int
		first, last time.Duration // since midnight UTC
	}{
		{"@every 15s", 5760, 4259 * time.Millisecond, 24*time.Hour - 10741*time.Millisecond},
		{"@every 1h", 24, 3199259 * time.Millisecond, 23*time.Hour + 3199259*time.Millisecond},
		{"CRON_TZ=UTC * * * * *", 1439, time.Minute, 24*time.Hour - time.Minute},
		{"CRON_TZ=UTC 0 */10 * * * *", 143, 10 * time.Minute, 24*time.Hour - 10*time.Minute},
		{"CRON_TZ=UTC 30 9-17 * * *", 9, 9*time.Hour + 30*time.Minute, 17*time.Hour + 30*time.Minute},
		{"CRON_TZ=America/New_York 0 3 * * *", 1, 8 * time.Hour, 8 * time.Hour},
	}
	for _, tt := range tests {
		t.Run(tt.spec, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				start := time.Now()
				var due []time.Duration
				s := &Scheduler{Lag: func(lag time.Duration) {
					if lag != 0 {
						t.Errorf("a run was late by %v", lag)
					}
				}}
				s.Replace([]Job{{Name: "dashboard", Spec: mustParse(t, tt.spec), Run: func(_ context.Context, at time.Time) {
					if !at.Equal(time.Now()) {
						t.Errorf("due %v, run %v", at, time.Now())
					}
					due = append(due, at.Sub(start))
					time.Sleep(333 * time.Millisecond)
				}}})
				stop := run(t, s)
				time.Sleep(24*time.Hour - time.Nanosecond)
				if left := stop(); left != 0 {
					t.Errorf("left %d", left)
				}
				if len(due) != tt.want || due[0] != tt.first || due[len(due)-1] != tt.last {
					t.Errorf("got %d runs from %v to %v, want %d from %v to %v", len(due), due[0], due[len(due)-1], tt.want, tt.first, tt.last)
				}
			})
		})
	}
}

func TestSpringAndAutumnInNewYork(t *testing.T) {
	tests := []struct {
		name, from string
		want       []string
	}{
		{"02:30 is left out in spring", "2026-03-08T00:00:00-05:00", []string{"01:30 EST", "03:30 EDT"}},
		{"01:30 comes twice in autumn", "2026-11-01T00:00:00-04:00", []string{"01:30 EDT", "01:30 EST", "02:30 EST", "03:30 EST"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				from, err := time.Parse(time.RFC3339, tt.from)
				if err != nil {
					t.Fatal(err)
				}
				time.Sleep(time.Until(from))
				spec := mustParse(t, "CRON_TZ=America/New_York 30 1-3 * * *")
				var got []string
				s := &Scheduler{}
				s.Replace([]Job{{Name: "a", Spec: spec, Run: func(_ context.Context, due time.Time) {
					got = append(got, due.In(spec.cron.Location).Format("15:04 MST"))
				}}})
				stop := run(t, s)
				time.Sleep(12 * time.Hour)
				stop()
				expect(t, got, tt.want...)
			})
		})
	}
}

func TestOverlapIsSkippedAndTheNextRunIsFine(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDiary()
		s := &Scheduler{}
		s.Replace([]Job{d.job(t, "dashboard", "@every 15s", 40*time.Second)})
		stop := run(t, s)
		time.Sleep(time.Minute)
		expect(t, d.read(), "4.259s dashboard", "19.259s dashboard overlap", "34.259s dashboard overlap", "49.259s dashboard")
		stop()
	})
}

func TestAPanicNeverDisablesAJob(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDiary()
		job := d.job(t, "a", "CRON_TZ=UTC * * * * *", 0)
		job.Exclusive = []string{"host"}
		job.Run = func(context.Context, time.Time) { panic("boom") }
		job.Panicked = func(due time.Time, value any, stack []byte) {
			d.note(due, fmt.Sprint("a panicked: ", value, ", with its stack: ", strings.Contains(string(stack), "TestAPanicNever")))
		}
		other := d.job(t, "b", "CRON_TZ=UTC 30 * * * * *", 0)
		other.Exclusive = []string{"host"}
		s := &Scheduler{MaxRunning: 1}
		s.Replace([]Job{job, other})
		stop := run(t, s)
		time.Sleep(2 * time.Minute)
		const panicked = " a panicked: boom, with its stack: true"
		expect(t, d.read(), "30s b", "1m0s"+panicked, "1m30s b", "2m0s"+panicked)
		if left := stop(); left != 0 {
			t.Errorf("left %d", left)
		}
	})
}

func TestExclusiveKeysAndMaxRunning(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDiary()
		first := d.job(t, "a", "CRON_TZ=UTC * * * * *", 20*time.Second)
		second := d.job(t, "b", "CRON_TZ=UTC 10 * * * * *", 0)
		third := d.job(t, "c", "CRON_TZ=UTC 21 * * * * *", 0)
		first.Exclusive, second.Exclusive, third.Exclusive = []string{"host"}, []string{"host"}, []string{"host"}
		free := d.job(t, "d", "CRON_TZ=UTC 5 * * * * *", 30*time.Second)
		over := d.job(t, "e", "CRON_TZ=UTC 15 * * * * *", 0)
		s := &Scheduler{MaxRunning: 2}
		s.Replace([]Job{first, second, third, free, over})
		stop := run(t, s)
		time.Sleep(time.Minute - time.Second)
		d.read()
		time.Sleep(30 * time.Second)
		expect(t, d.read(), "1m0s a", "1m5s d", "1m10s b guard", "1m15s e saturated", "1m21s c")
		stop()
	})
}

func TestRunsCarryTheirTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDiary()
		job := d.job(t, "dashboard", "@every 15s", time.Hour)
		job.Timeout = 5 * time.Second
		s := &Scheduler{}
		s.Replace([]Job{job})
		stop := run(t, s)
		time.Sleep(20 * time.Second)
		expect(t, d.read(), "4.259s dashboard", "9.259s dashboard context deadline exceeded", "19.259s dashboard")
		stop()
	})
}

// tenThousand are jobs at 15 s, each with its name.
func tenThousand(t testing.TB, f func(name string) Job) []Job {
	t.Helper()
	spec := mustParse(t, "@every 15s")
	jobs := make([]Job, 10_000)
	for i := range jobs {
		name := fmt.Sprintf("probe_%04d", i)
		jobs[i] = f(name)
		jobs[i].Name, jobs[i].Spec = name, spec
	}
	return jobs
}

func TestTenThousandJobsAreSpread(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var (
			mu  sync.Mutex
			due []time.Time
		)
		s := &Scheduler{}
		s.Replace(tenThousand(t, func(string) Job {
			return Job{Run: func(_ context.Context, at time.Time) {
				mu.Lock()
				defer mu.Unlock()
				due = append(due, at)
			}}
		}))
		stop := run(t, s)
		time.Sleep(time.Minute + 1) // one is due at its very end
		stop()
		if len(due) != 40_000 {
			t.Fatalf("got %d runs in a minute, want 40000", len(due))
		}
		slices.SortFunc(due, time.Time.Compare)
		most, first := 0, 0
		for last := range due {
			for due[last].Sub(due[first]) >= 100*time.Millisecond {
				first++
			}
			most = max(most, last-first+1)
		}
		if mean := 10_000 / 150; most > mean*3/2 {
			t.Errorf("%d runs within 100 ms, want at most half more than the mean of %d", most, mean)
		}
	})
}

func TestSimilarNamesAreSpreadToo(t *testing.T) {
	for _, text := range []string{"@every 1s", "@every 10s", "@every 15s", "@every 16s", "@every 1m", "@every 1h", "@every 24h"} {
		spec := mustParse(t, text)
		tenths := map[int64]int{}
		for i := range 1000 {
			tenths[spec.phase(fmt.Sprintf("p%d", i))*10/int64(spec.every)]++
		}
		for tenth := range int64(10) {
			if n := tenths[tenth]; n < 60 || n > 150 {
				t.Errorf("%s: %d of 1000 jobs in tenth %d of the interval, want about 100", text, n, tenth)
			}
		}
		if len(tenths) != 10 {
			t.Errorf("%s: phases outside the interval: %v", text, slices.Sorted(maps.Keys(tenths)))
		}
	}
}
