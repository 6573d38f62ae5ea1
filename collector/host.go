package collector

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/perfwatch/perfwatch/internal/objective"
)

// How the host is looked at: usage now is the mean of a second, its peak that of a minute.
const (
	defaultSampleInterval = 100 * time.Millisecond
	usageWindow           = time.Second
	peakWindow            = time.Minute
	hostTimeout           = time.Second // of one sample
)

// Host samples CPU and memory of the machine, or of what a cgroup leaves of it, beside the scrapes and feeds the
// objectives on them.
type Host struct {
	Interval time.Duration // between samples; 0 means 100 ms

	descs
	source func(context.Context) (hostState, error)

	mu     sync.Mutex
	scrape scrape    // guarded by mu, as all below
	state  hostState // the last that was read
	cpu    usage
	memory usage

	history history
}

// usage is what is kept of the samples of one ratio.
type usage struct {
	recent  recentMean
	peak    slidingMax
	bounds  []float64
	samples prometheus.Histogram
	feed    feed
	above   []aboveThreshold
	last    time.Time // of the samples
}

// aboveThreshold is for how long a ratio was above a threshold of an objective.
type aboveThreshold struct {
	objective string
	objective.Threshold
	seconds float64
}

// longestGap is for how long a sample may stand for what was before it; a machine that slept was not busy.
const longestGap = 2 * time.Second

func newUsage(name string, book *objective.Book, m objective.Measure) usage {
	bounds := ratioBounds(book, m)
	u := usage{
		recent: recentMean{width: usageWindow},
		peak:   slidingMax{width: peakWindow},
		bounds: bounds,
		samples: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: name, Help: family(name).Help, Buckets: bounds,
		}),
		feed: book.Of(m, "", "", ""),
	}
	for _, t := range book.All() {
		if o := t.Objective(); o.Measure == m {
			for _, threshold := range o.Thresholds() {
				u.above = append(u.above, aboveThreshold{objective: o.Name, Threshold: threshold})
			}
		}
	}
	return u
}

// judge makes the objectives of a book those that the samples feed from now on. The histogram begins anew if they give it
// other bounds.
func (u *usage) judge(name string, book *objective.Book, m objective.Measure) {
	fresh := newUsage(name, book, m)
	if !slices.Equal(u.bounds, fresh.bounds) {
		u.bounds, u.samples = fresh.bounds, fresh.samples
	}
	for i := range fresh.above {
		a := &fresh.above[i]
		for _, before := range u.above {
			if before.objective == a.objective && before.Threshold == a.Threshold {
				a.seconds = before.seconds
			}
		}
	}
	u.feed, u.above = fresh.feed, fresh.above
}

func (u *usage) add(at time.Time, ratio float64) {
	for i := range u.above {
		if a := &u.above[i]; !u.last.IsZero() && ratio > a.Value {
			a.seconds += min(at.Sub(u.last), max(longestGap, u.recent.width)).Seconds()
		}
	}
	u.last = at
	u.recent.push(reading{at, ratio})
	u.peak.push(reading{at, ratio})
	u.samples.Observe(ratio)
	u.feed.observe(at, ratio)
}

// NewHost makes a collector of this machine. It is for the caller to register and to Run. A cgroup whose limits are lower
// than the machine is judged in its place: OwnCgroup is that of this process, NoCgroup none, and others are named by path.
func NewHost(cgroup string, book *objective.Book, log *slog.Logger) *Host {
	machine := newHostSource()
	switch cgroup {
	case NoCgroup:
		return newHost(machine, book, log)
	case OwnCgroup:
		cgroup = ""
	}
	return newHost(newLimitedHost(cgroup, machine).read, book, log)
}

// Which cgroup is judged, beside a path.
const (
	OwnCgroup = "auto"
	NoCgroup  = "off"
)

func newHost(source func(context.Context) (hostState, error), book *objective.Book, log *slog.Logger) *Host {
	return &Host{
		descs:  newDescs(withoutHistograms(hostFamilies()), nil),
		source: source,
		scrape: newScrape("host", log),
		cpu:    newUsage(hostCPUUsageSample, book, objective.CPUUsage),
		memory: newUsage(hostMemoryUsageSample, book, objective.MemoryUsage),
	}
}

