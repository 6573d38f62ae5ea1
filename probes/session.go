package probes

import (
	"context"
	"math/rand/v2"
	"time"
)

// A Session is what one client keeps between its requests: connections and cookies. One user of a burst has one; it
// sends one request at a time and is not safe for concurrent use.
//
// It is built to cost little more than net/http alone: the request is copied, not parsed; one set of hooks, one context
// and one timer serve request after request, until one fails in a way that may leave them in use.
type Session struct {
	x      *exchange
	parent context.Context //nolint:containedctx // only compared: whether the armed context can serve again
	ctx    context.Context //nolint:containedctx // of the requests under parent, kept because building one costs
	cancel context.CancelCauseFunc
	timer  *time.Timer
}

// NewSession makes a client of its own, with its own connections and cookies. It opens no connection yet.
func NewSession(env Env) (*Session, error) {
	rt, err := newTransport(env)
	if err != nil {
		return nil, err
	}
	x := newExchange(rt)
	x.jar, x.direct = newJar(), newDirectFor(rt, dialer{permit: env.Permit}, sessionBuffer)
	return &Session{x: x}, nil
}

// Trace gives each request from now on a trace id of its own, drawn from random, which the session then owns. The
// redirects of a request share its trace.
func (s *Session) Trace(random *rand.PCG) { s.x.tracer = newTracer(random) }

// Witness makes the session keep the evidence of each answer.
func (s *Session) Witness() { s.x.witness.keeps, s.x.body.keepFirst = true, maxEvidenceBody }

// Forget drops the cookies, so that what comes next is another visit.
func (s *Session) Forget() { s.x.jar = newJar() }

// Probe sends p's request over the session's connections. The context carries a deadline for this request; Take is
// cheaper where every request has the same parent.
func (s *Session) Probe(ctx context.Context, p *HTTPProber) (Result, error) {
	defer s.renew()
	return s.run(s.x.times.trace(ctx), p, nil)
}

// Take sends p's request, with what d fills in, under a deadline of timeout from now and makes a Sample of it; a nil d
// fills in nothing. A panic becomes an outcome. The timer is the session's own, so that a request with a deadline costs
// no context of its own.
func (s *Session) Take(
	ctx context.Context, timeout time.Duration, p *HTTPProber, d *Draft, due time.Time,
) (sample Sample) {
	defer s.renew()
	sample = sampled(due, func() (Result, error) {
		s.arm(ctx, timeout)
		return s.run(s.ctx, p, d) //nolint:contextcheck // derived from ctx, by this call or an earlier one
	})
	if s.x.tracer != nil && sample.Outcome == Panic {
		sample.TraceID = s.x.tracer.id
	}
	return sample
}

func (s *Session) run(ctx context.Context, p *HTTPProber, d *Draft) (Result, error) {
	if p.fresh {
		s.closeIdle()
	}
	return s.x.run(ctx, p, d)
}

// arm starts the timer of a request under ctx.
func (s *Session) arm(ctx context.Context, timeout time.Duration) {
	if s.ctx != nil && s.parent == ctx {
		s.timer.Reset(timeout)
		return
	}
	s.disarm()
	armed, cancel := context.WithCancelCause(ctx)
	s.parent, s.ctx, s.cancel = ctx, s.x.times.trace(armed), cancel
	s.timer = time.AfterFunc(timeout, func() { cancel(context.DeadlineExceeded) })
}

// renew stops the timer, and gives up what the last request may have left in use.
func (s *Session) renew() {
	late := s.timer != nil && !s.timer.Stop()
	if s.x.dirty {
		s.x.times = newTimings()
	}
	if late || s.x.dirty {
		s.disarm()
	}
}

func (s *Session) disarm() {
	if s.ctx != nil {
		s.cancel(nil)
		s.timer.Stop()
	}
	s.parent, s.ctx, s.cancel, s.timer = nil, nil, nil, nil
}

// Close closes the session's connections.
func (s *Session) Close() {
	s.disarm()
	s.closeIdle()
}

func (s *Session) closeIdle() {
	closeIdle(s.x.transport)
	s.x.direct.close()
}
