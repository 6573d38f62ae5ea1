package dashboards

import (
	"slices"

	"github.com/perfwatch/perfwatch/internal/config"
	"github.com/perfwatch/perfwatch/internal/objective"
)

const (
	runs     = `sum by (probe) (rate(perfwatch_probe_runs_total{probe=~"$probe",outcome!="canceled"}[$__rate_interval]))`
	failures = `sum by (probe) (rate(perfwatch_probe_runs_total{probe=~"$probe",outcome!~"ok|canceled"}[$__rate_interval]))`
)

// quantileOf is a quantile of the durations of each probe.
func quantileOf(q string) string { return probeSeconds().quantile(q, "probe") }

// drawAPI shows rate, errors and duration of each endpoint in depth.
func drawAPI(g *grid, cfg *config.Config) {
	cfg = concerning(cfg, isEndpoint)
	g.row(200, "Endpoints")
	g.add(24, 9, endpointsNow())
	addRED(g, cfg)
	g.row(210, "Distribution")
	g.add(12, 9, heatmap(211, "Latency of all endpoints", "How many runs took how long.", "s", probeSeconds().buckets()))
	g.add(12, 9, series(208, "Where the time goes",
		"Mean time of each phase of the requests. A phase that did not happen, as a handshake on a kept connection, is not counted.",
		"s",
		query{histogram{"perfwatch_probe_phase_duration_seconds", `{probe=~"$probe"}`, "$__rate_interval"}.mean("phase"),
			"{{phase}}"}).stacked())
	g.row(220, "Errors and answers")
	g.add(8, 8, series(221, "4xx against 5xx",
		"Runs a second that were answered with an error: whose fault it is, by the status.", "reqps",
		query{`sum by (outcome) (rate(perfwatch_probe_runs_total{probe=~"$probe",outcome=~"http_.*"}[$__rate_interval]))`,
			"{{outcome}}"}).stacked())
	g.add(8, 8, series(222, "Failures by endpoint", "Runs a second of each endpoint that failed, whatever the reason.", "reqps",
		query{failures, "{{probe}}"}).stacked())
	g.add(8, 8, series(223, "Size of answers", "Body bytes of the last run of each endpoint as they came off the wire.", "bytes",
		query{lastOf("perfwatch_http_response_bytes", "max"), "{{probe}}"}))
	addSaid(g, cfg)
	if meetsTLS(cfg) {
		g.row(240, "Certificates")
		g.add(24, 8, certificates())
	}
}

// addSaid shows what answers say of caches, and of the server's own times where the configuration expects them.
func addSaid(g *grid, cfg *config.Config) {
	said := func(results string) string {
		return `sum by (endpoint) (rate(perfwatch_http_cache_responses_total{probe=~"$probe",result=~"` + results +
			`"}[$__rate_interval]))`
	}
	g.row(230, "Caches on the way")
	g.add(12, 8, series(231, "Hits by endpoint",
		"Share of answers that came out of a cache on their way, of those that say so: Cache-Status, X-Cache, CF-Cache-Status, Age.",
		"percentunit", query{ratio(said("hit"), said("hit|miss")), "{{endpoint}}"}).ofOne())
	g.add(12, 8, series(232, "What caches say", "Answers a second by what they say of caches.", "reqps",
		query{`sum by (result) (rate(perfwatch_http_cache_responses_total{probe=~"$probe"}[$__rate_interval]))`,
			"{{result}}"}).stacked())
	if slices.ContainsFunc(cfg.Probes, func(p config.Probe) bool { return p.HTTP != nil && len(p.HTTP.ServerTiming) > 0 }) {
		g.add(24, 8, series(233, "Server timing", "Mean time of the parts that servers tell in Server-Timing.", "s",
			query{histogram{"perfwatch_http_server_timing_seconds", `{probe=~"$probe"}`, "$__rate_interval"}.mean("endpoint, metric"),
				"{{endpoint}} {{metric}}"}))
	}
}

// endpointsNow is one line for each probe.
func endpointsNow() panel {
	return table(201, "Endpoints now", "The last run of each probe, and its figures over the last minutes.", "probe",
		column{"last run ok", "bool_yes_no", lastOf("perfwatch_probe_success", "min"), steps("red", from(1, "green"))},
		column{"failures in a row", "none", lastOf("perfwatch_probe_consecutive_failures", "max"), steps("text", from(1, "orange"),
			from(2, "red"))},
		column{"HTTP status", "none", lastOf("perfwatch_http_status_code", "max"), nil},
		column{"runs", "reqps", runs, nil},
		column{"errors", "percentunit", ratio(failures, runs), steps("text", from(0.001, "orange"))},
		column{"p50", "s", quantileOf("0.5"), nil},
		column{"p95", "s", quantileOf("0.95"), nil},
		column{"p99", "s", quantileOf("0.99"), nil},
		column{"since last run", "s", `time() - ` + lastOf("perfwatch_probe_last_run_timestamp_seconds", "max"), nil},
	)
}

// addRED draws rate, errors and duration of each endpoint.
func addRED(g *grid, cfg *config.Config) {
	g.add(8, 8, series(202, "Runs", "Runs a second of each probe, those left out that perfwatch stopped itself.", "reqps",
		query{runs, "{{probe}}"}))
	g.add(8, 8, series(203, "Errors", "Share of runs that failed. Runs that perfwatch stopped itself are left out.", "percentunit",
		with(cfg, objective.ErrorRatio, 0, query{ratio(failures, runs), "{{probe}}"})...))
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
			with(cfg, objective.Latency, q.value, query{quantileOf(q.text), "{{probe}}"})...).exemplars())
	}
}
