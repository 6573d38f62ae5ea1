package collector

import (
	"math"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/perfwatch/perfwatch/probes"
)

const (
	// exemplarEvery is how often one bucket takes a new exemplar. A scrape sees the last one only.
	exemplarEvery = time.Second
	// exemplarAge is how long an exemplar is shown. Whoever scrapes has it by then, and each costs a scrape.
	exemplarAge = 5 * time.Minute
)

// traceLabel is the label under which Grafana and OpenTelemetry look for the trace of an exemplar.
const traceLabel = "trace_id"

// A latencyVec is histograms of durations, native and classic at once, that name for each classic bucket the trace of a
// request that fell into it. The first label of each is its probe.
//
// Of ten thousand probes there are fifty thousand: one takes a fourth of the memory of client_golang's and a fraction of
// the time of a scrape, an exemplar is a few words until a scrape asks for it, and bounds can change under the counts.
type latencyVec struct {
	desc *prometheus.Desc

	mu     sync.Mutex
	bounds []float64
	all    map[string][]*latency // by probe
}

// A latency is one histogram of a latencyVec.
type latency struct {
	desc    *prometheus.Desc
	values  []string         // of the labels, as they were given
	labels  []*dto.LabelPair // in the order of their names
	created *timestamppb.Timestamp

	mu        sync.Mutex
	bounds    []float64 // shared by all of the vector, and never changed
	classic   []uint64  // observations by bucket, the one beyond the last bound included; nil before the first
	sum       float64   // seconds
	native    nativeBuckets
	exemplars []exemplar // by classic bucket; nil before the first
}

// An exemplar is one observation and its trace.
type exemplar struct {
	trace probes.TraceID
	value float64 // seconds
	at    int64   // when it was sent, nanoseconds since 1970
}

func newLatencyVec(name string, bounds []float64) *latencyVec {
	f := family(name)
	return &latencyVec{
		desc: prometheus.NewDesc(f.Name, f.Help, f.Labels, nil), bounds: bounds, all: map[string][]*latency{},
	}
}

// of finds or makes the histogram of some labels.
func (v *latencyVec) of(values ...string) *latency {
	v.mu.Lock()
	defer v.mu.Unlock()
	probe := ""
	if len(values) > 0 {
		probe = values[0]
	}
	for _, l := range v.all[probe] {
		if slices.Equal(l.values, values) {
			return l
		}
	}
	l := &latency{
		desc: v.desc, values: values, labels: prometheus.MakeLabelPairs(v.desc, values), created: timestamppb.Now(), bounds: v.bounds,
	}
	v.all[probe] = append(v.all[probe], l)
	return l
}

// remove deletes the histograms of a probe whose labels begin with some values.
func (v *latencyVec) remove(probe string, begin ...string) {
	v.mu.Lock()
	defer v.mu.Unlock()
	left := slices.DeleteFunc(v.all[probe], func(l *latency) bool {
		return len(l.values) > len(begin) && slices.Equal(l.values[1:1+len(begin)], begin)
	})
	if len(left) == 0 {
		delete(v.all, probe)
		return
	}
	v.all[probe] = left
}

// rebound gives all histograms other bounds, without a count lost.
func (v *latencyVec) rebound(bounds []float64) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if slices.Equal(v.bounds, bounds) {
		return
	}
	v.bounds = bounds
	for _, list := range v.all {
		for _, l := range list {
			l.rebound(bounds)
		}
	}
}

// Describe implements prometheus.Collector.
func (v *latencyVec) Describe(ch chan<- *prometheus.Desc) { ch <- v.desc }

// Collect implements prometheus.Collector. It is in the order of a page of metrics: to find that in order costs less than
// to bring it there.
func (v *latencyVec) Collect(ch chan<- prometheus.Metric) {
	for _, l := range v.sorted() {
		ch <- l
	}
}

func (v *latencyVec) sorted() []*latency {
	v.mu.Lock()
	defer v.mu.Unlock()
	all := make([]*latency, 0, len(v.all))
	for _, list := range v.all {
		all = append(all, list...)
	}
	slices.SortFunc(all, func(a, b *latency) int { return compareLabels(a.labels, b.labels) })
	return all
}

// compareLabels orders the labels of two series of one family by their values.
func compareLabels(a, b []*dto.LabelPair) int {
	for i := range a {
		if c := strings.Compare(a[i].GetValue(), b[i].GetValue()); c != 0 {
			return c
		}
	}
	return 0
}

