package collector

import (
	"math"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/perfwatch/perfwatch/internal/load"
	"github.com/perfwatch/perfwatch/internal/objective"
	"github.com/perfwatch/perfwatch/probes"
)

func homeProbe() ProbeInfo {
	return ProbeInfo{Name: "home", Group: "api", Kind: "http", Interval: 15 * time.Second}
}

func TestAProbeStartsAtZeroAndWhatIsUnknownIsAbsent(t *testing.T) {
	reg := prometheus.NewPedanticRegistry()
	NewRecorder(reg, emptyBook()).Probe(homeProbe())
	want := map[string]string{
		`perfwatch_probe_info{group="api",kind="http",probe="home"}`:          "1",
		`perfwatch_probe_interval_seconds{probe="home"}`:                      "15",
		`perfwatch_probe_consecutive_failures{probe="home"}`:                  "0",
		`perfwatch_probe_duration_seconds_count{group="api",probe="home"}`:    "0",
		`perfwatch_probe_schedule_lag_seconds_count`:                          "0",
		`perfwatch_probe_success{probe="home"}`:                               "",
		`perfwatch_probe_last_run_timestamp_seconds{probe="home"}`:            "",
		`perfwatch_probe_last_success_timestamp_seconds{probe="home"}`:        "",
		`perfwatch_http_status_code{probe="home"}`:                            "",
		`perfwatch_http_response_bytes{probe="home"}`:                         "",
		`perfwatch_tls_certificate_not_after_timestamp_seconds{probe="home"}`: "",
	}
	for o := range probes.NumOutcomes {
		want[`perfwatch_probe_runs_total{outcome="`+o.String()+`",probe="home"}`] = "0"
	}
	for _, reason := range []string{"overlap", "saturated", "guard", "window", "paused"} {
		want[`perfwatch_probe_skipped_total{probe="home",reason="`+reason+`"}`] = "0"
	}
	for p := range probes.NumPhases {
		want[`perfwatch_probe_phase_duration_seconds_count{phase="`+p.String()+`",probe="home"}`] = ""
	}
	wantSeries(t, reg, want)
}

func TestAProbeSaysFromWhenOnItHasStopped(t *testing.T) {
	const series, ofBursts = `perfwatch_probe_overdue_timestamp_seconds{probe="home"}`, `perfwatch_load_overdue_timestamp_seconds{probe="home"}`
	reg := prometheus.NewPedanticRegistry()
	r := NewRecorder(reg, emptyBook())
	s := r.Probe(homeProbe())
	wantSeries(t, reg, map[string]string{series: "", ofBursts: ""})
	s.Overdue(time.Unix(1_700_000_000, 0))
	wantSeries(t, reg, map[string]string{series: "1.7e+09", ofBursts: ""})
	s.Overdue(time.Time{})
	wantSeries(t, reg, map[string]string{series: ""})
	s.Overdue(time.Unix(1_700_000_000, 0))
	r.Remove("home")
	wantSeries(t, reg, map[string]string{series: ""})
}

func TestARunIsSeen(t *testing.T) {
	reg := prometheus.NewPedanticRegistry()
	s := NewRecorder(reg, emptyBook()).Probe(homeProbe())
	sample := take(probes.OK, 240*time.Millisecond)
	sample.Status, sample.Bytes, sample.CertNotAfter = 200, 0, time.Unix(2_000_000_000, 0)
	sample.Phases.Set(probes.FirstByte, 200*time.Millisecond)
	s.Observe(sample)
	wantSeries(t, reg, map[string]string{
		`perfwatch_probe_success{probe="home"}`:                                       "1",
		`perfwatch_probe_runs_total{outcome="ok",probe="home"}`:                       "1",
		`perfwatch_probe_last_run_timestamp_seconds{probe="home"}`:                    "1.70000000024e+09",
		`perfwatch_probe_last_success_timestamp_seconds{probe="home"}`:                "1.70000000024e+09",
		`perfwatch_probe_duration_seconds_sum{group="api",probe="home"}`:              "0.24",
		`perfwatch_probe_duration_seconds_bucket{group="api",probe="home",le="0.25"}`: "1",
		`perfwatch_probe_duration_seconds_bucket{group="api",probe="home",le="0.1"}`:  "0",
		`perfwatch_probe_phase_duration_seconds_sum{phase="first_byte",probe="home"}`: "0.2",
		`perfwatch_probe_phase_duration_seconds_count{phase="connect",probe="home"}`:  "",
		`perfwatch_http_status_code{probe="home"}`:                                    "200",
		`perfwatch_http_response_bytes{probe="home"}`:                                 "0",
		`perfwatch_tls_certificate_not_after_timestamp_seconds{probe="home"}`:         "2e+09",
	})
}

