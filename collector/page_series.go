package collector

import (
	"slices"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/perfwatch/perfwatch/internal/objective"
	"github.com/perfwatch/perfwatch/probes"
)

// kindPage is the kind of probe that loads pages.
const kindPage = "page"

func pageFamilies() []Family {
	of := []string{"probe", "group"}
	return []Family{
		{pageFirstByte, histogram, of, "From the start of the navigation to the first byte of the document, redirects included."},
		{pageFCP, histogram, of, "First contentful paint: when the page shows its first text or image."},
		{pageLCP, histogram, of, "Largest contentful paint: when the page shows the largest text or image that it showed."},
		{pageTTI, histogram, of,
			"Time to interactive as Lighthouse defines it: the end of the last long task before main thread and network are quiet " +
				"for five seconds, at the earliest the first contentful paint."},
		{pageBlocking, histogram, of,
			"Total blocking time: by how much tasks of the main thread went beyond 50 ms between first paint and interactive."},
		{pageShift, histogram, of, "Cumulative layout shift: the worst burst of shifts, without a unit."},
		{pageBytes, histogram, of, "Bytes of a page over the wire, headers included."},
		{pageRequests, histogram, of, "Requests of a page."},
		{pageWarm, histogram, []string{"probe", "group", "figure"},
			"Figures of a second load with what the first left in the cache; figure is ttfb, fcp, lcp, tti or tbt."},
		{pageFailures, counter, []string{"probe", "reason"}, "Page loads that could not be measured, by why."},
		{pageParsed, gauge, []string{"probe"},
			"When the document was parsed (DOM content loaded) in the last run. Absent if it failed."},
		{pageLoad, gauge, []string{"probe"}, "When everything was loaded in the last run. Absent if it failed."},
		{pageDifference, gauge, []string{"probe"},
			"Time to interactive of the last run less that of Chromium's own detector. Absent if the run failed or Chromium gave none."},
		{pageTypeRequests, gauge, []string{"probe", "type"}, "Requests of the last run by type. Absent if it failed."},
		{pageTypeBytes, gauge, []string{"probe", "type"}, "Bytes over the wire of the last run by type. Absent if it failed."},
		{pageFailedRequests, gauge, []string{"probe"},
			"Requests of the last run without an answer, or with a status of 400 or more. Absent if it failed."},
		{pageTroubles, gauge, []string{"probe", "kind"},
			"What the page complained of in the last run; kind is console_error, exception or dialog. Absent if it failed."},
		{pageMark, gauge, []string{"probe", "mark"},
			"When the page set a performance.mark in the last run. Absent if it did not, or failed."},
	}
}

// pageVectors are the metrics of pages: histograms in the order of their figures, and gauges of the last run.
type pageVectors struct {
	seconds                         [numPageFigures]*latencyVec
	warm                            *latencyVec
	shift, bytes, requests          *prometheus.HistogramVec
	failures                        *prometheus.CounterVec
	parsed, load, difference        *prometheus.GaugeVec
	typeRequests, typeBytes, failed *prometheus.GaugeVec
	troubles, marks                 *prometheus.GaugeVec
}

// The figures of a page that are durations.
const (
	figFirstByte = iota
	figFCP
	figLCP
	figTTI
	figBlocking
	numPageFigures
)

// warmNames are the figures as they stand in the label of a second load.
func warmNames() [numPageFigures]string { return [...]string{"ttfb", "fcp", "lcp", "tti", "tbt"} }

// newPageVectors makes them. The bounds of durations have every threshold of the objectives on pages.
func newPageVectors(book *objective.Book) pageVectors {
	bounds := pageBounds(book)
	v := pageVectors{
		shift:    newHistogramVec(pageShift, []float64{.01, .025, .05, .1, .15, .25, .5, 1}),
		bytes:    newHistogramVec(pageBytes, prometheus.ExponentialBuckets(10_000, 2, 13)),
		requests: newHistogramVec(pageRequests, []float64{1, 2, 5, 10, 20, 50, 100, 200, 500, 1000}),
		warm:     newLatencyVec(pageWarm, bounds),
		failures: newCounterVec(pageFailures), parsed: newGaugeVec(pageParsed), load: newGaugeVec(pageLoad),
		difference: newGaugeVec(pageDifference), typeRequests: newGaugeVec(pageTypeRequests), typeBytes: newGaugeVec(pageTypeBytes),
		failed: newGaugeVec(pageFailedRequests), troubles: newGaugeVec(pageTroubles), marks: newGaugeVec(pageMark),
	}
	for i, name := range [numPageFigures]string{pageFirstByte, pageFCP, pageLCP, pageTTI, pageBlocking} {
		v.seconds[i] = newLatencyVec(name, bounds)
	}
	return v
}

// ofLast are the gauges of the last run.
func (v *pageVectors) ofLast() []*prometheus.GaugeVec {
	return []*prometheus.GaugeVec{v.parsed, v.load, v.difference, v.typeRequests, v.typeBytes, v.failed, v.troubles, v.marks}
}

// times are the histograms of durations.
func (v *pageVectors) times() []*latencyVec { return append(slices.Clone(v.seconds[:]), v.warm) }

