package load

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync/atomic"
	"time"

	"github.com/perfwatch/perfwatch/probes"
)

const (
	maxJourney = 50              // steps; each is a label value
	sessionAge = 5 * time.Minute // connections are closed after it, and names looked up again
)

// A Journey is a probe of several requests, one after the other, as one user sends them: what a step captures stands in
// the templates of later ones, and cookies are kept from step to step. The first that fails ends it.
type Journey struct {
	Steps []Step `yaml:"steps"`
}

// Kind implements probes.Spec.
func (*Journey) Kind() string { return "journey" }

// StepNames are the names of the steps, in their order.
func (j *Journey) StepNames() []string {
	names := make([]string, len(j.Steps))
	for i := range j.Steps {
		names[i] = j.Steps[i].Name
	}
	return names
}

// Prober implements probes.Spec.
func (j *Journey) Prober(env probes.Env) (probes.Prober, error) {
	v := newValidator(env)
	v.writes = true // a step is sent as often as any probe
	if len(j.Steps) == 0 {
		v.wrong("steps", nil, "1 to %d steps", maxJourney)
	}
	for i := range j.Steps {
		if h := j.Steps[i].HTTP; h != nil {
			v.shared(fmt.Sprintf("steps[%d].http", i), h)
		}
	}
	p := &journeyProber{env: env, steps: v.sequence("steps", j.Steps, maxJourney), captures: len(v.scope.captured)}
	if err := v.err(); err != nil {
		return nil, err
	}
	return p, nil
}

// shared refuses what is of connections: the steps have the same.
func (v *validator) shared(at string, h *probes.HTTP) {
	const want = "nothing in a step: all share the connections of global.http_client"
	switch {
	case h.HTTPClient != nil:
		v.wrong(at+".http_client", "", want)
	case h.IPFamily != "":
		v.wrong(at+".ip_family", h.IPFamily, want)
	case h.HTTPVersion != "":
		v.wrong(at+".http_version", h.HTTPVersion, want)
	case h.MaxConnection != 0:
		v.wrong(at+".max_connection_age", h.MaxConnection, want)
	}
}

// A journeyProber walks through its steps. Connections live from run to run, cookies and what was captured do not. The
// steps share the deadline of the run.
type journeyProber struct {
	env      probes.Env
	steps    []setupStep
	captures int
	idle     atomic.Pointer[walker] // of the last run, for the next
	closed   atomic.Bool
}

// A walker is what one run at a time needs.
type walker struct {
	session *probes.Session
	pen     pen
	born    time.Time
}

// Probe implements probes.Prober.
func (p *journeyProber) Probe(ctx context.Context) (res probes.Result, err error) {
	w, err := p.walker()
	if err != nil {
		return res, err
	}
	defer p.rest(w)
	for i := range p.steps {
		if err = w.walk(ctx, &p.steps[i], &res); err != nil {
			return res, err
		}
	}
	return res, nil
}

// walker is that of the run before, or a new one.
func (p *journeyProber) walker() (*walker, error) {
	w := p.idle.Swap(nil)
	if w != nil && time.Since(w.born) > sessionAge {
		w.session.Close()
		w = nil
	}
	if w == nil {
		s, err := probes.NewSession(p.env)
		if err != nil {
			return nil, err
		}
		s.Witness()
		s.Trace(rand.NewPCG(rand.Uint64(), rand.Uint64()))
		w = &walker{session: s, born: time.Now(), pen: pen{
			random: rand.New(rand.NewPCG(rand.Uint64(), rand.Uint64())), user: 1,
		}}
	}
	w.session.Forget()
	w.pen.captured = make([][]byte, p.captures)
	return w, nil
}

// rest keeps a walker for the next run.
func (p *journeyProber) rest(w *walker) {
	w.pen.captured, w.pen.buf = nil, nil // they may be large, and are secrets
	if before := p.idle.Swap(w); before != nil {
		before.session.Close()
	}
	if p.closed.Load() {
		p.Close()
	}
}

// walk takes one step. What cannot be filled in with what the steps before gave is their mistake.
func (w *walker) walk(ctx context.Context, step *setupStep, res *probes.Result) error {
	draft, err := w.pen.draft(&step.message)
	if err != nil {
		return fmt.Errorf("step %q: %w: %w", step.name, probes.ErrInvalidResponse, err)
	}
	left := time.Minute
	if deadline, ok := ctx.Deadline(); ok {
		left = time.Until(deadline)
	}
	s := w.session.Take(ctx, left, step.prober, draft, time.Time{})
	return res.Step(step.name, &s, w.pen.captured)
}

// Close closes the connections of the last run.
func (p *journeyProber) Close() {
	p.closed.Store(true)
	if w := p.idle.Swap(nil); w != nil {
		w.session.Close()
	}
}

// Host is the host and port that the first step goes to.
func (p *journeyProber) Host() string { return p.steps[0].prober.Host() }
