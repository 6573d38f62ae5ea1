package dashboards

import (
	"fmt"
	"strings"
	"time"

	"github.com/perfwatch/perfwatch/alerts"
	"github.com/perfwatch/perfwatch/internal/config"
	"github.com/perfwatch/perfwatch/internal/objective"
)

// firstBudget is the id of the first budget's row; each budget has so many ids.
const firstBudget, idsOfBudget = 1200, 10

// budgeted are the objectives that have an error budget: shares of runs or lookups that may go wrong.
func budgeted(cfg *config.Config) (list []*objective.Objective) {
	for i := range cfg.Objectives {
		o := &cfg.Objectives[i]
		if (o.Measure == objective.ErrorRatio || o.Measure == objective.CacheHitRatio) && o.Target != nil && budget(o) > 0 {
			list = append(list, o)
		}
	}
	return list
}

func hasBudgets(cfg *config.Config) bool { return len(budgeted(cfg)) > 0 }

// budget is the share that may go wrong.
func budget(o *objective.Objective) float64 {
	if o.Measure.HigherIsBetter() {
		return 1 - *o.Target
	}
	return *o.Target
}

// drawBudgets shows how much of each error budget the range of the dashboard has used, and how fast it goes.
func drawBudgets(g *grid, cfg *config.Config) {
	for i, o := range budgeted(cfg) {
		id := firstBudget + i*idsOfBudget
		g.row(id, o.Title)
		about := fmt.Sprintf("What is left of the budget of %s over the range that the dashboard shows, with a target of %s. "+
			"Below 0 the objective was missed.", objective.Ratio.Format(budget(o)), o.Measure.Unit().Format(*o.Target))
		left := stat(id+1, o.Title+": budget left", about, "percentunit", "1 - "+burn(o, "$__range"))
		left.FieldConfig.Defaults.Thresholds = steps("red", from(0, "orange"), from(0.25, "green"))
		left.FieldConfig.Defaults.NoValue = "no traffic"
		left.Links = []panelLink{runbook(o, cfg.Global.ExternalURL)}
		g.add(4, 8, left)
		rates := series(id+2, o.Title+": burn rate",
			"How many times as fast as the target allows the budget goes, over an hour and over six. At 1 it lasts for exactly the "+
				"time that it is for; at 14.4 a budget of 30 days is gone in two.", "none",
			query{burn(o, "1h"), "over 1h"}, query{burn(o, "6h"), "over 6h"},
			constant(o, 14.4, "critical"), constant(o, 6, "warning"), constant(o, 1, "target"))
		rates.Links = left.Links
		g.add(12, 8, rates)
		g.add(8, 8, series(id+3, o.Title+": now", "The value that uses the budget, beside its thresholds.", "percentunit",
			query{fmt.Sprintf(`max by (objective) (perfwatch_objective_value{objective=%q})`, o.Name), "now"}, lines(o, "")))
	}
}

// burn is how many times its budget an objective used over a range.
func burn(o *objective.Objective, over string) string {
	hour := *o
	hour.Window = time.Hour
	value := strings.ReplaceAll(alerts.Value(&hour), "[1h]", "["+over+"]")
	if o.Measure.HigherIsBetter() {
		value = "1 - (" + value + ")"
	}
	return fmt.Sprintf("(%s) / %.6g", value, budget(o))
}

// constant is a line at a height, as long as the objective is known.
func constant(o *objective.Objective, height float64, name string) query {
	return query{fmt.Sprintf(`max(perfwatch_objective_threshold{objective=%q,level="target"}) * 0 + %g`, o.Name, height), name}
}
