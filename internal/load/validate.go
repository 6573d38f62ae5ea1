package load

import (
	"errors"
	"fmt"
	"time"

	"github.com/perfwatch/perfwatch/probes"
)

// The ceilings of one burst. A configuration cannot raise them.
const (
	maxUsers    = 5000
	maxRate     = 10_000 // requests a second
	maxDuration = time.Hour
	maxStages   = 100
	maxLeaves   = 100 // each is a label value and 400 kB of counts
	maxDepth    = 50  // of the task tree: more than a person reads
	maxName     = 100 // bytes
	maxWeight   = 1e6
	maxStay     = 1e6 // requests of a visit to a sticky group

	maxIterations = 1_000_000 // of all users
)

// A validator walks a spec, collects its mistakes and builds what its plan draws from.
type validator struct {
	env       probes.Env
	leaves    []Leaf
	regions   []region
	nodes     []node
	endpoints map[string]bool
	scope     scope
	headers   map[string]string // of every task
	opened    bool              // the model is the open one
	writes    bool              // methods that change something are allowed
	full      bool              // more leaves than there may be: said once
	mistakes  []error
}

func newValidator(env probes.Env) *validator {
	return &validator{
		env: env, endpoints: map[string]bool{}, headers: map[string]string{},
		scope: scope{columns: map[string]int{}, captured: map[string]int{}, variables: map[string]int{}, elsewhere: env.Elsewhere},
	}
}

func (v *validator) err() error { return errors.Join(v.mistakes...) }

// wrong notes a mistake. A nil value is one that was left out.
func (v *validator) wrong(field string, value any, format string, args ...any) {
	v.mistakes = append(v.mistakes, &probes.FieldError{Field: field, Value: value, Want: fmt.Sprintf(format, args...)})
}

// absent notes what the spec names and this machine lacks.
func (v *validator) absent(field string, value any, format string, args ...any) {
	v.mistakes = append(v.mistakes, &probes.FieldError{
		Field: field, Value: value, Want: fmt.Sprintf(format, args...), Absent: true,
	})
}

func (v *validator) model(s *Spec) {
	switch {
	case s.Users == 0 && !s.open():
		v.wrong("users", nil, "1 to %d users, or a rate", maxUsers)
	case s.Users != 0 && s.Rate != 0:
		v.wrong("rate", s.Rate, "either users or a rate, not both")
	case s.Users != 0 && s.open():
		v.wrong("stages", s.Stages, "either users or stages, not both")
	case s.open():
		v.open(s)
	default:
		v.closed(s)
	}
	if l := s.Abort.LatencyP95; l < 0 || l > maxDuration {
		v.wrong("abort.latency_p95", l, "above 0 and up to %s", maxDuration)
	}
	switch {
	case s.FindCapacity != nil:
		v.search(s)
	case len(s.Stages) > 0:
		v.stages(s)
	case s.Unbounded() && !s.open():
	case s.Duration == 0:
		v.wrong("duration", nil, "a duration up to %s", maxDuration)
	case s.Duration < 0, s.Duration > maxDuration:
		v.wrong("duration", s.Duration, "above 0 and up to %s", maxDuration)
	}
}

func (v *validator) closed(s *Spec) {
	if s.Users < 1 || s.Users > maxUsers {
		v.wrong("users", s.Users, "1 to %d users", maxUsers)
	}
	if !(s.RampUp >= 0) || s.RampUp > maxUsers {
		v.wrong("ramp_up", s.RampUp, "0 to %d users a second; 0 starts all at once", maxUsers)
	}
	if t := s.ThinkTime; t.Min < 0 || t.Min > t.Max || max(t.Max, t.Mean) > maxDuration {
		v.wrong("think_time", t, "a wait from 0 to %s", maxDuration)
	}
	if !(s.MaxRate >= 0) || s.MaxRate > maxRate {
		v.wrong("max_rate", s.MaxRate, "above 0 and up to %d requests a second", maxRate)
	}
	if s.MaxUsers != 0 {
		v.wrong("max_users", s.MaxUsers, "only beside a rate")
	}
	v.iterations(s)
}

func (v *validator) iterations(s *Spec) {
	users := max(1, s.Users)
	switch n := s.Iterations; {
	case n < 0, n > maxIterations:
		v.wrong("iterations", n, "1 to %d requests", maxIterations)
	case n > 0 && n < users:
		v.wrong("iterations", n, "at least one for each of %d users", users)
	}
	switch n := s.IterationsPerUser; {
	case n != 0 && s.Iterations != 0:
		v.wrong("iterations_per_user", n, "either iterations or iterations_per_user, not both")
	case n < 0, n > maxIterations/users:
		v.wrong("iterations_per_user", n, "1 to %d requests, %d with those of all users", maxIterations/users, maxIterations)
	}
}

func (v *validator) open(s *Spec) {
	if !(s.Rate >= 0) || s.Rate > maxRate {
		v.wrong("rate", s.Rate, "above 0 and up to %d requests a second", maxRate)
	}
	switch {
	case s.MaxUsers == 0:
		v.wrong("max_users", nil, "1 to %d users", maxUsers)
	case s.MaxUsers < 0, s.MaxUsers > maxUsers:
		v.wrong("max_users", s.MaxUsers, "1 to %d users", maxUsers)
	}
	const beside = "only beside users"
	if s.RampUp != 0 {
		v.wrong("ramp_up", s.RampUp, beside)
	}
	if s.ThinkTime != (ThinkTime{}) {
		v.wrong("think_time", s.ThinkTime, beside)
	}
	if s.Iterations != 0 {
		v.wrong("iterations", s.Iterations, beside)
	}
	if s.IterationsPerUser != 0 {
		v.wrong("iterations_per_user", s.IterationsPerUser, beside)
	}
	if s.MaxRate != 0 {
		v.wrong("max_rate", s.MaxRate, beside)
	}
}

func (v *validator) stages(s *Spec) {
	if s.Duration != 0 {
		v.wrong("duration", s.Duration, "none: stages have their own")
	}
	if n := len(s.Stages); n > maxStages {
		v.wrong("stages", n, "at most %d stages", maxStages)
		return
	}
	before := len(v.mistakes)
	var sum time.Duration
	for i, stage := range s.Stages {
		at := fmt.Sprintf("stages[%d]", i)
		if !(stage.Rate >= 0) || stage.Rate > maxRate {
			v.wrong(at+".rate", stage.Rate, "0 to %d requests a second", maxRate)
		}
		// Each is held to the bound as well, so that the sum cannot overflow.
		if sum += min(stage.Duration, maxDuration+1); stage.Duration < 0 || sum > maxDuration {
			v.wrong(at+".duration", stage.Duration, "0 or more, and up to %s for all stages", maxDuration)
			return
		}
	}
	if len(v.mistakes) == before && s.Rate >= 0 && s.pacer().Total() == 0 {
		v.wrong("stages", s.Stages, "at least one request due in them")
	}
}

// within notes every mistake that err joins, below a path.
func (v *validator) within(path string, err error) {
	//nolint:errorlint // what it joins is wanted one by one, not the first that matches
	switch e := err.(type) {
	case nil:
	case interface{ Unwrap() []error }:
		for _, err := range e.Unwrap() {
			v.within(path, err)
		}
	case *probes.FieldError:
		below := *e
		below.Field = path + "." + e.Field
		v.mistakes = append(v.mistakes, &below)
	default:
		v.mistakes = append(v.mistakes, fmt.Errorf("%s: %w", path, err))
	}
}
