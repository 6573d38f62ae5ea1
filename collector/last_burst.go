package collector

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/perfwatch/perfwatch/internal/load"
)

// lastMetrics are what the last burst of a probe found out, as it is exposed: all of one burst. The metrics are made
// once, when the burst ends, so that its histograms, which take 3 MB for 14 endpoints, need not be kept until the next one.
type lastMetrics struct {
	descs   descs
	probe   string
	metrics []prometheus.Metric
}

func (m *lastMetrics) gauge(name string, v float64, labels ...string) {
	labels = append([]string{m.probe}, labels...)
	m.metrics = append(m.metrics, prometheus.MustNewConstMetric(m.descs[name], prometheus.GaugeValue, v, labels...))
}

// burst adds what the burst's own requests say; extra are quantiles beyond the usual ones of all its endpoints together.
func (m *lastMetrics) burst(s *load.Summary, all *load.LeafSummary, extra []float64) {
	m.gauge(loadLastThroughput, s.Throughput())
	m.gauge(loadLastUsersPeak, float64(s.UsersPeak))
	m.gauge(loadLastInFlightPeak, float64(s.InFlightPeak))
	m.gauge(loadLastDuration, s.Duration().Seconds())
	m.gauge(loadLastTimestamp, unixSeconds(s.End))
	m.gauge(loadLastValid, oneIf(s.Sound()))
	if s.Requests() > 0 {
		m.gauge(loadLastErrorRatio, s.ErrorRatio())
	}
	if hits, of := all.CacheHits(); of > 0 {
		m.gauge(loadLastHitRatio, float64(hits)/float64(of), "")
		m.gauge(loadLastLookups, float64(of), "")
	}
	m.runs(s)
	m.latency(all, s, extra)
	for _, l := range s.ByEndpoint() {
		m.latency(&l, s, nil)
	}
}

// runs adds what a burst found that not every burst looks for.
func (m *lastMetrics) runs(s *load.Summary) {
	if rate, ok := s.ItemsRate(); ok {
		m.gauge(loadLastItems, rate)
	}
	if s.Fairness > 0 {
		m.gauge(loadLastFairness, s.Fairness)
	}
	if c := s.Capacity; c != nil {
		m.gauge(loadLastCapacity, c.Rate)
		m.gauge(loadLastHeadroom, c.Headroom())
		return // its runs are steps
	}
	for i := range s.Runs {
		m.gauge(loadLastRunItems, s.Runs[i].ItemsRate(), s.Runs[i].Name)
	}
}

// latency adds a summary and not gauges: only a summary may have a label "quantile".
func (m *lastMetrics) latency(l *load.LeafSummary, s *load.Summary, extra []float64) {
	n := l.Response.TotalCount()
	if n == 0 {
		return
	}
	quantiles := map[float64]float64{}
	for _, q := range append([]float64{0.5, 0.95, 0.99, 1}, extra...) {
		quantiles[q] = l.Quantile(q)
	}
	m.metrics = append(m.metrics, prometheus.MustNewConstSummaryWithCreatedTimestamp(
		m.descs[loadLastLatency], uint64(n), l.Mean()*float64(n), quantiles, s.Start, m.probe, l.Endpoint))
}
