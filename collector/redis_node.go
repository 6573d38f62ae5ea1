package collector

import (
	"context"
	"log/slog"
	"math"
	"slices"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Of what the hit ratio of the last minutes is made.
const (
	hitWindow    = 5 * time.Minute
	maxHitPoints = 1000 // as bursts read out of turn
)

// A redisNode reads INFO of one server beside the scrapes, which get what it said last, and feeds the objectives on its
// hits.
type redisNode struct {
	descs
	name    string // of the Redis
	address string // of the node; "" if it is the only one
	info    infoFunc
	close   func() error
	where   func() string // the address that answered
	log     *slog.Logger
	feed    feed
	cancel  context.CancelFunc // ends run
	missed  int                // times in a row that it was not named; guarded by the mutex of its Redis

	reading sync.Mutex // held while the server is asked; taken before mu
	closed  bool       // guarded by reading

	mu       sync.Mutex
	scrape   scrape        // guarded by mu, as all below
	state    *redisState   // nil while the last reading failed
	err      error         // why it did
	counters redisCounters // outlive a failure
	past     ring[redisPoint]
	recent   []redisPoint // of the last five minutes, and the one before
}

// An infoFunc asks for INFO once.
type infoFunc func(ctx context.Context, timeout time.Duration) (string, error)

// title names the node for people: the Redis, and the address behind it if it is one of several.
func (r *redisNode) title(separator string) string {
	if r.address == "" {
		return r.name
	}
	return r.name + separator + r.address
}

// run reads until ctx is done, then closes the connection.
func (r *redisNode) run(ctx context.Context, interval, timeout time.Duration) {
	poll(ctx, interval, func(ctx context.Context) { r.pull(ctx, timeout) })
	r.reading.Lock()
	defer r.reading.Unlock()
	r.closed = true
	if err := r.close(); err != nil {
		r.log.Warn("redis connection did not close", "redis", r.title(" "), "err", err)
	}
}

// pull reads once, unless the connection has been closed for good.
func (r *redisNode) pull(ctx context.Context, timeout time.Duration) {
	r.reading.Lock()
	defer r.reading.Unlock()
	if r.closed {
		return
	}
	start := time.Now()
	state, err := r.read(ctx, timeout)
	now := time.Now()
	var latencies map[string]redisLatency
	if err == nil {
		bounded, cancel := context.WithTimeout(ctx, timeout)
		latencies = r.counters.latency.read(bounded, now, timeout)
		cancel()
	}
	if ctx.Err() != nil {
		return // we are ending: that the reading failed is no news of the server
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.state, r.err = state, err
	r.scrape.finished(now.Sub(start), err)
	if err != nil {
		return
	}
	delta := r.counters.update(now, state)
	r.counters.latency.update(now, r.counters.lastHow, latencies, &r.counters.commands)
	point := redisPoint{now, r.counters.totals[hits], r.counters.totals[misses], r.counters.restarts}
	r.past.push(point)
	r.remember(point)
	if lookups := delta[hits] + delta[misses]; lookups > 0 {
		r.feed.add(now, delta[hits], lookups)
	}
}

// remember keeps what the hit ratio of the last minutes is made of.
func (r *redisNode) remember(p redisPoint) {
	for len(r.recent) > 1 && p.at.Sub(r.recent[1].at) >= hitWindow {
		r.recent = slices.Delete(r.recent, 0, 1)
	}
	if n := len(r.recent); n > maxHitPoints {
		r.recent = slices.Delete(r.recent, n/2, n/2+1)
	}
	r.recent = append(r.recent, p)
}

// hitRatio is of the lookups of the last five minutes; false if there were none.
func (r *redisNode) hitRatio(now time.Time) (float64, bool) {
	n := len(r.recent)
	if n < 2 || now.Sub(r.recent[n-1].at) > hitWindow {
		return 0, false
	}
	s := between(r.recent[0], r.recent[n-1])
	return s.HitRatio()
}

func (r *redisNode) read(ctx context.Context, timeout time.Duration) (*redisState, error) {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	text, err := r.info(ctx, timeout)
	if err != nil {
		return nil, err
	}
	state, err := parseInfo(text)
	if err == nil {
		state.address = r.where()
	}
	return state, err
}

func (r *redisNode) collect(ch chan<- prometheus.Metric) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.scrape.collect(ch)
	r.counters.collect(ch, r.descs)
	if r.scrape.read {
		r.gauge(ch, redisUp, oneIf(r.state != nil))
	}
	if v, ok := r.hitRatio(time.Now()); ok {
		r.gauge(ch, redisHitRatio, v)
	}
	if r.state != nil {
		r.state.collect(ch, r.descs)
	}
}

func (s *redisState) collect(ch chan<- prometheus.Metric, ds descs) {
	known := func(name string, c count, scale float64, labels ...string) {
		if c.known {
			ds.gauge(ch, name, float64(c.n)*scale, labels...)
		}
	}
	ds.gauge(ch, redisInfo, 1, s.version, s.role, s.engine)
	known(redisMemoryUsed, s.memoryUsed, 1)
	if s.memoryMax.n > 0 { // zero is unlimited
		known(redisMemoryMax, s.memoryMax, 1)
	}
	if !math.IsNaN(s.fragmentation) {
		ds.gauge(ch, redisMemoryFragmentation, s.fragmentation)
	}
	known(redisConnectedClients, s.connected, 1)
	known(redisBlockedClients, s.blocked, 1)
	known(redisTrackingClients, s.tracking, 1)
	known(redisMemoryResident, s.resident, 1)
	known(redisMemoryPeak, s.memoryPeak, 1)
	known(redisReplicas, s.replicas, 1)
	known(redisReplicaLag, s.lagSeconds, 1)
	known(redisLinkUp, s.linkUp, 1)
	for _, d := range s.databases {
		known(redisDBKeys, d.keys, 1, d.db)
		known(redisDBExpiringKeys, d.expiring, 1, d.db)
		if d.averageTTLMsec.n > 0 && s.role != "replica" { // zero is no estimate
			known(redisDBAverageTTL, d.averageTTLMsec, 1e-3, d.db)
		}
	}
}
