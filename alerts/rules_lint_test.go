package alerts

import (
	"cmp"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql/parser"
	"go.yaml.in/yaml/v3"

	"github.com/perfwatch/perfwatch/collector"
)

// recordName has the level of a record, its metric and what was done to it.
var recordName = regexp.MustCompile(`^[a-z_]+:[a-z_]+:[a-z0-9_]+$`)

// What promtool check rules does not see. A lint says what is wrong with a rule, or with its parsed expression.
type lint struct {
	name  string
	check func(r rule, expr parser.Expr) []string
}

func lints(t *testing.T, groups []group) []lint {
	t.Helper()
	known, shortest := series(groups), 4*scrapeInterval(t)
	return []lint{
		{"comparison", func(r rule, expr parser.Expr) []string {
			// The watchdog fires whatever happens.
			return wrong(r.Record != "" || r.Alert == watchdog || filters(expr), "nothing is compared: it fires while its series exist")
		}},
		{"labels", everyPair(labelsOf, func(p pair) bool { return !regexp.MustCompile(`value|Value|query`).MatchString(p.value) })},
		{"annotations", func(r rule, _ parser.Expr) (problems []string) {
			if r.Record != "" {
				return nil
			}
			has := asMap(r.Annotations)
			for _, name := range []string{"summary", "description", "runbook_url", "dashboard_url"} {
				text := has[name]
				problems = append(problems, wrong(text != "" && text == strings.TrimSpace(text) && !strings.Contains(text, "\n"), name)...)
			}
			return problems
		}},
		{"name", func(r rule, _ parser.Expr) []string {
			return wrong(r.Record == "" || recordName.MatchString(r.Record), "not level:metric:operation")
		}},
		{"window", everyNode(func(n *parser.MatrixSelector) bool { return n.Range >= shortest })},
		{"windows", func(r rule, expr parser.Expr) []string {
			return wrong(ofOneWindow(r, expr), "windows or offsets that are not its own")
		}},
		{"division", everyNode(func(n *parser.BinaryExpr) bool { return n.Op != parser.DIV || neverZero(n.RHS) })},
		{"metric", everyNode(func(n *parser.VectorSelector) bool { return known[n.Name] != nil })},
		{"matcher", everyNode(func(n *parser.VectorSelector) bool {
			return !slices.ContainsFunc(n.LabelMatchers, func(m *labels.Matcher) bool {
				return known[n.Name] != nil && m.Name != model.MetricNameLabel && !slices.Contains(known[n.Name], m.Name)
			})
		})},
	}
}

// problems are what the lints find in groups of rules, one line each.
func problems(t *testing.T, groups []group) (found []string) {
	t.Helper()
	all := lints(t, groups)
	for _, g := range groups {
		for _, r := range g.Rules {
			expr, err := parser.NewParser(parser.Options{}).ParseExpr(r.Expr)
			if err != nil {
				found = append(found, fmt.Sprintf("%s: syntax: %v", r.Alert+r.Record, err))
				continue
			}
			for _, l := range all {
				for _, problem := range l.check(r, expr) {
					found = append(found, fmt.Sprintf("%s: %s: %s", r.Alert+r.Record, l.name, problem))
				}
			}
		}
	}
	return found
}

func TestRulesPassTheLinter(t *testing.T) {
	for _, problem := range problems(t, Render(slices.Concat(shipped(t), ofBursts(), ofBudgets()), Options{}).groups) {
		t.Error(problem)
	}
}

