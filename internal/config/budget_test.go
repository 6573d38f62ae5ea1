package config

import (
	"testing"
	"time"
)

func TestErrorBudgets(t *testing.T) {
	const day = 24 * time.Hour
	for _, tt := range []struct {
		objective string
		want      time.Duration
	}{
		{"measure: error_ratio, target: 1%", 30 * day},
		{"measure: error_ratio, target: 1%, error_budget: 28d", 28 * day},
		{"measure: error_ratio, target: 1%, error_budget: 0s", 0},
		{"measure: error_ratio, target: 0%", 0},
		{"measure: error_ratio, target: 100%", 0},
		{"measure: error_ratio, warning: 1%", 0},
		{"measure: latency, quantile: 0.95, target: 1s", 0},
		{"measure: latency, quantile: 0.95, target: 1s, error_budget: 90d", 90 * day},
		{"measure: cache_hit_ratio, target: 85%, error_budget: 1w", 7 * day},
	} {
		cfg := mustParse(t, "probes: [{name: a, http: {url: \"http://127.0.0.1/\"}}]\nredis: [{name: r, url: \"redis://127.0.0.1\"}]\n"+
			"objectives: [{name: o, "+tt.objective+"}]\n")
		if got := cfg.Objectives[0].Budget; got != tt.want {
			t.Errorf("%s: a budget for %s, want %s", tt.objective, got, tt.want)
		}
	}
}
