package alerts

import (
	"fmt"
	"math"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql/parser"

	"github.com/perfwatch/perfwatch/internal/objective"
)

// A subject is some rules that are tried together, and their tests.
type subject struct {
	name   string
	rules  []rule
	trials []trial
}

// subjects are the objectives of the shipped configuration and of each measure of bursts, the alerts of no objective, a budget of each kind of events, and trends.
func subjects(t *testing.T, e evaluator) []subject {
	t.Helper()
	opts := Options{}.withDefaults()
	often := func(cases ...testCase) []trial { return e.trials(t, cases, evaluation(opts)) }
	daily := func(cases ...testCase) []trial { return e.trials(t, cases, day) }
	var all []subject
	for _, o := range slices.Concat(shipped(t), ofBursts()) {
		all = append(all, subject{o.Name, objectiveRules(&o, opts), often(slices.Concat(objectiveTests(&o, opts), nativeTests(&o, opts))...)})
	}
	cases := healthTests(opts)
	for _, name := range objective.OwnAlerts() {
		rules := slices.DeleteFunc(healthRules(opts), func(r rule) bool { return r.Alert != name })
		if len(rules) > 0 {
			all = append(all, subject{name, rules, often(ofAlert(name, cases)...)})
		}
	}
	for _, o := range ofBudgets() {
		trials := slices.Concat(often(eventRateTests(&o)...), often(nativeEventTests(&o)...), daily(budgetTests(&o, opts)...))
		all = append(all, subject{o.Name, budgetRules(&o, opts), trials})
	}
	trials := slices.Concat(often(trendTests()...), often(burstShadowTest()), often(nativeTrendTests()...), daily(bandTests(opts)...))
	return append(all, subject{"trends", trendRules(opts), trials})
}

// ofAlert are the cases that check an alert, without their other checks.
func ofAlert(name string, cases []testCase) (some []testCase) {
	for _, c := range cases {
		c.Alerts = slices.DeleteFunc(slices.Clone(c.Alerts), func(a alertCheck) bool { return a.Alert != name })
		if len(c.Alerts) > 0 {
			some = append(some, c)
		}
	}
	return some
}

// TestMistakesInRulesFailTheirTests makes every mistake of a few kinds in the expression and the waits of a rule, one at a
// time: comparisons, thresholds, windows, offsets, set operators and matchers. Each must be seen by a test or by the linter.
func TestMistakesInRulesFailTheirTests(t *testing.T) {
	t.Parallel()
	e := newEvaluator()
	for _, s := range subjects(t, e) {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			if found := problems(t, []group{{Rules: s.rules}}); len(found) > 0 {
				t.Fatalf("the rules as they are: %q", found)
			}
			for i := range s.trials {
				made, wrong, err := e.run(t.Context(), s.trials[i], s.rules)
				if err != nil || wrong != "" {
					t.Fatalf("the rules as they are: %s, %v", wrong, err)
				}
				s.trials[i].recorded = made
			}
			for i, r := range s.rules {
				for _, m := range e.mistakes(t, r) {
					if !harmless(r, m.what) && !s.sees(t, e, i, m.rule) {
						t.Errorf("%s%s %s: no test saw %s in\n%s", r.Alert, r.Record, asMap(r.Labels)["severity"], m.what, r.Expr)
					}
				}
			}
		})
	}
}

// harmless are the mistakes that change nothing.
func harmless(r rule, what string) bool {
	return r.Alert == watchdog && strings.HasSuffix(what, " for 1") || // whatever its value is
		what == "0.5 for 1" && strings.Contains(r.Expr, "_count{") || // half a request is one
		what == `it without endpoint=""` || // the validity of a burst has no endpoint, and only figures without one match it
		agreed.MatchString(what)
}

// agreed are aggregates of what all perfwatch agree about: that something is there, what stands in the configuration, and a
// series that each has for itself.
var agreed = regexp.MustCompile(`^(min|max) for (max|min) by \((instance\)|.*(_info|_budget_seconds|_bucket:rate5m)\b)`)

// sees says that a test or the linter sees something wrong with a rule in the place of another. What saw something last is
// asked first.
func (s subject) sees(t *testing.T, e evaluator, place int, r rule) bool {
	t.Helper()
	rules := slices.Clone(s.rules)
	rules[place] = r
	if len(problems(t, []group{{Rules: rules}})) > 0 {
		return true
	}
	rules = touched(rules, place)
	for i, tr := range s.trials {
		if _, wrong, err := e.run(t.Context(), tr, rules); err != nil || wrong != "" { // an error: it is no PromQL any more
			copy(s.trials[1:], s.trials[:i])
			s.trials[0] = tr
			return true
		}
	}
	return false
}

