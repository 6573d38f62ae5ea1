package dashboards

import (
	"slices"

	"github.com/perfwatch/perfwatch/internal/config"
	"github.com/perfwatch/perfwatch/internal/objective"
)

// with draws the thresholds of every objective of one measure beside what a panel shows.
func with(cfg *config.Config, m objective.Measure, quantile float64, shown ...query) []query {
	return append(shown, linesOf(cfg, m, quantile)...)
}

// drawBursts shows the last burst of each load probe, and the trend from burst to burst.
func drawBursts(g *grid, cfg *config.Config) {
	g.row(300, "Load bursts")
	g.add(24, 7, lastBursts(chosen))
	g.add(8, 8, series(302, "Requests of bursts", "Requests a second that bursts send now.", "reqps",
		query{`sum by (probe) (rate(perfwatch_load_requests_total{probe=~"$probe"}[$__rate_interval]))`, "{{probe}}"}))
	g.add(8, 8, series(310, "Failures of bursts by outcome",
		"Requests of bursts that failed, by why. The outcomes are a closed set.", "reqps",
		query{`sum by (outcome) (rate(perfwatch_load_requests_total{probe=~"$probe",outcome!~"ok|canceled"}` +
			`[$__rate_interval]))`, "{{outcome}}"}).stacked())
	g.add(8, 8, series(303, "Users of bursts", "Users that bursts run now.", "short",
		with(cfg, objective.LoadUsers, 0, query{lastOf("perfwatch_load_users", "max"), "{{probe}}"})...))
	g.row(350, "From burst to burst")
	addTrends(g, cfg)
	g.row(360, "How far they can be believed")
	addValidity(g)
	addCapacity(g, cfg)
	addWatched(g, cfg)
}

// addCapacity shows what searches for capacity found, where a burst makes one.
func addCapacity(g *grid, cfg *config.Config) {
	searches := func(p config.Probe) bool { return p.Load != nil && p.Load.FindCapacity != nil }
	if !slices.ContainsFunc(cfg.Probes, searches) {
		return
	}
	g.add(12, 7, series(321, "Capacity", "Highest rate that the last search found the platform to keep up with.", "reqps",
		query{lastOf("perfwatch_load_last_capacity_requests_per_second", "min"), "{{probe}}"}))
	g.add(12, 7, series(322, "Headroom", "That rate beyond the rate wanted, over the rate wanted; below 0 is too little.",
		"percentunit",
		query{lastOf("perfwatch_load_last_headroom_ratio", "min"), "{{probe}}"}))
}

// chosen and every are matchers of the probes that are shown.
const chosen, every = `probe=~"$probe"`, `probe!=""`

// lastBursts is a row for each load probe that a matcher selects.
func lastBursts(probes string) panel {
	last := func(metric, how string) string { return how + ` by (probe) (` + metric + `{` + probes + `})` }
	latency := func(quantile string) string {
		return `max by (probe) (perfwatch_load_last_latency_seconds{` + probes + `,endpoint="",quantile=~"` + quantile + `"})`
	}
	const about = "The last burst of each load probe. One that is not valid could not keep its own plan and feeds no objective."
	return table(301, "Last bursts", about, "probe",
		column{"valid", "bool_yes_no", last("perfwatch_load_last_valid", "min"), steps("orange", from(1, "green"))},
		column{"users", "none", last("perfwatch_load_last_users_peak", "max"), nil},
		column{"in flight", "none", last("perfwatch_load_last_in_flight_peak", "max"), nil},
		column{"requests a second", "reqps", last("perfwatch_load_last_throughput_requests_per_second", "max"), nil},
		column{"p50", "s", latency("0.5"), nil},
		column{"p95", "s", latency("0.95"), nil},
		column{"p99", "s", latency("0.99"), nil},
		column{"slowest", "s", latency(`1(\\.0)?`), nil}, // OpenMetrics writes 1.0
		column{"errors", "percentunit", last("perfwatch_load_last_error_ratio", "max"), steps("text", from(0.01, "orange"),
			from(0.1, "red"))},
		column{"took", "s", last("perfwatch_load_last_duration_seconds", "max"), nil},
		column{"ended", "dateTimeFromNow", `1000 * ` + last("perfwatch_load_last_timestamp_seconds", "max"), nil},
	)
}

// addTrends draws the figures of the last burst over time, each a step from burst to burst.
func addTrends(g *grid, cfg *config.Config) {
	latency := func(id int, name, quantile string, value float64) panel {
		shown := `max by (probe, endpoint) (perfwatch_load_last_latency_seconds{probe=~"$probe",endpoint!="",quantile="` +
			quantile + `"})`
		return series(id, name+" from burst to burst", "The "+name+" of each endpoint in the last burst, counted to three digits. "+
			"Objectives are on all endpoints together.", "s",
			with(cfg, objective.LoadLatency, value, query{shown, "{{probe}} {{endpoint}}"})...)
	}
	g.add(8, 8, latency(311, "p50", "0.5", 0.5))
	g.add(8, 8, latency(304, "p95", "0.95", 0.95))
	g.add(8, 8, latency(312, "p99", "0.99", 0.99))
	mean := ratio(`max by (probe) (perfwatch_load_last_latency_seconds_sum{probe=~"$probe",endpoint=""})`,
		`max by (probe) (perfwatch_load_last_latency_seconds_count{probe=~"$probe",endpoint=""})`)
	for _, p := range []struct {
		id                       int
		title, description, unit string
		measure                  objective.Measure
		expr                     string
	}{
		{313, "Mean from burst to burst", "Mean response time of the last burst, failures among them.", "s",
			objective.LoadLatencyMean, mean},
		{314, "Errors from burst to burst", "Share of the last burst's requests that failed.", "percentunit",
			objective.LoadErrorRatio, lastOf("perfwatch_load_last_error_ratio", "max")},
		{315, "Throughput from burst to burst", "Requests a second that succeeded in the last burst.", "reqps",
			objective.LoadThroughput, lastOf("perfwatch_load_last_throughput_requests_per_second", "min")},
		{316, "Duration of bursts", "From the start of the last burst to its last answer.", "s",
			objective.LoadDuration, lastOf("perfwatch_load_last_duration_seconds", "max")},
	} {
		g.add(6, 7, series(p.id, p.title, p.description, p.unit, with(cfg, p.measure, 0, query{p.expr, "{{probe}}"})...))
	}
}

