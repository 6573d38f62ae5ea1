package collector

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/perfwatch/perfwatch/internal/objective"
)

// How often and how patiently a Redis is asked, how often its nodes are looked for, and how many are read.
const (
	defaultRedisInterval = time.Second
	defaultRedisTimeout  = 2 * time.Second
	nodesInterval        = 5 * time.Second
	maxRedisNodes        = 256
	nodeMissed           = 3 // times that it is not named, as for a moment in a failover, until a node is gone
)

// Redis reads one Redis: a server, the primary that sentinels name, that primary and its replicas, or the nodes of a
// cluster. Of several nodes each is read by itself and has its own series; an objective sums them.
type Redis struct {
	Interval time.Duration // between readings; 0 means 1 s
	Timeout  time.Duration // of one reading, connecting included; 0 means 2 s

	descs
	name   string
	server RedisServer
	feed   feed
	log    *slog.Logger
	find   nodesFunc // nil if there is one node, whose address is ""

	mu      sync.Mutex
	nodes   map[string]*redisNode // by address; guarded by mu, as below
	scrape  scrape                // of finding them
	history bool                  // they keep what a burst looks back on
}

// A nodesFunc finds the addresses of a Redis' nodes.
type nodesFunc func(ctx context.Context, timeout time.Duration) ([]string, error)

// NewRedis makes a collector of a Redis. It is for the caller to register and to Run. Its error is a URL that cannot be
// understood; a server that is away is a metric.
func NewRedis(name string, server RedisServer, book *objective.Book, log *slog.Logger) (*Redis, error) {
	r := newRedis(name, book, log)
	r.server = server
	if r.find = server.nodes(); r.find != nil {
		return r, nil
	}
	n, err := r.dial("", server)
	if err != nil {
		return nil, fmt.Errorf("reaching redis %q: %w", name, err)
	}
	r.nodes[""] = n
	return r, nil
}

func newRedis(name string, book *objective.Book, log *slog.Logger) *Redis {
	return &Redis{
		descs: newDescs([]Family{family(redisNodes), family(redisUp)}, prometheus.Labels{"redis": name, "node": ""}),
		name:  name, feed: book.Of(objective.CacheHitRatio, "", "", name), log: log,
		nodes: map[string]*redisNode{}, scrape: newScrape("redis/"+name, log),
	}
}

// dial makes a node of a server, which it does not ask yet.
func (r *Redis) dial(address string, server RedisServer) (*redisNode, error) {
	client, err := newRedisClient(server)
	if err != nil {
		return nil, err
	}
	n := r.node(address, client.info)
	n.close = client.close
	n.where = func() string { return client.options.Addr }
	n.counters.latency.ask = func(ctx context.Context, timeout time.Duration) (any, error) {
		return client.do(ctx, timeout, "LATENCY", "HISTOGRAM")
	}
	return n, nil
}

// node makes a node; the address is "" if it is the only one.
func (r *Redis) node(address string, info infoFunc) *redisNode {
	n := &redisNode{
		descs: newDescs(redisFamilies(), prometheus.Labels{"redis": r.name, "node": address}),
		name:  r.name, address: address, info: info, close: func() error { return nil }, where: func() string { return address },
		log: r.log, feed: r.feed, counters: newRedisCounters(),
	}
	n.scrape = newScrape("redis/"+n.title("/"), r.log)
	if r.history {
		n.past.size = redisHistory
	}
	return n
}

// Judge makes the objectives of another book those that the readings feed from now on.
func (r *Redis) Judge(book *objective.Book) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.feed = book.Of(objective.CacheHitRatio, "", "", r.name)
	for _, n := range r.nodes {
		n.mu.Lock()
		n.feed = r.feed
		n.mu.Unlock()
	}
}

// Run reads until ctx is done, then closes the connections.
func (r *Redis) Run(ctx context.Context) {
	interval, timeout := r.Interval, r.Timeout
	if interval <= 0 {
		interval = defaultRedisInterval
	}
	if timeout <= 0 {
		timeout = defaultRedisTimeout
	}
	if r.find == nil {
		r.nodes[""].run(ctx, interval, timeout)
		return
	}
	var running sync.WaitGroup
	defer running.Wait()
	poll(ctx, nodesInterval, func(ctx context.Context) {
		for _, n := range r.refresh(ctx, timeout) {
			var own context.Context
			own, n.cancel = context.WithCancel(ctx)
			running.Go(func() { n.run(own, interval, timeout) })
		}
	})
}

// refresh looks for the nodes, ends those that are gone for good and returns those that are new. While nobody says which there
// are, they stay those of before.
func (r *Redis) refresh(ctx context.Context, timeout time.Duration) (added []*redisNode) {
	start := time.Now()
	bounded, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	addresses, err := r.find(bounded, timeout)
	if ctx.Err() != nil {
		return nil
	}
	if err == nil && len(addresses) > maxRedisNodes {
		err = fmt.Errorf("finding nodes: %d, only %d are read", len(addresses), maxRedisNodes)
		addresses = addresses[:maxRedisNodes]
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.scrape.finished(time.Since(start), err)
	if len(addresses) == 0 {
		return nil
	}
	for address, n := range r.nodes {
		if slices.Contains(addresses, address) {
			n.missed = 0
		} else if n.missed++; n.missed >= nodeMissed {
			delete(r.nodes, address)
			n.cancel()
		}
	}
	for _, address := range addresses {
		if r.nodes[address] != nil {
			continue
		}
		n, err := r.dial(address, r.server.at(address))
		if err != nil {
			r.log.Warn("node of redis has no address", "redis", r.name, "node", address, "err", err)
			continue
		}
		n.cancel = func() {}
		r.nodes[address] = n
		added = append(added, n)
	}
	return added
}

// all are the nodes in the order of their addresses.
func (r *Redis) all() []*redisNode {
	r.mu.Lock()
	defer r.mu.Unlock()
	nodes := make([]*redisNode, 0, len(r.nodes))
	for _, address := range slices.Sorted(maps.Keys(r.nodes)) {
		nodes = append(nodes, r.nodes[address])
	}
	return nodes
}

// Describe implements prometheus.Collector. Nodes come and go: without a description their series are not checked.
func (r *Redis) Describe(ch chan<- *prometheus.Desc) {
	if r.find != nil {
		return
	}
	for _, n := range r.all() {
		n.Describe(ch)
		n.scrape.Describe(ch)
	}
}

// Collect implements prometheus.Collector.
func (r *Redis) Collect(ch chan<- prometheus.Metric) {
	nodes := r.all()
	for _, n := range nodes {
		n.collect(ch)
	}
	if r.find == nil {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.scrape.collect(ch)
	if len(nodes) > 0 {
		r.gauge(ch, redisNodes, float64(len(nodes)))
	} else if r.scrape.read {
		r.gauge(ch, redisUp, 0) // for the alert on it: no node is there to say so
	}
}
