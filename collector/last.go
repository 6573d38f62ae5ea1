package collector

import (
	"math"
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"
)

// lastValue is a gauge that is absent until it is set: a vector of the library would show zero. Its zero value is
// absent.
type lastValue struct{ bits atomic.Uint64 }

// absentBits marks a value as absent when it is stored inverted, so that the zero value needs no constructor. It is a
// NaN that no arithmetic gives.
const absentBits = math.MaxUint64

func (v *lastValue) set(f float64) { v.bits.Store(math.Float64bits(f) ^ absentBits) }

func (v *lastValue) clear() { v.bits.Store(0) }

func (v *lastValue) get() (f float64, ok bool) {
	bits := v.bits.Load()
	return math.Float64frombits(bits ^ absentBits), bits != 0
}

// lastFamilies are the metrics of a probe that are no metrics of the library: the counts of its runs, and what is absent
// until its first run or burst.
func lastFamilies() []Family {
	names := []string{
		probeRuns, probeSkipped,
		probeSuccess, probeLastRun, probeLastSuccess, httpStatusCode, httpResponseBytes, tlsCertificateNotAfter,
		consistencyAgreement, consistencyStaleness, canaryTTLError, canaryReplicaLag,
		loadLastLatency, loadLastThroughput, loadLastErrorRatio, loadLastUsersPeak, loadLastInFlightPeak,
		loadLastDuration, loadLastTimestamp, loadLastValid, loadOverdue,
		loadLastItems, loadLastRunItems, loadLastFairness, loadLastCapacity, loadLastHeadroom,
	}
	families := watchFamilies()
	for _, name := range names {
		families = append(families, family(name))
	}
	return families
}

// lastCollector exposes those metrics of every probe of a recorder.
type lastCollector struct{ recorder *Recorder }

func (c lastCollector) Describe(ch chan<- *prometheus.Desc) { c.recorder.descs.Describe(ch) }

func (c lastCollector) Collect(ch chan<- prometheus.Metric) {
	r := c.recorder
	r.mu.Lock()
	defer r.mu.Unlock()
	for name, s := range r.probes {
		s.counts.collect(ch, r.descs, name)
		for _, g := range []struct {
			metric string
			value  *lastValue
		}{
			{probeSuccess, &s.success}, {probeLastRun, &s.lastRun}, {probeLastSuccess, &s.lastSuccess},
			{httpStatusCode, &s.status}, {httpResponseBytes, &s.bytes}, {tlsCertificateNotAfter, &s.certificate},
			{loadOverdue, &s.overdue},
			{consistencyAgreement, &s.consistency.agreement}, {consistencyStaleness, &s.consistency.staleness},
			{canaryTTLError, &s.canary.ttlError}, {canaryReplicaLag, &s.canary.lag},
		} {
			if v, ok := g.value.get(); ok {
				r.descs.gauge(ch, g.metric, v, name)
			}
		}
		if b := s.last.Load(); b != nil {
			for _, m := range *b {
				ch <- m
			}
		}
	}
}
