package web

import (
	"math"
	"testing"

	"github.com/perfwatch/perfwatch/internal/objective"
)

func TestWhatPrometheusJudgesHasNoValueHere(t *testing.T) {
	o := &objective.Objective{Name: "lag", Measure: objective.PromQL, QueryIn: objective.Seconds, Target: new(30.0)}
	row := newTarget(ObjectiveRow(o, objective.Status{Value: math.NaN(), State: objective.Elsewhere}, ""))
	severity, word := judgeObjective(&row.Objective)
	if severity != unknown || word != "judged by Prometheus" || row.Why != "by its query" || row.Target != "≤ 30s" || row.Current != "" ||
		row.Evidence != "runbooks/PerfwatchLag" {
		t.Errorf("%v, %q, %q, target %q, current %q, evidence %q", severity, word, row.Why, row.Target, row.Current, row.Evidence)
	}
}
