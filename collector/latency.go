package collector

import (
	"math"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/perfwatch/perfwatch/probes"
)

const (
	// exemplarEvery is how often one bucket takes a new exemplar. A scrape sees the last one only, and what is taken
	// costs an allocation.
	exemplarEvery = time.Second
	// exemplarAge is how long an exemplar is shown. Whoever scrapes has it by then, and each costs a scrape.
	exemplarAge = 5 * time.Minute
)

// traceLabel is the label under which Grafana and OpenTelemetry look for the trace of an exemplar.
const traceLabel = "trace_id"

// A latencyVec is histograms of durations that name, for each classic bucket, the trace of a request that fell into it.
//
// client_golang's own exemplars are made at each observation, of which a scrape shows one in a thousand; here one is a
// few words until a scrape asks for it.
type latencyVec struct {
	*prometheus.HistogramVec
	bounds []float64

	mu     sync.Mutex
	traced map[prometheus.Metric]*latency // by histogram
}

// A latency is one histogram of a latencyVec.
type latency struct {
	histogram prometheus.Observer
	bounds    []float64
	last      []atomic.Pointer[exemplar] // by classic bucket, the one beyond the last bound included
}

// An exemplar is one observation and its trace.
type exemplar struct {
	trace probes.TraceID
	value float64 // seconds
	at    time.Time
}

func newLatencyVec(name string, bounds []float64) *latencyVec {
	return &latencyVec{HistogramVec: newSecondsVec(name, bounds), bounds: bounds, traced: map[prometheus.Metric]*latency{}}
}

// of finds or makes the histogram of some labels.
func (v *latencyVec) of(labels ...string) *latency {
	v.mu.Lock()
	defer v.mu.Unlock()
	h := v.WithLabelValues(labels...)
	metric, _ := h.(prometheus.Metric) // histograms are
	l := v.traced[metric]
	if l == nil {
		l = &latency{histogram: h, bounds: v.bounds, last: make([]atomic.Pointer[exemplar], len(v.bounds)+1)}
		v.traced[metric] = l
	}
	return l
}

// observe records a duration. The trace is that of the request, zero if it had none; at is when it was sent.
func (l *latency) observe(d time.Duration, trace probes.TraceID, at time.Time) {
	value := d.Seconds()
	l.histogram.Observe(value)
	if trace == (probes.TraceID{}) {
		return
	}
	last := &l.last[l.bucket(value)]
	if old := last.Load(); old == nil || at.Sub(old.at) >= exemplarEvery {
		last.Store(&exemplar{trace, value, at})
	}
}

// bucket is the first whose bound the value does not exceed. It is slices.BinarySearch at a third of its time.
func (l *latency) bucket(value float64) int {
	i, j := 0, len(l.bounds)
	for i < j {
		if h := (i + j) / 2; l.bounds[h] < value {
			i = h + 1
		} else {
			j = h
		}
	}
	return i
}

// Collect implements prometheus.Collector.
func (v *latencyVec) Collect(ch chan<- prometheus.Metric) {
	for _, m := range v.histograms() {
		ch <- m
	}
}

// A tracedMetric is a histogram with its exemplars.
type tracedMetric struct {
	prometheus.Metric
	latency *latency
}

// Write implements prometheus.Metric.
func (m tracedMetric) Write(out *dto.Metric) error {
	if err := m.Metric.Write(out); err != nil {
		return err
	}
	h, now := out.GetHistogram(), time.Now()
	for i := range m.latency.last {
		e := m.latency.last[i].Load()
		if e == nil || now.Sub(e.at) >= exemplarAge {
			continue
		}
		shown := e.proto()
		if len(h.PositiveSpan) > 0 || h.GetZeroCount() > 0 {
			h.Exemplars = append(h.Exemplars, shown)
		}
		if i == len(h.Bucket) { // client_golang leaves out what all observations are in
			h.Bucket = append(h.Bucket, &dto.Bucket{CumulativeCount: new(h.GetSampleCount()), UpperBound: new(math.Inf(1))})
		}
		h.Bucket[i].Exemplar = shown
	}
	return nil
}

// proto writes an exemplar for a scrape. It is of the instant at which the request ended.
func (e *exemplar) proto() *dto.Exemplar {
	return &dto.Exemplar{
		Label:     []*dto.LabelPair{{Name: new(traceLabel), Value: new(e.trace.String())}},
		Value:     new(e.value),
		Timestamp: timestamppb.New(e.at.Add(time.Duration(e.value * float64(time.Second)))),
	}
}

// histograms lists those that there are, and forgets those that were deleted.
func (v *latencyVec) histograms() []tracedMetric {
	v.mu.Lock()
	defer v.mu.Unlock()
	ch := make(chan prometheus.Metric, len(v.traced)) // all were made here
	v.HistogramVec.Collect(ch)
	close(ch)
	all := make([]tracedMetric, 0, len(ch))
	for m := range ch {
		all = append(all, tracedMetric{m, v.traced[m]})
	}
	if len(all) < len(v.traced) {
		v.traced = make(map[prometheus.Metric]*latency, len(all))
		for _, m := range all {
			v.traced[m.Metric] = m.latency
		}
	}
	return all
}