func TestFailuresStayInTheDistributionAndAreCountedInARow(t *testing.T) {
	reg := prometheus.NewPedanticRegistry()
	s := NewRecorder(reg, emptyBook()).Probe(homeProbe())
	failures := `perfwatch_probe_consecutive_failures{probe="home"}`
	for _, row := range []struct {
		outcome                     probes.Outcome
		failures, success, duration string
	}{
		{probes.Timeout, "1", "0", "5"},
		{probes.HTTP5xx, "2", "0", "10"},
		{probes.Canceled, "2", "0", "10"},
		{probes.Panic, "3", "0", "15"},
		{probes.OK, "0", "1", "20"},
		{probes.Refused, "1", "0", "25"},
	} {
		s.Observe(take(row.outcome, 5*time.Second))
		wantSeries(t, reg, map[string]string{
			failures:                                row.failures,
			`perfwatch_probe_success{probe="home"}`: row.success,
			`perfwatch_probe_duration_seconds_sum{group="api",probe="home"}`:                  row.duration,
			`perfwatch_probe_runs_total{outcome="` + row.outcome.String() + `",probe="home"}`: "1",
		})
	}
}

func TestACanceledFirstRunIsCountedAndNothingMore(t *testing.T) {
	reg := prometheus.NewPedanticRegistry()
	NewRecorder(reg, emptyBook()).Probe(homeProbe()).Observe(take(probes.Canceled, time.Second))
	wantSeries(t, reg, map[string]string{
		`perfwatch_probe_runs_total{outcome="canceled",probe="home"}`:      "1",
		`perfwatch_probe_duration_seconds_count{group="api",probe="home"}`: "0",
		`perfwatch_probe_success{probe="home"}`:                            "",
		`perfwatch_probe_last_run_timestamp_seconds{probe="home"}`:         "",
	})
}

func TestTheCertificateOutlivesAnOutageAndEndsWithPlainHTTP(t *testing.T) {
	reg := prometheus.NewPedanticRegistry()
	s := NewRecorder(reg, emptyBook()).Probe(homeProbe())
	expiry := time.Unix(2_000_000_000, 0)
	for _, row := range []struct {
		name        string
		result      probes.Result
		status, tls string
	}{
		{"over TLS", probes.Result{Status: 200, CertNotAfter: expiry}, "200", "2e+09"},
		{"handshake and no response", probes.Result{CertNotAfter: expiry}, "", "2e+09"},
		{"no connection", probes.Result{}, "", "2e+09"},
		{"plain HTTP", probes.Result{Status: 301}, "301", ""},
	} {
		sample := take(probes.OK, time.Second)
		sample.Result = row.result
		s.Observe(sample)
		got := series(t, reg)
		if status := got[`perfwatch_http_status_code{probe="home"}`]; status != row.status {
			t.Errorf("%s: status %q, want %q", row.name, status, row.status)
		}
		if tls := got[`perfwatch_tls_certificate_not_after_timestamp_seconds{probe="home"}`]; tls != row.tls {
			t.Errorf("%s: expiry %q, want %q", row.name, tls, row.tls)
		}
	}
}

func TestSkippedRunsAreCountedByReason(t *testing.T) {
	reg := prometheus.NewPedanticRegistry()
	s := NewRecorder(reg, emptyBook()).Probe(homeProbe())
	s.Skipped("overlap", 1)
	s.Skipped("no such reason", 1)
	wantSeries(t, reg, map[string]string{
		`perfwatch_probe_skipped_total{probe="home",reason="overlap"}`:        "1",
		`perfwatch_probe_skipped_total{probe="home",reason="guard"}`:          "0",
		`perfwatch_probe_skipped_total{probe="home",reason="no such reason"}`: "",
	})
}

