package pipeline

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"
)

// version is that of the stored state. Fields may be added to it.
const version = 1

// maxStages bounds the stages of a run that is read.
const maxStages = 64

// A state is what must not be forgotten over a restart.
type state struct {
	Version  int                `json:"version"`
	Expected time.Time          `json:"expected,omitzero"` // the first due instant without a run; zero for none
	Late     bool               `json:"late,omitempty"`    // its grace is over, as was seen
	Missed   time.Time          `json:"missed,omitzero"`   // the last due instant that was counted as missed since then
	Runs     []Run              `json:"runs"`              // in the order in which they were opened
	Counts   map[Outcome]uint64 `json:"counts"`
	Overlaps uint64             `json:"overlaps"` // runs that began while another went on
	Failures int                `json:"failures"` // runs in a row that did not succeed
}

// ErrNewer is the error of a state that a newer version of the program wrote.
var ErrNewer = errors.New("of a newer version of perfwatch")

func (s *state) clone() *state {
	c := *s
	c.Counts = maps.Clone(s.Counts)
	c.Runs = make([]Run, len(s.Runs), len(s.Runs)+1)
	for i := range s.Runs {
		c.Runs[i] = s.Runs[i].clone()
	}
	return &c
}

func (s *state) encode() []byte {
	s.Version = version
	text, _ := json.Marshal(s) // times in range, numbers and names: never fails
	return text
}

// decode reads a stored state. After an error it is empty.
func (s *state) decode(text []byte) error {
	*s = state{Counts: map[Outcome]uint64{}}
	if len(text) == 0 {
		return nil
	}
	var read state
	if err := json.Unmarshal(text, &read); err != nil {
		return err
	}
	if what := read.wrong(); what != "" {
		err := errors.New(what)
		if read.Version > version {
			err = fmt.Errorf("version %d %w", read.Version, ErrNewer)
		}
		return err
	}
	*s = read
	if s.Counts == nil {
		s.Counts = map[Outcome]uint64{}
	}
	return nil
}

// wrong says what in a state cannot be. It believes nothing that encode does not write.
func (s *state) wrong() string {
	if s.Version != version {
		return fmt.Sprintf("version %d, want %d", s.Version, version)
	}
	if len(s.Runs) > maxRuns+maxOpen || s.Failures < 0 {
		return "too many runs, or fewer failures than none"
	}
	for o := range s.Counts {
		if !slices.Contains(Outcomes(), o) {
			return fmt.Sprintf("outcome %.100q", o)
		}
	}
	ids := map[string]bool{}
	for i := range s.Runs {
		r := &s.Runs[i]
		if what := r.wrong(); what != "" {
			return fmt.Sprintf("run %d: %s", i, what)
		}
		if ids[r.ID] {
			return fmt.Sprintf("two runs %q", r.ID)
		}
		ids[r.ID] = true
	}
	return ""
}

func (r *Run) wrong() string {
	ended := []Outcome{Success, Failed, Abandoned}
	switch {
	case r.ID == "" || !readable(r.ID):
		return "its id"
	case r.Start.IsZero() || r.Seen.IsZero() || r.Open() != r.End.IsZero():
		return "its times"
	case !r.Open() && !slices.Contains(ended, r.Outcome):
		return fmt.Sprintf("outcome %.100q", r.Outcome)
	case len(r.Stages) > maxStages:
		return "too many stages"
	}
	for i := range r.Stages {
		if what := r.Stages[i].wrong(); what != "" {
			return fmt.Sprintf("stage %d: %s", i, what)
		}
	}
	return ""
}

func (s *StageRun) wrong() string {
	switch {
	case s.Name == "" || !readable(s.Name) || !readable(s.Key):
		return "its name or key"
	case !slices.Contains([]StageState{Running, Done, Broken}, s.State):
		return fmt.Sprintf("state %.100q", s.State)
	case (s.State == Running) != s.End.IsZero() || s.Items < -1 || s.Items > maxItems || s.Attempts < 1 || s.Memory < 0:
		return "its figures"
	}
	return ""
}
