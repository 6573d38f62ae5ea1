package collector

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/perfwatch/perfwatch/probes"
)

// kindCanary is the kind of probe that has these series.
const kindCanary = "canary"

func canaryFamilies() []Family {
	return []Family{
		{canaryTTLError, gauge, []string{"probe"},
			"By how much the time to live of a canary's keys was too long in the last run, or below zero too short; the worst of its " +
				"keys. Absent where none could be read."},
		{canaryLost, counter, []string{"probe"}, "Keys of a canary that were gone before their time."},
		{canaryOutlived, counter, []string{"probe"},
			"Keys of a canary that were there after their time, or had none and would live for ever."},
		{canaryReplicaLag, gauge, []string{"probe"},
			"How long the replica took in the last run to have the key that was planted. Absent where none is asked, or it never had it."},
	}
}

// canaryVectors are those of them that exist from the moment a canary is added.
type canaryVectors struct{ lost, outlived *prometheus.CounterVec }

func newCanaryVectors() canaryVectors {
	return canaryVectors{newCounterVec(canaryLost), newCounterVec(canaryOutlived)}
}

// canarySeries are the series that only a canary has.
type canarySeries struct {
	lost, outlived prometheus.Counter // nil for any other probe
	ttlError, lag  lastValue
}

// fill makes them at zero, if the probe is a canary.
func (s *canarySeries) fill(v *canaryVectors, info ProbeInfo) {
	if info.Kind == kindCanary {
		s.lost, s.outlived = v.lost.WithLabelValues(info.Name), v.outlived.WithLabelValues(info.Name)
	}
}

// observe records what a run found out; a nil res is a run of another kind, or one that came to nothing.
func (s *canarySeries) observe(res *probes.CanaryResult) {
	if s.lost == nil {
		return
	}
	s.ttlError.clear()
	s.lag.clear()
	if res == nil {
		return
	}
	s.lost.Add(float64(res.Lost))
	s.outlived.Add(float64(res.Outlived))
	if res.Measured {
		s.ttlError.set(res.TTLError)
	}
	if res.Lag > 0 {
		s.lag.set(res.Lag.Seconds())
	}
}
