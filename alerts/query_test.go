package alerts

import (
	"strings"
	"testing"
	"time"

	"github.com/prometheus/common/model"

	"github.com/perfwatch/perfwatch/internal/objective"
)

// ofQuery is an objective on what perfwatch does not measure.
func ofQuery() objective.Objective {
	return objective.Objective{
		Name: "queue_lag", Title: "Queue lag", Measure: objective.PromQL, Query: "max by (queue) (lag_seconds)",
		QueryIn: objective.Seconds, Target: new(30.0), Warning: new(60.0), Critical: new(300.0),
	}
}

func TestAnObjectiveBringsItsOwnQuery(t *testing.T) {
	t.Parallel()
	lower, higher := ofQuery(), ofQuery()
	higher.Name, higher.Query, higher.Higher = "workers", "sum(workers)", true
	higher.QueryIn, higher.Target, higher.Warning, higher.Critical = objective.Count, new(9.0), nil, new(5.0)
	const end = 10 * time.Minute
	at := func(name string, o objective.Objective, series, values string, severities ...string) testCase {
		c := testCase{Name: name, Interval: model.Duration(time.Minute), Series: []inputSeries{{series, values}}}
		for _, severity := range []string{"warning", "critical"} { // promtool compares whole alerts: only how many is asked
			count := absent("ALERTS{alertname=\""+o.AlertName()+"\",alertstate=\"firing\",severity=\""+severity+"\"}", end)
			if strings.Contains(strings.Join(severities, " "), severity) {
				count = exprCheck{"count(" + count.Expr + ")", count.At, []sample{{"{}", 1}}}
			}
			c.Exprs = append(c.Exprs, count)
		}
		return c
	}
	rules, err := Render([]objective.Objective{lower, higher}, Options{}).Encode(Prometheus)
	if err != nil {
		t.Fatal(err)
	}
	tests := renderTests(t, []testCase{
		at("at its warning", lower, `lag_seconds{queue="a"}`, "60x10"),
		at("over its warning", lower, `lag_seconds{queue="a"}`, "60.001x10", "warning"),
		at("at its critical", lower, `lag_seconds{queue="a"}`, "300x10", "warning"),
		at("over its critical", lower, `lag_seconds{queue="a"}`, "300.001x10", "warning", "critical"),
		at("over it too shortly", lower, `lag_seconds{queue="a"}`, "0x8 301x2"),
		at("nothing there", lower, "other", "301x10"),
		at("enough workers", higher, "workers", "5x10"),
		at("too few workers", higher, "workers", "4x10", "critical"),
	}, time.Minute)
	if out, err := testRules(t, rules, tests); err != nil {
		t.Errorf("promtool test rules: %v\n%s\n%s", err, out, rules)
	}
	if own, err := RenderTests([]objective.Objective{lower}, Options{}); err != nil || strings.Contains(string(own), "lag_seconds") {
		t.Errorf("rendered tests know what the query is made of: %v", err)
	}
}