func TestTheSameProbeKeepsItsValues(t *testing.T) {
	reg := prometheus.NewPedanticRegistry()
	rec := NewRecorder(reg, emptyBook())
	rec.Probe(homeProbe()).Observe(take(probes.OK, time.Second))
	again := homeProbe()
	again.Interval = time.Minute
	rec.Probe(again).Observe(take(probes.OK, time.Second))
	wantSeries(t, reg, map[string]string{
		`perfwatch_probe_runs_total{outcome="ok",probe="home"}`: "2",
		`perfwatch_probe_interval_seconds{probe="home"}`:        "60",
	})
	again.Group = "page"
	rec.Probe(again)
	wantSeries(t, reg, map[string]string{
		`perfwatch_probe_runs_total{outcome="ok",probe="home"}`:             "0",
		`perfwatch_probe_info{group="page",kind="http",probe="home"}`:       "1",
		`perfwatch_probe_info{group="api",kind="http",probe="home"}`:        "",
		`perfwatch_probe_duration_seconds_count{group="api",probe="home"}`:  "",
		`perfwatch_probe_duration_seconds_count{group="page",probe="home"}`: "0",
	})
}

func TestRemoveDeletesExactlyTheSeriesOfAProbe(t *testing.T) {
	reg := prometheus.NewPedanticRegistry()
	rec := NewRecorder(reg, emptyBook())
	home, homer := rec.Probe(homeProbe()), rec.Probe(ProbeInfo{Name: "homer", Group: "api", Kind: "http"})
	home.Observe(take(probes.OK, time.Second))
	homer.Observe(take(probes.OK, time.Second))
	fillBurst(rec)
	before := series(t, reg)
	rec.Remove("home")
	home.Observe(take(probes.OK, time.Second)) // a run that was under way
	rec.Remove("journey")
	rec.Remove("never there")
	for name := range before {
		if strings.Contains(name, `probe="home"`) || strings.Contains(name, `probe="journey"`) {
			delete(before, name)
		}
	}
	if diff := cmp.Diff(before, series(t, reg)); diff != "" {
		t.Errorf("after the removal (-want +got):\n%s", diff)
	}
	rec.Probe(homeProbe())
	wantSeries(t, reg, map[string]string{
		`perfwatch_probe_runs_total{outcome="ok",probe="home"}`:          "0",
		`perfwatch_probe_duration_seconds_sum{group="api",probe="home"}`: "0",
		`perfwatch_probe_success{probe="home"}`:                          "",
	})
}

func TestEverythingMayHappenAtOnce(t *testing.T) {
	reg := prometheus.NewPedanticRegistry()
	rec := NewRecorder(reg, emptyBook())
	stays := rec.Probe(homeProbe())
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			for range 200 {
				stays.Observe(take(probes.OK, time.Second))
				comes := rec.Probe(ProbeInfo{Name: "comes", Kind: "load"})
				b := comes.Burst(twoLeaves())
				b.Begin()
				b.Observe(0, take(probes.OK, time.Second))
				b.End(twoLeavesSummary(load.Completed), nil)
				rec.Remove("comes")
			}
		})
	}
	all.Go(func() {
		for range 50 {
			if _, err := reg.Gather(); err != nil {
				t.Error(err)
			}
		}
	})
	all.Wait()
	wantSeries(t, reg, map[string]string{`perfwatch_probe_runs_total{outcome="ok",probe="home"}`: "800"})
}

func TestHistogramsHaveABoundAtEveryThreshold(t *testing.T) {
	book := objective.NewBook([]objective.Objective{
		{Name: "a", Measure: objective.Latency, Target: new(0.4), Warning: new(0.25), Critical: new(20.0)},
		{Name: "b", Measure: objective.Latency, Target: new(0.4)},
		{Name: "c", Measure: objective.ErrorRatio, Target: new(0.07)},
		{Name: "d", Measure: objective.CPUUsage, Warning: new(0.75), Critical: new(0.9)},
	})
	for _, row := range []struct {
		name      string
		got, want []float64
	}{
		{"seconds", secondsBounds(book), []float64{.005, .01, .025, .05, .1, .25, .4, .5, 1, 2.5, 5, 10, 20}},
		{"cpu", ratioBounds(book, objective.CPUUsage), []float64{.1, .2, .3, .4, .5, .6, .7, .75, .8, .9, 1}},
		{"memory", ratioBounds(book, objective.MemoryUsage), []float64{.1, .2, .3, .4, .5, .6, .7, .8, .9, 1}},
	} {
		if !slices.Equal(row.got, row.want) {
			t.Errorf("%s: bounds %v, want %v", row.name, row.got, row.want)
		}
	}
}

