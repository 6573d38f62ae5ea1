package load

import (
	"context"
	"sync"
	"time"

	"github.com/perfwatch/perfwatch/internal/nap"
)

// runOpen is the open model: requests are due at the pacer's instants, whether the target answers or not, and a free
// user sends each. When no user is free a request waits in line and its response time counts from the instant it was
// due; it is not forgotten, as it would be by users who each wait for their own answer. It is dropped, and counted, if
// its wait passes the request timeout, because whoever asked would have gone, or if the burst ends first.
func (b *burst) runOpen(ctx context.Context) {
	var (
		pacer   = b.plan.pacer
		pool    = &pool{burst: b, freed: make(chan struct{}, 1)}
		sleeper = nap.New(b.plan.Precise)
		timer   *time.Timer
		handled uint64 // handed to a user, or dropped
		waiting uint64 // due, and no user free
	)
	defer pool.close()
	defer sleeper.Close()
	defer context.AfterFunc(ctx, sleeper.Wake)()
	for going := ctx.Err() == nil; going; {
		elapsed := time.Since(b.start)
		due, pause := pacer.Pace(elapsed, handled)
		waiting = due
		for ; waiting > 0; waiting-- {
			at := pacer.At(handled)
			if elapsed-at > b.timeout {
				b.dropped++
			} else if !pool.give(ctx, b.start.Add(at)) {
				break
			}
			handled++
		}
		switch {
		case elapsed >= b.plan.duration:
			going = false
		case waiting > 0:
			going = b.wait(ctx, &timer, b.end, pool.freed)
		default:
			sleeper.Sleep(time.Until(b.start.Add(elapsed + pause)))
			going = ctx.Err() == nil
		}
	}
	if waiting > 0 { // more may have come due since
		due, _ := pacer.Pace(time.Since(b.start), handled)
		b.dropped += due
	}
}

// A pool holds the users of the open model. It hires one only when none is free, and gives the next request to the one
// that was freed last, so that a burst uses as few connections as the target's speed needs and keeps those warm.
type pool struct {
	burst *burst
	freed chan struct{}    // receives when a user may have become free
	lines []chan time.Time // to every user hired: due instants

	mu   sync.Mutex
	idle []chan time.Time
}

// give hands a request that is due to a free user. It is false if there is none and no more may be hired.
func (p *pool) give(ctx context.Context, due time.Time) bool {
	line := p.pop()
	if line == nil {
		if len(p.lines) == p.burst.plan.users {
			return false
		}
		// One place is enough for the sender never to wait: a user is given a request only when it has none.
		line = make(chan time.Time, 1)
		p.burst.hire(ctx, len(p.lines), func(u *user, ctx context.Context) { p.serve(ctx, u, line) })
		p.lines = append(p.lines, line)
	}
	line <- due
	return true
}

func (p *pool) pop() chan time.Time {
	p.mu.Lock()
	defer p.mu.Unlock()
	n := len(p.idle) - 1
	if n < 0 {
		return nil
	}
	line := p.idle[n]
	p.idle = p.idle[:n]
	return line
}

// serve sends what comes down the line until it is closed.
func (p *pool) serve(ctx context.Context, u *user, line chan time.Time) {
	for due := range line {
		if !u.send(ctx, due) {
			continue
		}
		p.mu.Lock()
		p.idle = append(p.idle, line)
		p.mu.Unlock()
		select {
		case p.freed <- struct{}{}:
		default:
		}
	}
}

// close lets every user go when its request has ended.
func (p *pool) close() {
	for _, line := range p.lines {
		close(line)
	}
}
