package alerts

import (
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v3"

	"github.com/perfwatch/perfwatch/internal/objective"
	"github.com/perfwatch/perfwatch/internal/peer"
)

// tool runs a program of the Prometheus project in a folder and returns what it printed.
func tool(t *testing.T, dir, debianPackage, program string, args ...string) (string, error) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), peer.Find(t, debianPackage, program), args...)
	cmd.Dir = dir
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// testRules writes rules and tests into a folder of their own and runs promtool on them.
func testRules(t *testing.T, rules, tests []byte) (string, error) {
	t.Helper()
	dir := t.TempDir()
	peer.WriteFile(t, dir, rulesFile, string(rules))
	peer.WriteFile(t, dir, "test.yml", string(tests))
	return tool(t, dir, "prometheus", "promtool", "test", "rules", "test.yml")
}

// render makes the file of rules.
func render(t *testing.T, objectives []objective.Objective, opts Options) []byte {
	t.Helper()
	return encoded(t, Render(objectives, opts))
}

func encoded(t *testing.T, rules Rules) []byte {
	t.Helper()
	text, err := rules.Encode(Prometheus)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// TestShippedRulesPassPromtool has the promtool of Prometheus 2.42 and that of 3 try them, the latter what the former cannot;
// the rest its engine tries in this process, and mistakes in it.
func TestShippedRulesPassPromtool(t *testing.T) {
	t.Parallel()
	for promtool, tests := range map[string][]string{
		"promtool":   {"perfwatch.rules_test.yml", "perfwatch.long_test.yml"},
		promtool3(t): {"perfwatch.native_test.yml", "perfwatch.long_test.yml"},
	} {
		t.Run(promtool, func(t *testing.T) {
			t.Parallel()
			if out, err := tool(t, ".", "prometheus", promtool, "check", "rules", rulesFile); err != nil {
				t.Errorf("promtool check rules: %v\n%s", err, out)
			}
			if out, err := tool(t, ".", "prometheus", promtool, append([]string{"test", "rules"}, tests...)...); err != nil {
				t.Errorf("promtool test rules: %v\n%s", err, out)
			}
		})
	}
}

func TestRulesHoldForOtherSelectorsThresholdsAndWaits(t *testing.T) {
	t.Parallel()
	const m = 20 * time.Second
	objectives := []objective.Objective{
		{Name: "everything", Measure: objective.Latency, Quantile: 0.9, Window: m, Critical: new(2.5)},
		{Name: "one_probe", Measure: objective.Latency, Quantile: 0.99, Probe: "a", Window: m, Target: new(5.0), Warning: new(2.0)},
		{Name: "fast", Measure: objective.Latency, Quantile: 0.95, Group: "g", Probe: "a", Window: m, Target: new(0.00005)},
		{Name: "errors", Measure: objective.ErrorRatio, Window: m, Target: new(0.001)},
		{Name: "errors_of_probe", Measure: objective.ErrorRatio, Probe: "a", Window: m, Warning: new(0.1), Critical: new(0.2)},
		{Name: "slow_targets", Measure: objective.Latency, Quantile: 0.5, Probe: "a", Targets: true, Window: m, Critical: new(0.25)},
		{Name: "errors_of_targets", Measure: objective.ErrorRatio, Probe: "a", Targets: true, Window: m, Critical: new(0.3)},
		{Name: "errors_of_both", Measure: objective.ErrorRatio, Probe: "a", Group: "g", Window: m, Critical: new(0.5)},
		{Name: "no_errors", Measure: objective.ErrorRatio, Window: m, Target: new(0.0)},
		{Name: "all_redis", Measure: objective.CacheHitRatio, Window: m, Warning: new(0.333)},
		{Name: "all_bursts", Measure: objective.LoadThroughput, Target: new(0.5)},
		{Name: "errors_of_any_burst", Measure: objective.LoadErrorRatio, Critical: new(0.5)},
		{Name: "one_in_a_thousand", Measure: objective.LoadLatency, Quantile: 0.999, Probe: "a", Target: new(0.1), Critical: new(60.0)},
		{Name: "mean", Measure: objective.LoadLatencyMean, Probe: "a", Warning: new(0.1), Critical: new(0.3)},
		{Name: "hostile", Title: "a {{ $value }} \"b\": 'c'\n# d {{", Measure: objective.CPUUsage, Window: m, Target: new(0.1)},
	}
	opts := Options{For: 15 * time.Second, KeepFiringFor: time.Second, Interval: time.Second}
	rules := tryObjectives(t, objectives, opts)
	opts = opts.withDefaults()
	e := newEvaluator()
	e.try(t, healthRules(opts), healthTests(opts), evaluation(opts))
	for i := range objectives {
		e.try(t, objectiveRules(&objectives[i], opts), nativeTests(&objectives[i], opts), evaluation(opts))
	}
	if !strings.Contains(string(rules), "for: 15s\n        keep_firing_for: 1s") {
		t.Error("the waits of the options are not in the rules")
	}
}

// tryObjectives has promtool try the rules of objectives, with nothing beside them, and returns those.
func tryObjectives(t *testing.T, objectives []objective.Objective, opts Options) (rules []byte) {
	t.Helper()
	opts = opts.of(objectives)
	var all []rule
	var cases []testCase
	for i := range objectives {
		all = append(all, objectiveRules(&objectives[i], opts)...)
		cases = append(cases, objectiveTests(&objectives[i], opts)...)
	}
	rules = renderAlone(t, all)
	if out, err := testRules(t, rules, renderTests(t, cases, evaluation(opts))); err != nil {
		t.Errorf("promtool test rules: %v\n%s\n%s", err, out, rules)
	}
	return rules
}

func TestAlertsNameTheirSeverityObjectiveAndPage(t *testing.T) {
	t.Parallel()
	wantSeverities := map[string]string{
		"PerfwatchApiLatencyP95": "warning critical", "PerfwatchApiLatencyP99": "info", "PerfwatchApiLatencyP50": "info",
		"PerfwatchCacheHitRatio": "warning critical", "PerfwatchErrorRatio": "warning critical",
		"PerfwatchConcurrentUsers": "info", "PerfwatchThroughput": "info",
		"PerfwatchMemoryUsage": "warning critical", "PerfwatchCpuUsage": "warning critical",
		"PerfwatchPageFcp":        "info",
		"PerfwatchPageTti":        "info",
		"PerfwatchRecsErrorRatio": "info", "PerfwatchRecsLatencyMean": "info", "PerfwatchRecsThroughput": "info",
		"PerfwatchRecsMemory": "info",
		"PerfwatchProbeDown":  "warning critical", "PerfwatchDown": "critical", "PerfwatchRedisDown": "critical",
		"PerfwatchProbeMissing": "warning", "PerfwatchPostgresDown": "critical", "PerfwatchPgBouncerDown": "critical",
		"PerfwatchProcessDown": "warning", "PerfwatchBusinessStale": "warning", "PerfwatchHostUnreadable": "warning",
		"PerfwatchTargetFileUnreadable": "warning",
		"PerfwatchConfigReloadFailed":   "warning", "PerfwatchBrowserMissing": "warning", "PerfwatchBurstAborted": "warning",
		"PerfwatchBurstInvalid": "info warning", "PerfwatchBurstMissing": "warning",
		"PerfwatchLoadRegression": "warning", "PerfwatchDailyPipeline": "info",
		"PerfwatchPipelineLate": "warning critical", "PerfwatchPipelineOverBudget": "warning critical",
		"PerfwatchPipelineFailed": "warning", "PerfwatchPipelinePredictedMiss": "warning", "PerfwatchPipelineStuck": "warning",
		"PerfwatchPipelineOverlap": "info", "PerfwatchCertificateExpiry": "warning critical", "PerfwatchWatchdog": "none",
		"PerfwatchErrorBudgetBurn": "critical warning", "PerfwatchLatencyAnomaly": "info",
	}
	got := map[string]string{}
	opts := Options{ExternalURL: "https://perf.example/base/", GrafanaURL: "https://graf.example/"}
	for _, g := range Render(shipped(t), opts).groups {
		for _, r := range g.Rules {
			if r.Record != "" {
				continue
			}
			labels, notes := asMap(r.Labels), asMap(r.Annotations)
			got[r.Alert] = strings.TrimSpace(got[r.Alert] + " " + labels["severity"])
			if want := "https://perf.example/base/runbooks/" + r.Alert; notes["runbook_url"] != want {
				t.Errorf("%s: runbook_url %q, want %q", r.Alert, notes["runbook_url"], want)
			}
			want := "https://graf.example" + panelOfHealth(r.Alert)
			if name := labels["objective"]; name != "" {
				want = "https://graf.example/d/perfwatch-overview?viewPanel=" + strconv.Itoa(panelID(name))
			}
			if r.Alert == budgetBurn {
				want = "https://graf.example/d/perfwatch-budgets"
			}
			if notes["dashboard_url"] != want {
				t.Errorf("%s: dashboard_url %q, want %q", r.Alert, notes["dashboard_url"], want)
			}
			for name, value := range labels {
				if strings.Contains(value, "{{") {
					t.Errorf("%s: label %s is a template: each value would be an alert of its own", r.Alert, name)
				}
			}
		}
	}
	if diff := cmp.Diff(wantSeverities, got); diff != "" {
		t.Error(diff)
	}
}

func TestAlertNames(t *testing.T) {
	for _, tt := range []struct{ name, want string }{
		{"api_latency_p95", "PerfwatchApiLatencyP95"},
		{"throughput", "PerfwatchThroughput"},
		{"_odd__name_", "PerfwatchOddName"},
	} {
		if got := (&objective.Objective{Name: tt.name}).AlertName(); got != tt.want {
			t.Errorf("AlertName(%q) = %s, want %s", tt.name, got, tt.want)
		}
	}
}

func TestBucketsAreSelectedInBothSpellings(t *testing.T) {
	for _, tt := range []struct {
		bound float64
		want  string
	}{
		{0.4, `le="0.4"`},
		{1, `le=~"1(\\.0)?"`},
		{10, `le=~"10(\\.0)?"`},
		{0.00005, `le="5e-05"`},
	} {
		if got := le(tt.bound); got != tt.want {
			t.Errorf("le(%v) = %s, want %s", tt.bound, got, tt.want)
		}
	}
}

func TestPrometheusRuleWrapsTheSameGroups(t *testing.T) {
	t.Parallel()
	rules := Render(shipped(t), Options{})
	plain, err := rules.Encode(Prometheus)
	if err != nil {
		t.Fatal(err)
	}
	wrapped, err := rules.Encode(PrometheusRule)
	if err != nil {
		t.Fatal(err)
	}
	type doc struct {
		APIVersion string `yaml:"apiVersion"`
		Kind       string
		Groups     any
		Spec       struct{ Groups any }
	}
	var file, resource doc
	if err := yaml.Unmarshal(plain, &file); err != nil {
		t.Fatal(err)
	}
	if err := yaml.Unmarshal(wrapped, &resource); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(file.Groups, resource.Spec.Groups); diff != "" {
		t.Error(diff)
	}
	if got, want := resource.APIVersion+" "+resource.Kind, "monitoring.coreos.com/v1 PrometheusRule"; got != want {
		t.Errorf("resource is %q, want %q", got, want)
	}
	if _, err := rules.Encode("json"); err == nil ||
		err.Error() != `encoding rules: format "json", want one of ["prometheus" "prometheusrule"]` {
		t.Errorf("encoding as json: %v", err)
	}
}

func TestRulesWithoutObjectivesStillWatchPerfwatch(t *testing.T) {
	t.Parallel()
	rules := render(t, nil, Options{})
	if got := strings.Count(string(rules), "- alert:"); got != 30 {
		t.Errorf("%d alerts, want 30: 17 of perfwatch, probes and bursts, 5 of what it reads, 8 of pipelines", got)
	}
}

// ofBursts has an objective for each measure of bursts, with thresholds that a person would write.
func ofBursts() []objective.Objective {
	const probe = "a_burst"
	return []objective.Objective{
		{Name: "b_users", Measure: objective.LoadUsers, Probe: probe, Target: new(100.0)},
		{Name: "b_throughput", Measure: objective.LoadThroughput, Probe: probe, Target: new(100.0), Critical: new(20.0)},
		{Name: "b_errors", Measure: objective.LoadErrorRatio, Probe: probe, Target: new(0.05), Warning: new(0.02), Critical: new(0.1)},
		{Name: "b_no_errors", Measure: objective.LoadErrorRatio, Probe: probe, Target: new(0.0)},
		{Name: "b_p95", Measure: objective.LoadLatency, Quantile: 0.95, Probe: probe, Target: new(0.1)},
		{Name: "b_mean", Measure: objective.LoadLatencyMean, Probe: probe, Target: new(0.5)},
		{Name: "b_duration", Measure: objective.LoadDuration, Probe: probe, Target: new(300.0)},
		{Name: "b_items", Measure: objective.LoadItemsRate, Probe: probe, Target: new(100.0)},
		{Name: "b_memory", Measure: objective.LoadMemoryPeak, Probe: probe, Target: new(2147483648.0)},
		{Name: "b_memory_each", Measure: objective.LoadMemoryPerRequest, Probe: probe, Warning: new(102400.0), Critical: new(1048576.0)},
		{Name: "b_leak", Measure: objective.LoadMemoryLeak, Probe: probe, Target: new(0.0)},
		{Name: "b_slow_leak", Measure: objective.LoadMemoryLeak, Probe: probe, Target: new(1024.0)},
		{Name: "p_duration", Measure: objective.PipelineDuration, Pipeline: "daily", Warning: new(1800.0), Critical: new(3600.0)},
		{Name: "b_hits", Measure: objective.LoadCacheHitRatio, Probe: probe, Target: new(0.85)},
	}
}

// ofBudgets has an objective with a budget for each measure that takes one.
func ofBudgets() []objective.Objective {
	return []objective.Objective{
		{Name: "e_errors", Measure: objective.ErrorRatio, Group: "api", Window: time.Hour, Target: new(0.01), Warning: new(0.005), Budget: 30 * day},
		{Name: "e_strict", Measure: objective.ErrorRatio, Window: time.Hour, Target: new(0.001), Budget: 7*day + time.Hour},
		{Name: "e_p95", Measure: objective.Latency, Quantile: 0.95, Group: "api", Window: time.Hour, Target: new(0.5), Critical: new(0.7), Budget: 28 * day},
		{Name: "e_hits", Measure: objective.CacheHitRatio, Redis: "cache", Window: time.Hour, Target: new(0.85), Budget: 10 * day},
	}
}

func TestRulesOfBudgetsPassTheirTests(t *testing.T) {
	t.Parallel()
	opts := Options{}.withDefaults()
	for _, o := range ofBudgets() {
		rules := renderAlone(t, budgetRules(&o, opts))
		for _, tests := range [][]byte{renderTests(t, eventRateTests(&o), evaluation(opts)), renderTests(t, budgetTests(&o, opts), day)} {
			if out, err := testRules(t, rules, tests); err != nil {
				t.Errorf("promtool test rules: %v\n%s", err, out)
			}
		}
	}
	for _, tt := range []struct {
		o    objective.Objective
		want int // 1.5 % allow for all of them, 15 % not for the fastest
	}{{ofBudgets()[0], 3}, {ofBudgets()[2], 3}, {ofBudgets()[3], 2}} {
		if got := len(burns(tt.o.Allowance())); got != tt.want {
			t.Errorf("%s: %d burns, want %d", tt.o.Name, got, tt.want)
		}
	}
}

func TestRulesOfEveryMeasureOfBurstsPassTheirTests(t *testing.T) {
	t.Parallel()
	seen := map[objective.Measure]bool{}
	for _, o := range ofBursts() {
		seen[o.Measure] = true
	}
	for _, m := range objective.BurstMeasures() {
		if !seen[m] {
			t.Errorf("%s is not tried", m)
		}
	}
	tryObjectives(t, ofBursts(), Options{})
}

// renderAlone makes the file of some rules only.
func renderAlone(t *testing.T, rules []rule) []byte {
	t.Helper()
	return encoded(t, Rules{groups: []group{{Name: "alone", Rules: rules}}})
}

func renderTests(t *testing.T, cases []testCase, every time.Duration) []byte {
	t.Helper()
	tests, err := encodeTests(cases, every)
	if err != nil {
		t.Fatal(err)
	}
	return tests
}
