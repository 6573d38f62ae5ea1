package collector

import (
	"slices"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/perfwatch/perfwatch/internal/objective"
	"github.com/perfwatch/perfwatch/probes"
)

// kindLoad is the kind of probe that has bursts in place of timed runs.
const kindLoad = "load"

// ProbeSeries holds the series of one probe, resolved once.
type ProbeSeries struct {
	recorder *Recorder
	info     ProbeInfo

	label1   []*dto.LabelPair       // the probe's name, which is the only label of most series
	created  *timestamppb.Timestamp // when it was added
	interval atomic.Int64           // between runs, nanoseconds

	counts   runCounts
	failures atomic.Uint64                             // in a row
	duration *latency                                  // nil for bursts
	phases   [probes.NumPhases]atomic.Pointer[latency] // nil until the phase happens first
	gone     bool                                      // guarded by recorder.mu

	success, lastRun, lastSuccess, status, bytes, certificate lastValue

	overdue, burstOverdue lastValue // the one that is of its kind

	feeds     atomic.Pointer[feeds]
	http      *httpSeries            // of the probe's own request; nil for bursts
	endpoints map[string]*httpSeries // of a burst; guarded by recorder.mu

	sql         sqlSeries
	steps       journeySeries
	consistency consistencySeries
	canary      canarySeries
	page        *pageSeries

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
		label1: []*dto.LabelPair{labelPair("probe", name)}, created: timestamppb.Now(),
	}
	s.feed(r.book)
	if info.Kind == kindLoad {
		s.endpoints = map[string]*httpSeries{}
		return s
	}
	s.http = &httpSeries{probe: s, endpoint: name}
	s.sql = newSQLSeries(v, info)
	s.steps = newJourneySeries(v.steps, info)
	s.consistency.fill(&v.consistency, info)
	s.canary.fill(&v.canary, info)
	s.page = newPageSeries(s)
	s.duration = v.duration.of(name, info.Group)
	return s
}

// feed makes the objectives of a book those that the runs feed from now on.
func (s *ProbeSeries) feed(book *objective.Book) {
	of := func(m objective.Measure) feed { return book.Of(m, s.info.Group, s.info.Name, "") }
	s.feeds.Store(&feeds{
		latency: of(objective.Latency), errors: of(objective.ErrorRatio), fcp: of(objective.PageFCP), tti: of(objective.PageTTI),
	})
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
	s.feeds.Load().errors.observe(end, oneIf(!ok))
	if ok {
		s.lastSuccess.set(unixSeconds(end))
		s.failures.Store(0)
	} else {
		s.failures.Add(1)
	}
	s.observeTimes(sample, end)
	s.observeResponse(sample)
	s.sql.observe(sample.SQL, sample.TraceID)
	s.steps.observe(sample.Journey)
	s.consistency.observe(sample.Consistency)
	s.canary.observe(sample.Canary)
	s.page.observe(sample, ok, end)
}

func (s *ProbeSeries) observeTimes(sample *probes.Sample, end time.Time) {
	if s.duration == nil {
		return
	}
	s.duration.observe(sample.Duration, sample.TraceID, sample.Start)
	s.feeds.Load().latency.observe(end, sample.Duration.Seconds())
	for p := range s.phases {
		if d, ok := sample.Phases.Get(probes.Phase(p)); ok {
			s.phase(probes.Phase(p)).observe(d, sample.TraceID, sample.Start)
		}
	}
}

// phase is the histogram of a phase. Most probes never have some of them, as a handshake or the look-up of a name: of ten
// thousand these are the larger part of a scrape, so that each is made when it first happens.
func (s *ProbeSeries) phase(p probes.Phase) *latency {
	if l := s.phases[p].Load(); l != nil {
		return l
	}
	r := s.recorder
	r.mu.Lock()
	defer r.mu.Unlock()
	if s.gone { // the last run of a probe that was removed
		return &latency{}
	}
	l := r.vectors.phases.of(s.info.Name, p.String())
	s.phases[p].Store(l)
	return l
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

// Skipped counts n runs that were due and did not happen. The reason is one of overlap, saturated, guard, window and
// paused; any other is not counted, since labels come from a closed set.
func (s *ProbeSeries) Skipped(reason string, n int) {
	s.counts.skip(reason, n)
}

// Overdue says from when on the next run, or burst, counts as missing; the zero time is never.
func (s *ProbeSeries) Overdue(at time.Time) {
	v := &s.overdue
	if s.info.Kind == kindLoad {
		v = &s.burstOverdue
	}
	if at.IsZero() {
		v.clear()
		return
	}
	v.set(unixSeconds(at))
}

// feeds are the trackers that the runs of one probe feed. A reload may change them.
type feeds struct{ latency, errors, fcp, tti feed }

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
