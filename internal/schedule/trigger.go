package schedule

import (
	"errors"
	"fmt"
)

// Why Trigger runs nothing.
var (
	ErrUnknown = errors.New("no such job")
	ErrStopped = errors.New("nothing runs")
)

// A BusyError says why a job cannot run just now: another run is in its way.
type BusyError struct{ Reason Reason }

func (e *BusyError) Error() string {
	switch e.Reason {
	case Overlap:
		return "it runs already"
	case Guard:
		return "another one runs against the same target"
	default:
		return "too many runs at once"
	}
}

// Trigger runs a job now, besides its schedule, which it does not change. What keeps a run that is due from running
// keeps this one too: its error is then a *BusyError. Otherwise it is ErrUnknown, or ErrStopped outside of Run.
func (s *Scheduler) Trigger(name string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	e := s.entries[name]
	switch {
	case s.runs == nil:
		return fmt.Errorf("running %q: %w", name, ErrStopped)
	case e == nil || e.gone:
		return fmt.Errorf("running %q: %w", name, ErrUnknown)
	}
	if reason := s.refuse(e); reason != "" {
		return fmt.Errorf("running %q: %w", name, &BusyError{reason})
	}
	s.begin(e, s.now())
	return nil
}
