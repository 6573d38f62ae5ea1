package dashboards

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// These are the seventeen rules of Grafana's dashboard linter, in our own words and for what our dashboards can hold.
// https://github.com/grafana/dashboard-linter/blob/main/docs/index.md

// A lint is what a rule says of one dashboard: "" where nothing is wrong.
type lint struct {
	rule  string
	check func(d *dashboard) []string
}

func rules() []lint {
	return []lint{
		{"template-datasource-rule", variableIs("datasource", func(v variable) bool { return v.Type == "datasource" && v.Query == "prometheus" })},
		{"template-job-rule", variableIs("job", chosenFromPrometheus)},
		{"template-instance-rule", variableIs("instance", chosenFromPrometheus)},
		{"template-label-promql-rule", everyVariable(func(v variable) bool {
			return regexp.MustCompile(`^label_values\([a-z_]+(\{.*\})?, [a-z]+\)$`).MatchString(v.Definition)
		})},
		{"template-on-time-change-reload-rule", everyVariable(func(v variable) bool { return v.Refresh == 2 })},
		{"template-uneditable-rule", func(d *dashboard) []string { return wrong(!d.Editable, d.Title) }},
		{"panel-datasource-rule", everyPanel(func(p panel) bool { return *p.Datasource == *source() })},
		{"panel-title-description-rule", everyPanel(func(p panel) bool { return p.Title != "" && p.Description != "" })},
		{"panel-units-rule", everyPanel(func(p panel) bool { return p.FieldConfig.Defaults.Unit != "" })},
		{"panel-no-targets-rule", everyPanel(func(p panel) bool { return len(p.Targets) > 0 })},
		{"target-logql-rule", everyTarget(func(q target) bool { return q.Datasource.Type == "prometheus" })}, // we have none of the two
		{"target-logql-auto-rule", everyTarget(func(q target) bool { return !strings.Contains(q.Expr, "$__auto") })},
		{"target-promql-rule", everyTarget(balanced)}, // TestEveryExpressionParses has promtool read them whole
		{"target-rate-interval-rule", exceptBudgets(everyTarget(rangesAreRateIntervals))},
		{"target-job-rule", everyTarget(selects(`job=~"$job"`))},
		{"target-instance-rule", everyTarget(selects(`instance=~"$instance"`))},
		{"target-counter-agg-rule", everyTarget(countersAreRates)},
	}
}

func TestDashboardsPassTheLinter(t *testing.T) {
	if n := len(rules()); n != 17 {
		t.Fatalf("%d rules, want 17", n)
	}
	for name, d := range drawn(t) {
		for _, r := range rules() {
			for _, problem := range r.check(&d) {
				t.Errorf("%s: %s: %s", name, r.rule, problem)
			}
		}
	}
}

// TestTheLinterSees breaks a dashboard once for each rule.
func TestTheLinterSees(t *testing.T) {
	for rule, spoil := range map[string]func(*dashboard){
		"template-datasource-rule":            func(d *dashboard) { d.Templating.List[0].Query = "loki" },
		"template-job-rule":                   func(d *dashboard) { d.Templating.List[1].Multi = false },
		"template-instance-rule":              func(d *dashboard) { d.Templating.List[2].Name = "pod" },
		"template-label-promql-rule":          func(d *dashboard) { d.Templating.List[1].Definition = "job" },
		"template-on-time-change-reload-rule": func(d *dashboard) { d.Templating.List[1].Refresh = 1 },
		"template-uneditable-rule":            func(d *dashboard) { d.Editable = true },
		"panel-datasource-rule":               func(d *dashboard) { d.Panels[0].Datasource = &datasource{Type: "prometheus", UID: "mine"} },
		"panel-title-description-rule":        func(d *dashboard) { d.Panels[0].Description = "" },
		"panel-units-rule":                    func(d *dashboard) { d.Panels[0].FieldConfig.Defaults.Unit = "" },
		"panel-no-targets-rule":               func(d *dashboard) { d.Panels[0].Targets = nil },
		"target-logql-rule":                   func(d *dashboard) { d.Panels[0].Targets[0].Datasource = &datasource{Type: "loki"} },
		"target-logql-auto-rule":              func(d *dashboard) { d.Panels[0].Targets[0].Expr += " + $__auto" },
		"target-promql-rule":                  func(d *dashboard) { d.Panels[0].Targets[0].Expr += ")" },
		"target-rate-interval-rule":           func(d *dashboard) { d.Panels[0].Targets[0].Expr = "rate(a_total{" + scope + "}[5m])" },
		"target-job-rule":                     func(d *dashboard) { d.Panels[0].Targets[0].Expr = `a{instance=~"$instance"}` },
		"target-instance-rule":                func(d *dashboard) { d.Panels[0].Targets[0].Expr = `a{job=~"$job"}` },
		"target-counter-agg-rule":             func(d *dashboard) { d.Panels[0].Targets[0].Expr = "sum(a_total{" + scope + "})" },
	} {
		d := dashboard{
			Templating: templating{List: scopeChoices()},
			Panels:     []panel{series(1, "A", "B.", "s", query{"rate(perfwatch_a_total[$__rate_interval])", ""})},
		}
		spoil(&d)
		var found []string
		for _, r := range rules() {
			if len(r.check(&d)) > 0 {
				found = append(found, r.rule)
			}
		}
		if !slices.Contains(found, rule) {
			t.Errorf("%s: found %q", rule, found)
		}
	}
}

