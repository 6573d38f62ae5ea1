package load

import (
	"context"
	"errors"
	"fmt"
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
	region  int           // of the mix: the sticky group that it is in
	taken   int           // iterations, where each user has its own
	sample  probes.Sample // of the request now sent, used again for the next
	batch   batch
	count   *count // for the monitor
	pen     pen
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
	u := &user{burst: b, session: s, rand: rand.New(rand.NewPCG(b.seed, uint64(i))), count: b.monitor.join()}
	u.pen = pen{
		random: u.rand, user: i + 1, captured: make([][]byte, b.plan.captures), feeds: b.feeds, hands: make([]hand, len(b.feeds)),
		variables: b.plan.values,
	}
	return u, nil
}

func (u *user) close() {
	u.session.close()
	u.flush()
}

// flush counts the last requests.
func (u *user) flush() {
	u.burst.tally.add(&u.batch)
	u.burst.monitor.chronicle.add(u.batch.entries[:u.batch.n])
	u.batch.n = 0
}

// roam is the closed model: send, wait for the answer, think, again, until the burst ends or nothing is left to do.
// Latency counts from the send, because there is no other instant: a user who still waits has nothing due. That holds
// for a wait under max_rate too. It is a favour to the target, which is not to be blamed for it.
func (u *user) roam(ctx context.Context) {
	b, now := u.burst, time.Now()
	for going := u.more(); going; {
		if now, going = u.until(ctx, now, b.ceiling.slot(now)); !going || !now.Before(b.end) {
			return
		}
		if !u.send(ctx, time.Time{}) {
			return
		}
		now = u.sample.Start.Add(u.sample.Duration)
		// What comes next is taken before the wait for it: who finds nothing left goes at once, and the burst does not
		// last until everybody has thought about nothing.
		next := now.Add(b.plan.think.draw(u.rand))
		if going = u.more(); going {
			now, going = u.until(ctx, now, next)
		}
	}
}

// until waits for an instant and returns the one that it is then. It asks for the time only if it has to wait. It is
// false once ctx is done.
func (u *user) until(ctx context.Context, now, at time.Time) (time.Time, bool) {
	if at = u.burst.within(at); !at.After(now) {
		return now, ctx.Err() == nil
	}
	going := u.burst.wait(ctx, &u.timer, at, nil)
	return time.Now(), going
}

// within is an instant, or the burst's end if that comes first: users stay until then, so that users and duration are
// what was asked for.
func (b *burst) within(at time.Time) time.Time {
	if at.After(b.end) {
		return b.end
	}
	return at
}

// more takes the next iteration and says whether there was one. A burst without iterations always has one.
func (u *user) more() bool {
	if own := u.burst.plan.perUser; own > 0 {
		u.taken++
		return u.taken <= own
	}
	return u.burst.cursor.take()
}

// send draws a task and sends its request. It was due at the given instant; the zero time is whenever it is sent. It is
// false if nothing can be sent any more, because the data is used up.
func (u *user) send(ctx context.Context, due time.Time) bool {
	b, s := u.burst, &u.sample
	leaf := u.draw()
	request := &b.plan.Leaves[leaf].message
	draft, err := u.pen.draft(request)
	if err != nil {
		if !errors.Is(err, errUsedUp) {
			b.stop(fmt.Errorf("task %q: %w", b.plan.Leaves[leaf].Endpoint, err))
		}
		return false
	}
	b.crew.sending()
	*s = u.session.take(ctx, min(b.timeout, time.Until(b.hardEnd)), request.prober, draft, due)
	b.crew.answered()
	if due.IsZero() {
		s.Due = s.Start
	}
	s.Outcome = b.outcome(ctx, s)
	b.sink.Observe(leaf, s)
	u.count.add(s, b.plan.abort.LatencyP95)
	b.tally.slowest.put(leaf, s)
	b.tally.failed.put(leaf, s)
	if u.batch.put(leaf, s, b.monitor.chronicle.start) {
		u.flush()
	}
	return true
}

// draw draws a task.
func (u *user) draw() (leaf int) {
	leaf, u.region = u.burst.mix.next(u.region)
	return leaf
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