func (v *pageVectors) collectors() []prometheus.Collector {
	all := make([]prometheus.Collector, 0, 5+len(v.seconds)+8)
	all = append(all, v.shift, v.bytes, v.requests, v.failures)
	for _, h := range v.times() {
		all = append(all, h)
	}
	for _, g := range v.ofLast() {
		all = append(all, g)
	}
	return all
}

// pageSeries are the series that only a probe of a page has.
type pageSeries struct {
	probe                  *ProbeSeries
	seconds, warm          [numPageFigures]*latency
	shift, bytes, requests prometheus.Observer
	failures               map[string]prometheus.Counter
	gone                   bool // guarded by the recorder's lock
}

// newPageSeries makes them at zero, if the probe loads pages; nil for any other. It is called with the recorder's lock held.
func newPageSeries(p *ProbeSeries) *pageSeries {
	info := &p.info
	if info.Kind != kindPage {
		return nil
	}
	v, s := &p.recorder.vectors.page, &pageSeries{probe: p}
	for i := range s.seconds {
		s.seconds[i] = v.seconds[i].of(info.Name, info.Group)
		if info.Warm {
			s.warm[i] = v.warm.of(info.Name, info.Group, warmNames()[i])
		}
	}
	s.shift = v.shift.WithLabelValues(info.Name, info.Group)
	s.bytes = v.bytes.WithLabelValues(info.Name, info.Group)
	s.requests = v.requests.WithLabelValues(info.Name, info.Group)
	s.failures = map[string]prometheus.Counter{}
	for _, reason := range probes.PageReasons() {
		s.failures[reason] = v.failures.WithLabelValues(info.Name, reason)
	}
	return s
}

// observe records what a run found out; one without a page is of another kind, or panicked.
func (s *pageSeries) observe(sample *probes.Sample, ok bool, end time.Time) {
	res := sample.Page
	if res == nil || s == nil {
		return
	}
	if c := s.failures[res.Reason]; c != nil {
		c.Inc()
	}
	if !ok {
		s.showLast(nil)
		return
	}
	f := &res.Figures
	for i, d := range pageDurations(res) {
		s.seconds[i].observe(d, sample.TraceID, sample.Start)
	}
	feeds := s.probe.feeds.Load()
	feeds.fcp.observe(end, f.FirstPaint.Seconds())
	feeds.tti.observe(end, f.Interactive.Seconds())
	s.shift.Observe(f.Shift)
	s.bytes.Observe(float64(f.Bytes))
	s.requests.Observe(float64(f.Requests))
	if res.Warm != nil && s.warm[0] != nil {
		for i, d := range pageDurations(&probes.PageResult{Figures: *res.Warm}) {
			s.warm[i].observe(d, sample.TraceID, sample.Start)
		}
	}
	s.showLast(res)
}

func pageDurations(res *probes.PageResult) [numPageFigures]time.Duration {
	f := &res.Figures
	return [...]time.Duration{
		figFirstByte: f.FirstByte, figFCP: f.FirstPaint, figLCP: f.LargestPaint, figTTI: f.Interactive, figBlocking: f.Blocking,
	}
}

// showLast shows the last run; nil has nothing to show.
func (s *pageSeries) showLast(res *probes.PageResult) {
	r, name := s.probe.recorder, s.probe.info.Name
	v := &r.vectors.page
	r.mu.Lock()
	defer r.mu.Unlock()
	if s.gone {
		return
	}
	for _, g := range v.ofLast() {
		g.DeletePartialMatch(prometheus.Labels{"probe": name})
	}
	if res == nil {
		return
	}
	f := &res.Figures
	v.parsed.WithLabelValues(name).Set(f.Parsed.Seconds())
	v.load.WithLabelValues(name).Set(f.Loaded.Seconds())
	if f.BlinkInteractive > 0 {
		v.difference.WithLabelValues(name).Set((f.Interactive - f.BlinkInteractive).Seconds())
	}
	for kind, count := range f.Types {
		label := typeLabel(kind)
		v.typeRequests.WithLabelValues(name, label).Add(float64(count.Requests))
		v.typeBytes.WithLabelValues(name, label).Add(float64(count.Bytes))
	}
	v.failed.WithLabelValues(name).Set(float64(f.Failed))
	v.troubles.WithLabelValues(name, "console_error").Set(float64(f.Errors))
	v.troubles.WithLabelValues(name, "exception").Set(float64(f.Exceptions))
	v.troubles.WithLabelValues(name, "dialog").Set(float64(f.Dialogs))
	for mark, at := range f.Marks {
		if slices.Contains(s.probe.info.Marks, mark) { // labels come from the configuration
			v.marks.WithLabelValues(name, mark).Set(at.Seconds())
		}
	}
}

// typeLabel is one of a closed set, so that no browser makes labels.
func typeLabel(kind string) string {
	kind = strings.ToLower(kind)
	if slices.Contains([]string{"document", "stylesheet", "image", "media", "font", "script", "fetch", "xhr", "eventsource"}, kind) {
		return kind
	}
	return "other"
}
