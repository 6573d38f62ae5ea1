package collector

import (
	"github.com/HdrHistogram/hdrhistogram-go"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/perfwatch/perfwatch/internal/load"
	"github.com/perfwatch/perfwatch/probes"
)

// lastBurst is what the last burst of a probe found out, as it is exposed. It is immutable.
type lastBurst struct {
	summary              *load.Summary
	valid                bool
	requests, failures   uint64 // canceled ones left out
	duration, throughput float64
	latencies            []endpointLatency // the first is that of all endpoints
}

// endpointLatency is the distribution of one endpoint's response times.
type endpointLatency struct {
	endpoint string
	counts   *hdrhistogram.Histogram // microseconds
}

func newLastBurst(s *load.Summary) *lastBurst {
	b := &lastBurst{summary: s, valid: s.Result == load.Completed, duration: s.End.Sub(s.Start).Seconds()}
	b.merge("", nil)
	for i := range s.Leaves {
		leaf := &s.Leaves[i]
		for o, n := range leaf.Outcomes {
			switch probes.Outcome(o) {
			case probes.Canceled:
			case probes.OK:
				b.requests += n
			default:
				b.requests += n
				b.failures += n
			}
		}
		counts := leaf.Response
		if counts == nil || counts.TotalCount() == 0 {
			counts = leaf.Service // a closed model may have no due instants
		}
		b.merge("", counts)
		b.merge(leaf.Endpoint, counts)
	}
	if b.duration > 0 {
		b.throughput = float64(b.requests) / b.duration
	}
	return b
}

// merge adds counts to those of an endpoint; two leaves may have one name.
func (b *lastBurst) merge(endpoint string, counts *hdrhistogram.Histogram) {
	for i := range b.latencies {
		l := &b.latencies[i]
		switch {
		case l.endpoint != endpoint:
			continue
		case l.counts == nil && counts != nil:
			l.counts = counts.Clone()
		case counts != nil:
			l.counts.Merge(counts)
		}
		return
	}
	l := endpointLatency{endpoint: endpoint}
	if counts != nil {
		l.counts = counts.Clone()
	}
	b.latencies = append(b.latencies, l)
}

func (b *lastBurst) collect(ch chan<- prometheus.Metric, ds descs, probe string) {
	ds.gauge(ch, loadLastThroughput, b.throughput, probe)
	ds.gauge(ch, loadLastUsersPeak, float64(b.summary.UsersPeak), probe)
	ds.gauge(ch, loadLastInFlightPeak, float64(b.summary.InFlightPeak), probe)
	ds.gauge(ch, loadLastDuration, b.duration, probe)
	ds.gauge(ch, loadLastTimestamp, unixSeconds(b.summary.End), probe)
	ds.gauge(ch, loadLastValid, oneIf(b.valid), probe)
	if b.requests > 0 {
		ds.gauge(ch, loadLastErrorRatio, float64(b.failures)/float64(b.requests), probe)
	}
	for _, l := range b.latencies {
		if l.counts != nil && l.counts.TotalCount() > 0 {
			ch <- l.metric(ds[loadLastLatency], b.summary, probe)
		}
	}
}

// metric is a summary and not gauges: only a summary may have a label "quantile".
func (l *endpointLatency) metric(desc *prometheus.Desc, s *load.Summary, probe string) prometheus.Metric {
	n := l.counts.TotalCount() // of microseconds
	quantiles := map[float64]float64{}
	for _, q := range []float64{0.5, 0.95, 0.99, 1} {
		quantiles[q] = float64(l.counts.ValueAtPercentile(q*100)) / 1e6
	}
	return prometheus.MustNewConstSummaryWithCreatedTimestamp(
		desc, uint64(n), l.counts.Mean()*float64(n)/1e6, quantiles, s.Start, probe, l.endpoint)
}
