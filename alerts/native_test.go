package alerts

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/perfwatch/perfwatch/internal/objective"
	"github.com/perfwatch/perfwatch/internal/peer"
)

func promtool3(t *testing.T) string {
	t.Helper()
	return peer.Built(t, "prometheus3/promtool")
}

// ofNative are mistakes of what reads native histograms.
func ofNative() []mutation {
	return []mutation{
		{"another bound", `histogram_fraction\(0, 0\.4`, "histogram_fraction(0, 0.5"},
		{"another quantile", `histogram_quantile\(0\.95, sum\(rate`, "histogram_quantile(0.5, sum(rate"},
		{"every group", `(histogram_fraction.*)\{group="api"\}`, "$1"},
		{"sums for counts", `histogram_count\(sum\(increase`, "histogram_sum(sum(increase"},
		{"sums for counts of the host", `histogram_count\(sum by \(instance\) \(increase`, "histogram_sum(sum by (instance) (increase"},
		{"counts for sums of the host", `histogram_sum\(sum by \(instance\) \(rate`, "histogram_count(sum by (instance) (rate"},
		{"before the classic series", `(sum.*_bucket.*\n.*\n.* > 0\))\n\s+or\n\s+(histogram_fraction.*)`, "$2 or $1"},
		{"beside the classic series", `(sum.*_bucket.*\n.*\n.* > 0\))\n\s+or\n\s+(histogram_fraction.*)`, "$2 < 1 or $1"},
		{"bad events of another bound", `histogram_fraction\(0\.5, Inf`, "histogram_fraction(0.6, Inf"},
		{"no events are not known", `(Inf.* >= 0)\n\s+or\n.*`, "$1"},
		{"recorded beside the classic series", `\n\s+unless\n\s+max by \(group, probe\).*`, ""},
		{"recorded with the classic series only", `unless(\n\s+max by \(group, probe\))`, "and$1"},
		{"another quantile of the day", `(p95_1d\n(?:.*\n){4}.*)0\.95`, "${1}0.5"},
		{"of all groups", `by \(group, probe\) (\(rate\(perfwatch_probe_duration_seconds\[)`, "by (probe) $1"},
	}
}

// outcome is what the promtool of Prometheus 3 says of each file of tests, in their order.
var outcome = regexp.MustCompile(`(?m)^  (SUCCESS|FAILED)`)

// TestMutationsOfNativeHistogramsFailTheirTests tries each mistake in the first rule that it can be made in.
func TestMutationsOfNativeHistogramsFailTheirTests(t *testing.T) {
	t.Parallel()
	opts := Options{}.withDefaults()
	dir := t.TempDir()
	tried := map[string]bool{}
	var names, files []string
	try := func(rules []rule, tests []testCase) {
		text := renderAlone(t, rules)
		for _, m := range ofNative() {
			re := regexp.MustCompile(m.pattern)
			at := re.FindStringSubmatchIndex(text)
			if at == nil || tried[m.name] {
				continue
			}
			tried[m.name] = true
			alone := filepath.Join(dir, strconv.Itoa(len(names)))
			if err := os.Mkdir(alone, 0o700); err != nil {
				t.Fatal(err)
			}
			peer.WriteFile(t, alone, rulesFile, text[:at[0]]+string(re.ExpandString(nil, m.replacement, text, at))+text[at[1]:])
			files = append(files, peer.WriteFile(t, alone, "test.yml", string(renderTests(t, tests, evaluation(opts)))))
			names = append(names, m.name)
		}
	}
	for _, o := range shipped(t) {
		if o.Measure == objective.CPUUsage || o.Name == "api_latency_p95" {
			try(objectiveRules(&o, opts), nativeTests(&o, opts))
		}
	}
	for _, o := range ofBudgets() {
		try(budgetRules(&o, opts), nativeEventTests(&o))
	}
	try(trendRules(opts), nativeTrendTests())
	out, _ := tool(t, dir, "", promtool3(t), append([]string{"test", "rules"}, files...)...)
	seen := outcome.FindAllStringSubmatch(out, -1)
	if len(seen) != len(ofNative()) || len(names) != len(ofNative()) {
		t.Fatalf("%d mutations, %d tried, %d judged:\n%.4000s", len(ofNative()), len(names), len(seen), out)
	}
	for i, name := range names {
		if seen[i][1] != "FAILED" {
			t.Errorf("%s: no test saw it", name)
		}
	}
}

// TestNativeHistogramsAreJudgedLikeClassicSeries also shows that what the mutations are tried on is whole.
func TestNativeHistogramsAreJudgedLikeClassicSeries(t *testing.T) {
	t.Parallel()
	opts := Options{}.withDefaults()
	var rules []rule
	var tests []testCase
	for _, o := range slices.Concat(ofBudgets(), shipped(t)) {
		if o.Budget > 0 {
			rules = append(rules, budgetRules(&o, opts)...)
		}
		tests = append(tests, nativeEventTests(&o)...)
	}
	if len(tests) == 0 {
		t.Fatal("nothing is tried")
	}
	out, err := testRulesWith(t, promtool3(t), []byte(renderAlone(t, rules)), renderTests(t, tests, evaluation(opts)))
	if err != nil || !strings.Contains(out, "SUCCESS") {
		t.Errorf("promtool test rules: %v\n%s", err, out)
	}
}
