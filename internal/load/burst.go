package load

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"
)

// A burst is one run of a plan: all of it, or one value of a matrix, or one step of a search.
type burst struct {
	plan    *Plan
	sink    Sink
	mix     *mix
	cursor  *cursor
	ceiling *ceiling
	tally   *tally
	feeds   []feed
	monitor *monitor
	crew    crew
	seed    uint64
	timeout time.Duration // of a request
	start   time.Time
	end     time.Time // nothing is sent after it
	hardEnd time.Time // nothing runs after it
	dropped uint64
	began   usage         // of this process, before the first request
	starved time.Duration // how late its goroutines were woken, at the 99th percentile
	stop    context.CancelCauseFunc
}

// run fires the burst.
func (b *burst) run(ctx context.Context) *Summary {
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	b.stop = stop
	watched := b.monitor.start(ctx, b)
	pulse := startPulse()
	if b.plan.rate > 0 {
		b.runOpen(ctx)
	} else {
		b.runClosed(ctx)
	}
	b.crew.wg.Wait()
	watched()
	b.starved = pulse.end()
	return b.summary(ctx)
}

func newBurst(p *Plan, sink Sink) *burst {
	began := p.usage() // before the clock runs: it reads files
	now := time.Now()
	b := &burst{
		plan: p, sink: sink, mix: newMix(p.regions), cursor: newCursor(p.iterations), ceiling: newCeiling(p.maxRate),
		tally: newTally(p), feeds: newFeeds(p.data), monitor: newMonitor(p),
		seed: p.Seed, timeout: p.timeout(),
		began: began, start: now, end: now.Add(p.duration), hardEnd: now.Add(p.MaxDuration()),
	}
	b.crew.changed = sink.SetUsers
	if b.seed == 0 {
		b.seed = rand.Uint64()
	}
	return b
}

// runClosed starts user i at i/rampUp, for as long as there is something left to do.
func (b *burst) runClosed(ctx context.Context) {
	var timer *time.Timer
	for i := range b.plan.users {
		at := b.start
		if b.plan.rampUp > 0 {
			at = at.Add(time.Duration(float64(i) / b.plan.rampUp * float64(time.Second)))
		}
		if !at.Before(b.end) || !b.wait(ctx, &timer, at, b.cursor.end) || b.cursor.over() {
			return
		}
		b.hire(ctx, i, (*user).roam)
	}
}

// hire starts a user, who works until work returns. A user who cannot open a session ends the burst.
func (b *burst) hire(ctx context.Context, i int, work func(*user, context.Context)) {
	b.crew.join()
	b.crew.wg.Go(func() {
		defer b.crew.leave()
		u, err := b.newUser(i)
		if err != nil {
			b.stop(fmt.Errorf("opening the session of user %d: %w", i, err))
			return
		}
		defer u.close()
		if err := u.begin(ctx); err != nil {
			b.unable(err)
			return
		}
		b.able()
		// A context between the burst's and the requests': requests enter themselves here and not in a list of all users.
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		work(u, ctx)
	})
}

// wait returns at the given instant, or sooner when wake receives. It is false once ctx is done. The timer is made when
// it is first needed, and used again.
func (b *burst) wait(ctx context.Context, timer **time.Timer, at time.Time, wake <-chan struct{}) bool {
	d := time.Until(at)
	if d <= 0 {
		return ctx.Err() == nil
	}
	if *timer == nil {
		*timer = time.NewTimer(d)
	} else {
		(*timer).Reset(d)
	}
	select {
	case <-(*timer).C:
		return ctx.Err() == nil
	case <-wake:
		(*timer).Stop()
		return ctx.Err() == nil
	case <-ctx.Done():
		(*timer).Stop()
		return false
	}
}

// A crew counts the users of a burst and the requests in flight.
type crew struct {
	wg       sync.WaitGroup
	inFlight atomic.Int64
	mostSent atomic.Int64 // in flight at once

	mu      sync.Mutex
	users   int
	most    int
	begun   int   // users whose setup went well
	unable  int   // those whose did not
	why     error // the last of them
	lost    uint64
	changed func(users int)
}

func (c *crew) join()  { c.change(1) }
func (c *crew) leave() { c.change(-1) }

// change reports under the lock, so that the last number reported is the last that was true.
func (c *crew) change(by int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.users += by
	c.most = max(c.most, c.users)
	c.changed(c.users)
}

// size is how many users there are now.
func (c *crew) size() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.users
}

func (c *crew) sending() {
	n := c.inFlight.Add(1)
	for most := c.mostSent.Load(); n > most; most = c.mostSent.Load() {
		if c.mostSent.CompareAndSwap(most, n) {
			return
		}
	}
}

func (c *crew) answered() { c.inFlight.Add(-1) }
