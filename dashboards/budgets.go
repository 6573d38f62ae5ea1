package dashboards

import (
	"fmt"
	"time"

	"github.com/prometheus/common/model"

	"github.com/perfwatch/perfwatch/alerts"
	"github.com/perfwatch/perfwatch/internal/config"
	"github.com/perfwatch/perfwatch/internal/objective"
)

// firstBudget is the id of the first budget's row; each budget has so many ids.
const firstBudget, idsOfBudget = 1200, 10

// budgeted are the objectives that have an error budget.
func budgeted(cfg *config.Config) (list []*objective.Objective) {
	for i := range cfg.Objectives {
		if o := &cfg.Objectives[i]; o.Budget > 0 {
			list = append(list, o)
		}
	}
	return list
}

func hasBudgets(cfg *config.Config) bool { return len(budgeted(cfg)) > 0 }

// drawBudgets shows how much of each error budget is left, and how fast it goes.
func drawBudgets(g *grid, cfg *config.Config) {
	for i, o := range budgeted(cfg) {
		id := firstBudget + i*idsOfBudget
		g.row(id, o.Title)
		about := fmt.Sprintf("What is left of the %s that may be bad in %s. Below 0 the target was missed.",
			objective.Ratio.Format(o.Allowance()), model.Duration(o.Budget))
		left := fmt.Sprintf(`max by (objective) (%s{objective=%q})`, alerts.BudgetLeft, o.Name)
		figure := stat(id+1, o.Title+": budget left", about, "percentunit", left)
		figure.FieldConfig.Defaults.Thresholds = steps("red", from(0, "orange"), from(0.25, "green"))
		figure.FieldConfig.Defaults.NoValue = "no traffic"
		figure.Links = []panelLink{{
			Title: "Runbook", URL: cfg.Global.ExternalURL + "/runbooks/PerfwatchErrorBudgetBurn", TargetBlank: true,
		}}
		g.add(4, 8, figure)
		rates, fastest := burnRates(o)
		g.add(10, 8, series(id+2, o.Title+": burn rate",
			"How many times as fast as the target allows the budget goes, over the windows of its alerts and its own. At 1 it lasts "+
				"for exactly the time that it is for; "+fastest, "none", rates...))
		g.add(10, 8, series(id+3, o.Title+": budget over time", about, "percentunit", query{left, "left"}, constant(o, 0, "critical")))
	}
}

// burnRates are how many times its budget an objective uses, as the rules record it, and the lines at which their alerts fire.
// They say too how soon the fastest of those would spend all of it.
func burnRates(o *objective.Objective) (list []query, fastest string) {
	fastest = "faster than that no alert is possible."
	spendings := alerts.Spendings(o)
	for _, s := range spendings {
		expr := fmt.Sprintf(`max by (objective) (%s{objective=%q}) / %.6g`, s.Record, o.Name, o.Allowance())
		list = append(list, query{expr, "over " + model.Duration(s.Window).String()})
	}
	for i, s := range spendings {
		if s.Factor == 0 {
			continue
		}
		if i == 0 {
			gone := time.Duration(float64(o.Budget) / s.Factor).Round(time.Hour)
			fastest = fmt.Sprintf("at %g all of it is gone in %s.", s.Factor, model.Duration(gone))
		}
		list = append(list, constant(o, s.Factor, fmt.Sprintf("%g times %s", s.Factor, s.Severity)))
	}
	return append(list, constant(o, 1, "target")), fastest
}

// constant is a line at a height, as long as the objective is known.
func constant(o *objective.Objective, height float64, name string) query {
	return query{fmt.Sprintf(`max(perfwatch_objective_threshold{objective=%q,level="target"}) * 0 + %g`, o.Name, height), name}
}
