package dashboards

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

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

// TestABudgetIsUsedByWhatTheRulesRecord over the windows of the alerts that are possible: of a quarter that may be bad, none at
// 14.4 or 6 times.
func TestABudgetIsUsedByWhatTheRulesRecord(t *testing.T) {
	for _, tt := range []struct {
		measure objective.Measure
		target  float64
		want    []string
		fastest string
	}{
		{objective.ErrorRatio, 0.01, []string{"1h / 0.01", "6h / 0.01", "3d / 0.01", "30d / 0.01", "14.4 critical", "6 critical", "1 warning"}, "at 14.4 all of it is gone in 2d2h."},
		{objective.Latency, 0.5, []string{"6h / 0.1", "3d / 0.1", "30d / 0.1", "6 critical", "1 warning"}, "at 6 all of it is gone in 5d."},
		{objective.CacheHitRatio, 0.75, []string{"3d / 0.25", "30d / 0.25", "1 warning"}, "at 1 all of it is gone in 30d."},
	} {
		o := &objective.Objective{Name: "o", Measure: tt.measure, Quantile: 0.9, Target: &tt.target, Budget: 30 * 24 * time.Hour}
		list, fastest := burnRates(o)
		var want []string
		for _, w := range tt.want {
			window, allowance, record := strings.Cut(w, " / ")
			if record {
				want = append(want, `max by (objective) (objective:perfwatch_bad_events:ratio_rate`+window+`{objective="o"}) / `+allowance)
				continue
			}
			factor, _, _ := strings.Cut(w, " ")
			want = append(want, `max(perfwatch_objective_threshold{objective="o",level="target"}) * 0 + `+factor)
		}
		want = append(want, `max(perfwatch_objective_threshold{objective="o",level="target"}) * 0 + 1`)
		var got []string
		for _, q := range list {
			got = append(got, q.expr)
		}
		if diff := cmp.Diff(want, got); diff != "" || fastest != tt.fastest {
			t.Errorf("%s: %q, want %q\n%s", tt.measure, fastest, tt.fastest, diff)
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
