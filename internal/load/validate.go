package load

import (
	"errors"
	"fmt"
	"math"
	"time"
	"unicode/utf8"

	"github.com/perfwatch/perfwatch/probes"
)

// The ceilings of one burst. A configuration cannot raise them.
const (
	maxUsers    = 5000
	maxRate     = 10_000 // requests a second
	maxDuration = time.Hour
	maxLeaves   = 100 // each is a label value and 400 kB of counts
	maxDepth    = 8   // of the task tree
	maxName     = 100 // bytes
	maxWeight   = 1e6
)

// A validator walks a spec, collects its mistakes and builds its leaves.
type validator struct {
	env       probes.Env
	leaves    []Leaf
	endpoints map[string]bool
	full      bool // more leaves than there may be: said once
	mistakes  []error
}

func (v *validator) err() error { return errors.Join(v.mistakes...) }

// wrong notes a mistake. A nil value is one that was left out.
func (v *validator) wrong(field string, value any, format string, args ...any) {
	v.mistakes = append(v.mistakes, &probes.FieldError{Field: field, Value: value, Want: fmt.Sprintf(format, args...)})
}

func (v *validator) model(s *Spec) {
	switch {
	case s.Users == 0 && s.Rate == 0:
		v.wrong("users", nil, "1 to %d users, or a rate", maxUsers)
	case s.Users != 0 && s.Rate != 0:
		v.wrong("rate", s.Rate, "either users or a rate, not both")
	case s.Rate != 0:
		v.open(s)
	default:
		v.closed(s)
	}
	switch {
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
	if t := s.ThinkTime; t.Min < 0 || t.Min > t.Max || t.Max > maxDuration {
		v.wrong("think_time", t, "a wait from 0 to %s", maxDuration)
	}
	if s.MaxUsers != 0 {
		v.wrong("max_users", s.MaxUsers, "only beside a rate")
	}
}

func (v *validator) open(s *Spec) {
	if !(s.Rate > 0) || s.Rate > maxRate {
		v.wrong("rate", s.Rate, "above 0 and up to %d requests a second", maxRate)
	}
	switch {
	case s.MaxUsers == 0:
		v.wrong("max_users", nil, "1 to %d users", maxUsers)
	case s.MaxUsers < 0, s.MaxUsers > maxUsers:
		v.wrong("max_users", s.MaxUsers, "1 to %d users", maxUsers)
	}
	if s.RampUp != 0 {
		v.wrong("ramp_up", s.RampUp, "only beside users")
	}
	if s.ThinkTime != (ThinkTime{}) {
		v.wrong("think_time", s.ThinkTime, "only beside users")
	}
}

// tasks checks the tasks at path and adds their leaves. Top is the name of the tree's top above them, share what they
// have together of all requests.
func (v *validator) tasks(tasks []Task, path, top string, share float64, depth int) {
	if len(tasks) == 0 {
		v.wrong(path, nil, "at least one task")
		return
	}
	if depth > maxDepth {
		v.wrong(path, depth, "a tree at most %d tasks deep", maxDepth)
		return
	}
	sum := 0.0
	for i := range tasks {
		sum += tasks[i].weight()
	}
	names := map[string]bool{}
	for i := range tasks {
		t := &tasks[i]
		at := fmt.Sprintf("%s[%d]", path, i)
		v.name(t, at, names)
		if w := t.Weight; !(w >= 0) || w > maxWeight {
			v.wrong(at+".weight", w, "above 0 and up to %.0f", maxWeight)
		}
		head := top
		if depth == 1 {
			head = t.Name
		}
		v.task(t, at, head, share*t.weight()/sum, depth)
	}
}

// weight is the task's weight against its siblings.
func (t *Task) weight() float64 {
	if t.Weight == 0 || math.IsNaN(t.Weight) {
		return 1
	}
	return t.Weight
}

// name checks a name among its siblings, and a leaf's in the whole tree: it is the value of the label "endpoint".
func (v *validator) name(t *Task, at string, siblings map[string]bool) {
	at += ".name"
	leaf := t.HTTP != nil
	switch {
	case t.Name == "":
		v.wrong(at, nil, "a name")
		return
	case len(t.Name) > maxName, !utf8.ValidString(t.Name):
		v.wrong(at, t.Name, "at most %d bytes of UTF-8", maxName)
	case siblings[t.Name]:
		v.wrong(at, t.Name, "a name that no task beside it has")
	case leaf && v.endpoints[t.Name]:
		v.wrong(at, t.Name, "a name that no other request of the tree has")
	}
	siblings[t.Name] = true
	if leaf {
		v.endpoints[t.Name] = true
	}
}

func (v *validator) task(t *Task, at, top string, share float64, depth int) {
	switch {
	case t.HTTP != nil && t.Tasks != nil:
		v.wrong(at, t.Name, "either http or tasks, not both")
	case t.HTTP != nil:
		v.leaf(t, at, top, share)
	case t.Tasks != nil:
		v.tasks(t.Tasks, at+".tasks", top, share, depth+1)
	default:
		v.wrong(at, nil, "http or tasks")
	}
}

func (v *validator) leaf(t *Task, at, top string, share float64) {
	if len(v.leaves) == maxLeaves {
		if !v.full {
			v.wrong(at, t.Name, "at most %d requests in the tree", maxLeaves)
		}
		v.full = true
		return
	}
	p, err := t.HTTP.HTTPProber(v.env)
	v.within(at+".http", err)
	v.leaves = append(v.leaves, Leaf{Task: top, Endpoint: t.Name, Share: share, Prober: p})
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
