package collector

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/perfwatch/perfwatch/internal/load"
)

// lastBurst is what the last burst of a probe found out, as it is exposed. The metrics are made once, when the burst
// ends, so that its histograms, which take 3 MB for 14 endpoints, need not be kept until the next one.
type lastBurst []prometheus.Metric

func newLastBurst(ds descs, s *load.Summary, probe string) *lastBurst {
	var b lastBurst
	gauge := func(name string, v float64) {
		b = append(b, prometheus.MustNewConstMetric(ds[name], prometheus.GaugeValue, v, probe))
	}
	gauge(loadLastThroughput, s.Throughput())
	gauge(loadLastUsersPeak, float64(s.UsersPeak))
	gauge(loadLastInFlightPeak, float64(s.InFlightPeak))
	gauge(loadLastDuration, s.Duration().Seconds())
	gauge(loadLastTimestamp, unixSeconds(s.End))
	gauge(loadLastValid, oneIf(s.Valid()))
	if s.Requests() > 0 {
		gauge(loadLastErrorRatio, s.ErrorRatio())
	}
	for _, l := range append([]load.LeafSummary{s.All()}, s.ByEndpoint()...) {
		if l.Response.TotalCount() > 0 {
			b = append(b, latencySummary(ds[loadLastLatency], &l, s, probe))
		}
	}
	return &b
}

// latencySummary is a summary and not gauges: only a summary may have a label "quantile".
func latencySummary(desc *prometheus.Desc, l *load.LeafSummary, s *load.Summary, probe string) prometheus.Metric {
	n := l.Response.TotalCount()
	quantiles := map[float64]float64{}
	for _, q := range []float64{0.5, 0.95, 0.99, 1} {
		quantiles[q] = l.Quantile(q)
	}
	return prometheus.MustNewConstSummaryWithCreatedTimestamp(
		desc, uint64(n), l.Mean()*float64(n), quantiles, s.Start, probe, l.Endpoint)
}
