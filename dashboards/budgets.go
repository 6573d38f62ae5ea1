package dashboards

import (
	"fmt"

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
		g.add(10, 8, series(id+2, o.Title+": burn rate",
			"How many times as fast as the target allows the budget goes, over an hour and over six. At 1 it lasts for exactly the "+
				"time that it is for; at 14.4 a budget of 30 days is gone in two.", "none",
			query{burn(o, "1h"), "over 1h"}, query{burn(o, "6h"), "over 6h"},
			constant(o, 14.4, "critical"), constant(o, 6, "warning"), constant(o, 1, "target")))
		g.add(10, 8, series(id+3, o.Title+": budget over time", about, "percentunit", query{left, "left"}, constant(o, 0, "critical")))
	}
}

// burn is how many times its budget an objective uses over a range.
func burn(o *objective.Objective, over string) string {
	sum := func(record string) string {
		return fmt.Sprintf(`max by (objective) (sum_over_time(%s{objective=%q}[%s]))`, record, o.Name, over)
	}
	return fmt.Sprintf("%s / %.6g", ratio(sum(alerts.BadEvents), sum(alerts.AllEvents)), o.Allowance())
}

// constant is a line at a height, as long as the objective is known.
func constant(o *objective.Objective, height float64, name string) query {
	return query{fmt.Sprintf(`max(perfwatch_objective_threshold{objective=%q,level="target"}) * 0 + %g`, o.Name, height), name}
}
