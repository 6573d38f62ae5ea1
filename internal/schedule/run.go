package schedule

import (
	"context"
	"runtime/debug"
	"slices"
	"time"
)

// start begins a run in its own goroutine, or counts why it cannot.
func (s *Scheduler) start(e *entry, due int64) {
	if reason := s.refuse(e); reason != "" {
		s.skip(e, due, reason, 1)
		return
	}
	s.begin(e, due)
}

// refuse says why an entry cannot run now, or nothing.
func (s *Scheduler) refuse(e *entry) Reason {
	held := func(key string) bool { _, held := s.held[key]; return held }
	switch {
	case e.running:
		return Overlap
	case slices.ContainsFunc(e.job.Exclusive, held):
		return Guard
	case s.MaxRunning > 0 && s.running >= s.MaxRunning:
		return Saturated
	}
	return ""
}

func (s *Scheduler) begin(e *entry, due int64) {
	for _, key := range e.job.Exclusive {
		s.held[key] = struct{}{}
	}
	e.running = true
	s.running++
	s.active++
	s.hand(task{s.runs, e, e.job, due})
}

// run is one run from its lock to its release.
func (s *Scheduler) run(t task) {
	ctx, job := t.ctx, &t.job
	defer s.release(t.entry, job.Exclusive)
	at := time.Unix(0, t.due)
	if s.Lag != nil {
		lag := max(0, time.Duration(s.now()-t.due))
		job.protect(at, func() { s.Lag(lag) })
	}
	if job.Run == nil {
		return
	}
	if job.Timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, job.Timeout)
		defer cancel()
	}
	job.protect(at, func() { job.Run(ctx, at) })
}

// release gives back what start took. It is deferred, so that a run that panics or exits its goroutine holds nothing.
func (s *Scheduler) release(e *entry, keys []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, key := range keys {
		delete(s.held, key)
	}
	e.running = false
	s.running--
	if e.gone && s.entries[e.job.Name] == e {
		delete(s.entries, e.job.Name)
	}
	s.ended()
}

// ended counts a goroutine out.
func (s *Scheduler) ended() {
	s.active--
	if s.active == 0 && s.idle != nil {
		close(s.idle)
		s.idle = nil
	}
}

// skip hands skipped instants to the entry's reporter. The loop itself never calls a callback, which could block it.
func (s *Scheduler) skip(e *entry, due int64, reason Reason, n int) {
	if e.job.Skipped == nil {
		return
	}
	waiting := slices.IndexFunc(e.skips, func(k skip) bool { return k.reason == reason })
	if waiting >= 0 {
		e.skips[waiting].n += n
	} else {
		e.skips = append(e.skips, skip{due, reason, n})
	}
	if !e.reporting {
		e.reporting = true
		s.active++
		go s.report(e)
	}
}

// report calls Skipped for what waits, and ends when nothing does.
func (s *Scheduler) report(e *entry) {
	ended := false
	defer func() {
		if !ended { // Skipped exited the goroutine
			s.mu.Lock()
			defer s.mu.Unlock()
			e.reporting = false
			s.ended()
		}
	}()
	for {
		s.mu.Lock()
		if len(e.skips) == 0 {
			e.reporting, ended = false, true
			s.ended()
			s.mu.Unlock()
			return
		}
		job, k := e.job, e.skips[0]
		e.skips = e.skips[1:]
		s.mu.Unlock()
		if at := time.Unix(0, k.due); job.Skipped != nil {
			job.protect(at, func() { job.Skipped(at, k.reason, k.n) })
		}
	}
}

// protect calls f and reports its panic. A panic of Panicked has nobody left to hear of it.
func (j *Job) protect(due time.Time, f func()) {
	defer func() {
		value := recover()
		if value == nil || j.Panicked == nil {
			return
		}
		defer func() { _ = recover() }()
		j.Panicked(due, value, debug.Stack())
	}()
	f()
}
