package collector

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/perfwatch/perfwatch/probes"
)

// Target is a registry of one run on demand, and nothing else: gauges, since a histogram of one run has no rate. The
// scrape gives it the labels that tell targets apart.
func Target(s *probes.Sample) *prometheus.Registry {
	d := targetRun{descs: newDescs(targetFamilies(), nil)}
	d.sample = s
	reg := prometheus.NewRegistry()
	reg.MustRegister(d)
	return reg
}

// The families of a run on demand. Those that a scheduled probe has too have the same type there.
const (
	targetSuccess  = "perfwatch_target_success"
	targetOutcome  = "perfwatch_target_outcome"
	targetDuration = "perfwatch_target_duration_seconds"
	targetPhase    = "perfwatch_target_phase_duration_seconds"
	targetStatus   = "perfwatch_target_http_status_code"
	targetBytes    = "perfwatch_target_response_bytes"
	targetNotAfter = "perfwatch_target_tls_certificate_not_after_timestamp_seconds"
)

func targetFamilies() []Family {
	return []Family{
		{targetSuccess, gauge, nil, "Whether the run succeeded: 1 or 0."},
		{targetOutcome, gauge, []string{"outcome"}, "1 for how the run ended, 0 for every other outcome."},
		{targetDuration, gauge, nil, "How long the run took, to the last byte or to the failure."},
		{targetPhase, gauge, []string{"phase"}, "How long a part of the run took. Absent where it did not happen."},
		{targetStatus, gauge, nil, "HTTP status code. Absent without a response."},
		{targetBytes, gauge, nil, "Bytes of the response body. Absent without a response."},
		{targetNotAfter, gauge, nil, "When the first certificate of the chain expires. Absent without TLS."},
	}
}

// targetRun exposes one run.
type targetRun struct {
	descs
	sample *probes.Sample
}

// Collect implements prometheus.Collector.
func (t targetRun) Collect(ch chan<- prometheus.Metric) {
	s := t.sample
	t.gauge(ch, targetSuccess, oneIf(s.Outcome == probes.OK))
	for o := range probes.NumOutcomes {
		t.gauge(ch, targetOutcome, oneIf(s.Outcome == o), o.String())
	}
	t.gauge(ch, targetDuration, s.Duration.Seconds())
	for p := range probes.NumPhases {
		if d, ok := s.Phases.Get(p); ok {
			t.gauge(ch, targetPhase, d.Seconds(), p.String())
		}
	}
	if s.Status > 0 {
		t.gauge(ch, targetStatus, float64(s.Status))
		t.gauge(ch, targetBytes, float64(s.Bytes))
	}
	if !s.CertNotAfter.IsZero() {
		t.gauge(ch, targetNotAfter, unixSeconds(s.CertNotAfter))
	}
}
