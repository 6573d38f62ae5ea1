package collector

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	promconfig "github.com/prometheus/common/config"
)

// How often a process is read. One that is read over the network is asked rarely, since each time it writes a whole page
// for us, and more often while a burst runs.
const (
	localInterval       = 100 * time.Millisecond
	remoteInterval      = 5 * time.Second
	remoteBurstInterval = time.Second
	processTimeout      = 2 * time.Second
)

// A ProcessSpec says which process is watched: one of Command, PIDFile, Port and MetricsURL.
type ProcessSpec struct {
	Name       string
	Command    string // stands in its command line, arguments joined by spaces
	PIDFile    string
	Port       int                         // local TCP port that it listens on
	Children   bool                        // its descendants count too
	MetricsURL string                      // its own page of metrics, on whichever machine
	HTTPClient promconfig.HTTPClientConfig // for MetricsURL
}

// A processSource reads one process. Its error says why there is none.
type processSource interface {
	read(ctx context.Context) (processReading, error)
}

// A processReading is what a process says of itself at an instant, summed with its descendants where they count.
type processReading struct {
	at        time.Time     // when it began
	took      time.Duration // from then on: what is read may be of any instant in it
	cpu       float64       // seconds spent since the reading before, or since a start after that
	steady    float64       // those of them by what was there at the reading before too: what a usage is made of
	resident  int64         // bytes
	shared    count         // proportional set size in bytes: shared memory split between those that share it
	fds       count
	threads   count
	restarted bool // another process than the one before
}

// Process reads one process of the platform beside the scrapes, which get what it said last.
type Process struct {
	descs
	poller
	name     string
	source   processSource
	interval time.Duration
	hurried  time.Duration // the interval while a burst is watched

	reading sync.Mutex // held while the source reads; taken before mu

	state    *processReading // guarded by mu, as all below; nil while the last reading failed
	err      error           // why it did
	created  time.Time       // of the counters
	cpu      float64         // seconds since the first reading
	restarts float64
	usage    recentMean           // CPU, 1 is one core
	peak     slidingMax           // of it
	samples  prometheus.Histogram // likewise
	memory   slidingMax           // bytes
	from     time.Time            // since when steady is summed up; zero after a gap
	steady   float64
	history  history
}

// NewProcesses makes a collector for each spec. They are for the caller to register and to Run; they share their looks
// at the machine's processes. The error is an HTTP client that cannot be made; a process that is away is a metric.
func NewProcesses(specs []ProcessSpec, log *slog.Logger) ([]*Process, error) {
	table := newProcessTable("/proc")
	all := make([]*Process, 0, len(specs))
	for i := range specs {
		s := &specs[i]
		if s.MetricsURL == "" {
			p := newProcess(s.Name, newProcessTree(table, s.finder(table.proc.dir), s.Children), log)
			all = append(all, p)
			continue
		}
		remote, err := newRemoteProcess(s)
		if err != nil {
			return nil, fmt.Errorf("reaching process %q: %w", s.Name, err)
		}
		p := newProcess(s.Name, remote, log)
		p.interval, p.hurried = remoteInterval, remoteBurstInterval
		p.usage.width = 2 * remoteInterval
		all = append(all, p)
	}
	return all, nil
}

func (s *ProcessSpec) finder(dir string) processFinder {
	switch {
	case s.PIDFile != "":
		return byPIDFile(s.PIDFile)
	case s.Port != 0:
		return byPort(dir, s.Port)
	}
	return byCommand(dir, s.Command)
}

func newProcess(name string, source processSource, log *slog.Logger) *Process {
	return &Process{
		descs:  newDescs(withoutHistograms(processFamilies()), prometheus.Labels{"process": name}),
		poller: newPoller("process/"+name, processTimeout, log),
		name:   name, source: source, interval: localInterval, hurried: localInterval,
		usage: recentMean{width: usageWindow},
		peak:  slidingMax{width: peakWindow},
		samples: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: processCPUSample, Help: family(processCPUSample).Help, ConstLabels: prometheus.Labels{"process": name},
			Buckets: []float64{.05, .1, .2, .3, .4, .5, .75, 1, 1.5, 2, 4, 8, 16, 32, 64},
		}),
		memory: slidingMax{width: peakWindow},
	}
}

