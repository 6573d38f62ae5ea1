package collector

import (
	"slices"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/perfwatch/perfwatch/internal/objective"
	"github.com/perfwatch/perfwatch/probes"
)

// kindLoad is the kind of probe that has bursts in place of timed runs.
const kindLoad = "load"

// ProbeSeries holds the series of one probe, resolved once.
type ProbeSeries struct {
	recorder *Recorder
	info     ProbeInfo

	counts   runCounts
	failures prometheus.Gauge
	duration *latency                   // nil for bursts
	phases   [probes.NumPhases]*latency // likewise

	success, lastRun, lastSuccess, status, bytes, certificate, overdue lastValue

	latency, errors feed
	http            *httpSeries            // of the probe's own request; nil for bursts
	endpoints       map[string]*httpSeries // of a burst; guarded by recorder.mu

	sql         sqlSeries
	steps       journeySeries
	consistency consistencySeries
	canary      canarySeries
	page        pageSeries

	last  atomic.Pointer[[]prometheus.Metric] // of the last burst; nil before the first
	burst *BurstSeries                        // guarded by recorder.mu
}

// outcomeCounters are one counter for each outcome.
type outcomeCounters [probes.NumOutcomes]prometheus.Counter

func newOutcomeCounters(vec *prometheus.CounterVec, labels ...string) (cs outcomeCounters) {
	for o := range cs {
		cs[o] = vec.WithLabelValues(append(slices.Clone(labels), probes.Outcome(o).String())...)
	}
	return cs
}

// newProbeSeries is called with the recorder's lock held.
func newProbeSeries(r *Recorder, info ProbeInfo) *ProbeSeries {
	v, name := &r.vectors, info.Name
	s := &ProbeSeries{
		recorder: r, info: info,
		counts:   runCounts{created: time.Now()},
		failures: v.failures.WithLabelValues(name),
		errors:   r.book.Of(objective.ErrorRatio, info.Group, name, ""),
	}
	v.info.WithLabelValues(name, info.Group, info.Kind).Set(1)
	if info.Kind == kindLoad {
		s.endpoints = map[string]*httpSeries{}
		return s
	}
	s.http = &httpSeries{probe: s, endpoint: name}
	s.sql = newSQLSeries(v, info)
	s.steps = newJourneySeries(v.steps, info)
	s.consistency.fill(&v.consistency, info)
	s.canary.fill(&v.canary, info)
	s.page.fill(s)
	s.latency = r.book.Of(objective.Latency, info.Group, name, "")
	s.duration = v.duration.of(name, info.Group)
	for p := range s.phases {
		s.phases[p] = v.phases.of(name, probes.Phase(p).String())
	}
	return s
}

// label tells the labels of a target, and no longer those that it had. It is called with the recorder's lock held.
func (s *ProbeSeries) label(labels map[string]string) {
	v, name := s.recorder.vectors.labels, s.info.Name
	for label, value := range s.info.Labels {
		if labels[label] != value {
			v.DeleteLabelValues(name, label, value)
		}
	}
	for label, value := range labels {
		v.WithLabelValues(name, label, value).Set(1)
	}
	s.info.Labels = labels
}

// Observe records one run. It does not allocate. A canceled run is counted and nothing more: it says nothing of the
// platform.
func (s *ProbeSeries) Observe(sample *probes.Sample) {
	s.counts.ended[sample.Outcome].Add(1)
	if sample.Outcome == probes.Canceled {
		return
	}
	end := sample.Start.Add(sample.Duration)
	s.lastRun.set(unixSeconds(end))
	ok := sample.Outcome == probes.OK
	s.success.set(oneIf(ok))
	s.errors.observe(end, oneIf(!ok))
	if ok {
		s.lastSuccess.set(unixSeconds(end))
		s.failures.Set(0)
	} else {
		s.failures.Inc()
	}
	s.observeTimes(sample, end)
	s.observeResponse(sample)
	s.sql.observe(sample.SQL, sample.TraceID)
	s.steps.observe(sample.Journey)
	s.consistency.observe(sample.Consistency)
	s.canary.observe(sample.Canary)
	s.page.observe(sample.Page, ok, end)
}

func (s *ProbeSeries) observeTimes(sample *probes.Sample, end time.Time) {
	if s.duration == nil {
		return
	}
	s.duration.observe(sample.Duration, sample.TraceID, sample.Start)
	s.latency.observe(end, sample.Duration.Seconds())
	for p := range s.phases {
		if d, ok := sample.Phases.Get(probes.Phase(p)); ok {
			s.phases[p].observe(d, sample.TraceID, sample.Start)
		}
	}
}

// observeResponse keeps the certificate of the last handshake while there is no response at all: an expiry that
// vanished with each outage would resolve its own alert.
func (s *ProbeSeries) observeResponse(sample *probes.Sample) {
	if !sample.CertNotAfter.IsZero() {
		s.certificate.set(unixSeconds(sample.CertNotAfter))
	} else if sample.Status != 0 {
		s.certificate.clear()
	}
	if sample.Status == 0 {
		s.status.clear()
		s.bytes.clear()
		return
	}
	s.http.observe(sample)
	s.status.set(float64(sample.Status))
	s.bytes.set(float64(sample.Bytes))
}

// Skipped counts a run that was due and did not happen. The reason is one of overlap, saturated, guard, window and
// paused; any other is not counted, since labels come from a closed set.
func (s *ProbeSeries) Skipped(reason string) {
	s.counts.skip(reason)
}

// A feed is the trackers that one source feeds.
type feed []*objective.Tracker

func (f feed) observe(at time.Time, v float64) {
	for _, t := range f {
		t.Observe(at, v)
	}
}

func (f feed) add(at time.Time, part, whole float64) {
	for _, t := range f {
		t.Add(at, part, whole)
	}
}
