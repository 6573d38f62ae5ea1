package collector

import (
	"context"
	"maps"
	"slices"
	"sync"
	"time"
)

// A redisPoint is what a Redis had counted at an instant.
type redisPoint struct {
	at           time.Time
	hits, misses float64
	restarts     float64
}

// redisHistory is how many readings are kept for a look back from the start of a burst: ten minutes at one a second.
const redisHistory = 600

// A redisSpan is a burst that a Redis is watched in, by node.
type redisSpan map[*redisNode]nodeSpan

type nodeSpan struct {
	before []redisPoint
	known  bool // the last of before was read for the burst
}

// keepHistory makes the nodes, those of now and those to come, keep their readings.
func (r *Redis) keepHistory() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.history = true
	for _, n := range r.nodes {
		n.keepHistory()
	}
}

func (r *redisNode) keepHistory() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.past.size = redisHistory
}

// begin reads the counters of all nodes now.
func (r *Redis) begin(ctx context.Context) redisSpan {
	nodes := r.all()
	spans := make([]nodeSpan, len(nodes))
	var reading sync.WaitGroup
	for i, n := range nodes {
		reading.Go(func() { spans[i] = n.begin(ctx) })
	}
	reading.Wait()
	all := make(redisSpan, len(nodes))
	for i, n := range nodes {
		all[n] = spans[i]
	}
	return all
}

func (r *redisNode) begin(ctx context.Context) nodeSpan {
	_, known := r.readNow(ctx)
	r.mu.Lock()
	defer r.mu.Unlock()
	return nodeSpan{before: r.past.all(), known: known}
}

// end reads them again and sums. What a node that was away at one end looked up is not known, and so neither is the sum;
// one that was away at both ends looked up nothing.
func (r *Redis) end(ctx context.Context, s redisSpan) (burst, idle RedisSpan) {
	nodes := slices.Collect(maps.Keys(s))
	bursts, idles := make([]RedisSpan, len(nodes)), make([]RedisSpan, len(nodes))
	gone := make([]bool, len(nodes))
	var reading sync.WaitGroup
	for i, n := range nodes {
		reading.Go(func() {
			now, known := n.readNow(ctx)
			if gone[i] = !known && !s[n].known; known && s[n].known {
				bursts[i], idles[i] = s[n].to(now)
			}
		})
	}
	reading.Wait()
	read := 0
	for i := range nodes {
		if gone[i] {
			continue
		}
		if read++; read == 1 {
			burst, idle = bursts[i], idles[i]
			continue
		}
		burst, idle = burst.plus(bursts[i]), idle.plus(idles[i])
	}
	return burst, idle
}

// to is a burst until now, and as long a time before it. Counters only ever count what happened, whichever server answers.
func (s nodeSpan) to(now redisPoint) (burst, idle RedisSpan) {
	start := s.before[len(s.before)-1]
	burst = between(start, now)
	from := start.at.Add(-now.at.Sub(start.at))
	for _, p := range s.before {
		if !p.at.Before(from) {
			return burst, between(p, start)
		}
	}
	return burst, RedisSpan{}
}

// plus is two nodes together; unknown if one of them is.
func (s RedisSpan) plus(other RedisSpan) RedisSpan {
	if !s.Known || !other.Known {
		return RedisSpan{}
	}
	return RedisSpan{
		Known: true, Seconds: max(s.Seconds, other.Seconds),
		Hits: s.Hits + other.Hits, Misses: s.Misses + other.Misses, Restarts: s.Restarts + other.Restarts,
	}
}

func between(a, b redisPoint) RedisSpan {
	return RedisSpan{
		Known: b.at.After(a.at), Seconds: b.at.Sub(a.at).Seconds(),
		Hits: b.hits - a.hits, Misses: b.misses - a.misses, Restarts: int(b.restarts - a.restarts),
	}
}

// readNow reads the counters; false if the Redis did not answer.
func (r *redisNode) readNow(ctx context.Context) (redisPoint, bool) {
	start := time.Now()
	r.pull(ctx, watchTimeout)
	r.mu.Lock()
	defer r.mu.Unlock()
	all := r.past.all()
	if len(all) == 0 || all[len(all)-1].at.Before(start) {
		return redisPoint{}, false
	}
	return all[len(all)-1], true
}