// Run reads until ctx is done.
func (p *Process) Run(ctx context.Context) {
	ticker := time.NewTicker(p.hurried)
	defer ticker.Stop()
	var last time.Time
	for {
		if now := time.Now(); p.hurry() || now.Sub(last) > p.interval-p.hurried/2 {
			p.pull(ctx)
			last = now
		}
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}

// hurry says whether a burst is watched now.
func (p *Process) hurry() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.history.spans) > 0
}

// pull reads once.
func (p *Process) pull(ctx context.Context) {
	p.reading.Lock()
	defer p.reading.Unlock()
	p.poller.pull(ctx, func(ctx context.Context) (func(), error) {
		start := time.Now()
		r, err := p.source.read(ctx)
		return func() {
			if p.created.IsZero() {
				p.created = start
			}
			if p.state, p.err = nil, err; err != nil {
				p.from = time.Time{}
				return
			}
			p.state = &r
			p.note(&r)
		}, err
	})
}

// note adds one reading to what is kept.
func (p *Process) note(r *processReading) {
	p.cpu += r.cpu
	p.memory.push(reading{r.at, float64(r.resident)})
	if r.restarted {
		p.restarts++
	}
	usage := p.use(r)
	p.history.push(r.at, point{cpu: p.cpu, usage: usage, memory: float64(r.resident), run: int(p.restarts)})
}

// use is the CPU in use since the last time that it was known; 0 if it is not known now.
func (p *Process) use(r *processReading) float64 {
	if r.restarted || p.from.IsZero() {
		p.from, p.steady = r.at, 0
		return 0
	}
	p.steady += r.steady
	if r.at.Sub(p.from) < p.hurried/2 { // readings close together, as after a pause of ours, would make an accident a usage
		return 0
	}
	// Whoever reads can be held up in the midst of it. The longest that it can have been gives no usage that was not.
	since := r.at.Add(r.took).Sub(p.from)
	usage := reading{r.at, p.steady / since.Seconds()}
	p.usage.push(usage)
	p.peak.push(usage)
	p.samples.Observe(usage.v)
	p.from, p.steady = r.at, 0
	return usage.v
}

// Describe implements prometheus.Collector.
func (p *Process) Describe(ch chan<- *prometheus.Desc) {
	p.descs.Describe(ch)
	p.scrape.Describe(ch)
	p.samples.Describe(ch)
}

// Collect implements prometheus.Collector.
func (p *Process) Collect(ch chan<- prometheus.Metric) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.scrape.read {
		return
	}
	p.scrape.collect(ch)
	p.samples.Collect(ch)
	p.gauge(ch, processUp, oneIf(p.state != nil))
	for name, v := range map[string]float64{processCPU: p.cpu, processRestarts: p.restarts} {
		ch <- prometheus.MustNewConstMetricWithCreatedTimestamp(p.descs[name], prometheus.CounterValue, v, p.created)
	}
	now := time.Now()
	if v, ok := p.peak.highest(now); ok {
		p.gauge(ch, processCPUPeak, v)
	}
	if v, ok := p.memory.highest(now); ok {
		p.gauge(ch, processMemoryPeak, v)
	}
	if p.state != nil {
		p.state.collect(ch, p.descs)
	}
}

func (r *processReading) collect(ch chan<- prometheus.Metric, ds descs) {
	ds.gauge(ch, processMemory, float64(r.resident))
	for name, c := range map[string]count{processShared: r.shared, processFDs: r.fds, processThreads: r.threads} {
		if c.known {
			ds.gauge(ch, name, float64(c.n))
		}
	}
}
