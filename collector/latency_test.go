package collector

import (
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/perfwatch/perfwatch/probes"
)

// openMetrics is a scrape that asks for OpenMetrics, as a map of series to the rest of their line.
func openMetrics(t *testing.T, reg *prometheus.Registry) map[string]string {
	t.Helper()
	request := httptest.NewRequest("GET", "/metrics", nil)
	request.Header.Set("Accept", "application/openmetrics-text;version=1.0.0")
	answer := httptest.NewRecorder()
	promhttp.HandlerFor(reg, promhttp.HandlerOpts{EnableOpenMetrics: true}).ServeHTTP(answer, request)
	all := map[string]string{}
	for line := range strings.Lines(answer.Body.String()) {
		if name, rest, ok := strings.Cut(line, "} "); ok && !strings.HasPrefix(line, "#") {
			all[name+"}"] = strings.TrimSpace(rest)
		}
	}
	return all
}

func wantLines(t *testing.T, got, want map[string]string) {
	t.Helper()
	for name, line := range want {
		if got[name] != line {
			t.Errorf("%s is %q, want %q", name, got[name], line)
		}
	}
}

// traced is a run that starts now.
func traced(d time.Duration, trace byte) *probes.Sample {
	s := &probes.Sample{Due: time.Now(), Start: time.Now(), Duration: d}
	s.Status, s.TraceID = 200, probes.TraceID{15: trace}
	s.Phases.Set(probes.FirstByte, d/2)
	s.ServerTimings = []probes.ServerTiming{{Name: "db", Duration: d / 4}}
	return s
}

func TestEveryLatencyNamesATraceOfEachBucket(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		reg := prometheus.NewPedanticRegistry()
		rec := NewRecorder(reg, emptyBook())
		home := rec.Probe(homeProbe())
		burst := rec.Probe(ProbeInfo{Name: "journey", Group: "load", Kind: "load"}).Burst(twoLeaves())
		home.Observe(traced(240*time.Millisecond, 1))
		home.Observe(traced(20*time.Second, 2))
		late := traced(80*time.Millisecond, 3)
		late.Due = late.Due.Add(-2 * time.Second)
		burst.Observe(1, late)
		visit := traced(70*time.Millisecond, 5)
		visit.Journey = &probes.JourneyResult{Steps: []probes.StepTime{
			{Name: "login", Duration: 30 * time.Millisecond, Start: visit.Start, TraceID: probes.TraceID{15: 4}},
		}}
		rec.Probe(ProbeInfo{Name: "visit", Kind: "journey", Steps: []string{"login"}}).Observe(visit)
		read := traced(90*time.Millisecond, 6)
		read.SQL = &probes.SQLResult{Queries: []probes.QueryTime{{Name: "prices", Duration: 60 * time.Millisecond, Start: read.Start}}}
		rec.Probe(sqlProbe("prices")).Observe(read)
		wantLines(t, openMetrics(t, reg), map[string]string{
			`perfwatch_probe_duration_seconds_bucket{group="api",probe="home",le="0.1"}`:  `0`,
			`perfwatch_probe_duration_seconds_bucket{group="api",probe="home",le="0.25"}`: `1 # {trace_id="00000000000000000000000000000001"} 0.24 9.4668480024e+08`,
			`perfwatch_probe_duration_seconds_bucket{group="api",probe="home",le="0.5"}`:  `1`,
			`perfwatch_probe_duration_seconds_bucket{group="api",probe="home",le="+Inf"}`: `2 # {trace_id="00000000000000000000000000000002"} 20.0 9.4668482e+08`,

			`perfwatch_probe_step_duration_seconds_bucket{probe="visit",step="login",le="0.05"}`:                    `1 # {trace_id="00000000000000000000000000000004"} 0.03 9.4668480003e+08`,
			`perfwatch_sql_query_duration_seconds_bucket{probe="db",query="prices",le="0.1"}`:                       `1 # {trace_id="00000000000000000000000000000006"} 0.06 9.4668480006e+08`,
			`perfwatch_probe_phase_duration_seconds_bucket{phase="first_byte",probe="home",le="0.25"}`:              `1 # {trace_id="00000000000000000000000000000001"} 0.12 9.4668480012e+08`,
			`perfwatch_http_server_timing_seconds_bucket{endpoint="home",metric="db",probe="home",le="0.1"}`:        `1 # {trace_id="00000000000000000000000000000001"} 0.06 9.4668480006e+08`,
			`perfwatch_load_response_seconds_bucket{endpoint="detail",probe="journey",le="2.5"}`:                    `1 # {trace_id="00000000000000000000000000000003"} 2.08 9.4668480208e+08`,
			`perfwatch_load_service_seconds_bucket{endpoint="detail",probe="journey",le="0.1"}`:                     `1 # {trace_id="00000000000000000000000000000003"} 0.08 9.4668480008e+08`,
			`perfwatch_http_server_timing_seconds_bucket{endpoint="detail",metric="db",probe="journey",le="0.025"}`: `1 # {trace_id="00000000000000000000000000000003"} 0.02 9.4668480002e+08`,
		})
	})
}

