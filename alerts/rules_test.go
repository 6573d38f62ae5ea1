package alerts

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
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

// render makes both files.
func render(t *testing.T, objectives []objective.Objective, opts Options) (rules, tests []byte) {
	t.Helper()
	rules, err := Render(objectives, opts).Encode(Prometheus)
	if err != nil {
		t.Fatal(err)
	}
	tests, err = RenderTests(objectives, opts)
	if err != nil {
		t.Fatal(err)
	}
	return rules, tests
}

func TestShippedRulesPassPromtool(t *testing.T) {
	t.Parallel()
	if out, err := tool(t, ".", "prometheus", "promtool", "check", "rules", rulesFile); err != nil {
		t.Errorf("promtool check rules: %v\n%s", err, out)
	}
	if out, err := tool(t, ".", "prometheus", "promtool", "test", "rules", "perfwatch.rules_test.yml"); err != nil {
		t.Errorf("promtool test rules: %v\n%s", err, out)
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
	rules, tests := render(t, objectives, opts)
	if out, err := testRules(t, rules, tests); err != nil {
		t.Errorf("promtool test rules: %v\n%s\n%s", err, out, rules)
	}
	if !strings.Contains(string(rules), "for: 15s\n        keep_firing_for: 1s") {
		t.Error("the waits of the options are not in the rules")
	}
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
		"PerfwatchConfigReloadFailed": "warning", "PerfwatchBrowserMissing": "warning", "PerfwatchBurstAborted": "warning",
		"PerfwatchBurstInvalid": "info warning", "PerfwatchBurstMissing": "warning",
		"PerfwatchLoadRegression": "warning", "PerfwatchDailyPipeline": "info",
		"PerfwatchPipelineLate": "warning critical", "PerfwatchPipelineOverBudget": "warning critical",
		"PerfwatchPipelineFailed": "warning", "PerfwatchPipelinePredictedMiss": "warning", "PerfwatchPipelineStuck": "warning",
		"PerfwatchPipelineOverlap": "info", "PerfwatchCertificateExpiry": "warning critical", "PerfwatchWatchdog": "none",
	}
	got := map[string]string{}
	opts := Options{ExternalURL: "https://perf.example/base/", GrafanaURL: "https://graf.example/"}
	for _, g := range Render(shipped(t), opts).groups {
		for _, r := range g.Rules {
			labels, notes := asMap(r.Labels), asMap(r.Annotations)
			got[r.Alert] = strings.TrimSpace(got[r.Alert] + " " + labels["severity"])
			if want := "https://perf.example/base/runbooks/" + r.Alert; notes["runbook_url"] != want {
				t.Errorf("%s: runbook_url %q, want %q", r.Alert, notes["runbook_url"], want)
			}
			want := "https://graf.example" + panelOfHealth(r.Alert)
			if name := labels["objective"]; name != "" {
				want = "https://graf.example/d/perfwatch-overview?viewPanel=" + strconv.Itoa(panelID(name))
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
	rules, tests := render(t, nil, Options{})
	if out, err := testRules(t, rules, tests); err != nil {
		t.Errorf("promtool test rules: %v\n%s", err, out)
	}
	if got := strings.Count(string(rules), "- alert:"); got != 22 {
		t.Errorf("%d rules, want 22: 14 of perfwatch, certificates and bursts, 8 of pipelines", got)
	}
}

// A mutation is one mistake that somebody could make in a rule. Each of its matches is tried alone.
type mutation struct{ name, pattern, replacement string }

func mutations() []mutation {
	return []mutation{
		{"flipped to under", `(?m)> (\S+) \+ 1e-9`, "< $1 + 1e-9"},
		{"flipped to over", `(?m)< (\S+) - 1e-9`, "> $1 - 1e-9"},
		{"fires at the threshold above", `> (\S+) \+ 1e-9`, ">= $1 - 1e-9"},
		{"fires at the threshold below", `< (\S+) - 1e-9`, "<= $1 + 1e-9"},
		{"threshold further", `([<>]) 0\.(\d+) ([-+] 1e-9)`, "$1 0.${2}001 $3"},
		{"burst fires at the target", `\) < 100`, ") <= 100"},
		{"burst's target moved", `\) < 100`, ") < 99"},
		{"validity ignored", `valid(\S+) == 1`, "valid$1 >= 0"},
		{"burst over fires at the target", `(?m)^(\s+\)) > ([\d.]+)$`, "$1 >= $2"},
		{"burst over flipped", `(?m)^(\s+\)) > ([\d.]+)$`, "$1 < $2"},
		{"the best of several processes", `max(\(\n.*memory_peak)`, "min$1"},
		{"the best of several Redis", `min(\(\n.*cache_hit_ratio)`, "max$1"},
		{"another quantile", `quantile="0.95"`, `quantile="1"`},
		{"the host is a process", `,process!=""`, ""},
		{"requests ignored", `and (\S*latency_seconds_count\S*) >= (\d+)`, "and $1 >= 1"},
		{"one request more", `latency_seconds_count(\S*) >= (\d+)`, "latency_seconds_count$1 > $2"},
		{"lookups ignored", `lookups(\S*) >= 100`, "lookups$1 >= 1"},
		{"one lookup more", `lookups(\S*) >= 100`, "lookups$1 > 100"},
		{"labels that validity lacks", `and ignoring \(process\)`, "and"},
		{"labels that the requests lack", `and ignoring \(quantile\) perfwatch_load_last_l`, "and perfwatch_load_last_l"},
		{"floor lowered", `>= (\d+)00\b`, ">= ${1}0"},
		{"floor raised", `>= (\d+)00\b`, ">= ${1}50"},
		{"window doubled", `increase(.*)\[5m\]`, "increase$1[10m]"},
		{"window halved", `increase(.*)\[5m\]`, "increase$1[2m]"},
		{"another bucket", `le="0\.(4|6)"`, `le="0.5"`},
		{"one spelling of the bucket", `le=~"1\(\\\\\.0\)\?"`, `le="1"`},
		{"every group", `rate\((\w+_(count|bucket))\{group="api",?`, `rate($1{`},
		{"every Redis", `misses_total\{redis="cache"\}`, "misses_total"},
		{"canceled is an error", `outcome!~"ok\|canceled"`, `outcome!="ok"`},
		{"every probe", `perfwatch_probe_info\{group="api"\}`, "perfwatch_probe_info"},
		{"severity exchanged", `severity: warning`, "severity: critical"},
		{"one failure is enough", `failures\) >= 2`, "failures) >= 1"},
		{"bursts are probes", `\n\s+unless on \(probe\) perfwatch_probe_info.*`, ""},
		{"nothing is a probe", `perfwatch_probe_info\{kind="load"\}`, "perfwatch_probe_info"},
		{"three failures", `failures\) >= 2`, "failures) >= 3"},
		{"at once", `for: 2m\n        labels`, "for: 0s\n        labels"},
		{"waits for hours", `for: 2m`, "for: 3h"},
		{"aborts of errors only", `error_ratio\|latency_p95\|setup`, "error_ratio"},
		{"aborts by hand", `reason=~"error_ratio\|latency_p95\|setup"`, `reason!=""`},
		{"news for a day", `(aborts|invalid)_total(.*)\[1h\]`, "${1}_total$2[1d]"},
		{"news for a minute", `(aborts|invalid)_total(.*)\[1h\]`, "${1}_total$2[10m]"},
		{"one invalid burst is enough", `> 1\.5`, "> 0.5"},
		{"two invalid bursts are not", `> 1\.5`, "> 2.5"},
		{"valid bursts do not count", `unless\n(.*\n)*?.* > 0`, ""},
		{"bursts before their time", `overdue_timestamp_seconds\) > 0`, "overdue_timestamp_seconds) > -1200"},
		{"bursts long after their time", `overdue_timestamp_seconds\) > 0`, "overdue_timestamp_seconds) > 120"},
		{"certificates a second later", `(time\(\) < )1209600`, "${1}1209599"},
		{"certificates a second sooner", `(time\(\) < )259200`, "${1}259201"},
		{"certificates at the threshold", `(time\(\) )< `, "${1}<= "},
		{"certificates that last", `(time\(\) )< `, "${1}> "},
		{"the best of several certificates", `min( by \(probe\) \(perfwatch_tls)`, "max$1"},
		{"a watchdog that sleeps", `vector\(1\)`, "vector(1) > 1"},
		{"good is bad", `== 0`, "== 1"},
		{"present", `absent\((\w+)\)`, "$1"},
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
	rules, tests := render(t, ofBursts(), Options{})
	if out, err := testRules(t, rules, tests); err != nil {
		t.Errorf("promtool test rules: %v\n%s\n%s", err, out, rules)
	}
}

// eachMutation is how many matches of a mutation are tried.
const eachMutation = 1

func TestMutationsOfRulesFailTheirTests(t *testing.T) {
	t.Parallel()
	opts := Options{}.withDefaults()
	tried := map[string]int{}
	all := &mutants{dir: t.TempDir()}
	try := func(name string, rules []rule, cases []testCase) {
		text, tests := renderAlone(t, rules, cases, opts)
		for _, m := range mutations() {
			re := regexp.MustCompile(m.pattern)
			for _, at := range re.FindAllStringSubmatchIndex(text, -1) {
				if tried[m.name]++; tried[m.name] > eachMutation {
					continue
				}
				mutant := text[:at[0]] + string(re.ExpandString(nil, m.replacement, text, at)) + text[at[1]:]
				all.add(t, fmt.Sprintf("%s: %s at %q", name, m.name, text[at[0]:at[1]]), mutant, tests)
			}
		}
	}
	h := newHealthTester(opts)
	try("daemon", daemonRules(opts), h.daemonTests())
	try("certificates", certificateRules(opts), h.certificateTests())
	try("bursts", burstRules(opts), h.burstTests())
	try("pipelines", pipelineRules(opts), h.pipelineTests())
	for _, o := range append(shipped(t), ofBursts()...) {
		try(o.Name, objectiveRules(&o, opts), objectiveTests(&o, opts))
	}
	for _, m := range mutations() {
		if tried[m.name] == 0 {
			t.Errorf("mutation %q matches no rule", m.name)
		}
	}
	all.die(t)
}

// mutants are rules with one mistake each, and the tests that must see it, in a folder each.
type mutants struct {
	dir   string
	names []string
}

func (m *mutants) add(t *testing.T, name, rules string, tests []byte) {
	t.Helper()
	dir := filepath.Join(m.dir, strconv.Itoa(len(m.names)))
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	peer.WriteFile(t, dir, rulesFile, rules)
	peer.WriteFile(t, dir, "test.yml", string(tests))
	m.names = append(m.names, name)
}

// die has one promtool look at all of them, since starting it takes longer than most of the tests.
func (m *mutants) die(t *testing.T) {
	t.Helper()
	args := []string{"test", "rules"}
	for i := range m.names {
		args = append(args, strconv.Itoa(i)+"/test.yml")
	}
	out, _ := tool(t, m.dir, "prometheus", "promtool", args...) // it says for each what became of it
	for i, name := range m.names {
		switch _, result, _ := strings.Cut(out, fmt.Sprintf("Unit Testing:  %d/test.yml\n", i)); {
		case strings.HasPrefix(result, "  SUCCESS"):
			t.Errorf("%s: no test saw it", name)
		case !strings.HasPrefix(result, "  FAILED"):
			t.Errorf("%s: neither success nor failure: %.200s", name, result)
		}
	}
}

// renderAlone makes the two files of some rules only, so that a mutation does not pay for the tests of all others.
func renderAlone(t *testing.T, rules []rule, cases []testCase, opts Options) (text string, tests []byte) {
	t.Helper()
	out, err := Rules{[]group{{Name: "alone", Rules: rules}}}.Encode(Prometheus)
	if err != nil {
		t.Fatal(err)
	}
	tests, err = encodeTests(cases, opts)
	if err != nil {
		t.Fatal(err)
	}
	return string(out), tests
}