// touched are a rule, those that read what it records, directly or not, and those of the same alert.
func touched(rules []rule, place int) (some []rule) {
	for i, r := range rules {
		reads := func(of rule) bool { return of.Record != "" && strings.Contains(r.Expr, of.Record) }
		if i == place || r.Alert != "" && r.Alert == rules[place].Alert || slices.ContainsFunc(some, reads) {
			some = append(some, r)
		}
	}
	return some
}

// A mistake is one that somebody could make in a rule.
type mistake struct {
	what string
	rule rule
}

// mistakes are all of a rule.
func (e evaluator) mistakes(t *testing.T, r rule) (all []mistake) {
	t.Helper()
	for i := 0; ; i++ { // each in a tree of its own
		tree, err := e.parser.ParseExpr(r.Expr)
		if err != nil {
			t.Fatal(err)
		}
		some := withoutMatchers(tree)
		for _, n := range nodes[parser.Node](tree) {
			some = append(some, changes(n)...)
		}
		if i == len(some) {
			break
		}
		changed, what := r, some[i]()
		changed.Expr = tree.String()
		all = append(all, mistake{what, changed})
	}
	if r.Alert != "" {
		hasty, patient := r, r
		hasty.For, patient.For = 0, r.For+time.Hour
		if all = append(all, mistake{"a wait that is an hour longer", patient}); r.For > 0 {
			all = append(all, mistake{"no wait", hasty})
		}
	}
	return all
}

// withoutMatchers leave each matcher out, wherever an expression has it.
func withoutMatchers(tree parser.Expr) (all []func() string) {
	selectors, seen := nodes[*parser.VectorSelector](tree), map[string]bool{}
	for _, n := range selectors {
		for _, m := range n.LabelMatchers {
			text := m.String()
			if m.Name == model.MetricNameLabel || seen[text] {
				continue
			}
			seen[text] = true
			all = append(all, func() string {
				for _, n := range selectors {
					n.LabelMatchers = slices.DeleteFunc(n.LabelMatchers, func(m *labels.Matcher) bool { return m.String() == text })
				}
				return "it without " + text
			})
		}
	}
	return all
}

// changes are the mistakes that can be made at a node of an expression. Each says what it did.
func changes(n parser.Node) (all []func() string) {
	switch n := n.(type) {
	case *parser.BinaryExpr:
		for _, op := range confused(n) {
			all = append(all, func() string {
				was := n.String()
				n.Op = op
				return fmt.Sprintf("%s for %s", op, was)
			})
		}
	case *parser.AggregateExpr:
		if op, is := map[parser.ItemType]parser.ItemType{parser.MIN: parser.MAX, parser.MAX: parser.MIN}[n.Op]; is {
			all = append(all, func() string { was := n.String(); n.Op = op; return fmt.Sprintf("%s for %s", op, was) })
		}
	case *parser.NumberLiteral:
		if n.Val != 0 && n.Val != 1e-9 && !math.IsInf(n.Val, 0) { // the tolerance, and bounds of what there is
			for _, by := range []float64{0.5, 2} {
				all = append(all, func() string {
					was := n.Val
					n.Val *= by
					return fmt.Sprintf("%v for %v", n.Val, was)
				})
			}
		}
	case *parser.MatrixSelector:
		for _, by := range []float64{0.5, 2} {
			all = append(all, func() string {
				was := n.String()
				n.Range = time.Duration(float64(n.Range) * by)
				return n.String() + " for " + was
			})
		}
	case *parser.VectorSelector:
		if n.OriginalOffset != 0 {
			all = append(all, func() string { was := n.String(); n.OriginalOffset *= 2; return n.String() + " for " + was })
		}
	}
	return all
}

// confused are operators that could be written for that of an expression. What is computed from a range is never exactly at a
// threshold, unless that is zero, and what is compared with a tolerance never is.
func confused(n *parser.BinaryExpr) (all []parser.ItemType) {
	all = map[parser.ItemType][]parser.ItemType{
		parser.GTR: {parser.LSS, parser.GTE}, parser.GTE: {parser.LSS, parser.GTR}, parser.LSS: {parser.GTR, parser.LTE},
		parser.EQLC: {parser.NEQ}, parser.LAND: {parser.LOR, parser.LUNLESS}, parser.LOR: {parser.LAND}, parser.LUNLESS: {parser.LAND},
	}[n.Op]
	zero, is := n.RHS.(*parser.NumberLiteral)
	exact := !strings.Contains(n.LHS.String(), "[") || n.Op == parser.GTR && is && zero.Val == 0
	if n.Op.IsComparisonOperator() && len(all) == 2 && (!exact || tolerant(n.RHS)) {
		all = all[:1]
	}
	return all
}

// tolerant says that a threshold is a number and a tolerance.
func tolerant(threshold parser.Expr) bool {
	sum, is := threshold.(*parser.BinaryExpr)
	if !is {
		return false
	}
	by, is := sum.RHS.(*parser.NumberLiteral)
	return is && by.Val == 1e-9
}
