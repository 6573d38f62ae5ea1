// Package schedule decides when a probe runs. One loop over a heap of due times fires every job; intended instants are
// computed and never drift, equal intervals are spread by name, and nothing that a job does can disable it.
package schedule

import (
	"container/heap"
	"context"
	"sync"
	"time"

	"github.com/perfwatch/perfwatch/internal/nap"
)

// A Reason says why a run that was due did not happen.
type Reason string

// The reasons that the scheduler itself gives.
const (
	Overlap   Reason = "overlap"   // the job's last run has not ended, or it came too late for this instant to have its own
	Saturated Reason = "saturated" // too many runs at once in the whole scheduler
	Guard     Reason = "guard"     // another job holds one of the Exclusive keys
)

const (
	// cancelGrace is how long Run waits for runs whose context it has cancelled.
	cancelGrace = time.Second
	// longestSleep bounds one wait, because timers follow the monotonic clock and due instants the wall clock: a step
	// of the wall clock, or a machine that slept, is noticed within it.
	longestSleep = 10 * time.Second
	// stepBack is the least backward step of the wall clock that makes every due instant be computed again. A smaller
	// one delays runs by as much and is left alone.
	stepBack = time.Second
)

// A Job is something that runs on a schedule. A panic of its functions is recovered and reported to Panicked. None of
// them can hold up another job: Run and Panicked are called by the run's own goroutine, Skipped by one that lives while
// there is something to report. Skips that come while it has not returned are told together, those of one reason at once.
type Job struct {
	Name      string // unique; decides the phase
	Spec      Spec
	Timeout   time.Duration                                // of one run; its context carries it; 0 means none
	Exclusive []string                                     // jobs that share a key never run at once
	Run       func(ctx context.Context, due time.Time)     // due is the intended instant
	Skipped   func(due time.Time, reason Reason, n int)    // n instants, the first of them due; never twice at once; may be nil
	Panicked  func(due time.Time, value any, stack []byte) // may be nil
}

// A Scheduler runs jobs. Its zero value is ready.
//
// A job never runs before its due instant. After a stall longer than a job's interval, such as a suspended machine or a
// forward step of the clock, the job runs once, for the first instant missed, so that the lag tells of the stall; the
// other instants missed are reported as Overlap, all at once. MaxRunning bounds how much comes at once then. After a
// backward step of a second or more every due instant is computed again from the new time, so that no job waits for the
// clock to catch up; an instant that comes twice is then run twice.
type Scheduler struct {
	MaxRunning int                     // runs at once; 0 means no bound
	Drain      time.Duration           // how long Run lets running jobs end by themselves; 0 cancels them at once
	Lag        func(lag time.Duration) // called by the run's goroutine with how late it was started; may be nil
	Precise    bool                    // wake by a timer of the kernel's own, which is late by microseconds

	wall func() time.Time // the wall clock; nil is time.Now

	mu      sync.Mutex
	entries map[string]*entry   // by name, with removed ones that still run
	queue   queue               // entries that will be due again
	held    map[string]struct{} // Exclusive keys of what runs
	runs    context.Context     //nolint:containedctx // parent of every run's while Run is under way, else nil
	running int                 // runs under way
	active  int                 // goroutines alive: runs, and reporters of skips
	workers []chan task         // goroutines that wait for a run
	sleeper nap.Sleeper         // the loop's, while Run is under way
	idle    chan struct{}       // while Run drains: closed when active reaches 0
}

// Replace makes jobs the scheduler's jobs. A job that keeps its name and schedule keeps its next due instant, and its
// running run; one with another schedule is due by the new one, and one that is gone is never due again while its run
// ends by itself. Of jobs with the same name the last counts. It may be called before and during Run.
func (s *Scheduler) Replace(jobs []Job) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.prepare()
	now := s.now()
	for _, e := range s.entries {
		e.gone = true
	}
	s.place(jobs)
	for _, job := range jobs {
		s.put(job, now)
	}
	for name, e := range s.entries {
		if !e.gone {
			continue
		}
		e.due = 0 // a job that comes back is a new one, but for its run
		if !e.running {
			delete(s.entries, name)
		}
	}
	s.requeue()
	if s.sleeper != nil {
		s.sleeper.Wake()
	}
}

