package collector

import (
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/perfwatch/perfwatch/probes"
)

func workersProbe(names ...string) ProbeInfo {
	return ProbeInfo{Name: "spread", Group: "cache", Kind: "consistency", Interval: time.Minute, Workers: names}
}

// compared is a run with a verdict for each of the workers a, b and so on.
func compared(outcome probes.Outcome, agreeing, answered int, staleness float64, verdicts ...probes.WorkerVerdict) *probes.Sample {
	s := take(outcome, time.Second)
	s.Consistency = &probes.ConsistencyResult{
		Agreeing: agreeing, Answered: answered, Staleness: staleness, Comparable: answered > 1,
	}
	for i, v := range verdicts {
		s.Consistency.Workers = append(s.Consistency.Workers, probes.WorkerAnswer{Name: string(rune('a' + i)), Verdict: v})
	}
	return s
}

func TestWorkersAreCountedByTheirAnswers(t *testing.T) {
	const agreed, disagreed, failed = probes.WorkerAgreed, probes.WorkerDisagreed, probes.WorkerFailed
	reg := prometheus.NewPedanticRegistry()
	s := NewRecorder(reg, emptyBook()).Probe(workersProbe("a", "b", "c"))
	wantSeries(t, reg, map[string]string{
		`perfwatch_consistency_mismatches_total{probe="spread"}`:                                      "0",
		`perfwatch_consistency_worker_answers_total{probe="spread",result="failed",worker="c"}`:       "0",
		`perfwatch_consistency_agreement_ratio{probe="spread"}`:                                       "",
		`perfwatch_consistency_staleness_seconds{probe="spread"}`:                                     "",
		`perfwatch_sql_connections_opened_total{probe="spread"}`:                                      "",
		`perfwatch_consistency_worker_answers_total{probe="spread",result="agreed",worker="unknown"}`: "",
	})
	s.Observe(compared(probes.OK, 3, 3, 0, agreed, agreed, agreed))
	s.Observe(compared(probes.InvalidResponse, 2, 3, 4.5, agreed, agreed, disagreed))
	wantSeries(t, reg, map[string]string{
		`perfwatch_consistency_agreement_ratio{probe="spread"}`:   "0.6666666666666666",
		`perfwatch_consistency_staleness_seconds{probe="spread"}`: "4.5",
	})
	s.Observe(compared(probes.Canceled, 1, 3, 9, disagreed, disagreed, disagreed))
	s.Observe(compared(probes.Timeout, 1, 1, 0, failed, agreed, failed, agreed))
	s.Observe(take(probes.Panic, time.Second))
	wantSeries(t, reg, map[string]string{
		`perfwatch_consistency_mismatches_total{probe="spread"}`:                                   "1",
		`perfwatch_consistency_worker_answers_total{probe="spread",result="agreed",worker="a"}`:    "2",
		`perfwatch_consistency_worker_answers_total{probe="spread",result="failed",worker="a"}`:    "1",
		`perfwatch_consistency_worker_answers_total{probe="spread",result="agreed",worker="b"}`:    "3",
		`perfwatch_consistency_worker_answers_total{probe="spread",result="disagreed",worker="b"}`: "0",
		`perfwatch_consistency_worker_answers_total{probe="spread",result="disagreed",worker="c"}`: "1",
		`perfwatch_consistency_worker_answers_total{probe="spread",result="agreed",worker="d"}`:    "",
		`perfwatch_consistency_agreement_ratio{probe="spread"}`:                                    "",
		`perfwatch_consistency_staleness_seconds{probe="spread"}`:                                  "",
	})
}

func TestAProbeWithOtherWorkersIsAnotherOne(t *testing.T) {
	reg := prometheus.NewPedanticRegistry()
	rec := NewRecorder(reg, emptyBook())
	const first = `perfwatch_consistency_worker_answers_total{probe="spread",result="agreed",worker="a"}`
	rec.Probe(workersProbe("a", "b")).Observe(compared(probes.OK, 2, 2, 0, probes.WorkerAgreed, probes.WorkerAgreed))
	rec.Probe(workersProbe("a", "b"))
	wantSeries(t, reg, map[string]string{first: "1"})
	rec.Probe(workersProbe("a", "c"))
	wantSeries(t, reg, map[string]string{
		first: "0",
		`perfwatch_consistency_worker_answers_total{probe="spread",result="agreed",worker="b"}`: "",
	})
	rec.Remove("spread")
	wantSeries(t, reg, map[string]string{first: "", `perfwatch_consistency_mismatches_total{probe="spread"}`: ""})
}
