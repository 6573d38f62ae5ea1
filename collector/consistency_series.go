package collector

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/perfwatch/perfwatch/probes"
)

func consistencyFamilies() []Family {
	return []Family{
		{consistencyAgreement, gauge, []string{"probe"},
			"Largest part of the workers that said the same in the last run, over those that answered. " +
				"Absent when fewer than two answered."},
		{consistencyMismatches, counter, []string{"probe"}, "Runs in which workers contradicted each other."},
		{consistencyAnswers, counter, []string{"probe", "worker", "result"},
			"Answers of each worker of a consistency probe; result is agreed, disagreed, or failed for one that gave no answer to " +
				"compare. worker is its host, with its place in the list where several share a host."},
		{consistencyStaleness, gauge, []string{"probe"},
			"Time between the newest and the oldest version that workers told in the last run. Absent when fewer than two told one."},
	}
}

// consistencyVectors are those of them that exist from the moment a probe is added.
type consistencyVectors struct{ mismatches, answers *prometheus.CounterVec }

func newConsistencyVectors() consistencyVectors {
	return consistencyVectors{newCounterVec(consistencyMismatches), newCounterVec(consistencyAnswers)}
}

// consistencySeries are the series that only a probe with workers has.
type consistencySeries struct {
	workers              map[string]*verdictCounters // nil for any other probe
	mismatches           prometheus.Counter
	agreement, staleness lastValue
}

type verdictCounters [probes.NumWorkerVerdicts]prometheus.Counter

// fill makes them at zero, if the probe has workers.
func (s *consistencySeries) fill(v *consistencyVectors, info ProbeInfo) {
	if len(info.Workers) == 0 {
		return
	}
	s.mismatches = v.mismatches.WithLabelValues(info.Name)
	s.workers = make(map[string]*verdictCounters, len(info.Workers))
	for _, name := range info.Workers {
		cs := &verdictCounters{}
		for i := range cs {
			cs[i] = v.answers.WithLabelValues(info.Name, name, probes.WorkerVerdict(i).String())
		}
		s.workers[name] = cs
	}
}

// observe records what a run found out; a nil res is a run of another kind, or one that panicked.
func (s *consistencySeries) observe(res *probes.ConsistencyResult) {
	if res == nil || s.workers == nil {
		return
	}
	for _, w := range res.Workers {
		if cs := s.workers[w.Name]; cs != nil { // labels come from the configuration
			cs[w.Verdict].Inc()
		}
	}
	if res.Mismatch() {
		s.mismatches.Inc()
	}
	s.agreement.clear()
	if res.Answered > 1 {
		s.agreement.set(float64(res.Agreeing) / float64(res.Answered))
	}
	s.staleness.clear()
	if res.Comparable {
		s.staleness.set(res.Staleness)
	}
}
