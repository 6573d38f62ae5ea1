package collector

import (
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/perfwatch/perfwatch/internal/load"
	"github.com/perfwatch/perfwatch/internal/objective"
	"github.com/perfwatch/perfwatch/probes"
)

// BurstSeries holds the series of one load probe, resolved once. It implements load.Sink.
type BurstSeries struct {
	probe         *ProbeSeries
	plan          []load.Leaf
	leaves        []leafSeries // in the order of the plan
	active, users prometheus.Gauge
	bursts        map[load.Result]prometheus.Counter
	aborts        map[load.Cause]prometheus.Counter
	invalid       map[load.Doubt]prometheus.Counter
	dropped       prometheus.Counter
	judged        atomic.Pointer[burstFeeds]
}

// leafSeries are the series of one endpoint.
type leafSeries struct {
	requests          outcomeCounters
	response, service *latency
	http              *httpSeries
}

var _ load.Sink = (*BurstSeries)(nil)

// Burst makes the series of a load probe for the leaves of its plan. What it returns is the load.Sink of its bursts.
// Calling it again with other leaves keeps the values of those that stay and deletes the series of those that are gone.
func (s *ProbeSeries) Burst(plan *load.Plan) *BurstSeries {
	r := s.recorder
	r.mu.Lock()
	defer r.mu.Unlock()
	v, name := &r.vectors, s.info.Name
	b := &BurstSeries{
		probe: s, plan: plan.Leaves,
		active: v.active.WithLabelValues(name), users: v.users.WithLabelValues(name),
		bursts:  map[load.Result]prometheus.Counter{},
		aborts:  map[load.Cause]prometheus.Counter{},
		invalid: map[load.Doubt]prometheus.Counter{},
		dropped: v.dropped.WithLabelValues(name),
	}
	b.feed(r.book)
	for _, result := range []load.Result{load.Completed, load.Aborted, load.Invalid} {
		b.bursts[result] = v.bursts.WithLabelValues(name, string(result))
	}
	for _, cause := range load.Causes() {
		b.aborts[cause] = v.aborts.WithLabelValues(name, string(cause))
	}
	for _, doubt := range load.Doubts() {
		b.invalid[doubt] = v.invalid.WithLabelValues(name, string(doubt))
	}
	for _, leaf := range plan.Leaves {
		b.leaves = append(b.leaves, leafSeries{
			requests: newOutcomeCounters(v.requests, name, leaf.Task, leaf.Endpoint),
			response: v.response.of(name, leaf.Endpoint), service: v.service.of(name, leaf.Endpoint),
			http: s.endpoint(leaf.Endpoint),
		})
	}
	if s.burst != nil {
		s.removeLeaves(s.burst.plan, plan.Leaves)
	}
	s.burst = b
	return b
}

// feed makes the objectives of a book those that the bursts feed from now on.
func (b *BurstSeries) feed(book *objective.Book) {
	judged := newBurstFeeds(book, b.probe.info.Group, b.probe.info.Name)
	b.judged.Store(&judged)
}

// removeLeaves deletes the series of leaves that a new plan no longer has.
func (s *ProbeSeries) removeLeaves(old, kept []load.Leaf) {
	v, probe := &s.recorder.vectors, s.info.Name
	type key struct{ task, endpoint string }
	tasks, endpoints := map[key]bool{}, map[string]bool{}
	for _, leaf := range kept {
		tasks[key{leaf.Task, leaf.Endpoint}], endpoints[leaf.Endpoint] = true, true
	}
	for _, leaf := range old {
		if !tasks[key{leaf.Task, leaf.Endpoint}] {
			v.requests.DeletePartialMatch(prometheus.Labels{"probe": probe, "task": leaf.Task, "endpoint": leaf.Endpoint})
		}
		if !endpoints[leaf.Endpoint] {
			v.response.remove(probe, leaf.Endpoint)
			v.service.remove(probe, leaf.Endpoint)
			s.removeEndpoint(leaf.Endpoint)
		}
	}
}

// Observe implements load.Sink. It does not allocate. A canceled request is counted and nothing more.
func (b *BurstSeries) Observe(leaf int, s *probes.Sample) {
	l := &b.leaves[leaf]
	l.requests[s.Outcome].Inc()
	if s.Outcome == probes.Canceled {
		return
	}
	l.response.observe(s.Response(), s.TraceID, s.Start)
	l.service.observe(s.Duration, s.TraceID, s.Start)
	l.http.observe(s)
}

// SetUsers implements load.Sink.
func (b *BurstSeries) SetUsers(n int) { b.users.Set(float64(n)) }

// Begin says that a burst runs.
func (b *BurstSeries) Begin() { b.active.Set(1) }

// End publishes a finished burst and what the platform did meanwhile, which may be nil. Only a valid one feeds the
// objectives.
func (b *BurstSeries) End(s *load.Summary, w *BurstWatch) {
	b.active.Set(0)
	b.users.Set(0)
	all, judged := s.All(), *b.judged.Load()
	last := lastMetrics{descs: b.probe.recorder.descs, probe: b.probe.info.Name}
	last.burst(s, &all, judged.quantiles())
	last.watched(w)
	b.probe.last.Store(&last.metrics)
	b.probe.lastRun.set(unixSeconds(s.End))
	if s.Valid() {
		b.probe.lastSuccess.set(unixSeconds(s.End))
		judged.judge(s, &all, w)
	}
	b.count(s) // whoever sees a burst counted finds its figures
}

// Compared publishes what the comparison with earlier bursts shows of each endpoint that can be judged, "" for all: 1
// slower, -1 faster, 0 no change shown.
func (b *BurstSeries) Compared(changes map[string]int) {
	v, probe := b.probe.recorder.vectors.regression, b.probe.info.Name
	v.DeletePartialMatch(prometheus.Labels{"probe": probe})
	for endpoint, change := range changes {
		v.WithLabelValues(probe, endpoint).Set(float64(change))
	}
}

func (b *BurstSeries) count(s *load.Summary) {
	if c, ok := b.bursts[s.Result]; ok {
		c.Inc()
	}
	if c, ok := b.aborts[s.Cause]; ok {
		c.Inc()
	}
	for _, doubt := range s.Doubts {
		if c, ok := b.invalid[doubt]; ok {
			c.Inc()
		}
	}
	b.dropped.Add(float64(s.Dropped))
}
