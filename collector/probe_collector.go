package collector

import (
	"cmp"
	"slices"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/perfwatch/perfwatch/probes"
)

// Describe implements prometheus.Collector.
func (r *Recorder) Describe(ch chan<- *prometheus.Desc) { r.descs.Describe(ch) }

// Collect implements prometheus.Collector: what of each probe is no metric of the library. Of ten thousand probes that is a
// quarter of a million series, so that they are made many at a time, and family by family in the order of a page of
// metrics: to find them in order costs less than to bring them there.
func (r *Recorder) Collect(ch chan<- prometheus.Metric) {
	all := r.sorted()
	out := &scraped{ch: ch}
	r.collectInfo(out, all)
	r.collectCounts(out, all)
	r.collectLast(out, all)
	for _, s := range all {
		if b := s.last.Load(); b != nil {
			for _, m := range *b {
				ch <- m
			}
		}
	}
}

// sorted are all probes by name. Nothing waits for a scrape while they are gone through.
func (r *Recorder) sorted() []*ProbeSeries {
	r.mu.Lock()
	defer r.mu.Unlock()
	all := make([]*ProbeSeries, 0, len(r.probes))
	for _, s := range r.probes {
		all = append(all, s)
	}
	slices.SortFunc(all, func(a, b *ProbeSeries) int { return cmp.Compare(a.info.Name, b.info.Name) })
	return all
}

func (r *Recorder) collectInfo(out *scraped, all []*ProbeSeries) {
	for _, s := range all {
		out.put(r.descs[probeInterval], nil, time.Duration(s.interval.Load()).Seconds(), s.label1...)
		out.put(r.descs[probeConsecutiveFailures], nil, float64(s.failures.Load()), s.label1...)
	}
	byGroup := slices.Clone(all)
	slices.SortStableFunc(byGroup, func(a, b *ProbeSeries) int {
		return cmp.Or(cmp.Compare(a.info.Group, b.info.Group), cmp.Compare(a.info.Kind, b.info.Kind))
	})
	for _, s := range byGroup {
		out.put(r.descs[probeInfo], nil, 1, labelPair("group", s.info.Group), labelPair("kind", s.info.Kind), s.label1[0])
	}
}

// collectCounts exposes runs as counters that have been there since their probe was added.
func (r *Recorder) collectCounts(out *scraped, all []*ProbeSeries) {
	for _, o := range outcomesByName() {
		label := labelPair("outcome", o.String())
		for _, s := range all {
			out.put(r.descs[probeRuns], s.created, float64(s.counts.ended[o].Load()), label, s.label1[0])
		}
	}
	var labels [numReasons]*dto.LabelPair
	for i, reason := range reasons() {
		labels[i] = labelPair("reason", reason)
	}
	for _, s := range all {
		for i, label := range labels {
			out.put(r.descs[probeSkipped], s.created, float64(s.counts.skipped[i].Load()), s.label1[0], label)
		}
	}
}

// collectLast exposes what may be absent.
func (r *Recorder) collectLast(out *scraped, all []*ProbeSeries) {
	for _, g := range []struct {
		metric string
		of     func(*ProbeSeries) *lastValue
	}{
		{probeSuccess, func(s *ProbeSeries) *lastValue { return &s.success }},
		{probeLastRun, func(s *ProbeSeries) *lastValue { return &s.lastRun }},
		{probeOverdue, func(s *ProbeSeries) *lastValue { return &s.overdue }},
		{probeLastSuccess, func(s *ProbeSeries) *lastValue { return &s.lastSuccess }},
		{httpStatusCode, func(s *ProbeSeries) *lastValue { return &s.status }},
		{httpResponseBytes, func(s *ProbeSeries) *lastValue { return &s.bytes }},
		{tlsCertificateNotAfter, func(s *ProbeSeries) *lastValue { return &s.certificate }},
		{loadOverdue, func(s *ProbeSeries) *lastValue { return &s.burstOverdue }},
		{consistencyAgreement, func(s *ProbeSeries) *lastValue { return &s.consistency.agreement }},
		{consistencyStaleness, func(s *ProbeSeries) *lastValue { return &s.consistency.staleness }},
		{canaryTTLError, func(s *ProbeSeries) *lastValue { return &s.canary.ttlError }},
		{canaryReplicaLag, func(s *ProbeSeries) *lastValue { return &s.canary.lag }},
	} {
		for _, s := range all {
			if v, ok := g.of(s).get(); ok {
				out.put(r.descs[g.metric], nil, v, s.label1...)
			}
		}
	}
}

// outcomesByName are all outcomes in the order of their names.
func outcomesByName() []probes.Outcome {
	all := make([]probes.Outcome, 0, probes.NumOutcomes)
	for o := range probes.NumOutcomes {
		all = append(all, o)
	}
	slices.SortFunc(all, func(a, b probes.Outcome) int { return cmp.Compare(a.String(), b.String()) })
	return all
}

func labelPair(name, value string) *dto.LabelPair { return &dto.LabelPair{Name: &name, Value: &value} }

// scraped makes the metrics of one scrape, many at a time, and sends them.
type scraped struct {
	ch     chan<- prometheus.Metric
	made   []scrapedValue
	labels []*dto.LabelPair
}

// A scrapedValue is one series of one scrape: a counter if it says since when, or else a gauge.
type scrapedValue struct {
	desc    *prometheus.Desc
	labels  []*dto.LabelPair
	created *timestamppb.Timestamp
	value   float64
}

// put sends a value, whose labels are in the order of their names.
func (m *scraped) put(desc *prometheus.Desc, created *timestamppb.Timestamp, value float64, labels ...*dto.LabelPair) {
	const atOnce = 1024
	if len(m.made) == cap(m.made) { // what was sent stays where it is
		m.made = make([]scrapedValue, 0, atOnce)
	}
	if len(m.labels)+len(labels) > cap(m.labels) {
		m.labels = make([]*dto.LabelPair, 0, 2*atOnce)
	}
	from := len(m.labels)
	m.labels = append(m.labels, labels...)
	m.made = append(m.made, scrapedValue{desc, m.labels[from:len(m.labels):len(m.labels)], created, value})
	m.ch <- &m.made[len(m.made)-1]
}

// Desc implements prometheus.Metric.
func (n *scrapedValue) Desc() *prometheus.Desc { return n.desc }

// Write implements prometheus.Metric.
func (n *scrapedValue) Write(out *dto.Metric) error {
	out.Label = n.labels
	if n.created != nil {
		out.Counter = &dto.Counter{Value: &n.value, CreatedTimestamp: n.created}
	} else {
		out.Gauge = &dto.Gauge{Value: &n.value}
	}
	return nil
}
