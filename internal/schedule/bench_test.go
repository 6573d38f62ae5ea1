package schedule

import (
	"context"
	"strconv"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/robfig/cron/v3"
)

// BenchmarkVirtualHour measures what an hour of 10,000 jobs at 15 s costs in CPU seconds, here and in the library's own
// loop with a timeout and the same safeguards for each run: once with its @every as it is, where all jobs fire in the
// same instant, and once with our spread. Each is run for a shorter while, in virtual time, and scaled.
func BenchmarkVirtualHour(b *testing.B) {
	var ours, asItIs, spread float64
	for b.Loop() {
		ours += virtualHour(b, 4*time.Minute, runOurs)
		asItIs += virtualHour(b, 4*time.Minute, runLibrary)
		spread += virtualHour(b, 3*time.Second, runLibrarySpread)
	}
	n := float64(b.N)
	b.ReportMetric(ours/n, "cpu-s/virtual-hour")
	b.ReportMetric(asItIs/n, "cron-cpu-s/virtual-hour")
	b.ReportMetric(spread/n, "cron-spread-cpu-s/virtual-hour")
	b.ReportMetric(asItIs/ours, "cron/ours")
	b.ReportMetric(spread/ours, "cron-spread/ours")
}

// virtualHour returns the CPU seconds of an hour, from a part of it that begins after one interval.
func virtualHour(b *testing.B, part time.Duration, load func(*testing.T, *atomic.Int64) (stop func())) float64 {
	b.Helper()
	var cpu time.Duration
	var runs atomic.Int64
	bubble(b, func(t *testing.T) {
		stop := load(t, &runs)
		time.Sleep(15 * time.Second)
		synctest.Wait()
		before := cpuTime(t)
		runs.Store(0)
		time.Sleep(part)
		synctest.Wait()
		cpu = cpuTime(t) - before
		stop()
	})
	want := part.Seconds() / 15 * 10_000
	if got := float64(runs.Load()); got < 0.9*want || got > 1.1*want {
		b.Fatalf("%v runs in %v, want about %v", got, part, want)
	}
	return cpu.Seconds() * float64(time.Hour) / float64(part)
}

// bubble runs f in a synctest bubble, which wants a *testing.T.
func bubble(b *testing.B, f func(*testing.T)) {
	b.Helper()
	ok := testing.RunTests(func(string, string) (bool, error) { return true, nil }, []testing.InternalTest{
		{Name: b.Name(), F: func(t *testing.T) { synctest.Test(t, f) }},
	})
	if !ok {
		b.FailNow()
	}
}

func cpuTime(t *testing.T) time.Duration {
	t.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		t.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func runOurs(t *testing.T, runs *atomic.Int64) func() {
	s := &Scheduler{}
	s.Replace(tenThousand(t, func(string) Job {
		return Job{Timeout: 5 * time.Second, Run: func(context.Context, time.Time) { runs.Add(1) }}
	}))
	stop := run(t, s)
	return func() { stop() }
}

func runLibrary(_ *testing.T, runs *atomic.Int64) func() {
	return startLibrary(runs, func(int) cron.Schedule { return cron.Every(15 * time.Second) })
}

func runLibrarySpread(t *testing.T, runs *atomic.Int64) func() {
	jobs := tenThousand(t, func(string) Job { return Job{} })
	return startLibrary(runs, func(i int) cron.Schedule {
		return spreadSchedule{jobs[i].Spec, jobs[i].Spec.phase(jobs[i].Name)}
	})
}

func startLibrary(runs *atomic.Int64, schedule func(i int) cron.Schedule) func() {
	c := cron.New(cron.WithLogger(cron.DiscardLogger),
		cron.WithChain(cron.Recover(cron.DiscardLogger), cron.SkipIfStillRunning(cron.DiscardLogger)))
	for i := range 10_000 {
		c.Schedule(schedule(i), cron.FuncJob(func() {
			_, cancel := context.WithTimeout(context.Background(), 5*time.Second)
			defer cancel()
			runs.Add(1)
		}))
	}
	c.Start()
	return func() { <-c.Stop().Done() }
}

type spreadSchedule struct {
	spec  Spec
	phase int64
}

// Next implements cron.Schedule.
func (s spreadSchedule) Next(t time.Time) time.Time {
	return time.Unix(0, s.spec.next(t.UnixNano(), s.phase))
}

func BenchmarkReplace(b *testing.B) {
	s := &Scheduler{}
	jobs := tenThousand(b, func(string) Job { return Job{} })
	s.Replace(jobs)
	b.ReportAllocs()
	for b.Loop() {
		s.Replace(jobs)
	}
}

// BenchmarkSpread places jobs that were never there, and says how many of them are due in any 100 ms of their 10 s, where
// a hundredth of them is the mean.
func BenchmarkSpread(b *testing.B) {
	for _, n := range []int{1000, 10_000} {
		b.Run(strconv.Itoa(n), func(b *testing.B) {
			spec := mustParse(b, "@every 10s")
			jobs := make([]Job, n)
			for i := range jobs {
				jobs[i] = Job{Name: "t" + strconv.Itoa(i), Spec: spec}
			}
			most := 0
			for b.Loop() {
				s := &Scheduler{}
				s.Replace(jobs)
				most = mostWithin(phases(s), 10*time.Second)
			}
			b.ReportMetric(float64(most), "most-in-100ms")
		})
	}
}
