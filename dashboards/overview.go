package dashboards

import (
	"github.com/perfwatch/perfwatch/internal/config"
	"github.com/perfwatch/perfwatch/internal/objective"
)

// drawOverview is the one dashboard that somebody who was just paged opens. The ids of its panels are fixed: links lead
// to them. A new panel takes a new id, and an id is never used again; so it is on every dashboard.
func drawOverview(g *grid, cfg *config.Config) {
	addObjectives(g, cfg)
	g.row(200, "Endpoints")
	g.add(24, 9, endpointsNow())
	addRED(g, cfg)
	if hasBursts(cfg) {
		g.row(300, "Load bursts")
		g.add(24, 7, lastBursts(every))
	}
	if len(cfg.Redis) > 0 || cfg.Host.Enabled {
		g.row(400, "Cache and host")
	}
	if len(cfg.Redis) > 0 {
		g.add(8, 8, cacheHits(402, cfg))
	}
	if cfg.Host.Enabled {
		addUsage(g, cfg)
	}
	g.row(600, "perfwatch itself")
	addTrust(g, cfg)
}

// ratio divides, and has no value where there is nothing to divide by.
func ratio(part, whole string) string { return part + " / (" + whole + " > 0)" }

// lastOf is a gauge of each probe; more than one perfwatch may watch the same.
func lastOf(metric, how string) string {
	return how + ` by (probe) (` + metric + `{probe=~"$probe"})`
}

// addUsage draws CPU and memory of the machine against their thresholds.
func addUsage(g *grid, cfg *config.Config) {
	for i, h := range []struct {
		title, metric string
		measure       objective.Measure
	}{{"CPU", "cpu", objective.CPUUsage}, {"Memory", "memory", objective.MemoryUsage}} {
		description := h.title + " in use: the mean of the last second, and the highest 100 ms of the last minute."
		g.add(8, 8, series(501+i, h.title, description, "percentunit", append([]query{
			{`max by (instance) (perfwatch_host_` + h.metric + `_usage_ratio)`, "{{instance}}"},
			{`max by (instance) (perfwatch_host_` + h.metric + `_usage_peak_ratio)`, "{{instance}} peak"},
		}, linesOf(cfg, h.measure, 0)...)...).ofOne())
	}
}

// scheduleLag is how late runs were started.
func scheduleLag() histogram {
	return histogram{metric: "perfwatch_probe_schedule_lag_seconds", window: "$__rate_interval"}
}

// addTrust shows whether perfwatch itself can be believed.
func addTrust(g *grid, cfg *config.Config) {
	g.add(8, 7, series(601, "Runs that did not happen", "Runs that were due and were skipped, by reason.", "reqps",
		query{`sum by (reason) (rate(perfwatch_probe_skipped_total[$__rate_interval]))`, "{{reason}}"}))
	g.add(8, 7, series(602, "Late starts", "How late runs were started after the instant they were due, the 99th percentile.", "s",
		query{scheduleLag().quantile("0.99", ""), "p99"}))
	read := []query{
		{`min by (collector) (perfwatch_scrape_success)`, "{{collector}}"},
		{`min(perfwatch_config_last_reload_successful)`, "configuration reload"},
	}
	if len(cfg.TargetFiles) > 0 {
		read = append(read, query{`min by (file) (perfwatch_target_file_read_success)`, "{{file}}"})
	}
	g.add(8, 7, series(603, "Collectors", "Whether each collector answered the last scrape: 1 is yes.", "none", read...).ofOne())
}
