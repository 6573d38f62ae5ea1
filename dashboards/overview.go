package dashboards

import (
	"github.com/perfwatch/perfwatch/internal/config"
	"github.com/perfwatch/perfwatch/internal/objective"
)

// overview is the one dashboard that somebody who was just paged opens. The ids of its panels are fixed: links lead to
// them. A new panel takes a new id, and an id is never used again.
func overview(cfg *config.Config) dashboard {
	var g grid
	addObjectives(&g, cfg)
	addEndpoints(&g, cfg)
	addPages(&g, cfg)
	addBursts(&g, cfg)
	addWatched(&g, cfg)
	addRedis(&g, cfg)
	addHost(&g, cfg)
	addSelf(&g)
	return dashboard{
		UID: OverviewUID, Title: "perfwatch overview", Tags: []string{"perfwatch"},
		Description:   "Objectives, endpoints, load bursts, Redis and host as perfwatch measures them.",
		SchemaVersion: schemaVersion, Editable: true, GraphTooltip: 1, Refresh: "30s",
		Time: timeRange{From: "now-3h", To: "now"},
		Links: []link{{Title: "Status page", Type: "link", Icon: "external link", URL: cfg.Global.ExternalURL,
			TargetBlank: true}},
		Annotations: annotations{List: []any{}},
		Templating:  templating{List: choices()},
		Panels:      g.panels,
	}
}

// choices are the variables at the top of the dashboard. All stands for the probes of the chosen groups.
func choices() []variable {
	all := &current{Text: []string{"All"}, Value: []string{"$__all"}}
	labels := func(name, label, query string) variable {
		return variable{
			Name: name, Label: label, Type: "query", Query: variableQuery{Query: query, RefID: name}, Definition: query,
			Datasource: source(), Refresh: 2, Sort: 1, Multi: true, IncludeAll: true, Current: all,
		}
	}
	return []variable{
		{Name: "datasource", Label: "Data source", Type: "datasource", Query: "prometheus", Refresh: 1},
		labels("group", "Group", "label_values(perfwatch_probe_info, group)"),
		labels("probe", "Probe", `label_values(perfwatch_probe_info{group=~"$group"}, probe)`),
	}
}

const (
	runs     = `sum by (probe) (rate(perfwatch_probe_runs_total{probe=~"$probe",outcome!="canceled"}[$__rate_interval]))`
	failures = `sum by (probe) (rate(perfwatch_probe_runs_total{probe=~"$probe",outcome!~"ok|canceled"}[$__rate_interval]))`
)

// quantileOf is a quantile of probe durations from classic buckets.
func quantileOf(q string) string {
	return `histogram_quantile(` + q +
		`, sum by (le, probe) (rate(perfwatch_probe_duration_seconds_bucket{probe=~"$probe"}[$__rate_interval])))`
}

// addEndpoints draws rate, errors and duration of each endpoint.
func addEndpoints(g *grid, cfg *config.Config) {
	g.row(200, "Endpoints")
	g.add(24, 9, table(201, "Endpoints now", "The last run of each probe, and its figures over the last minutes.", "probe",
		column{"last run", "none", lastOf("perfwatch_probe_success", "min"), steps("red", from(1, "green"))},
		column{"failures in a row", "none", lastOf("perfwatch_probe_consecutive_failures", "max"), steps("text", from(1, "orange"),
			from(2, "red"))},
		column{"HTTP status", "none", lastOf("perfwatch_http_status_code", "max"), nil},
		column{"runs", "reqps", runs, nil},
		column{"errors", "percentunit", ratio(failures, runs), steps("text", from(0.001, "orange"))},
		column{"p50", "s", quantileOf("0.5"), nil},
		column{"p95", "s", quantileOf("0.95"), nil},
		column{"p99", "s", quantileOf("0.99"), nil},
		column{"since last run", "s", `time() - ` + lastOf("perfwatch_probe_last_run_timestamp_seconds", "max"), nil},
	))
	g.add(8, 8, series(202, "Runs", "Runs a second of each probe, those left out that perfwatch stopped itself.", "reqps",
		query{runs, "{{probe}}"}))
	g.add(8, 8, series(203, "Errors", "Share of runs that failed. Runs that perfwatch stopped itself are left out.", "percentunit",
		append([]query{{ratio(failures, runs), "{{probe}}"}}, linesOf(cfg, objective.ErrorRatio, 0)...)...))
	g.add(8, 8, series(204, "Failures by outcome", "Why runs failed. The outcomes are a closed set; see the documentation.", "reqps",
		query{`sum by (outcome) (rate(perfwatch_probe_runs_total{probe=~"$probe",outcome!~"ok|canceled"}[$__rate_interval]))`,
			"{{outcome}}"}).stacked())
	for i, q := range []struct {
		name, text string
		value      float64
	}{{"p50", "0.5", 0.5}, {"p95", "0.95", 0.95}, {"p99", "0.99", 0.99}} {
		description := "The " + q.name + " of whole requests to the last byte, estimated within a bucket. " +
			"Objectives count at their bucket's bound instead."
		g.add(8, 8, series(205+i, "Latency "+q.name, description, "s",
			append([]query{{quantileOf(q.text), "{{probe}}"}}, linesOf(cfg, objective.Latency, q.value)...)...))
	}
	g.add(24, 7, series(208, "Where the time goes",
		"Mean time of each phase of the requests. A phase that did not happen, as a handshake on a kept connection, is not counted.",
		"s",
		query{ratio(`sum by (phase) (rate(perfwatch_probe_phase_duration_seconds_sum{probe=~"$probe"}[$__rate_interval]))`,
			`sum by (phase) (rate(perfwatch_probe_phase_duration_seconds_count{probe=~"$probe"}[$__rate_interval]))`),
			"{{phase}}"}).stacked())
}

