package collector

import (
	"slices"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/perfwatch/perfwatch/internal/objective"
	"github.com/perfwatch/perfwatch/probes"
)

// A Recorder turns samples into metrics and feeds the objectives. Its methods are safe for concurrent use.
type Recorder struct {
	vectors vectors
	lag     *latency
	descs   descs // of what is no metric of the library

	mu     sync.Mutex
	book   *objective.Book // guarded by mu, as all below
	probes map[string]*ProbeSeries
}

// vectors are the metrics that exist from the moment a probe is added.
type vectors struct {
	labels *prometheus.GaugeVec

	lag, duration, phases *latencyVec
	cache                 *prometheus.CounterVec
	serverTiming          *latencyVec
	queries               *latencyVec
	connections           *prometheus.GaugeVec
	connectionsOpened     *prometheus.CounterVec
	steps                 *latencyVec
	consistency           consistencyVectors
	canary                canaryVectors
	page                  pageVectors

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
			labels: newGaugeVec(probeLabel), lag: newLatencyVec(probeScheduleLag, bounds),
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
		descs:  newDescs(lastFamilies(), nil),
		probes: map[string]*ProbeSeries{},
	}
	r.lag = r.vectors.lag.of()
	reg.MustRegister(r.vectors.collectors()...)
	reg.MustRegister(r)
	return r
}

// times are the histograms of durations of all but pages.
func (v *vectors) times() []*latencyVec {
	return []*latencyVec{v.lag, v.duration, v.phases, v.serverTiming, v.queries, v.steps, v.response, v.service}
}

func (v *vectors) collectors() []prometheus.Collector {
	return append(v.page.collectors(),
		v.labels, v.lag, v.duration, v.phases, v.cache, v.serverTiming,
		v.queries, v.connections, v.connectionsOpened, v.steps, v.consistency.mismatches, v.consistency.answers,
		v.canary.lost, v.canary.outlived,
		v.active, v.users, v.regression, v.requests, v.bursts, v.aborts, v.invalid, v.dropped, v.response, v.service)
}

// remove deletes every series of a probe.
func (v *vectors) remove(probe string) {
	for _, c := range v.collectors() {
		switch vec := c.(type) {
		case *latencyVec:
			vec.remove(probe)
		case interface{ DeletePartialMatch(prometheus.Labels) int }:
			vec.DeletePartialMatch(prometheus.Labels{"probe": probe})
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
		r.vectors.remove(info.Name)
		ok = false
	}
	if !ok {
		s = newProbeSeries(r, info)
		r.probes[info.Name] = s
	}
	s.interval.Store(int64(info.Interval))
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
	r.vectors.remove(name)
}

// ScheduleLag records how late a run was started.
func (r *Recorder) ScheduleLag(lag time.Duration) { r.lag.observe(lag, probes.TraceID{}, time.Time{}) }

// Judge makes the objectives of another book those that everything feeds from now on, and gives the histograms bounds at
// their thresholds. Nothing that was counted is lost.
func (r *Recorder) Judge(book *objective.Book) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.book == book {
		return
	}
	r.book = book
	for _, s := range r.probes {
		s.feed(book)
		if s.burst != nil {
			s.burst.feed(book)
		}
	}
	v := &r.vectors
	for _, h := range v.times() {
		h.rebound(secondsBounds(book))
	}
	for _, h := range v.page.times() {
		h.rebound(pageBounds(book))
	}
}
