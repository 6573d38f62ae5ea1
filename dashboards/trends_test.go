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

func TestABudgetIsUsedByWhatMayGoWrong(t *testing.T) {
	errors := &objective.Objective{Measure: objective.ErrorRatio, Probe: "p", Target: new(0.01)}
	hits := &objective.Objective{Measure: objective.CacheHitRatio, Redis: "r", Target: new(0.75)}
	for want, o := range map[string]*objective.Objective{
		`(sum(rate(perfwatch_probe_runs_total{probe="p",outcome!~"ok|canceled"}[6h])) / ` +
			`(sum(rate(perfwatch_probe_runs_total{probe="p",outcome!="canceled"}[6h])) > 0)) / 0.01`: errors,
		`(1 - (sum(rate(perfwatch_redis_keyspace_hits_total{redis="r"}[6h])) / (sum(rate(perfwatch_redis_keyspace_hits_total{redis="r"}[6h])) ` +
			`+ sum(rate(perfwatch_redis_keyspace_misses_total{redis="r"}[6h])) > 0))) / 0.25`: hits,
	} {
		if got := strings.Join(strings.Fields(burn(o, "6h")), " "); got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
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
