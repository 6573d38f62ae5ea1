package collector

import (
	"context"
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

// A redisSpan is a burst that a Redis is watched in.
type redisSpan struct {
	before []redisPoint
	known  bool // the last of before was read for the burst
}

func (r *Redis) keepHistory() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.past.size = redisHistory
}

// begin reads the counters now.
func (r *Redis) begin(ctx context.Context) *redisSpan {
	_, known := r.readNow(ctx)
	r.mu.Lock()
	defer r.mu.Unlock()
	return &redisSpan{before: r.past.all(), known: known}
}

// end reads them again. Counters only ever count what happened, whichever server answers.
func (r *Redis) end(ctx context.Context, s *redisSpan) (burst, idle RedisSpan) {
	now, known := r.readNow(ctx)
	if !s.known || !known {
		return RedisSpan{}, RedisSpan{}
	}
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

func between(a, b redisPoint) RedisSpan {
	return RedisSpan{
		Known: b.at.After(a.at), Seconds: b.at.Sub(a.at).Seconds(),
		Hits: b.hits - a.hits, Misses: b.misses - a.misses, Restarts: int(b.restarts - a.restarts),
	}
}

// readNow reads the counters; false if the Redis did not answer.
func (r *Redis) readNow(ctx context.Context) (redisPoint, bool) {
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

func (p *Process) keepHistory() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.history.keep()
}

// begin reads the process now, and often from now on.
func (p *Process) begin(ctx context.Context) *span {
	p.pull(ctx)
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.history.begin(time.Now(), p.hurried)
}

func (p *Process) end(ctx context.Context, s *span) (burst, idle Span) {
	p.pull(ctx)
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.history.end(s)
}

// stop forgets a burst, if it was not ended.
func (p *Process) stop(s *span) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.history.spans, s)
}

func (h *Host) keepHistory() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.history.keep()
}

// begin takes the last sample for the first: one out of turn would see a few ticks of the CPU and take them for its use.
func (h *Host) begin() *span {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.history.begin(time.Now(), max(usageWindow, h.cpu.recent.width))
}

func (h *Host) end(s *span) (burst, idle Span) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.history.end(s)
}

func (h *Host) stop(s *span) {
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.history.spans, s)
}
