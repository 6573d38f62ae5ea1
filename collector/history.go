package collector

import (
	"slices"
	"time"

	"github.com/perfwatch/perfwatch/internal/trend"
)

const (
	// historySamples is how much is kept for a look back from the start of a burst: ten minutes at 100 ms, 240 kB.
	historySamples = 6000
	// spanSamples bounds what is kept of a burst, however long: beyond it every second sample is dropped.
	spanSamples = 1024
)

// A ring holds the last of what was pushed. Its zero value holds nothing, ever.
type ring[T any] struct {
	size  int
	items []T
	next  int // the oldest, once it is full
}

func (r *ring[T]) push(item T) {
	switch {
	case len(r.items) < r.size:
		r.items = append(r.items, item)
	case r.size > 0:
		r.items[r.next] = item
		r.next = (r.next + 1) % r.size
	}
}

// all is a copy, the oldest first.
func (r *ring[T]) all() []T { return slices.Concat(r.items[r.next:], r.items[:r.next]) }

// A point is one sample of a process or of the host.
type point struct {
	at     time.Duration // since the history began
	cpu    float64       // seconds spent since the first sample
	usage  float64       // CPU since the sample before; 0 if there is none
	memory float64       // bytes
	run    int           // counts restarts
}

// A history keeps the last samples of something, and all of those that fall into a burst. Its owner guards it.
type history struct {
	began time.Time
	past  ring[point]
	spans map[*span]bool
}

// keep makes the history keep samples, which it does not unless a burst may want them.
func (h *history) keep() {
	if h.past.size == 0 {
		h.began, h.past.size, h.spans = time.Now(), historySamples, map[*span]bool{}
	}
}

func (h *history) push(at time.Time, p point) {
	p.at = at.Sub(h.began)
	h.past.push(p)
	for s := range h.spans {
		s.add(p)
	}
}

// begin starts a burst. Its first sample is the last that there is, if that is no older than fresh.
func (h *history) begin(now time.Time, fresh time.Duration) *span {
	s := &span{began: now.Sub(h.began), before: h.past.all(), step: 1}
	if n := len(s.before); n > 0 && s.began-s.before[n-1].at <= fresh {
		s.add(s.before[n-1])
	}
	h.spans[s] = true
	return s
}

// end ends a burst and says what was sampled in it, and in as long a time just before it.
func (h *history) end(s *span) (burst, idle Span) {
	delete(h.spans, s)
	if s.n == 0 {
		return Span{}, Span{}
	}
	burst = s.sum()
	from := s.began - (s.last.at - s.points[0].at)
	quiet := span{step: 1}
	for i := range s.before {
		if s.before[i].at >= from {
			quiet.add(s.before[i])
		}
	}
	return burst, quiet.sum()
}

// A span is the samples of one burst.
type span struct {
	began  time.Duration
	before []point

	points                []point // one in step of all
	step, n               int
	last                  point
	usagePeak, memoryPeak float64
}

func (s *span) add(p point) {
	if s.n > 0 { // the usage of the first sample was that before it
		s.usagePeak = max(s.usagePeak, p.usage)
	}
	s.memoryPeak = max(s.memoryPeak, p.memory)
	if s.n%s.step == 0 {
		s.points = append(s.points, p)
	}
	s.last = p
	s.n++
	if len(s.points) == spanSamples {
		for i := range spanSamples / 2 {
			s.points[i] = s.points[2*i]
		}
		s.points, s.step = s.points[:spanSamples/2], 2*s.step
	}
}

// A Span is what was sampled of a process or of the host in a stretch of time.
type Span struct {
	Samples     int     `json:"samples"`
	Seconds     float64 `json:"seconds"` // from the first sample to the last
	CPUSeconds  float64 `json:"cpu_seconds"`
	CPUPeak     float64 `json:"cpu_peak"` // highest between two samples: of a process 1 is one core, of the host all of them
	MemoryFirst float64 `json:"memory_first_bytes"`
	MemoryLast  float64 `json:"memory_last_bytes"`
	MemoryPeak  float64 `json:"memory_peak_bytes"`
	Restarts    int     `json:"restarts"`

	// Growth is the trend of the memory in bytes a second; nil for fewer than 10 samples, and across a restart.
	Growth *trend.Trend `json:"growth,omitempty"`
}

// Mean is the CPU in use over the whole stretch; 0 without two samples.
func (s *Span) Mean() float64 {
	if s.Seconds <= 0 {
		return 0
	}
	return s.CPUSeconds / s.Seconds
}

func (s *span) sum() Span {
	if s.n == 0 {
		return Span{}
	}
	first := s.points[0]
	sum := Span{
		Samples: s.n, Seconds: (s.last.at - first.at).Seconds(), CPUSeconds: s.last.cpu - first.cpu, CPUPeak: s.usagePeak,
		MemoryFirst: first.memory, MemoryLast: s.last.memory, MemoryPeak: s.memoryPeak, Restarts: s.last.run - first.run,
	}
	if sum.Restarts > 0 {
		return sum
	}
	series := make([]trend.Reading, 0, len(s.points))
	for _, p := range s.points {
		series = append(series, trend.Reading{At: p.at.Seconds(), Value: p.memory})
	}
	if fit, ok := trend.Fit(series); ok {
		sum.Growth = &fit
	}
	return sum
}