func TestNativeHistogramsNameTracesToo(t *testing.T) {
	reg := prometheus.NewPedanticRegistry()
	NewRecorder(reg, emptyBook()).Probe(homeProbe()).Observe(traced(240*time.Millisecond, 1))
	families, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		if f.GetName() != probeDuration {
			continue
		}
		got := f.GetMetric()[0].GetHistogram().GetExemplars()
		if len(got) != 1 || got[0].GetValue() != 0.24 || got[0].GetLabel()[0].GetValue() != "00000000000000000000000000000001" {
			t.Errorf("exemplars %v, want one of 0.24 s", got)
		}
	}
}

func TestABucketTakesAnExemplarOnceASecondAndForgetsItInFiveMinutes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		reg := prometheus.NewPedanticRegistry()
		home := NewRecorder(reg, emptyBook()).Probe(homeProbe())
		bucket := `perfwatch_probe_duration_seconds_bucket{group="api",probe="home",le="0.25"}`
		for _, step := range []struct {
			sleep time.Duration
			trace byte
			want  string
		}{
			{0, 1, `1 # {trace_id="00000000000000000000000000000001"} 0.2 9.466848002e+08`},
			{999 * time.Millisecond, 2, `2 # {trace_id="00000000000000000000000000000001"} 0.2 9.466848002e+08`},
			{time.Millisecond, 3, `3 # {trace_id="00000000000000000000000000000003"} 0.2 9.466848012e+08`},
			{4 * time.Minute, 0, `4 # {trace_id="00000000000000000000000000000003"} 0.2 9.466848012e+08`},
			{time.Minute, 0, `5`},
		} {
			time.Sleep(step.sleep)
			home.Observe(traced(200*time.Millisecond, step.trace))
			wantLines(t, openMetrics(t, reg), map[string]string{bucket: step.want})
		}
	})
}

func TestExemplarsGoWithTheirProbe(t *testing.T) {
	reg := prometheus.NewPedanticRegistry()
	rec := NewRecorder(reg, emptyBook())
	home := rec.Probe(homeProbe())
	home.Observe(traced(time.Second, 1))
	rec.Probe(ProbeInfo{Name: "other", Group: "api", Kind: "http"})
	rec.Remove("home")
	home.Observe(traced(time.Second, 2))
	for name := range openMetrics(t, reg) {
		if strings.Contains(name, `"home"`) {
			t.Errorf("%s is still there", name)
		}
	}
	if n := len(rec.vectors.duration.all); n != 1 {
		t.Errorf("%d probes have histograms, want 1", n)
	}
	again := rec.Probe(homeProbe())
	again.Observe(traced(time.Second, 0))
	bucket := `perfwatch_probe_duration_seconds_bucket{group="api",probe="home",le="1.0"}`
	wantLines(t, openMetrics(t, reg), map[string]string{bucket: "1"})
}
