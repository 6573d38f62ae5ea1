package collector

import (
	"maps"
	"slices"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/perfwatch/perfwatch/internal/objective"
)

// family finds a declared metric. A name that is not declared is a defect of this package.
func family(name string) Family {
	families := Families()
	i := slices.IndexFunc(families, func(f Family) bool { return f.Name == name })
	if i < 0 {
		panic("collector: metric " + name + " is not declared")
	}
	return families[i]
}

// descs are the descriptions of one collector's metrics by name.
type descs map[string]*prometheus.Desc

// newDescs describes families. Labels in fixed have the same value in every series of the collector, so that several
// collectors can expose one family. An empty one is left out: to Prometheus that is the same.
func newDescs(families []Family, fixed prometheus.Labels) descs {
	ds := make(descs, len(families))
	given := maps.Clone(fixed)
	maps.DeleteFunc(given, func(_, value string) bool { return value == "" })
	for _, f := range families {
		labels := slices.DeleteFunc(slices.Clone(f.Labels), func(l string) bool { _, ok := fixed[l]; return ok })
		ds[f.Name] = prometheus.NewDesc(f.Name, f.Help, labels, given)
	}
	return ds
}

// Describe implements part of prometheus.Collector.
func (ds descs) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range ds {
		ch <- d
	}
}

func (ds descs) gauge(ch chan<- prometheus.Metric, name string, v float64, labels ...string) {
	ch <- prometheus.MustNewConstMetric(ds[name], prometheus.GaugeValue, v, labels...)
}

func newCounterVec(name string) *prometheus.CounterVec {
	f := family(name)
	return prometheus.NewCounterVec(prometheus.CounterOpts{Name: f.Name, Help: f.Help}, f.Labels)
}

func newGaugeVec(name string) *prometheus.GaugeVec {
	f := family(name)
	return prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: f.Name, Help: f.Help}, f.Labels)
}

// newHistogramVec makes histograms of what is no duration: native, and classic with bounds.
func newHistogramVec(name string, bounds []float64) *prometheus.HistogramVec {
	return prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Name: name, Help: family(name).Help,
		Buckets:                         bounds,
		NativeHistogramBucketFactor:     1.1, // nativeSchema
		NativeHistogramMaxBucketNumber:  nativeMaxBuckets,
		NativeHistogramMinResetDuration: time.Hour,
	}, family(name).Labels)
}

// secondsBounds are the classic bounds of durations: 5 ms to 10 s, and every threshold of the latency objectives, so
// that they are judged by a counted bucket and not by interpolation.
func secondsBounds(book *objective.Book) []float64 {
	return withThresholds([]float64{.005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10}, book, objective.Latency)
}

// pageBounds are the classic bounds of the durations of pages.
func pageBounds(book *objective.Book) []float64 {
	bounds := []float64{.1, .25, .5, .75, 1, 1.5, 2, 2.5, 3, 4, 5, 7.5, 10, 15, 30}
	return withThresholds(withThresholds(bounds, book, objective.PageFCP), book, objective.PageTTI)
}

// ratioBounds are the classic bounds of a ratio and every threshold of the objectives on a measure.
func ratioBounds(book *objective.Book, m objective.Measure) []float64 {
	return withThresholds([]float64{.1, .2, .3, .4, .5, .6, .7, .8, .9, 1}, book, m)
}

func withThresholds(bounds []float64, book *objective.Book, m objective.Measure) []float64 {
	for _, t := range book.All() {
		if t.Objective().Measure != m {
			continue
		}
		for _, threshold := range t.Objective().Thresholds() {
			bounds = append(bounds, threshold.Value)
		}
	}
	slices.Sort(bounds)
	return slices.Compact(bounds)
}

// withoutHistograms leaves those families out that the client library exposes by itself.
func withoutHistograms(all []Family) []Family {
	return slices.DeleteFunc(all, func(f Family) bool { return f.Type == histogram })
}

// unixSeconds is an instant as Prometheus writes it.
func unixSeconds(t time.Time) float64 { return float64(t.UnixMicro()) / 1e6 }

// oneIf is a condition as Prometheus writes it.
func oneIf(cond bool) float64 {
	if cond {
		return 1
	}
	return 0
}
