package load

import (
	"context"
	"math/rand/v2"
	"time"

	"github.com/perfwatch/perfwatch/probes"
)

// A session asks for one user: over connections and with cookies of its own.
type session struct {
	// take sends a request, bounded by a timeout, and says how it went; a panic is one of its outcomes.
	take  func(ctx context.Context, timeout time.Duration, p *probes.HTTPProber, d *probes.Draft, due time.Time) probes.Sample
	close func()
	// trace gives each request from now on a trace id; nil if the session knows none.
	trace func(random *rand.PCG)
}

func openSession(env probes.Env) (session, error) {
	s, err := probes.NewSession(env)
	if err != nil {
		return session{}, err
	}
	return session{take: s.Take, close: s.Close, trace: s.Trace}, nil
}

// A user sends one request at a time. Everything it needs for one is its own, so that users do not wait for each other.
type user struct {
	burst   *burst
	session session
	rand    *rand.Rand
	timer   *time.Timer
	sample  probes.Sample // of the request now sent, used again for the next
	batch   batch
}

func (b *burst) newUser(i int) (*user, error) {
	s, err := b.plan.open()
	if err != nil {
		return nil, err
	}
	if s.trace != nil {
		// Not the user's own source: traces must not move the draws. A burst that repeats a seed is another trace.
		s.trace(rand.NewPCG(b.seed^uint64(b.start.UnixNano()), uint64(i)))
	}
	return &user{burst: b, session: s, rand: rand.New(rand.NewPCG(b.seed, uint64(i)))}, nil
}

func (u *user) close() {
	u.session.close()
	u.burst.tally.add(&u.batch)
}

// roam is the closed model: send, wait for the answer, think, again. Latency counts from the send, because there is no
// other instant: a user who still waits has nothing due.
func (u *user) roam(ctx context.Context) {
	b := u.burst
	for time.Now().Before(b.end) {
		u.send(ctx, time.Time{})
		next := time.Now().Add(b.plan.think.draw(u.rand))
		if next.After(b.end) {
			next = b.end // the user stays until then, so that users and duration are what was asked for
		}
		if !b.wait(ctx, &u.timer, next, nil) {
			return
		}
	}
}

// send draws a task and sends its request. It was due at the given instant; the zero time is whenever it is sent.
func (u *user) send(ctx context.Context, due time.Time) {
	b, s := u.burst, &u.sample
	leaf := b.mix.next()
	b.crew.sending()
	*s = u.session.take(ctx, min(b.timeout, time.Until(b.hardEnd)), b.plan.Leaves[leaf].Prober, nil, due)
	b.crew.answered()
	if due.IsZero() {
		s.Due = s.Start
	}
	s.Outcome = b.outcome(ctx, s)
	b.sink.Observe(leaf, s)
	b.tally.slowest.put(leaf, s)
	if u.batch.put(leaf, s) {
		b.tally.add(&u.batch)
	}
}

// outcome names what became of a request. One that was cut off because the burst ended early is canceled, whatever its
// connection made of it, and however the burst was ended: it says nothing of the target.
func (b *burst) outcome(ctx context.Context, s *probes.Sample) probes.Outcome {
	o := s.Outcome
	if o == probes.OK || ctx.Err() == nil {
		return o
	}
	switch o {
	case probes.Timeout:
		if s.Duration >= b.timeout {
			return o
		}
		return probes.Canceled
	case probes.Reset, probes.Error:
		return probes.Canceled
	default:
		return o
	}
}
