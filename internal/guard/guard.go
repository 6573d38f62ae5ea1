// Package guard keeps bursts from doing harm where perfwatch runs unattended: it says whether a burst may begin now and
// at what size. It knows blackout windows, the day's budget of requests and what happened to the bursts before, and
// remembers them over a restart.
package guard

import (
	"fmt"
	"sync"
	"time"

	"github.com/perfwatch/perfwatch/internal/schedule"
)

// A Window is a span of time in which no burst begins.
type Window struct {
	Begin  schedule.Spec
	Length time.Duration
}

// Rules are what the configuration says of all bursts.
type Rules struct {
	Blackouts     []Window
	DailyRequests uint64 // of all bursts in a day of UTC
}

// Blackout is the window that an instant lies in, if it lies in one.
func (r Rules) Blackout(at time.Time) (w Window, in bool) {
	for _, w := range r.Blackouts {
		if w.Begin.Covers(at, w.Length) {
			return w, true
		}
	}
	return Window{}, false
}

// A Reason is why a burst was not begun, as it is counted.
type Reason string

// The reasons.
const (
	InWindow Reason = "window" // a blackout
	Guarded  Reason = "guard"  // the budget, an abort before, or the state of the platform
)

// A RefusedError says why a burst may not begin.
type RefusedError struct {
	Reason Reason
	Detail string // for people
}

func (r *RefusedError) Error() string { return r.Detail }

func refuse(reason Reason, format string, args ...any) *RefusedError {
	return &RefusedError{Reason: reason, Detail: fmt.Sprintf(format, args...)}
}

// A Guard stands before the bursts of one daemon. It is safe for concurrent use.
type Guard struct {
	store func(state []byte) error

	mu    sync.Mutex
	rules Rules
	state state
}

// New makes a guard with the state that an earlier one stored; none and a state that cannot be read begin anew, and the
// error says so. Store is called with the lock held whenever the state changes and returns when it is safe on disk.
func New(stored []byte, store func(state []byte) error) (*Guard, error) {
	g := &Guard{store: store}
	err := g.state.decode(stored)
	return g, err
}

// SetRules takes the rules of a new configuration.
func (g *Guard) SetRules(r Rules) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.rules = r
}

// Admit says whether a burst may begin now: its error is then nil, and half says that it is to be half its size,
// because the one before was aborted. Otherwise the error is a *RefusedError, or says that the state could not be stored:
// a burst of which nothing could be remembered does not begin.
func (g *Guard) Admit(now time.Time, burst string) (half bool, err error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if w, in := g.rules.Blackout(now); in {
		return false, refuse(InWindow, "blackout of %s from %q", w.Length, w.Begin)
	}
	g.state.turn(now)
	if left := g.left(); left == 0 {
		return false, refuse(Guarded, "the day's %d requests of all bursts are used up", g.rules.DailyRequests)
	}
	b := g.state.Backoff[burst]
	if b.Skips == 0 {
		return b.Aborts > 0, nil
	}
	b.Skips--
	g.state.Backoff[burst] = b
	if err := g.save(); err != nil {
		return false, err
	}
	return false, refuse(Guarded, "%d aborted in a row, %d more to skip, then one of half the size", b.Aborts, b.Skips)
}

// Reserve takes up to n requests from the day's budget and returns how many it got, which are on disk when it returns:
// a daemon that is killed has sent no request that is not counted.
func (g *Guard) Reserve(now time.Time, n uint64) (uint64, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.state.turn(now)
	n = min(n, g.left())
	if n == 0 {
		return 0, nil
	}
	g.state.Requests += n
	if err := g.save(); err != nil {
		g.state.Requests -= n
		return 0, err
	}
	return n, nil
}

// Return gives back what was reserved and not sent. What was reserved on another day is gone with it.
func (g *Guard) Return(now time.Time, n uint64) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.state.turn(now)
	g.state.Requests -= min(n, g.state.Requests)
	return g.save()
}

// mostSkips bounds how many bursts are skipped after several aborts in a row.
const mostSkips = 8

// An Ending is how a burst ended, as far as the next ones are concerned.
type Ending int

// The endings.
const (
	Fine     Ending = iota // the target bore it
	Harmful                // aborted because of how the target answered
	Unproven               // stopped, or invalid: it says nothing of the target
)

// Ended notes how a burst ended. After one that was aborted the next is skipped, the one after that has half the size,
// and if the target bears it they are whole again; if not, twice as many are skipped, eight at most.
func (g *Guard) Ended(burst string, how Ending) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	b, troubled := g.state.Backoff[burst]
	switch {
	case how == Harmful:
		b.Skips = min(1<<min(b.Aborts, 30), mostSkips)
		b.Aborts++
		g.state.Backoff[burst] = b
	case how == Fine && troubled:
		delete(g.state.Backoff, burst)
	default:
		return nil
	}
	return g.save()
}

// Left is how many requests the day has left.
func (g *Guard) Left(now time.Time) uint64 {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.state.turn(now)
	return g.left()
}

func (g *Guard) left() uint64 {
	return g.rules.DailyRequests - min(g.rules.DailyRequests, g.state.Requests)
}

// save stores the state. The caller holds the lock.
func (g *Guard) save() error {
	if g.store == nil {
		return nil
	}
	if err := g.store(g.state.encode()); err != nil {
		return fmt.Errorf("storing the budget and back-off of bursts: %w", err)
	}
	return nil
}