// put adds a job or changes the one of its name.
func (s *Scheduler) put(job Job, now int64) {
	e := s.entries[job.Name]
	if e == nil {
		e = &entry{}
		s.entries[job.Name] = e
	}
	if e.keeps(job) {
		e.job, e.gone = job, false
		return
	}
	e.job, e.gone = job, false
	e.due = job.Spec.next(now, e.phase)
}

// prepare makes the maps of a zero Scheduler.
func (s *Scheduler) prepare() {
	if s.entries == nil {
		s.entries, s.held = map[string]*entry{}, map[string]struct{}{}
	}
}

// requeue builds the queue from the entries.
func (s *Scheduler) requeue() {
	clear(s.queue)
	s.queue = s.queue[:0]
	for _, e := range s.entries {
		if e.due != 0 {
			s.queue = append(s.queue, queued{e.due, e})
		}
	}
	heap.Init(&s.queue)
}

// reschedule computes every due instant from now, as if the jobs were new.
func (s *Scheduler) reschedule(now int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.prepare()
	for _, e := range s.entries {
		if !e.gone {
			e.due = e.job.Spec.next(now, e.phase)
		}
	}
	s.requeue()
}

// Run fires jobs until ctx is done. Then it starts no more, lets what runs end within Drain, cancels what still runs,
// waits a second at most for that to end, and returns how many runs (or callbacks that never came back) it left. Only one
// Run may be under way. Jobs of before Run are due from the moment it starts.
func (s *Scheduler) Run(ctx context.Context) (left int) {
	runs, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	sleeper := nap.New(s.Precise)
	defer sleeper.Close()
	defer context.AfterFunc(ctx, sleeper.Wake)()
	s.mu.Lock()
	s.runs, s.sleeper = runs, sleeper
	s.mu.Unlock()
	wall, mono := s.now(), time.Now()
	s.reschedule(wall)
	for ctx.Err() == nil {
		sleeper.Sleep(s.fire())
		elapsed := time.Since(mono)
		now := s.now()
		if time.Duration(now-wall)-elapsed <= -stepBack {
			s.reschedule(now)
		}
		wall, mono = now, mono.Add(elapsed)
	}
	return s.drain(cancel)
}

// fire starts what is due and returns how long nothing else will be.
func (s *Scheduler) fire() time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.now()
	for len(s.queue) > 0 {
		due, e := s.queue[0].due, s.queue[0].entry
		if due > now {
			return min(time.Duration(due-now), longestSleep)
		}
		s.start(e, due)
		s.advance(e, now)
	}
	return longestSleep
}

// advance moves an entry that was due to its first instant after now, and counts those that it passes.
func (s *Scheduler) advance(e *entry, now int64) {
	first := e.job.Spec.next(e.due, e.phase)
	var missed int
	if missed, e.due = e.job.Spec.passed(first, now, e.phase); missed > 0 {
		s.skip(e, first, Overlap, missed)
	}
	if e.due == 0 {
		heap.Pop(&s.queue)
		return
	}
	s.queue[0].due = e.due
	heap.Fix(&s.queue, 0)
}

// drain waits for what runs: first undisturbed, then cancelled.
func (s *Scheduler) drain(cancel context.CancelFunc) (left int) {
	s.mu.Lock()
	s.runs, s.sleeper = nil, nil // nothing is triggered any more
	s.dismiss()
	idle := make(chan struct{})
	if s.active == 0 {
		close(idle)
	} else {
		s.idle = idle
	}
	s.mu.Unlock()
	if s.Drain <= 0 || !within(s.Drain, idle) {
		cancel()
		within(cancelGrace, idle)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.idle = nil
	return s.active
}

// within waits for done, and says whether it came in time.
func within(d time.Duration, done <-chan struct{}) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-done:
		return true
	case <-timer.C:
		return false
	}
}

// now is the wall clock in nanoseconds since the Unix epoch.
func (s *Scheduler) now() int64 {
	if s.wall != nil {
		return s.wall().UnixNano()
	}
	return time.Now().UnixNano()
}
