package dashboards

import (
	"strings"
	"testing"

	"github.com/perfwatch/perfwatch/internal/config"
	"github.com/perfwatch/perfwatch/internal/objective"
)

func TestBeforeIsOfEverySelector(t *testing.T) {
	for expr, want := range map[string]string{
		`perfwatch_a`: `perfwatch_a offset $before`,
		`sum(rate(perfwatch_a{b="c"}[$__rate_interval])) / perfwatch_d{}`: `sum(rate(perfwatch_a{b="c"}[$__rate_interval] offset $before))` +
			` / perfwatch_d{} offset $before`,
	} {
		if got := before(expr); got != want {
			t.Errorf("before(%s) = %s, want %s", expr, got, want)
		}
	}
}

func TestABudgetIsUsedByWhatTheRulesRecord(t *testing.T) {
	o := &objective.Objective{Name: "hits", Measure: objective.CacheHitRatio, Target: new(0.75)}
	want := `max by (objective) (sum_over_time(objective:perfwatch_bad_events:rate5m{objective="hits"}[6h]))` +
		` / (max by (objective) (sum_over_time(objective:perfwatch_events:rate5m{objective="hits"}[6h])) > 0) / 0.25`
	if got := burn(o, "6h"); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func TestADashboardDrawsTheThresholdsOfWhatItShows(t *testing.T) {
	cfg := whole(t)
	cfg.Objectives = []objective.Objective{
		{Name: "all"}, {Name: "api", Group: "api"}, {Name: "home", Probe: "home"}, {Name: "queries", Group: "database"},
		{Name: "models", Group: "ml"}, {Name: "batch", Probe: "batch"}, {Name: "capacity", Probe: "capacity"},
	}
	for want, mine := range map[string]func(*config.Probe) bool{"all api home": isEndpoint, "all models batch": isModel} {
		var names []string
		for _, o := range concerning(cfg, mine).Objectives {
			names = append(names, o.Name)
		}
		if got := strings.Join(names, " "); got != want {
			t.Errorf("objectives %s, want %s", got, want)
		}
	}
	if len(cfg.Objectives) != 7 {
		t.Error("the configuration itself has lost objectives")
	}
}
