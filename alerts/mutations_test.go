package alerts

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/perfwatch/perfwatch/internal/peer"
)

// A mutation is one mistake that somebody could make in a rule. Each of its matches is tried alone.
type mutation struct{ name, pattern, replacement string }

func mutations() []mutation {
	return slices.Concat(ofThresholds(), ofBurstFigures(), ofHealth(), ofSources(), ofBurns(), ofTrends())
}

// ofThresholds are mistakes of what an objective is judged by.
func ofThresholds() []mutation {
	return []mutation{
		{"flipped to under", `(?m)> (\S+) \+ 1e-9`, "< $1 + 1e-9"},
		{"flipped to over", `(?m)< (\S+) - 1e-9`, "> $1 - 1e-9"},
		{"fires at the threshold above", `> (\S+) \+ 1e-9`, ">= $1 - 1e-9"},
		{"fires at the threshold below", `< (\S+) - 1e-9`, "<= $1 + 1e-9"},
		{"threshold further", `([<>]) 0\.(\d+) ([-+] 1e-9)`, "$1 0.${2}001 $3"},
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
	}
}

// ofBurstFigures are mistakes of figures of bursts.
func ofBurstFigures() []mutation {
	return []mutation{
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
	}
}

// ofHealth are mistakes of what belongs to no objective.
func ofHealth() []mutation {
	return []mutation{
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

// ofBurns are mistakes of error budgets.
func ofBurns() []mutation {
	return []mutation{
		{"burns at the threshold", `(ratio_rate1h.*) > (\S+) \+ 1e-9(.*\n.*) > \S+ \+ 1e-9`, "$1 >= $2 - 1e-9$3 >= $2 - 1e-9"},
		{"burns in an hour, slowly", `(ratio_rate1h.*) > 0\.144`, "$1 > 0.2"},
		{"burns in six hours, slowly", `(ratio_rate6h.*) > 0\.06`, "$1 > 0.05"},
		{"burns in three days, slowly", `(ratio_rate3d.*) > 0\.01`, "$1 > 0.012"},
		{"burns once is enough of an hour", `and (\S+ratio_rate5m)`, "or $1"},
		{"burns once is enough of six hours", `and (\S+ratio_rate30m)`, "or $1"},
		{"burns once is enough of three days", `and (\S+ratio_rate6h)`, "or $1"},
		{"burns with too few events", `\[1h\]\) \* 60 >= (\d+)`, "[1h]) * 60 >= 1"},
		{"burns with more events", `\[6h\]\) \* 60 >= (\d+)`, "[6h]) * 60 >= ${1}0"},
		{"burns with events of an hour", `\[3d\]\) \* 60`, "[1h]) * 60"},
		{"half an hour is less", `events:rate5m(\S+)\[30m\]`, "events:rate5m$1[15m]"},
		{"half an hour is more", `events:rate5m(\S+)\[30m\]\)`, "events:rate5m$1[1h])"},
		{"an hour is less", `events:rate5m(\S+)\[1h\]\)\n`, "events:rate5m$1[30m])\n"},
		{"an hour is more", `events:rate5m(\S+)\[1h\]\)\n`, "events:rate5m$1[2h])\n"},
		{"six hours are less", `events:rate5m(\S+)\[6h\]\)\n`, "events:rate5m$1[3h])\n"},
		{"six hours are more", `events:rate5m(\S+)\[6h\]\)\n`, "events:rate5m$1[12h])\n"},
		{"three days are less", `events:rate5m(\S+)\[3d\]\)\n`, "events:rate5m$1[1d])\n"},
		{"three days are more", `events:rate5m(\S+)\[3d\]\)\n`, "events:rate5m$1[6d])\n"},
		{"a budget of more", `(ratio_rate30d\S+) / 0\.01`, "$1 / 0.02"},
		{"what is spent is left", `1 - (\S+ratio_rate30d)`, "$1"},
		{"good events are bad", `(events:rate5m\n\s+expr: \|-\n\s+sum\(\n.*)outcome!~"ok\|canceled"`, `${1}outcome!="canceled"`},
		{"hits are misses", `record: objective:perfwatch_bad(.*\n.*)_misses_`, "record: objective:perfwatch_bad${1}_hits_"},
	}
}

// ofTrends are mistakes of records and the band.
func ofTrends() []mutation {
	return []mutation{
		{"the day is an hour", `(probe:.*p95_1d\n.*\n.*\n.*)group, probe, le\) \(sum_over_time\((.*)\[1d\]`, "${1}group, le) (sum_over_time($2[1d]"},
		{"another trend", `histogram_quantile\(0\.99`, "histogram_quantile(0.95"},
		{"another week", `offset 1w\n`, "offset 2d\n"},
		{"another day", `offset 1d\n`, "offset 2d\n"},
		{"bursts are quiet", `unless on \(\)`, "and on ()"},
		{"bursts are short", `_active\[6m\]`, "_active[1m]"},
		{"bursts of a minute", `_requests_total\[6m\]`, "_requests_total[1m]"},
		{"bursts are long", `_active\[6m\]`, "_active[20m]"},
		{"half of half a day", `>= 720`, ">= 719"},
		{"more than half a day", `>= 720`, ">= 721"},
		{"a wider band", `\+ 3 \*`, "+ 4 *"},
		{"a narrower band", `\+ 3 \*`, "+ 2 *"},
		{"a wider least band", `\* 1\.25\n\s+or(.*) \* 1\.25`, "* 1.5\n or$1 * 1.5"},
		{"a narrower least band", `\* 1\.25\n\s+or(.*) \* 1\.25`, "* 1.1\n or$1 * 1.1"},
		{"times below zero", `(lower1d\n[^,]*),\s*0\)`, "$1, -9)"},
		{"under the band", `(quiet_mean30m) > (\S+upper1d)`, "$1 < $2"},
		{"no week", `\n\s+unless\n.*offset 1w\)`, ""},
		{"a week that allows for more", `< 1\.25 \*`, "< 1.4 *"},
		{"a week that allows for less", `< 1\.25 \*`, "< 1.1 *"},
	}
}

// eachMutation is how many matches of a mutation are tried.
const eachMutation = 1

func TestMutationsOfRulesFailTheirTests(t *testing.T) {
	t.Parallel()
	opts := Options{}.withDefaults()
	tried := map[string]int{}
	all := &mutants{dir: t.TempDir()}
	// No tests but those of its kind need to see the mistake in a rule.
	try := func(name string, rules []rule, suites ...[]byte) {
		text := renderAlone(t, rules)
		for _, m := range mutations() {
			re := regexp.MustCompile(m.pattern)
			for _, at := range re.FindAllStringSubmatchIndex(text, -1) {
				if tried[m.name]++; tried[m.name] > eachMutation {
					continue
				}
				mutant := text[:at[0]] + string(re.ExpandString(nil, m.replacement, text, at)) + text[at[1]:]
				all.add(t, fmt.Sprintf("%s: %s at %q", name, m.name, text[at[0]:at[1]]), mutant, suites)
			}
		}
	}
	often := func(cases ...testCase) []byte { return renderTests(t, cases, evaluation(opts)) }
	daily := func(cases ...testCase) []byte { return renderTests(t, cases, day) }
	h := newHealthTester(opts)
	try("daemon", daemonRules(opts), often(h.daemonTests()...))
	try("sources", sourceRules(opts), often(h.sourceTests()...))
	try("certificates", certificateRules(opts), often(h.certificateTests()...))
	try("bursts", burstRules(opts), often(h.burstTests()...))
	try("pipelines", pipelineRules(opts), often(h.pipelineTests()...))
	for _, o := range append(shipped(t), ofBursts()...) {
		try(o.Name, objectiveRules(&o, opts), often(objectiveTests(&o, opts)...))
	}
	for _, o := range ofBudgets() {
		try(o.Name, budgetRules(&o, opts), often(eventRateTest(&o)), daily(budgetTests(&o, opts)...))
	}
	try("trends", trendRules(opts), often(append(trendTests(), burstShadowTest())...), daily(bandTests(opts)...))
	for _, m := range mutations() {
		if tried[m.name] == 0 {
			t.Errorf("mutation %q matches no rule", m.name)
		}
	}
	all.die(t)
}

// mutants are rules with one mistake each, and the tests one of which must see it, in a folder each.
type mutants struct {
	dir    string
	names  []string
	suites [][]string // the files of tests of each
}

func (m *mutants) add(t *testing.T, name, rules string, suites [][]byte) {
	t.Helper()
	dir := strconv.Itoa(len(m.names))
	if err := os.Mkdir(filepath.Join(m.dir, dir), 0o700); err != nil {
		t.Fatal(err)
	}
	peer.WriteFile(t, filepath.Join(m.dir, dir), rulesFile, rules)
	var files []string
	for i, tests := range suites {
		file := fmt.Sprintf("test%d.yml", i)
		peer.WriteFile(t, filepath.Join(m.dir, dir), file, string(tests))
		files = append(files, dir+"/"+file)
	}
	m.names, m.suites = append(m.names, name), append(m.suites, files)
}

// die has one promtool look at all of them, since starting it takes longer than most of the tests.
func (m *mutants) die(t *testing.T) {
	t.Helper()
	out, _ := tool(t, m.dir, "prometheus", "promtool", slices.Concat([]string{"test", "rules"}, slices.Concat(m.suites...))...)
	for i, name := range m.names {
		seen := false
		for _, file := range m.suites[i] {
			_, result, _ := strings.Cut(out, "Unit Testing:  "+file+"\n")
			if !strings.HasPrefix(result, "  SUCCESS") && !strings.HasPrefix(result, "  FAILED") {
				t.Errorf("%s: neither success nor failure: %.200s", name, result)
			}
			seen = seen || strings.HasPrefix(result, "  FAILED")
		}
		if !seen {
			t.Errorf("%s: no test saw it", name)
		}
	}
}

// renderAlone makes the file of some rules only.
func renderAlone(t *testing.T, rules []rule) string {
	t.Helper()
	out, err := Rules{groups: []group{{Name: "alone", Rules: rules}}}.Encode(Prometheus)
	if err != nil {
		t.Fatal(err)
	}
	return string(out)
}

func renderTests(t *testing.T, cases []testCase, every time.Duration) []byte {
	t.Helper()
	tests, err := encodeTests(cases, every)
	if err != nil {
		t.Fatal(err)
	}
	return tests
}
