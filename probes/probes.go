// Package probes asks one question of a platform and says how it went. It has one kind of question in each file: a Spec
// as written in YAML validates itself into a Prober, and a Prober's answer travels on as a Sample. Nothing here knows
// about metrics or about when a probe is due.
package probes

import (
	"context"
	"fmt"
	"net/url"
	"time"

	promconfig "github.com/prometheus/common/config"

	"github.com/perfwatch/perfwatch/internal/browser"
)

// A Spec is a probe as written in the configuration.
type Spec interface {
	// Prober validates the spec and builds what runs it. Its error joins a *FieldError for every mistake.
	Prober(env Env) (Prober, error)
	// Kind is the name of the kind as it stands in the configuration: "http".
	Kind() string
}

// A Prober runs one probe. It is immutable once built and safe for concurrent use.
type Prober interface {
	// Probe asks once and returns within the context's deadline. A nil error is success; OutcomeOf names any other.
	// The Result is valid as far as the probe came, also beside an error.
	Probe(ctx context.Context) (Result, error)
}

// Env is what every probe of one configuration shares.
type Env struct {
	BaseURL   *url.URL                         // what relative URLs resolve against; nil if none is configured
	UserAgent string                           // sent with every request; empty means "perfwatch"
	HTTP      promconfig.HTTPClientConfig      // a zero value means its defaults
	Permit    Permit                           // judges every address before it is dialled; nil permits all
	Browser   *browser.Browser                 // loads pages; nil where they are only checked
	Redis     func(name string) (Redis, error) // one of the configuration's; nil where nothing is named. A nil Redis is only checked
	Dir       string                           // where relative paths of files start; empty for the working directory
	Elsewhere bool                             // a burst is only to be described: what this machine lacks may be left empty
}

// A FieldError is a mistake in one field of a spec. The configuration adds where the spec stands.
type FieldError struct {
	Field string // dotted YAML path below the spec: "expect.status[0]"
	Value any    // what was written; nil if nothing was
	Want  string // what is allowed: "an HTTP status from 100 to 599"
	// Absent is true where nothing is wrong with the spec but that this machine lacks what it names: a file, a variable
	// of the environment.
	Absent bool
}

func (e *FieldError) Error() string {
	if e.Value == nil {
		return fmt.Sprintf("%s: missing, want %s", e.Field, e.Want)
	}
	return fmt.Sprintf("%s: %q, want %s", e.Field, fmt.Sprint(e.Value), e.Want)
}

// A Result is what one run of a probe found out.
type Result struct {
	Phases       Phases
	Status       int       // HTTP status code, 0 if there was no response
	Bytes        int64     // body bytes read, as they came off the wire
	CertNotAfter time.Time // earliest expiry in the chain that the server sent; zero without TLS
	Cache        CacheVerdict
	TraceID      TraceID
	// ServerTimings is valid until the next request of the same session.
	ServerTimings []ServerTiming
	Evidence      *Evidence          // nil of a session's requests, and if nothing came
	Journey       *JourneyResult     // of the kind journey; nil for any other
	SQL           *SQLResult         // of the kind sql; nil for any other
	Page          *PageResult        // of the kind page; nil for any other
	Consistency   *ConsistencyResult // of the kind consistency; nil for any other
	Canary        *CanaryResult      // of the kind canary; nil for any other

	ended time.Time // the last byte or the failure; zero if the prober does not say, then Probe's return counts
}

// A Sample is one finished run of a probe or one request of a burst: the one thing that travels from probing to
// metrics, objectives and the status page.
type Sample struct {
	Due      time.Time     // the instant the schedule or the pacer intended
	Start    time.Time     // the instant it was really sent
	Duration time.Duration // from Start to the last byte, or to the failure
	Outcome  Outcome
	Err      error // why the outcome is not OK; for people, never a label
	Result
}

// Lag is how late the run started. It is never negative.
func (s *Sample) Lag() time.Duration { return max(0, s.Start.Sub(s.Due)) }

// Response is the time from the due instant to the end: what a user of an open system would have waited.
func (s *Sample) Response() time.Duration { return s.Lag() + s.Duration }

// Take runs a prober once and makes a Sample of it. A panic becomes an outcome. Where ctx ended first the outcome says
// so, whatever the error: Timeout if its deadline passed, Canceled if we stopped it.
func Take(ctx context.Context, p Prober, due time.Time) Sample {
	return sampled(due, func() (Result, error) {
		res, err := p.Probe(ctx)
		return res, interrupted(ctx, err)
	})
}

// sampled times one run. The run may know better than we when its last byte came.
func sampled(due time.Time, run func() (Result, error)) (s Sample) {
	s = Sample{Due: due, Start: time.Now()}
	defer func() {
		if v := recover(); v != nil {
			s.Err = &PanicError{Value: v}
		}
		if s.ended.IsZero() {
			s.ended = time.Now()
		}
		s.Duration = s.ended.Sub(s.Start)
		s.Outcome = OutcomeOf(s.Err)
	}()
	s.Result, s.Err = run()
	return s
}
