package pipeline

import (
	"slices"
	"time"
)

// An Outcome says how a run ended, or did not begin.
type Outcome string

// The outcomes of runs. An open run has none.
const (
	Success   Outcome = "success"
	Failed    Outcome = "failed"    // a stage failed; starting that stage again opens the run again
	Abandoned Outcome = "abandoned" // another run took its place before it ended
	Missed    Outcome = "missed"    // it was due and did not start
	Unknown   Outcome = "unknown"   // it was due while perfwatch was away
)

// Outcomes lists every outcome.
func Outcomes() []Outcome { return []Outcome{Success, Failed, Abandoned, Missed, Unknown} }

// A Run is one run of a pipeline.
type Run struct {
	ID      string     `json:"id"`
	Start   time.Time  `json:"start"`
	End     time.Time  `json:"end,omitzero"` // zero while it is open
	Seen    time.Time  `json:"seen"`         // its last event
	Outcome Outcome    `json:"outcome,omitempty"`
	Stages  []StageRun `json:"stages"` // in the order in which they began
}

// A StageState says how far a stage of a run is.
type StageState string

// The states of stages that have begun.
const (
	Running StageState = "running"
	Done    StageState = "done"
	Broken  StageState = "failed"
)

// A StageRun is a stage of one run.
type StageRun struct {
	Name     string     `json:"name"`
	State    StageState `json:"state"`
	Start    time.Time  `json:"start,omitzero"` // zero if nobody told
	End      time.Time  `json:"end,omitzero"`   // zero while it is running
	Items    int64      `json:"items"`          // -1 if nobody told
	Attempts int        `json:"attempts"`
	Key      string     `json:"key,omitempty"` // of the last attempt
	Exit     *int       `json:"exit,omitempty"`
	Memory   int64      `json:"memory,omitempty"` // bytes
}

// Open says that the run goes on.
func (r *Run) Open() bool { return r.Outcome == "" }

// Duration is how long the run took, or has taken until an instant.
func (r *Run) Duration(now time.Time) time.Duration { return between(r.Start, r.End, now) }

// Items is the most that a stage handled; -1 if none told.
func (r *Run) Items() int64 {
	most := int64(-1)
	for i := range r.Stages {
		most = max(most, r.Stages[i].Items)
	}
	return most
}

// Stage is a stage of the run; nil if it has not begun.
func (r *Run) Stage(name string) *StageRun {
	i := slices.IndexFunc(r.Stages, func(s StageRun) bool { return s.Name == name })
	if i < 0 {
		return nil
	}
	return &r.Stages[i]
}

// Duration is how long the stage took, or has taken until an instant; 0 if nobody told when it began.
func (s *StageRun) Duration(now time.Time) time.Duration {
	if s.Start.IsZero() {
		return 0
	}
	return between(s.Start, s.End, now)
}

// complete says that every stage is done.
func (r *Run) complete(spec *Spec) bool {
	for _, stage := range spec.Stages {
		if s := r.Stage(stage.Name); s == nil || s.State != Done {
			return false
		}
	}
	return true
}

// stuck says that the run is open and has reported nothing for too long.
func (r *Run) stuck(spec *Spec, now time.Time) bool {
	return r.Open() && spec.StuckAfter > 0 && now.Sub(r.Seen) > spec.StuckAfter
}

func (r *Run) clone() Run {
	c := *r
	c.Stages = slices.Clone(r.Stages)
	return c
}

// between is a time that is never negative, whatever clocks were set.
func between(start, end, now time.Time) time.Duration {
	if end.IsZero() {
		end = now
	}
	return max(0, end.Sub(start))
}
