package collector

import (
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/perfwatch/perfwatch/probes"
)

func TestACanaryTellsOfItsKeys(t *testing.T) {
	reg := prometheus.NewPedanticRegistry()
	rec := NewRecorder(reg, emptyBook())
	s := rec.Probe(ProbeInfo{Name: "canary", Group: "cache", Kind: "canary", Interval: time.Minute})
	rec.Probe(ProbeInfo{Name: "home", Group: "api", Kind: "http", Interval: time.Minute})
	wantSeries(t, reg, map[string]string{
		`perfwatch_canary_lost_total{probe="canary"}`:          "0",
		`perfwatch_canary_outlived_total{probe="canary"}`:      "0",
		`perfwatch_canary_lost_total{probe="home"}`:            "",
		`perfwatch_canary_ttl_error_seconds{probe="canary"}`:   "",
		`perfwatch_canary_replica_lag_seconds{probe="canary"}`: "",
	})
	run := take(probes.InvalidResponse, time.Millisecond)
	run.Canary = &probes.CanaryResult{Lost: 2, Outlived: 1, Measured: true, TTLError: -0.25, Lag: 3 * time.Millisecond}
	s.Observe(run)
	wantSeries(t, reg, map[string]string{
		`perfwatch_canary_lost_total{probe="canary"}`:          "2",
		`perfwatch_canary_outlived_total{probe="canary"}`:      "1",
		`perfwatch_canary_ttl_error_seconds{probe="canary"}`:   "-0.25",
		`perfwatch_canary_replica_lag_seconds{probe="canary"}`: "0.003",
	})
	s.Observe(take(probes.Refused, time.Millisecond))
	wantSeries(t, reg, map[string]string{
		`perfwatch_canary_lost_total{probe="canary"}`:          "2",
		`perfwatch_canary_ttl_error_seconds{probe="canary"}`:   "",
		`perfwatch_canary_replica_lag_seconds{probe="canary"}`: "",
	})
	rec.Remove("canary")
	wantSeries(t, reg, map[string]string{`perfwatch_canary_lost_total{probe="canary"}`: ""})
}
