package pipeline

import (
	"crypto/rand"
	"fmt"
	"slices"
	"time"
)

const (
	maxRuns = 50 // that are kept, open ones among them
	maxOpen = 8  // runs at once; one more abandons the oldest
)

// apply changes the state by an event.
func (s *state) apply(spec *Spec, e Event) (Receipt, error) {
	run, err := s.runOf(spec, &e)
	if err != nil {
		return Receipt{}, err
	}
	opened := run == nil
	if opened {
		run = s.open(spec, &e)
	}
	changed, err := run.take(&e)
	if err != nil {
		return Receipt{}, err
	}
	if changed = changed || opened; changed {
		run.Seen = latest(run.Seen, e.At)
		s.settle(spec, run, &e)
	}
	return Receipt{Run: run.ID, Changed: changed, Outcome: run.Outcome}, nil
}

// runOf finds the run that an event belongs to; nil if it begins a new one.
func (s *state) runOf(spec *Spec, e *Event) (*Run, error) {
	if e.Run != "" {
		for i := range s.Runs {
			if s.Runs[i].ID == e.Run {
				return &s.Runs[i], nil
			}
		}
		if e.Verb == Progress {
			return nil, fmt.Errorf("%w: progress of run %q, which did not start", ErrConflict, e.Run)
		}
		return nil, nil //nolint:nilnil // a new run
	}
	if e.Verb == Start {
		return s.runToStart(spec, e), nil
	}
	return s.runToEnd(e)
}

// runToStart finds the run in which a stage starts that names none: an attempt that was reported before; else the newest
// run if it waits for the stage. Where the first stage was there already, a new run begins.
func (s *state) runToStart(spec *Spec, e *Event) *Run {
	for i := range slices.Backward(s.Runs) {
		if stage := s.Runs[i].Stage(e.Stage); stage != nil && e.Key != "" && stage.Key == e.Key {
			return &s.Runs[i]
		}
	}
	first := e.Stage == spec.Stages[0].Name
	for i := range slices.Backward(s.Runs) {
		run := &s.Runs[i]
		stage := run.Stage(e.Stage)
		switch {
		case run.Open() && first && stage != nil: // the next run begins while this one goes on
			return nil
		case run.Open():
			return run
		case run.Outcome == Failed && !first && (stage == nil || stage.State == Broken): // it is taken up again
			return run
		case !run.Open():
			return nil
		}
	}
	return nil
}

// runToEnd finds the run of a stage that ends and names none.
func (s *state) runToEnd(e *Event) (*Run, error) {
	var open *Run
	for i := range slices.Backward(s.Runs) {
		run := &s.Runs[i]
		if !run.Open() {
			continue
		}
		if stage := run.Stage(e.Stage); stage != nil && stage.State == Running {
			return run, nil
		}
		if open == nil {
			open = run
		}
	}
	if open != nil {
		return open, nil
	}
	if n := len(s.Runs); n > 0 && s.Runs[n-1].Stage(e.Stage) != nil { // the same again
		return &s.Runs[n-1], nil
	}
	return nil, fmt.Errorf("%w: %s of %q while no run is open, want a start before it, or run=ID", ErrConflict, e.Verb, e.Stage)
}

// open begins a run.
func (s *state) open(spec *Spec, e *Event) *Run {
	id := e.Run
	if id == "" {
		id = e.At.UTC().Format("20060102T150405Z") + "-" + rand.Text()[:6]
	}
	s.serve(spec, e.At)
	overlapped, open := false, 0
	for i := range s.Runs {
		run := &s.Runs[i]
		if !run.Open() {
			continue
		}
		open++
		stuck := run.stuck(spec, e.At)
		overlapped = overlapped || !stuck
		if stuck || e.Run == "" { // no further event could belong to it
			s.close(run, Abandoned, run.Seen)
			open--
		}
	}
	if overlapped {
		s.Overlaps++
	}
	for i := 0; open >= maxOpen && i < len(s.Runs); i++ {
		if s.Runs[i].Open() {
			s.close(&s.Runs[i], Abandoned, s.Runs[i].Seen)
			open--
		}
	}
	s.Runs = append(s.Runs, Run{ID: id, Start: e.At, Seen: e.At})
	s.forget()
	return &s.Runs[len(s.Runs)-1]
}