// TestTheLinterSees spoils a rule once for each lint.
func TestTheLinterSees(t *testing.T) {
	const up = "perfwatch_redis_up"
	for _, tt := range []struct {
		want  string // the lint; "" is a good rule
		spoil func(*rule)
	}{
		{"", func(*rule) {}},
		{"syntax", func(r *rule) { r.Expr = "sum(" }},
		{"comparison", func(r *rule) { r.Expr = up }},
		{"comparison", func(r *rule) { r.Expr = up + " == 0 or " + up }},
		{"comparison", func(r *rule) { r.Expr = up + " unless " + up + " == 1" }},
		{"comparison", func(r *rule) { r.Expr = up + " == bool 0" }},
		{"", func(r *rule) { r.Expr = up + " and sum(" + up + ") == 0" }},
		{"", func(r *rule) { r.Expr = "absent(" + up + ")" }},
		{"labels", func(r *rule) { r.Labels = append(r.Labels, pair{"at", "{{ $value }}"}) }},
		{"", func(r *rule) { r.Labels = append(r.Labels, pair{"at", "{{ $labels.redis }}"}) }},
		{"annotations", func(r *rule) { r.Annotations = r.Annotations[1:] }},
		{"annotations", func(r *rule) { r.Annotations[1].value = "" }},
		{"annotations", func(r *rule) { r.Annotations = r.Annotations[:3] }},
		{"window", func(r *rule) { r.Expr = "rate(perfwatch_probe_runs_total[59s]) > 0" }},
		{"", func(r *rule) { r.Expr = "rate(perfwatch_probe_runs_total[1m]) > 0" }},
		{"division", func(r *rule) { r.Expr = "perfwatch_redis_up / perfwatch_redis_up > 0" }},
		{"division", func(r *rule) { r.Expr = "perfwatch_redis_up / (perfwatch_redis_up >= 0) > 0" }},
		{"division", func(r *rule) { r.Expr = "perfwatch_redis_up / 0 > 0" }},
		{"division", func(r *rule) { r.Expr = "perfwatch_redis_up / (perfwatch_redis_up > -1) > 0" }},
		{"division", func(r *rule) { r.Expr = "perfwatch_redis_up / (perfwatch_redis_up > bool 0) > 0" }},
		{"", func(r *rule) { r.Expr = "perfwatch_redis_up / (perfwatch_redis_up >= 1) > 0" }},
		{"", func(r *rule) { r.Expr = "perfwatch_redis_up / (perfwatch_redis_up > 0) / 0.5 > 0" }},
		{"metric", func(r *rule) { r.Expr = "perfwatch_radish_up == 0" }},
		{"metric", func(r *rule) { r.Expr = "perfwatch_redis_up_bucket == 0" }},
		{"", func(r *rule) { r.Expr = "histogram_count(rate(perfwatch_probe_duration_seconds[1m])) > 0" }},
		{"", func(r *rule) { r.Expr = `rate(perfwatch_probe_duration_seconds_bucket{le="1"}[1m]) > 0` }},
		{"name", func(r *rule) { *r = record("probe:seconds", up) }},
		{"", func(r *rule) { *r = record("probe:seconds:mean5m", up) }},
		{"division", func(r *rule) { *r = record("probe:seconds:mean5m", up+" / "+up) }},
		{"matcher", func(r *rule) { r.Expr = `perfwatch_redis_up{probe="cache"} == 0` }},
		{"windows", func(r *rule) { *r = record("probe:seconds:rate5m", "rate(perfwatch_probe_runs_total[10m])") }},
		{"windows", func(r *rule) { *r = record("probe:seconds:p95_1h_offset1w", up+" offset 1d") }},
		{"", func(r *rule) { *r = record("probe:seconds:p95_1h_offset1w", up+" offset 1w") }},
		{"windows", func(r *rule) {
			r.Labels = append(r.Labels, pair{"objective", "a"})
			r.Expr = "rate(perfwatch_probe_runs_total[5m]) / (rate(perfwatch_probe_runs_total[10m]) > 0) > 0.5"
		}},
	} {
		r := health(Options{}.withDefaults(), "A", "warning", 0, up+" == 0", "a", "b")
		tt.spoil(&r)
		switch found := problems(t, []group{{Rules: []rule{r}}}); {
		case tt.want == "" && len(found) > 0:
			t.Errorf("%s: found %q, want nothing", r.Expr, found)
		case tt.want != "" && (len(found) != 1 || !strings.Contains(found[0], ": "+tt.want+": ")):
			t.Errorf("%s: found %q, want a problem of %s", r.Expr, found, tt.want)
		}
	}
}

func wrong(ok bool, what string) []string {
	if ok {
		return nil
	}
	return []string{what}
}

func labelsOf(r rule) []pair { return r.Labels }

func everyPair(of func(rule) []pair, ok func(pair) bool) func(rule, parser.Expr) []string {
	return func(r rule, _ parser.Expr) (problems []string) {
		for _, p := range of(r) {
			problems = append(problems, wrong(ok(p), p.name+": "+p.value)...)
		}
		return problems
	}
}

// nodes are those of a kind in the tree of an expression.
func nodes[N parser.Node](expr parser.Expr) (all []N) {
	parser.Inspect(expr, func(n parser.Node, _ []parser.Node) error {
		if n, is := n.(N); is {
			all = append(all, n)
		}
		return nil
	})
	return all
}

