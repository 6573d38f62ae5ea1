package load

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/perfwatch/perfwatch/probes"
)

const (
	monitorTick   = 250 * time.Millisecond
	monitorWindow = 20 // ticks that are judged together: 5 s
	leastRequests = 20 // in the window before it is judged
	slowPart      = 0.05

	// What one burst may send and read at the very most; a configuration cannot raise it.
	maxRequests = 20_000_000
	maxBytes    = 200 << 30

	// reserveAtOnce is how many requests of the day's budget are taken at a time. Half of them are kept in hand: more
	// than the highest rate sends between two ticks.
	reserveAtOnce = 10_000
)

// A count is what one user has done so far. Only its user writes it, so that users do not wait for each other, and the
// monitor reads it.
type count struct {
	requests, failed, slow, bytes atomic.Uint64
	_                             [32]byte // a cache line of its own
}

func (c *count) add(s *probes.Sample, slow time.Duration) {
	if s.Outcome == probes.Canceled {
		return
	}
	c.requests.Add(1)
	c.bytes.Add(uint64(max(s.Bytes, 0)))
	if s.Outcome != probes.OK {
		c.failed.Add(1)
	}
	if slow > 0 && s.Response() > slow {
		c.slow.Add(1)
	}
}

// totals are the counts of all users at one instant.
type totals struct{ requests, failed, slow, bytes uint64 }

func (t totals) minus(o totals) totals {
	return totals{t.requests - o.requests, t.failed - o.failed, t.slow - o.slow, t.bytes - o.bytes}
}

// A monitor watches a burst from beside it and ends it where it does harm or passes what it may use. "The 95th
// percentile is over a limit" is counted, not estimated: more than 5 % of the requests took longer.
type monitor struct {
	limits  Abort
	reserve func(n uint64) (uint64, error) // takes requests from the day's budget; nil has no budget

	mu    sync.Mutex
	users []*count

	ring      [monitorWindow]totals // at the last ticks
	ticks     int
	now, last totals // at the last tick, and in the window that ended with it
	reserved  uint64

	chronicle *chronicle
	live      *Live    // to tell; nil tells nobody
	progress  Progress // what of it does not change from tick to tick
}

func newMonitor(p *Plan) *monitor {
	m := &monitor{limits: p.abort, reserve: p.Reserve, chronicle: newChronicle(), live: p.Live}
	m.progress = Progress{Probe: p.Name, Start: m.chronicle.start, Limit: p.limit.Seconds(), Asked: p.Asked()}
	return m
}

// join returns the count of one more user.
func (m *monitor) join() *count {
	c := &count{}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.users = append(m.users, c)
	return c
}

func (m *monitor) totals() (t totals) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, c := range m.users {
		t.requests += c.requests.Load()
		t.failed += c.failed.Load()
		t.slow += c.slow.Load()
		t.bytes += c.bytes.Load()
	}
	return t
}

// start begins to watch a burst, or a run of several. What it returns ends that, and waits for it.
func (m *monitor) start(ctx context.Context, b *burst) (end func()) {
	ctx, cancel := context.WithCancel(ctx)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		m.run(ctx, b)
	}()
	return func() {
		cancel()
		<-ended
	}
}

// run looks at the burst until ctx is done, and stops it when it must.
func (m *monitor) run(ctx context.Context, b *burst) {
	ticker := time.NewTicker(monitorTick)
	defer ticker.Stop()
	for {
		err := m.look()
		m.tell(&b.crew)
		if err != nil {
			b.stop(err)
			return
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return
		}
	}
}

// look judges the burst at one tick.
func (m *monitor) look() error {
	now := m.totals()
	at := m.ticks % monitorWindow
	last := now.minus(m.ring[at]) // the ring is zero before the window is full: then it is the whole burst
	m.ring[at] = now
	m.ticks++
	m.now, m.last = now, last
	switch {
	case now.requests >= maxRequests:
		return abort(ByRequests, "%d requests sent, the most a burst may", now.requests)
	case now.bytes >= maxBytes:
		return abort(ByBytes, "%d bytes read, the most a burst may", now.bytes)
	}
	if last.requests >= leastRequests {
		if ratio := ratio(last.failed, last.requests); ratio > m.limits.MaxErrorRatio() {
			return abort(ByErrors, "%.1f%% of the last %d requests failed, want at most %s",
				ratio*100, last.requests, Ratio(m.limits.MaxErrorRatio()))
		}
		if slow := ratio(last.slow, last.requests); slow > slowPart {
			return abort(ByLatency, "%.1f%% of the last %d requests took longer than %s, want at most 5%%",
				slow*100, last.requests, m.limits.LatencyP95)
		}
	}
	return m.pay(now.requests)
}

// pay keeps more of the day's budget in hand than can be sent until the next tick.
func (m *monitor) pay(sent uint64) error {
	if m.reserve == nil || sent+reserveAtOnce/2 <= m.reserved {
		return nil
	}
	got, err := m.reserve(reserveAtOnce)
	if err != nil {
		return fmt.Errorf("reserving requests: %w", err)
	}
	m.reserved += got
	if sent >= m.reserved {
		return abort(ByBudget, "the requests of all bursts in a day are used up, %d of them by this one", sent)
	}
	return nil
}
