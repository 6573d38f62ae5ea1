package load

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// Abort says at which answers of the target a burst ends early, judged over the last 5 s with at least 20 requests, so
// that a collapse at the end of a long burst is seen as soon as one at its beginning.
type Abort struct {
	ErrorRatio Ratio         `yaml:"error_ratio"` // more failed requests than this end the burst; default 50%, never at 100%
	LatencyP95 time.Duration `yaml:"latency_p95"` // of response times; default: never
}

// defaultErrorRatio ends a burst against a platform that is down, whatever its configuration forgot.
const defaultErrorRatio = Ratio(0.5)

// MaxErrorRatio is the part of failed requests beyond which the burst ends.
func (a Abort) MaxErrorRatio() float64 {
	if a.ErrorRatio == 0 {
		return float64(defaultErrorRatio)
	}
	return float64(a.ErrorRatio)
}

// A Ratio is a part of a whole, written "10%" or 0.1.
type Ratio float64

// UnmarshalText implements encoding.TextUnmarshaler. It takes what lies above 0 and up to 1.
func (r *Ratio) UnmarshalText(text []byte) error {
	number, percent := strings.CutSuffix(strings.TrimSpace(string(text)), "%")
	v, err := strconv.ParseFloat(number, 64)
	if percent {
		v /= 100
	}
	if err != nil || !(v > 0) || v > 1 {
		return fmt.Errorf("%q, want a part above 0%% and up to 100%%, such as 10%% or 0.1", text)
	}
	*r = Ratio(v)
	return nil
}

// String writes the ratio as it stands in the configuration.
func (r Ratio) String() string { return fmt.Sprintf("%g%%", math.Round(float64(r)*1e8)/1e6) }

// A Cause is why a burst ended before its time: one of a closed set, as it is counted.
type Cause string

// The causes. The first three lie with the target.
const (
	ByErrors   Cause = "error_ratio" // too many failed requests
	ByLatency  Cause = "latency_p95" // too slow
	BySetup    Cause = "setup"       // users could not begin
	ByRequests Cause = "requests"    // the most requests a burst may send
	ByBytes    Cause = "bytes"       // the most bytes a burst may read
	ByBudget   Cause = "budget"      // the requests of all bursts in a day
	ByTimeout  Cause = "timeout"     // the probe's own
	ByStop     Cause = "stop"        // somebody asked
	ByShutdown Cause = "shutdown"    // the daemon ends
	ByOther    Cause = "other"
)

// Causes lists them all.
func Causes() []Cause {
	return []Cause{ByErrors, ByLatency, BySetup, ByRequests, ByBytes, ByBudget, ByTimeout, ByStop, ByShutdown, ByOther}
}

// Harmful says that a burst which ended so did the target harm, or met one that was in trouble already.
func (c Cause) Harmful() bool { return c == ByErrors || c == ByLatency || c == BySetup }

// An AbortError ends a burst: as the cause of its context's cancellation, or from within.
type AbortError struct {
	Cause  Cause
	Detail string // for people
}

func (e *AbortError) Error() string { return e.Detail }

// causeOf names why a burst's context was cancelled.
func causeOf(err error) Cause {
	var aborted *AbortError
	switch {
	case errors.As(err, &aborted):
		return aborted.Cause
	case errors.Is(err, context.DeadlineExceeded):
		return ByTimeout
	}
	return ByOther
}

func abort(cause Cause, format string, args ...any) *AbortError {
	return &AbortError{Cause: cause, Detail: fmt.Sprintf(format, args...)}
}