// observe records a duration. The trace is that of the request, zero if it had none; at is when it was sent. It allocates
// only for what is met for the first time.
func (l *latency) observe(d time.Duration, trace probes.TraceID, at time.Time) {
	value := max(0, d).Seconds()
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.classic == nil {
		l.classic = make([]uint64, len(l.bounds)+1)
	}
	i := l.bucket(value)
	l.classic[i]++
	l.sum += value
	l.native.observe(value)
	if trace == (probes.TraceID{}) {
		return
	}
	if l.exemplars == nil {
		l.exemplars = make([]exemplar, len(l.classic))
	}
	if last, now := &l.exemplars[i], at.UnixNano(); last.trace == (probes.TraceID{}) || now-last.at >= int64(exemplarEvery) {
		*last = exemplar{trace, value, now}
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

// rebound moves the counts to other bounds. What lies between a new bound and the old one below it stays above the new:
// its bucket counts right from now on, which is all that a rate sees.
func (l *latency) rebound(bounds []float64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	classic, exemplars := l.classic, l.exemplars
	old := append(slices.Clone(l.bounds), math.Inf(1))
	l.bounds, l.classic, l.exemplars = bounds, nil, nil
	if classic == nil {
		return
	}
	l.classic = make([]uint64, len(bounds)+1)
	for i, n := range classic {
		l.classic[l.bucket(old[i])] += n
	}
	if exemplars == nil {
		return
	}
	l.exemplars = make([]exemplar, len(bounds)+1)
	for _, e := range exemplars {
		if last := &l.exemplars[l.bucket(e.value)]; e.at > last.at {
			*last = e
		}
	}
}

// Desc implements prometheus.Metric.
func (l *latency) Desc() *prometheus.Desc { return l.desc }

// Write implements prometheus.Metric.
func (l *latency) Write(out *dto.Metric) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	type bucket struct { // what one takes, in one allocation for all
		dto   dto.Bucket
		count uint64
	}
	var (
		made  = make([]bucket, len(l.bounds), len(l.bounds)+1)
		shown = make([]*dto.Bucket, len(l.bounds), len(l.bounds)+1)
		h     = &dto.Histogram{SampleSum: new(l.sum), Bucket: shown, CreatedTimestamp: l.created}
		total uint64
	)
	for i := range made {
		if l.classic != nil {
			total += l.classic[i]
		}
		b := &made[i]
		b.count = total
		b.dto.CumulativeCount, b.dto.UpperBound = &b.count, &l.bounds[i]
		shown[i] = &b.dto
	}
	if l.classic != nil {
		total += l.classic[len(l.bounds)]
	}
	h.SampleCount = &total
	l.native.write(h)
	l.showExemplars(h)
	out.Label, out.Histogram = l.labels, h
	return nil
}

func (l *latency) showExemplars(h *dto.Histogram) {
	now := time.Now()
	for i := range l.exemplars {
		e := &l.exemplars[i]
		if e.trace == (probes.TraceID{}) || now.Sub(time.Unix(0, e.at)) >= exemplarAge {
			continue
		}
		shown := e.proto()
		h.Exemplars = append(h.Exemplars, shown)
		if i == len(h.Bucket) { // a bucket that all observations are in is left out else
			h.Bucket = append(h.Bucket, &dto.Bucket{CumulativeCount: h.SampleCount, UpperBound: new(math.Inf(1))})
		}
		h.Bucket[i].Exemplar = shown
	}
}

// proto writes an exemplar for a scrape, in one allocation and its text. It is of the instant at which the request ended.
func (e *exemplar) proto() *dto.Exemplar {
	p := &struct {
		shown  dto.Exemplar
		label  dto.LabelPair
		labels [1]*dto.LabelPair
		at     timestamppb.Timestamp
		name   string
		trace  string
		value  float64
	}{name: traceLabel, trace: e.trace.String(), value: e.value}
	end := time.Unix(0, e.at).Add(time.Duration(e.value * float64(time.Second)))
	p.at.Seconds, p.at.Nanos = end.Unix(), int32(end.Nanosecond())
	p.label.Name, p.label.Value = &p.name, &p.trace
	p.labels[0] = &p.label
	p.shown.Label, p.shown.Value, p.shown.Timestamp = p.labels[:], &p.value, &p.at
	return &p.shown
}