// forget lets the oldest runs go, but neither open ones nor the last that succeeded.
func (s *state) forget() {
	for i := 0; len(s.Runs) > maxRuns && i < len(s.Runs); {
		if s.Runs[i].Open() || &s.Runs[i] == s.lastSuccess() {
			i++
			continue
		}
		s.Runs = slices.Delete(s.Runs, i, i+1)
	}
}

// lastSuccess is the run that succeeded last; nil if none is known.
func (s *state) lastSuccess() *Run {
	var last *Run
	for i := range s.Runs {
		if r := &s.Runs[i]; r.Outcome == Success && (last == nil || !r.End.Before(last.End)) {
			last = r
		}
	}
	return last
}

// take changes a run by an event of it, and says whether anything changed.
func (r *Run) take(e *Event) (bool, error) {
	stage := r.Stage(e.Stage)
	if e.Verb == Start {
		return r.begin(stage, e), nil
	}
	if stage == nil {
		if e.Verb == Progress {
			return false, fmt.Errorf("%w: progress of %q, which did not start", ErrConflict, e.Stage)
		}
		r.Stages = append(r.Stages, StageRun{Name: e.Stage, State: Running, Items: -1, Attempts: 1})
		stage = &r.Stages[len(r.Stages)-1]
	}
	return stage.end(e)
}

// begin starts a stage, or starts it again after it failed.
func (r *Run) begin(stage *StageRun, e *Event) bool {
	switch {
	case stage == nil:
		r.Stages = append(r.Stages, begun(e, 1))
	case stage.State == Broken && (e.Key == "" || e.Key != stage.Key):
		*stage = begun(e, stage.Attempts+1)
	default:
		return false
	}
	return true
}

// begun is a stage at its start.
func begun(e *Event, attempt int) StageRun {
	return StageRun{Name: e.Stage, State: Running, Start: e.At, Items: max(e.Items, -1), Attempts: attempt, Key: e.Key}
}

// end moves a stage on, or ends it.
func (s *StageRun) end(e *Event) (bool, error) {
	state := map[Verb]StageState{Finish: Done, Fail: Broken}[e.Verb]
	switch {
	case s.State == Running && e.Verb == Progress:
		changed := e.Items > s.Items
		s.Items = max(s.Items, e.Items)
		return changed, nil
	case s.State == Running:
		s.State, s.End, s.Items = state, e.At, max(s.Items, e.Items)
		s.Exit, s.Memory = e.Exit, e.Memory
		return true, nil
	case s.State == state || e.Verb == Progress:
		return false, nil
	}
	return false, fmt.Errorf("%w: %s of %q, which is %s", ErrConflict, e.Verb, s.Name, s.State)
}

// settle closes a run that an event ended, and opens one that it takes up again.
func (s *state) settle(spec *Spec, run *Run, e *Event) {
	switch {
	case e.Verb == Start && !run.Open():
		run.Outcome, run.End = "", time.Time{}
	case e.Verb == Fail && run.Open():
		s.close(run, Failed, e.At)
	case run.Open() && run.complete(spec):
		s.close(run, Success, run.lastEnd())
	}
}

// close ends a run.
func (s *state) close(run *Run, o Outcome, at time.Time) {
	run.Outcome, run.End = o, at
	s.Counts[o]++
	switch o {
	case Success:
		s.Failures = 0
	case Failed, Abandoned:
		s.Failures++
	case Missed, Unknown: // not of a run
	}
}

// lastEnd is when the last of the run's stages ended.
func (r *Run) lastEnd() time.Time {
	at := r.Start
	for i := range r.Stages {
		at = latest(at, r.Stages[i].End)
	}
	return at
}

func latest(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}
