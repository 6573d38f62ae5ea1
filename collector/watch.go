package collector

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/perfwatch/perfwatch/internal/load"
)

// growthLevel is how often a process that does not grow may be said to.
const growthLevel = 0.01

// A Watch looks at the platform beside the bursts of one load probe: at their start, all the while as each collector
// samples anyway, and at their end. A nil Watch looks at nothing.
type Watch struct {
	processes []*Process
	redis     []*Redis
	host      *Host // nil if it is not watched
}

// NewWatch picks what a burst watches from all that is read. It must be called before Run of the collectors has its first
// burst to look back from: from here on they keep what they sampled. It is nil for a spec that names nothing.
func NewWatch(spec load.Watch, processes []*Process, redis []*Redis, host *Host) *Watch {
	w := &Watch{}
	for _, p := range processes {
		if slices.Contains(spec.Processes, p.name) {
			p.keepHistory()
			w.processes = append(w.processes, p)
		}
	}
	for _, r := range redis {
		if slices.Contains(spec.Redis, r.name) {
			r.keepHistory()
			w.redis = append(w.redis, r)
		}
	}
	if spec.Host && host != nil {
		host.keepHistory()
		w.host = host
	}
	if w.processes == nil && w.redis == nil && w.host == nil {
		return nil
	}
	return w
}

// A Watching is one burst that is being watched.
type Watching struct {
	watch     *Watch
	processes []*span
	redis     []redisSpan
	host      *span
}

// Begin reads everything once, just before a burst, and starts to watch. It takes as long as the slowest of them, two
// seconds at most. What it returns must be ended or stopped.
func (w *Watch) Begin(ctx context.Context) *Watching {
	if w == nil {
		return nil
	}
	g := &Watching{watch: w, processes: make([]*span, len(w.processes)), redis: make([]redisSpan, len(w.redis))}
	var all sync.WaitGroup
	for i, p := range w.processes {
		all.Go(func() { g.processes[i] = p.begin(ctx) })
	}
	for i, r := range w.redis {
		all.Go(func() { g.redis[i] = r.begin(ctx) })
	}
	all.Wait()
	if w.host != nil {
		g.host = w.host.begin()
	}
	return g
}

// End reads everything once more, just after the burst, and says what the platform did during it. A nil Watching says nil.
func (g *Watching) End(ctx context.Context, s *load.Summary) *BurstWatch {
	if g == nil {
		return nil
	}
	w := g.watch
	b := &BurstWatch{Processes: make([]Watched, len(w.processes)), Redis: make([]WatchedRedis, len(w.redis))}
	if w.host != nil {
		b.Host = &Watched{Requests: s.Requests()}
		b.Host.Burst, b.Host.Idle = w.host.end(g.host)
	}
	ctx = context.WithoutCancel(ctx) // a burst that was stopped has its figures too
	var all sync.WaitGroup
	for i, p := range w.processes {
		all.Go(func() {
			b.Processes[i] = Watched{Name: p.name, Requests: s.Requests()}
			b.Processes[i].Burst, b.Processes[i].Idle = p.end(ctx, g.processes[i])
		})
	}
	for i, r := range w.redis {
		all.Go(func() {
			b.Redis[i] = WatchedRedis{Name: r.name}
			b.Redis[i].Burst, b.Redis[i].Idle = r.end(ctx, g.redis[i])
		})
	}
	all.Wait()
	return b
}

// Stop ends a watching that nobody ended, as when the burst panicked. After End it does nothing.
func (g *Watching) Stop() {
	if g == nil {
		return
	}
	for i, p := range g.watch.processes {
		p.stop(g.processes[i])
	}
	if g.watch.host != nil {
		g.watch.host.stop(g.host)
	}
}

// A BurstWatch is what the platform did during one burst, beside what it did in as long a time just before: in the ten
// minutes before at most.
type BurstWatch struct {
	Processes []Watched      `json:"processes,omitempty"`
	Redis     []WatchedRedis `json:"redis,omitempty"`
	Host      *Watched       `json:"host,omitempty"` // nil if it was not watched
}

// A Watched is a process, or the host, during a burst and before it.
type Watched struct {
	Name     string `json:"name,omitempty"` // "" for the host
	Requests uint64 `json:"requests"`       // of the burst
	Burst    Span   `json:"burst"`
	Idle     Span   `json:"idle"`
}

// CPUSecondsPerThousand is the CPU time spent during the burst, on whatever, for a thousand of its requests.
func (w *Watched) CPUSecondsPerThousand() (v float64, ok bool) {
	return w.perThousand(w.Burst.CPUSeconds, w.Burst.Samples)
}

// IdleCPUSecondsPerThousand is the part of it that would have been spent without the burst, as it was before.
func (w *Watched) IdleCPUSecondsPerThousand() (v float64, ok bool) {
	return w.perThousand(w.Idle.Mean()*w.Burst.Seconds, min(w.Burst.Samples, w.Idle.Samples))
}

func (w *Watched) perThousand(seconds float64, samples int) (float64, bool) {
	if w.Requests == 0 || samples < 2 {
		return 0, false
	}
	return seconds / float64(w.Requests) * 1000, true
}

// MemoryPerRequest is by how many bytes the memory was larger after the burst than before it, for each of its requests;
// below 0 if it was smaller. A process that was restarted has none.
func (w *Watched) MemoryPerRequest() (v float64, ok bool) {
	if w.Requests == 0 || w.Burst.Samples < 2 || w.Burst.Restarts > 0 {
		return 0, false
	}
	return (w.Burst.MemoryLast - w.Burst.MemoryFirst) / float64(w.Requests), true
}

// MemoryGrowth is the slope of the memory during the burst in bytes a second where it surely grew, and 0 where it did
// not: a process that does not grow is said to once in a hundred bursts.
func (w *Watched) MemoryGrowth() (v float64, ok bool) {
	switch g := w.Burst.Growth; {
	case g == nil:
		return 0, false
	case g.Rises(growthLevel):
		return g.Slope, true
	}
	return 0, true
}

// MemoryLeak is the growth in bytes a second that the burst surely shows: the lower end of the interval of the slope where
// the memory surely grew, and 0 where it did not. It was found in so many medians; with fewer than objective.LeakFloor a 0
// says nothing.
func (w *Watched) MemoryLeak() (v float64, medians int) {
	switch g := w.Burst.Growth; {
	case g == nil:
		return 0, 0
	case g.Rises(growthLevel):
		return max(0, g.Low), g.N
	default:
		return 0, g.N
	}
}

// A WatchedRedis is a Redis during a burst and before it.
type WatchedRedis struct {
	Name  string    `json:"name"`
	Burst RedisSpan `json:"burst"`
	Idle  RedisSpan `json:"idle"`
}

// A RedisSpan is what a Redis looked up in a stretch of time, for whomever.
type RedisSpan struct {
	Known    bool    `json:"known"` // it was read at both ends
	Seconds  float64 `json:"seconds"`
	Hits     float64 `json:"hits"`
	Misses   float64 `json:"misses"`
	Restarts int     `json:"restarts"` // other servers that answered: what they counted before is not in it
}

// Lookups is how many there were.
func (s *RedisSpan) Lookups() float64 { return s.Hits + s.Misses }

// HitRatio is the share of lookups that found their key.
func (s *RedisSpan) HitRatio() (v float64, ok bool) {
	if all := s.Lookups(); s.Known && all > 0 {
		return s.Hits / all, true
	}
	return 0, false
}

// watchTimeout bounds one reading of a Redis for a burst.
const watchTimeout = 2 * time.Second