func TestDurationsAreNativeHistogramsToo(t *testing.T) {
	reg := prometheus.NewPedanticRegistry()
	rec := NewRecorder(reg, emptyBook())
	s := rec.Probe(homeProbe())
	for i := range 10_000 { // from a nanosecond to three years: far more than a hundred buckets at first
		s.Observe(take(probes.OK, time.Duration(math.Pow(1.004, float64(i)))))
	}
	families, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		if f.GetName() != probeDuration {
			continue
		}
		h := f.GetMetric()[0].GetHistogram()
		if h.GetSchema() > 3 || h.GetZeroThreshold() == 0 {
			t.Errorf("schema %d, zero threshold %g, want 8 buckets a doubling or fewer", h.GetSchema(), h.GetZeroThreshold())
		}
		if n := len(h.GetPositiveDelta()); n < 10 || n > nativeMaxBuckets {
			t.Errorf("%d native buckets, want 10 to %d", n, nativeMaxBuckets)
		}
		if len(h.GetBucket()) != 11 || h.GetSampleCount() != 10_000 {
			t.Errorf("%d classic buckets and %d samples, want 11 and 10000", len(h.GetBucket()), h.GetSampleCount())
		}
	}
}

func TestALastValueIsAbsentUntilSetAndAfterCleared(t *testing.T) {
	var v lastValue
	if f, ok := v.get(); ok {
		t.Errorf("the zero value is %g, want absent", f)
	}
	for _, want := range []float64{0, 1, -1, math.Inf(1), math.MaxFloat64} {
		v.set(want)
		if f, ok := v.get(); !ok || f != want {
			t.Errorf("set to %g gives %g, %v", want, f, ok)
		}
	}
	v.clear()
	if f, ok := v.get(); ok {
		t.Errorf("cleared is %g, want absent", f)
	}
}

func TestRunsFeedTheObjectivesOfTheirGroup(t *testing.T) {
	half := 0.5
	book := objective.NewBook([]objective.Objective{
		{Name: "api_errors", Measure: objective.ErrorRatio, Group: "api", Window: time.Minute, Target: &half},
		{Name: "home_p50", Measure: objective.Latency, Quantile: 0.5, Probe: "home", Window: time.Minute, Target: &half},
		{Name: "page_errors", Measure: objective.ErrorRatio, Group: "page", Window: time.Minute, Target: &half},
	})
	reg := prometheus.NewPedanticRegistry()
	s := NewRecorder(reg, book).Probe(homeProbe())
	reg.MustRegister(NewObjectives(book))
	for _, o := range []probes.Outcome{probes.OK, probes.OK, probes.Timeout, probes.OK, probes.Canceled} {
		s.Observe(&probes.Sample{Start: time.Now(), Duration: 0, Outcome: o})
	}
	wantSeries(t, reg, map[string]string{
		`perfwatch_objective_value{objective="api_errors"}`:                    "0.25",
		`perfwatch_objective_samples{objective="api_errors"}`:                  "4",
		`perfwatch_objective_met{objective="api_errors"}`:                      "1",
		`perfwatch_objective_threshold{level="target",objective="api_errors"}`: "0.5",
		`perfwatch_objective_samples{objective="home_p50"}`:                    "4",
		`perfwatch_objective_met{objective="home_p50"}`:                        "",
		`perfwatch_objective_samples{objective="page_errors"}`:                 "0",
		`perfwatch_objective_value{objective="page_errors"}`:                   "",
	})
}

func TestConfigStatusSaysWhatRuns(t *testing.T) {
	reg := prometheus.NewPedanticRegistry()
	c := NewConfigStatus()
	reg.MustRegister(c)
	successful, timestamp := `perfwatch_config_last_reload_successful`, `perfwatch_config_last_reload_success_timestamp_seconds`
	one, two := `perfwatch_config_hash_info{hash="one"}`, `perfwatch_config_hash_info{hash="two"}`
	wantSeries(t, reg, map[string]string{successful: "0", timestamp: "", one: ""})
	c.Loaded("one", time.Unix(1000, 0))
	wantSeries(t, reg, map[string]string{successful: "1", timestamp: "1000", one: "1"})
	c.Failed()
	wantSeries(t, reg, map[string]string{successful: "0", timestamp: "1000", one: "1"})
	c.Loaded("two", time.Unix(2000, 0))
	wantSeries(t, reg, map[string]string{successful: "1", timestamp: "2000", one: "", two: "1"})
}