// Judge makes the objectives of another book those that the samples feed from now on.
func (h *Host) Judge(book *objective.Book) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.cpu.judge(hostCPUUsageSample, book, objective.CPUUsage)
	h.memory.judge(hostMemoryUsageSample, book, objective.MemoryUsage)
}

// Run samples until ctx is done.
func (h *Host) Run(ctx context.Context) {
	interval := h.Interval
	if interval <= 0 {
		interval = defaultSampleInterval
	}
	h.widen(2 * interval)
	ticker := time.NewTicker(interval)
	defer ticker.Stop()
	for {
		h.sample(ctx)
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}

// widen lets a slow sampler have a current value between its samples.
func (h *Host) widen(width time.Duration) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.cpu.recent.width = max(usageWindow, width)
	h.memory.recent.width = max(usageWindow, width)
}

// sample reads the machine once. The first sample has no CPU usage: that is a difference of two.
func (h *Host) sample(ctx context.Context) {
	start := time.Now()
	bounded, cancel := context.WithTimeout(ctx, hostTimeout)
	defer cancel()
	state, err := h.source(bounded)
	now := time.Now()
	if err == nil && (state.memory == 0 || state.available > state.memory) {
		err = errors.New("reading memory: more is available than there is")
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.scrape.finished(now.Sub(start), err)
	if err != nil {
		return
	}
	before := h.state
	h.state = state
	h.memory.add(now, 1-float64(state.available)/float64(state.memory))
	used := 0.0
	// Idle and I/O wait may go backwards by a tick, and two readings may see the same tick.
	if total := state.total - before.total; before.total > 0 && total > 0 && state.quota == before.quota {
		used = min(1, max(0, (state.busy-before.busy)/total))
		h.cpu.add(now, used)
	}
	h.history.push(now, point{cpu: state.busy, usage: used, memory: float64(state.memory - state.available)})
}

// Describe implements prometheus.Collector.
func (h *Host) Describe(ch chan<- *prometheus.Desc) {
	h.descs.Describe(ch)
	h.scrape.Describe(ch)
	h.cpu.samples.Describe(ch)
	h.memory.samples.Describe(ch)
}

// Collect implements prometheus.Collector.
func (h *Host) Collect(ch chan<- prometheus.Metric) {
	h.mu.Lock()
	defer h.mu.Unlock()
	now := time.Now()
	h.scrape.collect(ch)
	h.cpu.samples.Collect(ch)
	h.memory.samples.Collect(ch)
	for _, a := range slices.Concat(h.cpu.above, h.memory.above) {
		ch <- prometheus.MustNewConstMetric(h.descs[hostAbove], prometheus.CounterValue, a.seconds, a.objective, string(a.Level))
	}
	h.usage(ch, now, &h.cpu, hostCPUUsage, hostCPUUsagePeak)
	if sampled := h.usage(ch, now, &h.memory, hostMemoryUsage, hostMemoryUsagePeak); sampled {
		h.gauge(ch, hostLoad1, h.state.load1)
		h.gauge(ch, hostCPUs, h.state.cpus)
		h.gauge(ch, hostMemoryTotal, float64(h.state.memory))
		h.gauge(ch, hostLimited, oneIf(h.state.quota > 0), "cpu")
		h.gauge(ch, hostLimited, oneIf(h.state.memoryLimited), "memory")
		if t := h.state.throttled; t.known {
			ch <- prometheus.MustNewConstMetric(h.descs[hostThrottled], prometheus.CounterValue, t.v)
		}
	}
}

// usage exposes the mean and the peak of a ratio, and says whether there was a sample in the last second.
func (h *Host) usage(ch chan<- prometheus.Metric, now time.Time, u *usage, mean, peak string) bool {
	if v, ok := u.peak.highest(now); ok {
		h.gauge(ch, peak, v)
	}
	v, ok := u.recent.mean(now)
	if ok {
		h.gauge(ch, mean, v)
	}
	return ok
}
