package alerts

import (
	"fmt"
	"slices"
	"time"

	"github.com/prometheus/common/model"

	"github.com/perfwatch/perfwatch/internal/objective"
)

// Names of files of rules, in the folder of their tests.
const (
	rulesFile = "perfwatch.rules.yml"
	ruleFiles = "perfwatch*.rules.yml" // what the rendered tests are about
)

// RulesFile is the name of the file of an objective's rules where each has its own; without an objective, of all rules or of
// those that belong to none. The rendered tests find both.
func RulesFile(objective string) string {
	if objective == "" {
		return rulesFile
	}
	return "perfwatch." + objective + ".rules.yml"
}

const testHeader = "Generated with perfwatch.rules.yml from the same objectives; run by `promtool test rules`.\n" +
	"Each threshold is tried just on the good side, exactly at it and just on the bad side."

// A testFile is what promtool reads. Rules are evaluated every other minute, or more often where alerts wait for less.
type testFile struct {
	RuleFiles          []string       `yaml:"rule_files"`
	EvaluationInterval model.Duration `yaml:"evaluation_interval"`
	Tests              []testCase     `yaml:"tests"`
}

type testCase struct {
	Name     string         `yaml:"name"`
	Interval model.Duration `yaml:"interval"`
	Series   []inputSeries  `yaml:"input_series"`
	Alerts   []alertCheck   `yaml:"alert_rule_test,omitempty"`
	Exprs    []exprCheck    `yaml:"promql_expr_test,omitempty"`

	kind  kind   // "" for none in particular
	about string // the alert that the case is about, if it checks only what that goes by
}

// An inputSeries is a series in promtool's notation: "1000+9.5x40" starts at 1000 and adds 9.5 forty times.
type inputSeries struct {
	Series string `yaml:"series"`
	Values string `yaml:"values"`
}

// An alertCheck says which alerts of a name fire at an instant: exactly these.
type alertCheck struct {
	At     model.Duration `yaml:"eval_time"`
	Alert  string         `yaml:"alertname"`
	Firing []firing       `yaml:"exp_alerts,omitempty"`
}

type firing struct {
	Labels      map[string]string `yaml:"exp_labels"`
	Annotations map[string]string `yaml:"exp_annotations"`
}

// An exprCheck says what an expression gives at an instant; no samples are no result.
type exprCheck struct {
	Expr    string         `yaml:"expr"`
	At      model.Duration `yaml:"eval_time"`
	Samples []sample       `yaml:"exp_samples"`
}

type sample struct {
	Labels string  `yaml:"labels"`
	Value  float64 `yaml:"value"`
}

// absent checks that an expression has no result.
func absent(expr string, at time.Duration) exprCheck {
	return exprCheck{expr, model.Duration(at), []sample{}}
}

// near checks that an expression, whose result is one series, is a value but for what floating point takes from it.
func near(expr string, value float64, at time.Duration) exprCheck {
	return exprCheck{fmt.Sprintf("count(abs(%s - %s) < 1e-9)", expr, number(value)), model.Duration(at), []sample{{"{}", 1}}}
}

// RenderTests makes the promtool tests of what Render makes of the same objectives and options.
func RenderTests(objectives []objective.Objective, opts Options) ([]byte, error) {
	opts = opts.of(objectives)
	var tests []testCase
	for i := range objectives {
		o := &objectives[i]
		tests = append(tests, objectiveTests(o, opts)...)
		if o.Budget > 0 {
			tests = append(tests, eventRateTests(o)...)
		}
	}
	return encodeTests(slices.Concat(tests, healthTests(opts), trendTests(), []testCase{burstShadowTest()}), evaluation(opts))
}

// RenderLongTests makes the promtool tests of what takes days of records: error budgets and what probes are used to. The
// records are given, and rules evaluated once a day, so that a month is not evaluated minute by minute.
func RenderLongTests(objectives []objective.Objective, opts Options) ([]byte, error) {
	opts = opts.of(objectives)
	var tests []testCase
	for i := range objectives {
		if o := &objectives[i]; o.Budget > 0 {
			tests = append(tests, budgetTests(o, opts)...)
		}
	}
	return encodeTests(append(tests, bandTests(opts)...), day)
}

