package collector

import (
	"slices"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/perfwatch/perfwatch/internal/objective"
)

// A Recorder turns samples into metrics and feeds the objectives. Its methods are safe for concurrent use.
type Recorder struct {
	book    *objective.Book
	vectors vectors
	lag     prometheus.Histogram
	descs   descs // of what is absent until it is known

	mu     sync.Mutex
	probes map[string]*ProbeSeries // guarded by mu
}

// vectors are the metrics that exist from the moment a probe is added.
type vectors struct {
	info, labels, interval, failures *prometheus.GaugeVec

	duration, phases  *latencyVec
	cache             *prometheus.CounterVec
	serverTiming      *latencyVec
	queries           *latencyVec
	connections       *prometheus.GaugeVec
	connectionsOpened *prometheus.CounterVec
	steps             *latencyVec
	consistency       consistencyVectors
	canary            canaryVectors
	page              pageVectors

	active, users, regression                  *prometheus.GaugeVec
	requests, bursts, aborts, invalid, dropped *prometheus.CounterVec
	response, service                          *latencyVec
}

// NewRecorder makes a recorder whose histograms have a bound at every threshold of the book's latency objectives, and
// registers its metrics.
func NewRecorder(reg prometheus.Registerer, book *objective.Book) *Recorder {
	bounds := secondsBounds(book)
	r := &Recorder{
		book: book,
		vectors: vectors{
			info: newGaugeVec(probeInfo), labels: newGaugeVec(probeLabel), interval: newGaugeVec(probeInterval),
			failures: newGaugeVec(probeConsecutiveFailures),
			duration: newLatencyVec(probeDuration, bounds), phases: newLatencyVec(probePhaseDuration, bounds),
			cache: newCounterVec(httpCacheResponses), serverTiming: newLatencyVec(httpServerTiming, bounds),
			queries:     newLatencyVec(sqlQueryDuration, bounds),
			connections: newGaugeVec(sqlConnections), connectionsOpened: newCounterVec(sqlConnectionsOpened),
			steps:       newLatencyVec(stepDuration, bounds),
			consistency: newConsistencyVectors(), canary: newCanaryVectors(), page: newPageVectors(book),
			active: newGaugeVec(loadActive), users: newGaugeVec(loadUsers),
			requests: newCounterVec(loadRequests), bursts: newCounterVec(loadBursts), aborts: newCounterVec(loadAborts),
			regression: newGaugeVec(loadRegression),
			invalid:    newCounterVec(loadInvalid),
			dropped:    newCounterVec(loadDropped),
			response:   newLatencyVec(loadResponse, bounds), service: newLatencyVec(loadService, bounds),
		},
		lag:    prometheus.NewHistogram(secondsOpts(probeScheduleLag, bounds)),
		descs:  newDescs(lastFamilies(), nil),
		probes: map[string]*ProbeSeries{},
	}
	reg.MustRegister(r.vectors.collectors()...)
	reg.MustRegister(r.lag, lastCollector{r})
	return r
}

func (v *vectors) collectors() []prometheus.Collector {
	return append(v.page.collectors(),
		v.info, v.labels, v.interval, v.failures, v.duration, v.phases, v.cache, v.serverTiming,
		v.queries, v.connections, v.connectionsOpened, v.steps, v.consistency.mismatches, v.consistency.answers,
		v.canary.lost, v.canary.outlived,
		v.active, v.users, v.regression, v.requests, v.bursts, v.aborts, v.invalid, v.dropped, v.response, v.service)
}

// remove deletes every series that has all of labels.
func (v *vectors) remove(labels prometheus.Labels) {
	for _, c := range v.collectors() {
		if vec, ok := c.(interface{ DeletePartialMatch(prometheus.Labels) int }); ok {
			vec.DeletePartialMatch(labels)
		}
	}
}

// ProbeInfo is what the metrics say of a probe.
type ProbeInfo struct {
	Name, Group, Kind string
	Interval          time.Duration
	Queries           []string // names of the queries of an sql probe
	Steps             []string // names of the steps of a journey
	Workers           []string // names of the workers of a consistency probe
	Marks             []string // names of the marks of a page that are kept
	Warm              bool     // a page is loaded a second time

	Labels map[string]string // of a target
}

// sameSeries says that the series of one are those of the other.
func (a *ProbeInfo) sameSeries(b *ProbeInfo) bool {
	return a.Group == b.Group && a.Kind == b.Kind && slices.Equal(a.Queries, b.Queries) && slices.Equal(a.Steps, b.Steps) &&
		slices.Equal(a.Workers, b.Workers) && slices.Equal(a.Marks, b.Marks) && a.Warm == b.Warm
}

// Probe makes the series of a probe, all at zero. Calling it again for the same name returns the same series with their
// values kept, unless the probe has another group or kind, or other queries, steps, workers or marks: that is another probe,
// which starts at zero.
func (r *Recorder) Probe(info ProbeInfo) *ProbeSeries {
	r.mu.Lock()
	defer r.mu.Unlock()
	s, ok := r.probes[info.Name]
	if ok && !s.info.sameSeries(&info) {
		s.retire()
		r.vectors.remove(prometheus.Labels{"probe": info.Name})
		ok = false
	}
	if !ok {
		s = newProbeSeries(r, info)
		r.probes[info.Name] = s
	}
	r.vectors.interval.WithLabelValues(info.Name).Set(info.Interval.Seconds())
	s.label(info.Labels)
	return s
}

// Remove deletes every series of a probe. What its last run still reports is not seen.
func (r *Recorder) Remove(name string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if s, ok := r.probes[name]; ok {
		s.retire()
	}
	delete(r.probes, name)
	r.vectors.remove(prometheus.Labels{"probe": name})
}

// ScheduleLag records how late a run was started.
func (r *Recorder) ScheduleLag(lag time.Duration) { r.lag.Observe(lag.Seconds()) }
