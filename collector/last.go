package collector

import (
	"math"
	"sync/atomic"
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

// lastFamilies are the metrics of a probe that are no metrics of the library: what it is, the counts of its runs, and what
// is absent until its first run or burst.
func lastFamilies() []Family {
	names := []string{
		probeInfo, probeInterval, probeConsecutiveFailures, probeRuns, probeSkipped,
		probeSuccess, probeLastRun, probeOverdue, probeLastSuccess, httpStatusCode, httpResponseBytes, tlsCertificateNotAfter,
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