// everyNode looks at the nodes of a kind.
func everyNode[N parser.Node](ok func(N) bool) func(rule, parser.Expr) []string {
	return func(_ rule, expr parser.Expr) (problems []string) {
		for _, n := range nodes[N](expr) {
			problems = append(problems, wrong(ok(n), n.String())...)
		}
		return problems
	}
}

// ownWindow is the window, or the offset, that the name of a record ends with.
var ownWindow = regexp.MustCompile(`:[a-z0-9_]*?(offset)?((?:\d+[a-z])+)$`)

// ofOneWindow says that a rule looks at what it says: a record at the window, or the offset, of its name, the alert of an
// objective at one window. How long bursts cast their shadow, and burn rates, are another matter.
func ofOneWindow(r rule, expr parser.Expr) bool {
	named := ownWindow.FindStringSubmatch(r.Record)
	if r.Record != "" && named == nil || r.Record == "" && asMap(r.Labels)["objective"] == "" || r.Alert == budgetBurn {
		return true
	}
	var own time.Duration
	if named != nil {
		d, err := model.ParseDuration(named[2])
		if err != nil {
			return false
		}
		own = time.Duration(d)
	}
	for _, n := range nodes[*parser.MatrixSelector](expr) {
		if strings.HasPrefix(n.String(), "perfwatch_load_") {
			continue
		}
		if own = cmp.Or(own, n.Range); n.Range != own {
			return false
		}
	}
	for _, n := range nodes[*parser.VectorSelector](expr) {
		if named != nil && named[1] != "" && n.OriginalOffset != own {
			return false
		}
	}
	return true
}

// filters says that an expression has a result only while something holds.
func filters(expr parser.Expr) bool {
	switch e := expr.(type) {
	case *parser.ParenExpr:
		return filters(e.Expr)
	case *parser.AggregateExpr:
		return filters(e.Expr)
	case *parser.Call:
		return strings.HasPrefix(e.Func.Name, "absent")
	case *parser.BinaryExpr:
		switch {
		case e.Op.IsComparisonOperator():
			return !e.ReturnBool
		case e.Op == parser.LOR:
			return filters(e.LHS) && filters(e.RHS)
		case e.Op == parser.LUNLESS:
			return filters(e.LHS)
		}
		return filters(e.LHS) || filters(e.RHS)
	}
	return false
}

// neverZero says that a divisor is a number, or has no result where it is zero.
func neverZero(expr parser.Expr) bool {
	switch e := expr.(type) {
	case *parser.NumberLiteral:
		return e.Val != 0
	case *parser.ParenExpr:
		return neverZero(e.Expr)
	case *parser.BinaryExpr:
		least, literal := e.RHS.(*parser.NumberLiteral)
		return literal && (e.Op == parser.GTR && least.Val >= 0 || e.Op == parser.GTE && least.Val > 0) && !e.ReturnBool
	}
	return false
}

// series are the names that expressions may use, those that collector declares and those that rules record, with their
// labels.
func series(groups []group) map[string][]string {
	known := map[string][]string{}
	for _, g := range groups {
		for _, r := range g.Rules {
			known[r.Record] = []string{"objective", "period", "group", "probe", "outcome", "le"}
		}
	}
	for _, f := range collector.Families() {
		own := append([]string{"instance", "job"}, f.Labels...)
		switch f.Type.String() {
		case "HISTOGRAM":
			known[f.Name], known[f.Name+"_bucket"] = own, append([]string{"le"}, own...)
		case "SUMMARY":
			known[f.Name] = append([]string{"quantile"}, own...)
		default:
			known[f.Name] = own
			continue
		}
		known[f.Name+"_sum"], known[f.Name+"_count"] = own, own
	}
	return known
}

// scrapeInterval is that of the shipped prometheus.yml.
func scrapeInterval(t *testing.T) time.Duration {
	t.Helper()
	text, err := os.ReadFile("../deploy/prometheus.yml")
	if err != nil {
		t.Fatal(err)
	}
	var file struct {
		Global struct {
			Interval model.Duration `yaml:"scrape_interval"`
		}
	}
	if err := yaml.Unmarshal(text, &file); err != nil || file.Global.Interval == 0 {
		t.Fatalf("reading the scrape interval: %v, %v", file.Global.Interval, err)
	}
	return time.Duration(file.Global.Interval)
}
