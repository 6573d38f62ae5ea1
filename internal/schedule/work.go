package schedule

import "context"

// maxWaiting bounds the workers that wait for a run: few runs are under way at once, unless the platform hangs.
const maxWaiting = 64

// A task is one run of an entry.
type task struct {
	ctx   context.Context //nolint:containedctx // of the run
	entry *entry
	job   Job // a copy: Replace may change the entry meanwhile
	due   int64
}

// hand gives a task to the worker that has waited for the least time, or to a new one. Goroutines are used again since the
// stack of a new one is too small for a probe, and making it larger, step by step, took a tenth of a probe's CPU.
func (s *Scheduler) hand(t task) {
	last := len(s.workers) - 1
	if last < 0 {
		next := make(chan task, 1) // a worker has one task at most, so that nobody waits to hand it one
		next <- t
		go s.work(next)
		return
	}
	s.workers[last] <- t
	s.workers = s.workers[:last]
}

// work does one task after another.
func (s *Scheduler) work(next chan task) {
	for t := range next {
		s.run(t)
		if !s.await(next) {
			return
		}
	}
}

// await makes a worker one that waits; it is false for one that is not needed.
func (s *Scheduler) await(next chan task) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.runs == nil || len(s.workers) == maxWaiting {
		return false
	}
	s.workers = append(s.workers, next)
	return true
}

// dismiss ends the workers that wait.
func (s *Scheduler) dismiss() {
	for _, next := range s.workers {
		close(next)
	}
	s.workers = nil
}