func wrong(ok bool, what string) []string {
	if ok {
		return nil
	}
	return []string{what}
}

func chosenFromPrometheus(v variable) bool {
	return v.Type == "query" && v.Multi && v.IncludeAll && *v.Datasource == *source()
}

func variableIs(name string, ok func(variable) bool) func(*dashboard) []string {
	return func(d *dashboard) []string {
		i := slices.IndexFunc(d.Templating.List, func(v variable) bool { return v.Name == name })
		return wrong(i >= 0 && ok(d.Templating.List[i]), name)
	}
}

// everyVariable looks at those that are asked of Prometheus.
func everyVariable(ok func(variable) bool) func(*dashboard) []string {
	return func(d *dashboard) (problems []string) {
		for _, v := range d.Templating.List {
			if v.Type == "query" {
				problems = append(problems, wrong(ok(v), v.Name+": "+v.Definition)...)
			}
		}
		return problems
	}
}

func everyPanel(ok func(panel) bool) func(*dashboard) []string {
	return func(d *dashboard) (problems []string) {
		for _, p := range d.Panels {
			if p.Type != "row" {
				problems = append(problems, wrong(ok(p), p.Title)...)
			}
		}
		return problems
	}
}

func everyTarget(ok func(target) bool) func(*dashboard) []string {
	return func(d *dashboard) (problems []string) {
		for _, p := range d.Panels {
			for _, q := range p.Targets {
				if !ok(q) {
					problems = append(problems, fmt.Sprintf("%s: %s", p.Title, q.Expr))
				}
			}
		}
		return problems
	}
}

// braces finds the matchers of a selector; no label value of ours holds a brace.
var braces = regexp.MustCompile(`\{[^}]*\}`)

// recorded finds what the rules record, which has no instance.
var recorded = regexp.MustCompile(`\w+:[\w:]+(\{[^}]*\})?`)

// selects says that every selector of a query has a matcher. Numbers and time() have no selector.
func selects(matcher string) func(target) bool {
	return func(q target) bool {
		expr := recorded.ReplaceAllString(q.Expr, "")
		all := braces.FindAllString(expr, -1)
		if expr != q.Expr && len(all) == 0 {
			return true
		}
		return len(all) > 0 && !slices.ContainsFunc(all, func(b string) bool { return !strings.Contains(b, matcher) })
	}
}

// rangesAreRateIntervals looks at every range. Bursts and page loads are minutes apart: an interval of four scrapes would
// hold none, and theirs is an hour.
func rangesAreRateIntervals(q target) bool {
	rare := strings.Contains(q.Expr, "perfwatch_load_") || strings.Contains(q.Expr, "perfwatch_page_")
	ranges := regexp.MustCompile(`\[[^\]]*\]`).FindAllString(q.Expr, -1)
	return !slices.ContainsFunc(ranges, func(r string) bool { return r != "[$__rate_interval]" && (!rare || r != "[1h]") })
}

// exceptBudgets leaves those out: a budget is of hours and days, and of the whole range that is shown.
func exceptBudgets(check func(*dashboard) []string) func(*dashboard) []string {
	return func(d *dashboard) []string {
		if d.UID == "perfwatch-budgets" {
			return nil
		}
		return check(d)
	}
}

func balanced(q target) bool {
	for _, pair := range []string{"()", "{}", "[]"} {
		if strings.Count(q.Expr, pair[:1]) != strings.Count(q.Expr, pair[1:]) {
			return false
		}
	}
	return strings.Count(q.Expr, `"`)%2 == 0
}

// countersAreRates says that nothing shows how high a counter stands: it is a number since some restart. The count and
// sum of a summary of the last burst are gauges by their nature.
func countersAreRates(q target) bool {
	counter := regexp.MustCompile(`(\w+\()?\w+_(total|bucket|count|sum)\{`)
	for _, m := range counter.FindAllStringSubmatch(q.Expr, -1) {
		if !strings.Contains(m[0], "perfwatch_load_last_") && !slices.Contains([]string{"rate(", "increase(", "changes("}, m[1]) {
			return false
		}
	}
	return true
}