const day = 24 * time.Hour

func encodeTests(tests []testCase, every time.Duration) ([]byte, error) {
	return encode(testHeader, testFile{[]string{ruleFiles}, model.Duration(every), tests})
}

// objectiveTests are the promtool tests of objectiveRules.
func objectiveTests(o *objective.Objective, opts Options) []testCase {
	all := scenarios(o)
	tests := make([]testCase, 0, len(all))
	for _, s := range all {
		tests = append(tests, s.test(o, opts))
	}
	return tests
}

// evaluation is how often the tests evaluate the rules: often enough for their waits, and no more, since a test of a
// long window evaluates many times.
func evaluation(opts Options) time.Duration { return min(2*time.Minute, opts.For) }

// test makes the promtool test of a scenario.
func (s scenario) test(o *objective.Objective, opts Options) testCase {
	step, end := stepOf(o), endOf(o, opts)
	n := int(end/step) + 1
	series := s.series(o, n)
	switch s.kind {
	case isMissing:
		if s.samples > 0 { // else there is something else
			series = nil
		}
	case isStale:
		series = stale(series)
		end += o.Window + opts.KeepFiringFor + 2*max(step, evaluation(opts))
	case areTwo:
		series = append(series, scraped(series, "b:1")...)
	case oneOfTwo:
		series = append(series, scraped(nearThresholds(o)[0].series(o, n), "b:1")...)
	default:
	}
	t := testCase{
		Name: o.Name + ": " + s.name, kind: s.kind,
		Interval: model.Duration(step),
		Series:   series,
		Alerts:   []alertCheck{{At: model.Duration(end), Alert: o.AlertName(), Firing: s.firing(o, opts)}},
	}
	if s.kind == justPast && !o.Measure.OfLast() { // the first evaluation that may see enough is not the one that fires
		first := (o.Window - step + evaluation(opts) - 1).Truncate(evaluation(opts))
		t.Alerts = append([]alertCheck{{At: model.Duration(first), Alert: o.AlertName()}}, t.Alerts...)
	}
	if s.samples == 0 || s.kind == isMissing {
		t.Exprs = []exprCheck{absent(Value(o), end)}
	}
	return t
}

// firing are the alerts that a scenario must raise, with what their annotations must print.
func (s scenario) firing(o *objective.Objective, opts Options) []firing {
	if s.quiet() {
		return nil
	}
	var all []firing
	for _, t := range judged(o) {
		if !o.Crossed(s.value, t.Value) {
			continue
		}
		want := annotations(o, t, printed(o.Unit(), s.value), opts, verbatim)
		if t.Level != objective.Target { // there is no burst and no cache but what the objective is about
			for _, p := range meanwhile(o) {
				want = append(want, pair{p.name, map[string]string{"last_burst": noBurst, "cache": noLookups}[p.name]})
			}
		}
		all = append(all, firing{
			Labels: map[string]string{"severity": severity(t.Level), "objective": o.Name}, Annotations: asMap(want),
		})
	}
	return all
}

// steps is how many samples of a series lie in a window; with 20, a rate sees the window almost whole.
const steps = 20

// stepOf is the time between the samples of the test's series.
func stepOf(o *objective.Objective) time.Duration {
	if o.Measure.OfLast() {
		return time.Minute
	}
	return o.Window / steps
}

// endOf is when a test looks: the window is full and whoever had to wait has waited.
func endOf(o *objective.Objective, opts Options) time.Duration {
	return o.Window + stepOf(o) + opts.For + 2*evaluation(opts)
}

func asMap(pairs []pair) map[string]string {
	m := make(map[string]string, len(pairs))
	for _, p := range pairs {
		m[p.name] = p.value
	}
	return m
}