// addValidity shows how far bursts can be believed, and what became of those that cannot.
func addValidity(g *grid) {
	g.add(24, 5, timeline(317, "Valid bursts",
		"Whether the last burst of each load probe ran to its end and can be believed. One that is not feeds no objective.",
		query{lastOf("perfwatch_load_last_valid", "min"), "{{probe}}"},
		words(word{"0", "not valid", "orange"}, word{"1", "valid", "green"})))
	g.add(24, 5, timeline(320, "Bursts against earlier bursts",
		"Each endpoint of the last valid burst against the earlier ones of the same configuration, by a rank test with a chance of a "+
			"false alarm of 1 in 100. Endpoints appear once there are enough bursts to tell.",
		query{`max by (probe, endpoint) (perfwatch_load_regression{probe=~"$probe"})`, "{{probe}} {{endpoint}}"},
		words(word{"1", "slower", "red"}, word{"0", "as before", "text"}, word{"-1", "faster", "green"})))
	count := func(id int, title, description, family, label string) {
		g.add(6, 6, series(id, title, description, "short",
			query{`sum by (` + label + `) (increase(` + family + `{probe=~"$probe"}[1h]))`, "{{" + label + "}}"}))
	}
	count(305, "Bursts by result", "How the bursts of the last hour ended.", "perfwatch_load_bursts_total", "result")
	count(318, "Aborted bursts by reason", "Why bursts of the last hour were ended early.", "perfwatch_load_aborts_total", "reason")
	count(319, "Invalid bursts by reason", "Why bursts of the last hour are not believed.", "perfwatch_load_invalid_total", "reason")
	g.add(6, 6, series(306, "Requests without a user",
		"Requests that were due while every user was busy: the platform answers too slowly for the rate.", "reqps",
		query{`sum by (probe) (rate(perfwatch_load_dropped_requests_total{probe=~"$probe"}[$__rate_interval]))`, "{{probe}}"}))
}

// addWatched shows what bursts cost the platform, where any of them watches it.
func addWatched(g *grid, cfg *config.Config) {
	processes, redis, host := watches(cfg)
	if !processes && !redis && !host {
		return
	}
	g.row(330, "The platform during bursts")
	last := func(metric, by string) string {
		return `max by (probe, ` + by + `) (perfwatch_load_last_` + metric + `{probe=~"$probe"})`
	}
	const orHost = " Without a process it is the host."
	add := func(id int, title, description, unit string, queries ...query) {
		g.add(8, 7, series(id, title, description, unit, queries...))
	}
	if processes || host {
		add(331, "CPU in bursts", "Highest CPU of 100 ms in the last burst; of a process 1 is one core, of the host all cores."+orHost,
			"percentunit", query{last("cpu_ratio_peak", "process"), "{{probe}} {{process}}"})
		add(332, "CPU of a thousand requests",
			"CPU time during the last burst, and the part of it that would have been spent anyway."+orHost, "s",
			query{last("cpu_seconds_per_thousand_requests", "process"), "{{probe}} {{process}}"},
			query{last("idle_cpu_seconds_per_thousand_requests", "process"), "{{probe}} {{process}} anyway"})
		add(333, "Memory in bursts", "Highest resident memory in the last burst."+orHost, "bytes",
			with(cfg, objective.LoadMemoryPeak, 0, query{last("memory_peak_bytes", "process"), "{{probe}} {{process}}"})...)
	}
	if processes {
		add(334, "Memory growth in bursts", "Slope of the resident memory in the last burst; 0 where it did not surely grow.", "binBps",
			with(cfg, objective.LoadMemoryLeak, 0,
				query{last("memory_growth_bytes_per_second", "process"), "{{probe}} {{process}}"})...)
		add(335, "Memory of a request", "Resident memory after the last burst less that before it, over its requests.", "bytes",
			with(cfg, objective.LoadMemoryPerRequest, 0,
				query{last("memory_bytes_per_request", "process"), "{{probe}} {{process}}"})...)
	}
	if redis {
		add(336, "Cache hits in bursts", "Share of lookups in the last burst that found their key, and in as long a time before it. "+
			"Without a Redis it is what the responses say of caches.", "percentunit",
			with(cfg, objective.LoadCacheHitRatio, 0,
				query{last("cache_hit_ratio", "redis"), "{{probe}} {{redis}}"},
				query{last("idle_cache_hit_ratio", "redis"), "{{probe}} {{redis}} before"})...)
	}
}

// watches says what any burst watches.
func watches(cfg *config.Config) (processes, redis, host bool) {
	for i := range cfg.Probes {
		if s := cfg.Probes[i].Load; s != nil {
			processes, redis = processes || len(s.Watch.Processes) > 0, redis || len(s.Watch.Redis) > 0
			host = host || s.Watch.Host
		}
	}
	return processes, redis, host
}
