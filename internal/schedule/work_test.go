package schedule

import (
	"context"
	"fmt"
	"runtime"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// TestWorkersAreUsedAgain has a hundred runs at once, and then one after the other: nobody new is hired for those, and no
// more wait for work than may.
func TestWorkersAreUsedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const n = 100
		s := &Scheduler{}
		var jobs []Job
		for i := range n {
			jobs = append(jobs, Job{Name: fmt.Sprint(i), Spec: mustParse(t, "CRON_TZ=UTC 0 * * * * *"), Run: func(context.Context, time.Time) {
				time.Sleep(time.Second)
			}})
		}
		s.Replace(jobs)
		stop := run(t, s)
		before := runtime.NumGoroutine()
		time.Sleep(time.Minute)
		synctest.Wait()
		if more := runtime.NumGoroutine() - before; more != n {
			t.Errorf("%d goroutines of %d runs", more, n)
		}
		time.Sleep(10 * time.Second)
		if more := runtime.NumGoroutine() - before; more != maxWaiting {
			t.Errorf("%d goroutines wait for a run, want %d", more, maxWaiting)
		}
		jobs = jobs[:1]
		jobs[0].Spec = mustParse(t, "@every 1s")
		jobs[0].Run = func(context.Context, time.Time) {}
		s.Replace(jobs)
		time.Sleep(time.Minute)
		if more := runtime.NumGoroutine() - before; more != maxWaiting {
			t.Errorf("%d goroutines wait for a run after others, want %d", more, maxWaiting)
		}
		if left := stop(); left != 0 {
			t.Errorf("left %d", left)
		}
		synctest.Wait()
		if more := runtime.NumGoroutine() - before; more > 0 {
			t.Errorf("%d goroutines more than before, after the end", more)
		}
	})
}

// TestPreciseScheduler runs by the kernel's timers, in real time: jobs that are added while the loop sleeps are due, none
// runs before it is due, and the end of the context is the end.
func TestPreciseScheduler(t *testing.T) {
	s := &Scheduler{Precise: true}
	ctx, cancel := context.WithCancel(t.Context())
	var all sync.WaitGroup
	all.Go(func() {
		if left := s.Run(ctx); left != 0 {
			t.Errorf("left %d", left)
		}
	})
	early := make(chan time.Duration)
	job := func(name string) Job {
		return Job{Name: name, Spec: mustParse(t, "@every 1s"), Run: func(ctx context.Context, due time.Time) {
			select {
			case early <- time.Until(due):
			case <-ctx.Done():
			}
		}}
	}
	for i := range 3 {
		s.Replace([]Job{job(fmt.Sprint("job ", i))})
		for range 2 {
			if by := <-early; by > 0 {
				t.Errorf("a run %s before it was due", by)
			}
		}
	}
	cancel()
	all.Wait()
}
