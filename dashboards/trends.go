package dashboards

import "github.com/perfwatch/perfwatch/internal/config"

// beforeChoice is how long ago what is compared was.
func beforeChoice() variable {
	return variable{
		Name: "before", Label: "Compare with", Type: "custom", Query: "1d,1w,1h", Current: &current{Text: "1d", Value: "1d"},
	}
}

// drawTrends shows what is now beside what was a day or a week ago, at the same hour: what the overview calls met may
// have become worse all the same.
func drawTrends(g *grid, cfg *config.Config) {
	if len(cfg.Objectives) > 0 {
		g.row(1100, "Objectives")
		now := `max by (objective) (perfwatch_objective_value)`
		g.add(24, 2+len(cfg.Objectives), table(1101, "Objectives now and before",
			"The value of each objective, what it was before, and by how much it has changed, in parts of what it was.", "objective",
			column{"now", "none", now, nil}, column{"before", "none", before(now), nil},
			column{"change", "percentunit", change(now), nil}, column{"met", "bool_yes_no", `min by (objective) (perfwatch_objective_met)`,
				steps("orange", from(1, "green"))}))
	}
	g.row(1110, "Endpoints")
	const all = " of all requests to the chosen probes."
	for i, q := range []struct{ name, text string }{{"p50", "0.5"}, {"p95", "0.95"}, {"p99", "0.99"}} {
		g.add(8, 8, compared(1111+i, "Latency "+q.name+" now and before", "The "+q.name+all, "s",
			probeSeconds().quantile(q.text, ""), ""))
	}
	g.add(8, 8, series(1114, "Change of p95", "By how much the p95 of each probe is above what it was before.", "s",
		query{quantileOf("0.95") + " - " + before(quantileOf("0.95")), "{{probe}}"}))
	g.add(8, 8, compared(1115, "Errors now and before", "Failed share"+all, "percentunit",
		ratio("sum("+failures+")", "sum("+runs+")"), ""))
	g.add(8, 8, compared(1116, "Runs now and before", "Runs a second"+all, "reqps", "sum("+runs+")", ""))
	addDays(g)
	addOtherTrends(g, cfg)
}

// addOtherTrends compares what is no endpoint.
func addOtherTrends(g *grid, cfg *config.Config) {
	g.row(1120, "Load, cache and host")
	if hasBursts(cfg) {
		g.add(8, 8, compared(1121, "Bursts now and before", "The p95 of the last burst of each load probe.", "s",
			`max by (probe) (perfwatch_load_last_latency_seconds{endpoint="",quantile="0.95"})`, "probe"))
		g.add(8, 8, compared(1122, "Throughput now and before", "Requests a second that succeeded in the last burst.", "reqps",
			`min by (probe) (perfwatch_load_last_throughput_requests_per_second)`, "probe"))
	}
	if len(cfg.Redis) > 0 {
		g.add(8, 8, compared(1123, "Cache hits now and before", "Share of lookups that found their key.", "percentunit",
			hitsByRedis(), "redis"))
	}
	if cfg.Host.Enabled {
		g.add(8, 8, compared(1124, "CPU now and before", "CPU of the machine in use.", "percentunit",
			`max by (instance) (perfwatch_host_cpu_usage_ratio)`, "instance"))
		g.add(8, 8, compared(1125, "Memory now and before", "Memory of the machine in use.", "percentunit",
			`max by (instance) (perfwatch_host_memory_usage_ratio)`, "instance"))
	}
}

// compared draws an expression now, and dashed as it was before; by a label, or as one line without.
func compared(id int, title, description, unit, expr, label string) panel {
	names := [2]string{"now", "before"}
	if label != "" {
		names = [2]string{"{{" + label + "}}", "{{" + label + "}} before"}
	}
	p := series(id, title, description+" Dashed is what it was before.", unit, query{expr, names[0]}, query{before(expr), names[1]})
	p.FieldConfig.Overrides = append(p.FieldConfig.Overrides, override{
		Matcher: matcher{ID: "byRegexp", Options: "/(^| )before$/"},
		Properties: []property{
			{ID: "custom.lineStyle", Value: map[string]any{"fill": "dash", "dash": []int{4, 6}}},
			{ID: "custom.fillOpacity", Value: 0},
		},
	})
	return p
}

// before is an expression as it was when the reader compares it with.
func before(expr string) string { return shifted(expr, "$before") }

// change is by how much an expression is above what it was, in parts of that.
func change(expr string) string { return ratio("("+expr+")", "("+before(expr)+")") + " - 1" }
