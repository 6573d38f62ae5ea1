package load

import (
	"math"
	"time"
)

// A Search looks for the highest rate that the target keeps up with: it raises the rate of an open burst in steps, ends
// at the first one that does not hold, and may then bisect what lies between that and the one before it. A step holds if
// what comes due is answered as fast as it comes due, and if its latency stays within a limit.
type Search struct {
	Start        float64       `yaml:"start"`         // requests a second of the first step
	Step         float64       `yaml:"step"`          // by which each step is higher than the one before it
	Max          float64       `yaml:"max"`           // of the last step
	StepDuration time.Duration `yaml:"step_duration"` // default 10s
	LatencyP95   time.Duration `yaml:"latency_p95"`   // of response times; default: none
	Refine       float64       `yaml:"refine"`        // bisect until no more requests a second than this are open; default: not
}

const (
	defaultStep    = 10 * time.Second
	minStep        = time.Second
	maxStep        = time.Minute
	maxSearchSteps = 100
	maxRefinements = 10

	// leastOfStep is how many requests a step has, so that ten of them lie beyond its p95.
	leastOfStep = 200
	// minRest is how long the target is left alone after a step that did not hold, at least; a step's length if that is
	// longer, so that it can work off what it was left with.
	minRest = 5 * time.Second
)

func (s *Search) stepDuration() time.Duration {
	if s.StepDuration == 0 {
		return defaultStep
	}
	return s.StepDuration
}

// rest is the pause after a step that did not hold.
func (s *Search) rest() time.Duration { return max(minRest, s.stepDuration()) }

// ups is how many steps there are up to Max. A search that is wrong has a number of them too.
func (s *Search) ups() int { return 1 + bounded((s.Max-s.Start)/s.Step, maxSearchSteps) }

// bounded rounds up, to 0 or more and at most to a bound.
func bounded(n float64, most int) int {
	if !(n > pacerSlack) {
		return 0
	}
	return int(min(math.Ceil(n-pacerSlack), float64(most)))
}

// refinements is how often a step is bisected.
func (s *Search) refinements() int {
	if s.Refine <= 0 {
		return 0
	}
	return bounded(math.Log2(s.Step/s.Refine), maxRefinements)
}

func (s *Search) steps() int { return s.ups() + s.refinements() }

// limit is how long a search sends and rests at most.
func (s *Search) limit() time.Duration {
	return time.Duration(s.steps())*s.stepDuration() + time.Duration(s.refinements())*s.rest()
}

// half is a search up to half the rate.
func (s *Search) half() *Search {
	h := *s
	h.Max = max(s.Start, s.Max/2)
	return &h
}

// search checks a search, and that the burst around it leaves its rates and its length to it.
func (v *validator) search(s *Spec) {
	f, before := s.FindCapacity, len(v.mistakes)
	if s.Rate == 0 {
		v.wrong("rate", nil, "the rate that the target has to keep up with, in requests a second")
	}
	if len(s.Stages) > 0 {
		v.wrong("stages", s.Stages, "none: find_capacity has steps of its own")
	}
	if s.Duration != 0 {
		v.wrong("duration", s.Duration, "none: find_capacity has steps of its own")
	}
	if len(s.Matrix) > 0 {
		v.wrong("matrix", s.Matrix, "either a matrix or find_capacity, not both")
	}
	v.rates(f)
	if d := f.StepDuration; f.StepDuration != 0 && (d < minStep || d > maxStep) {
		v.wrong("find_capacity.step_duration", d, "%s to %s", minStep, written(maxStep))
	}
	if l := f.LatencyP95; l < 0 || l > maxStep {
		v.wrong("find_capacity.latency_p95", l, "above 0 and up to %s", written(maxStep))
	}
	if len(v.mistakes) == before {
		v.steps(f)
	}
}

func (v *validator) rates(f *Search) {
	for _, r := range []struct {
		field string
		value float64
	}{{"start", f.Start}, {"step", f.Step}, {"max", f.Max}} {
		at := "find_capacity." + r.field
		switch {
		case r.value == 0:
			v.wrong(at, nil, "above 0 and up to %d requests a second", maxRate)
		case !(r.value > 0) || r.value > maxRate:
			v.wrong(at, r.value, "above 0 and up to %d requests a second", maxRate)
		}
	}
	if f.Max < f.Start {
		v.wrong("find_capacity.max", f.Max, "no less than its start of %g", f.Start)
	}
	if r := f.Refine; r != 0 && !(r >= f.Step/math.Exp2(maxRefinements) && r <= f.Step) {
		v.wrong("find_capacity.refine", r, "from %g to its step of %g", f.Step/math.Exp2(maxRefinements), f.Step)
	}
}

// steps checks what only all fields together tell.
func (v *validator) steps(f *Search) {
	if n := f.Start * f.stepDuration().Seconds(); n < leastOfStep-pacerSlack {
		v.wrong("find_capacity.step_duration", f.stepDuration(), "at least %d requests in a step, which take %s at %g a second",
			leastOfStep, written(time.Duration(math.Ceil(leastOfStep/f.Start))*time.Second), f.Start)
	}
	if (f.Max-f.Start)/f.Step > maxSearchSteps-1 {
		v.wrong("find_capacity.step", f.Step, "at most %d steps from %g to %g", maxSearchSteps, f.Start, f.Max)
	} else if l := f.limit(); l > maxDuration {
		v.wrong("find_capacity", written(l), "steps of %s in all at most", written(maxDuration))
	}
}