// ratio divides, and has no value where there is nothing to divide by.
func ratio(part, whole string) string { return part + " / (" + whole + " > 0)" }

// lastOf is a gauge of each probe; more than one perfwatch may watch the same.
func lastOf(metric, how string) string {
	return how + ` by (probe) (` + metric + `{probe=~"$probe"})`
}

// addRedis shows what matters of a cache.
func addRedis(g *grid, cfg *config.Config) {
	if len(cfg.Redis) == 0 {
		return
	}
	rate := func(metric string) string {
		return `sum by (redis) (rate(perfwatch_redis_` + metric + `_total[$__rate_interval]))`
	}
	gauge := func(metric string) string { return `max by (redis) (perfwatch_redis_` + metric + `)` }
	g.row(400, "Redis")
	up := stat(401, "Redis up", "Whether the last INFO of each Redis was answered.", "none", `min by (redis) (perfwatch_redis_up)`)
	up.Targets[0].LegendFormat = "{{redis}}"
	up.Options["textMode"] = "value_and_name"
	up.FieldConfig.Defaults.Mappings = words(word{"0", "away", "red"}, word{"1", "up", "green"})
	up.FieldConfig.Defaults.Thresholds = steps("red", from(1, "green"))
	g.add(4, 8, up)
	g.add(10, 8, series(402, "Cache hits", "Share of lookups that found their key.", "percentunit",
		append([]query{{ratio(rate("keyspace_hits"), "("+rate("keyspace_hits")+" + "+rate("keyspace_misses")+")"), "{{redis}}"}},
			linesOf(cfg, objective.CacheHitRatio, 0)...)...).upTo(1))
	g.add(10, 8, series(403, "Lookups", "Lookups a second that found their key, and those that did not.", "ops",
		query{rate("keyspace_hits"), "{{redis}} hits"}, query{rate("keyspace_misses"), "{{redis}} misses"}))
	g.add(8, 7, series(404, "Redis memory", "Memory in use, and the most that Redis may use. A most of zero is no bound.", "bytes",
		query{gauge("memory_used_bytes"), "{{redis}} used"}, query{gauge("memory_max_bytes"), "{{redis}} most"}))
	g.add(8, 7, series(405, "Keys that went", "Keys a second that expired, and those thrown out for want of memory.", "ops",
		query{rate("expired_keys"), "{{redis}} expired"}, query{rate("evicted_keys"), "{{redis}} evicted"}))
	g.add(8, 7, series(406, "Clients", "Connections, and those that wait in a blocking command.", "short",
		query{gauge("connected_clients"), "{{redis}} connected"}, query{gauge("blocked_clients"), "{{redis}} blocked"}))
}

// addHost shows the machine that perfwatch runs on.
func addHost(g *grid, cfg *config.Config) {
	if !cfg.Host.Enabled {
		return
	}
	g.row(500, "Host")
	for i, h := range []struct {
		title, metric string
		measure       objective.Measure
	}{{"CPU", "cpu", objective.CPUUsage}, {"Memory", "memory", objective.MemoryUsage}} {
		description := h.title + " in use: the mean of the last second, and the highest 100 ms of the last minute."
		g.add(8, 8, series(501+i, h.title, description, "percentunit", append([]query{
			{`max by (instance) (perfwatch_host_` + h.metric + `_usage_ratio)`, "{{instance}}"},
			{`max by (instance) (perfwatch_host_` + h.metric + `_usage_peak_ratio)`, "{{instance}} peak"},
		}, linesOf(cfg, h.measure, 0)...)...).upTo(1))
	}
	g.add(8, 8, series(503, "Load", "Processes that run or wait to, the mean of a minute, and how many can run at once.", "short",
		query{`max by (instance) (perfwatch_host_load1)`, "{{instance}}"},
		query{`max by (instance) (perfwatch_host_cpus)`, "{{instance}} CPUs"}))
}

// addSelf shows whether perfwatch itself can be believed.
func addSelf(g *grid) {
	g.row(600, "perfwatch itself")
	g.add(8, 7, series(601, "Runs that did not happen", "Runs that were due and were skipped, by reason.", "reqps",
		query{`sum by (reason) (rate(perfwatch_probe_skipped_total{probe=~"$probe"}[$__rate_interval]))`, "{{reason}}"}))
	g.add(8, 7, series(602, "Late starts", "How late runs were started after the instant they were due, the 99th percentile.", "s",
		query{`histogram_quantile(0.99, sum by (le) (rate(perfwatch_probe_schedule_lag_seconds_bucket[$__rate_interval])))`, "p99"}))
	g.add(8, 7, series(603, "Collectors", "Whether each collector answered the last scrape: 1 is yes.", "none",
		query{`min by (collector) (perfwatch_scrape_success)`, "{{collector}}"},
		query{`min(perfwatch_config_last_reload_successful)`, "configuration reload"}).upTo(1))
}
