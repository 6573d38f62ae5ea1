package probes

import (
	"errors"
	"fmt"
	"strings"
	"time"
)

// A JourneyResult is what a run of several requests, one after the other, found out.
type JourneyResult struct {
	Steps []StepTime // those that were sent
}

// A StepTime says how long one request of a journey took, whether or not it succeeded.
type StepTime struct {
	Name     string
	Duration time.Duration
	Start    time.Time
	TraceID  TraceID
}

// Step adds a request to the result of the journey that it is a step of: phases and bytes are sums, the certificate is
// the one that expires first, and all else is that of the step sent last. It returns why the step failed, by its name.
// What earlier answers gave is a secret that the step sends: neither the error nor the evidence tells it.
func (r *Result) Step(name string, s *Sample, secrets [][]byte) error {
	phases, size, expiry, journey := r.Phases, r.Bytes, r.CertNotAfter, r.Journey
	if journey == nil {
		journey = &JourneyResult{}
	}
	*r = s.Result
	phases.add(&s.Phases)
	r.Phases, r.Bytes, r.Journey = phases, r.Bytes+size, journey
	if !expiry.IsZero() && (r.CertNotAfter.IsZero() || expiry.Before(r.CertNotAfter)) {
		r.CertNotAfter = expiry
	}
	journey.Steps = append(journey.Steps, StepTime{name, s.Duration, s.Start, s.TraceID})
	m := &masks{}
	for _, secret := range secrets {
		m = m.hiding(nil, string(secret))
	}
	r.Evidence = r.Evidence.ofStep(name, m)
	if s.Err == nil {
		return nil
	}
	err := s.Err
	if strings.HasPrefix(err.Error(), "fetching ") { // what was fetched has its templates not filled in
		err = errors.Unwrap(err)
	}
	return &shortError{fmt.Sprintf("step %q: ", name) + string(m.text([]byte(err.Error()), true)), s.Err}
}
