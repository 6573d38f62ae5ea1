package pipeline

import "time"

const (
	// mostEarly is how long before it is due a run may start and still be the one that is due: clocks differ.
	mostEarly = time.Minute
	// mostDue bounds how many missed runs are counted at once, after the clock was set forward.
	mostDue = 10_000
)

// next is the first instant after another at which a run is due; zero for never.
func (spec *Spec) next(after time.Time) time.Time {
	return spec.Schedule.Nth(spec.Name, after, 1, nil)
}

// resume finds out which run is expected next. Runs that were due while nobody watched may have been there: they are
// unknown, unless the run was known to be late before.
func (s *state) resume(spec *Spec, now time.Time) {
	switch {
	case s.Expected.IsZero(): // nobody was told to report before
		s.Expected = spec.next(now)
		return
	case s.Late && spec.Schedule.String() != "", !now.After(s.Expected.Add(spec.Grace)):
		return
	}
	due := s.Expected
	for n := 0; !due.IsZero() && now.After(due.Add(spec.Grace)); n++ {
		s.Counts[Unknown]++
		if due = spec.next(due); n == mostDue {
			due = spec.next(now)
		}
	}
	s.Expected, s.Late, s.Missed = due, false, time.Time{}
}

// serve notes that a run starts: it is the one that is due, or that is about to be.
func (s *state) serve(spec *Spec, at time.Time) {
	early := min(spec.Grace, mostEarly)
	if s.Expected.IsZero() || at.Before(s.Expected.Add(-early)) {
		return
	}
	s.Expected, s.Late, s.Missed = spec.next(at.Add(early)), false, time.Time{}
}

// advance notes what time alone brings, and says whether that is anything.
func (s *state) advance(spec *Spec, now time.Time) (changed bool) {
	for i := range s.Runs { // of which a stage is not declared any more
		if r := &s.Runs[i]; r.Open() && r.complete(spec) {
			s.close(r, Success, r.lastEnd())
			changed = true
		}
	}
	if s.Expected.IsZero() || !now.After(s.Expected.Add(spec.Grace)) {
		return changed
	}
	if !s.Late {
		s.Late, changed = true, true
	}
	due := s.Expected
	if !s.Missed.IsZero() {
		due = spec.next(s.Missed)
	}
	for range mostDue {
		if due.IsZero() || now.Before(spec.missedAt(due)) {
			break
		}
		s.Counts[Missed]++
		s.Missed, changed = due, true
		due = spec.next(due)
	}
	return changed
}

// missedAt is when a run that was due is given up: when the time is over in which it could have ended, or the next is
// due.
func (spec *Spec) missedAt(due time.Time) time.Time {
	given := due.Add(spec.Grace + spec.Budget)
	next := spec.next(due)
	if next.IsZero() || spec.Budget > 0 && given.Before(next) {
		return given
	}
	return next
}
