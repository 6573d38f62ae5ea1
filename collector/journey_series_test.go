package collector

import (
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/perfwatch/perfwatch/probes"
)

func visited(outcome probes.Outcome, names ...string) *probes.Sample {
	s := take(outcome, time.Second)
	s.Journey = &probes.JourneyResult{}
	for _, name := range names {
		s.Journey.Steps = append(s.Journey.Steps, probes.StepTime{Name: name, Duration: 60 * time.Millisecond})
	}
	return s
}

func TestStepsAreSeenByName(t *testing.T) {
	reg := prometheus.NewPedanticRegistry()
	rec := NewRecorder(reg, emptyBook())
	info := ProbeInfo{Name: "visit", Group: "journey", Kind: "journey", Interval: time.Minute, Steps: []string{"login", "basket"}}
	s := rec.Probe(info)
	wantSeries(t, reg, map[string]string{
		`perfwatch_probe_step_duration_seconds_count{probe="visit",step="login"}`:  "0",
		`perfwatch_probe_step_duration_seconds_count{probe="visit",step="basket"}`: "0",
	})
	s.Observe(visited(probes.OK, "login", "basket"))
	s.Observe(visited(probes.Timeout, "login", "from a hostile place"))
	s.Observe(visited(probes.Canceled, "login"))
	s.Observe(take(probes.Panic, time.Second))
	wantSeries(t, reg, map[string]string{
		`perfwatch_probe_step_duration_seconds_count{probe="visit",step="login"}`:                "2",
		`perfwatch_probe_step_duration_seconds_sum{probe="visit",step="login"}`:                  "0.12",
		`perfwatch_probe_step_duration_seconds_count{probe="visit",step="basket"}`:               "1",
		`perfwatch_probe_step_duration_seconds_count{probe="visit",step="from a hostile place"}`: "",
	})
	info.Steps = []string{"login", "pay"}
	rec.Probe(info)
	wantSeries(t, reg, map[string]string{
		`perfwatch_probe_step_duration_seconds_count{probe="visit",step="login"}`:  "0",
		`perfwatch_probe_step_duration_seconds_count{probe="visit",step="basket"}`: "",
		`perfwatch_probe_step_duration_seconds_count{probe="visit",step="pay"}`:    "0",
	})
	rec.Remove("visit")
	wantSeries(t, reg, map[string]string{`perfwatch_probe_step_duration_seconds_count{probe="visit",step="pay"}`: ""})
}
