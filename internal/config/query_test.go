package config

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/perfwatch/perfwatch/internal/objective"
)

func TestAQueryIsKeptOnOneLine(t *testing.T) {
	cfg := mustParse(t, "objectives:\n  - name: workers\n    measure: promql\n    unit: count\n    better: higher\n    critical: 0\n"+
		"    query: |\n      sum( # of all sites\n        workers{kind='fast'}\n      )\n")
	want := []objective.Objective{{
		Name: "workers", Title: "workers", Measure: objective.PromQL, Query: `sum(workers{kind="fast"})`,
		QueryIn: objective.Count, Higher: true, Critical: new(0.0),
	}}
	if diff := cmp.Diff(want, cfg.Objectives); diff != "" {
		t.Error(diff)
	}
}
