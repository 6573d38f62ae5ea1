package pipeline

import (
	"maps"
	"slices"
	"time"
)

// A Status is a pipeline at one instant. It shares nothing with the pipeline.
type Status struct {
	Spec     Spec
	Open     []Current // runs that go on, the newest first
	Ended    []Run     // those that ended and are kept, the last first
	Expected time.Time // the first due instant that has no run; zero for none
	Overdue  time.Time // from when on that run is late; zero for never
	Late     bool
	Counts   map[Outcome]uint64 // since the state began
	Overlaps uint64
	Failures int // runs in a row that did not succeed
}

// A Current is an open run.
type Current struct {
	Run
	Elapsed    time.Duration
	Predicted  time.Duration // how long it will have taken when it ends; 0 if nobody knows
	Stuck      bool          // it has reported nothing for too long
	OverBudget []string      // stages that take longer than they may; "" is the whole run
	WillMiss   bool          // the prediction is over the budget, and the run is not yet
}

// Status is the pipeline at an instant.
func (p *Pipeline) Status(now time.Time) Status {
	p.mu.Lock()
	defer p.mu.Unlock()
	at := p.state.clone()
	at.advance(&p.spec, now) // what a Tick would note
	s := Status{
		Spec: p.spec, Expected: at.Expected, Late: at.Late,
		Counts: maps.Clone(at.Counts), Overlaps: at.Overlaps, Failures: at.Failures,
	}
	s.Spec.Stages = slices.Clone(p.spec.Stages)
	if !s.Expected.IsZero() {
		s.Overdue = s.Expected.Add(p.spec.Grace)
	}
	var earlier []*Run
	for i := range at.Runs {
		if at.Runs[i].Outcome == Success {
			earlier = append(earlier, &at.Runs[i])
		}
	}
	for i := range slices.Backward(at.Runs) {
		if r := &at.Runs[i]; r.Open() {
			s.Open = append(s.Open, current(&p.spec, r, earlier, now))
		} else {
			s.Ended = append(s.Ended, *r)
		}
	}
	slices.SortStableFunc(s.Ended, func(a, b Run) int { return b.End.Compare(a.End) })
	return s
}

func current(spec *Spec, r *Run, earlier []*Run, now time.Time) Current {
	c := Current{Run: *r, Elapsed: r.Duration(now), Stuck: r.stuck(spec, now)}
	if predicted, ok := predict(spec, r, earlier, now); ok {
		c.Predicted = predicted
	}
	if spec.Budget > 0 && c.Elapsed > spec.Budget {
		c.OverBudget = append(c.OverBudget, "")
	}
	for _, stage := range spec.Stages {
		s := r.Stage(stage.Name)
		if s != nil && stage.Budget > 0 && s.Duration(now) > stage.Budget {
			c.OverBudget = append(c.OverBudget, stage.Name)
		}
	}
	c.WillMiss = spec.Budget > 0 && c.Predicted > spec.Budget && c.Elapsed <= spec.Budget
	return c
}

// LastSuccess is the run that succeeded last; nil if none is kept.
func (s *Status) LastSuccess() *Run {
	for i := range s.Ended {
		if s.Ended[i].Outcome == Success {
			return &s.Ended[i]
		}
	}
	return nil
}
