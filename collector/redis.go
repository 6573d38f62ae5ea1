package collector

import (
	"context"
	"fmt"
	"log/slog"
	"math"
	"slices"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/perfwatch/perfwatch/internal/objective"
)

// How often and how patiently a Redis is asked.
const (
	defaultRedisInterval = time.Second
	defaultRedisTimeout  = 2 * time.Second

	hitWindow    = 5 * time.Minute
	maxHitPoints = 1000 // as bursts read out of turn
)

// Redis reads INFO of one Redis beside the scrapes, which get what it said last, and feeds the objectives on its hits.
type Redis struct {
	Interval time.Duration // between readings; 0 means 1 s
	Timeout  time.Duration // of one reading, connecting included; 0 means 2 s

	descs
	name  string
	info  infoFunc
	close func() error
	log   *slog.Logger
	feed  feed

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

// NewRedis makes a collector of a Redis. It is for the caller to register and to Run. Its error is a URL that cannot be
// understood; a server that is away is a metric.
func NewRedis(name string, server RedisServer, book *objective.Book, log *slog.Logger) (*Redis, error) {
	client, err := newRedisClient(server)
	if err != nil {
		return nil, fmt.Errorf("reaching redis %q: %w", name, err)
	}
	r := newRedis(name, client.info, book, log)
	r.close = client.close
	r.counters.latency.ask = func(ctx context.Context, timeout time.Duration) (any, error) {
		return client.do(ctx, timeout, "LATENCY", "HISTOGRAM")
	}
	return r, nil
}

func newRedis(name string, info infoFunc, book *objective.Book, log *slog.Logger) *Redis {
	return &Redis{
		descs: newDescs(redisFamilies(), prometheus.Labels{"redis": name}),
		name:  name, info: info, close: func() error { return nil }, log: log,
		feed:     book.Of(objective.CacheHitRatio, "", "", name),
		scrape:   newScrape("redis/" + name),
		counters: newRedisCounters(),
	}
}

// Run reads until ctx is done, then closes the connection.
func (r *Redis) Run(ctx context.Context) {
	interval, timeout := r.Interval, r.Timeout
	if interval <= 0 {
		interval = defaultRedisInterval
	}
	if timeout <= 0 {
		timeout = defaultRedisTimeout
	}
	ticker := time.NewTicker(interval)
	defer ticker.Stop()
	for {
		r.pull(ctx, timeout)
		select {
		case <-ctx.Done():
			r.reading.Lock()
			defer r.reading.Unlock()
			r.closed = true
			if err := r.close(); err != nil {
				r.log.Warn("redis connection did not close", "redis", r.name, "err", err)
			}
			return
		case <-ticker.C:
		}
	}
}

// pull reads once, unless the connection has been closed for good.
func (r *Redis) pull(ctx context.Context, timeout time.Duration) {
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
	if changed := r.scrape.finished(now.Sub(start), err); changed && err != nil {
		r.log.Warn("redis is not readable", "redis", r.name, "err", err)
	} else if changed {
		r.log.Info("redis is readable", "redis", r.name)
	}
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
func (r *Redis) remember(p redisPoint) {
	for len(r.recent) > 1 && p.at.Sub(r.recent[1].at) >= hitWindow {
		r.recent = slices.Delete(r.recent, 0, 1)
	}
	if n := len(r.recent); n > maxHitPoints {
		r.recent = slices.Delete(r.recent, n/2, n/2+1)
	}
	r.recent = append(r.recent, p)
}

// hitRatio is of the lookups of the last five minutes; false if there were none.
func (r *Redis) hitRatio(now time.Time) (float64, bool) {
	n := len(r.recent)
	if n < 2 || now.Sub(r.recent[n-1].at) > hitWindow {
		return 0, false
	}
	s := between(r.recent[0], r.recent[n-1])
	return s.HitRatio()
}

func (r *Redis) read(ctx context.Context, timeout time.Duration) (*redisState, error) {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	text, err := r.info(ctx, timeout)
	if err != nil {
		return nil, err
	}
	return parseInfo(text)
}

// Describe implements prometheus.Collector.
func (r *Redis) Describe(ch chan<- *prometheus.Desc) {
	r.descs.Describe(ch)
	r.scrape.Describe(ch)
}

// Collect implements prometheus.Collector.
func (r *Redis) Collect(ch chan<- prometheus.Metric) {
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
