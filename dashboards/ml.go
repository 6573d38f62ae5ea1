package dashboards

import (
	"github.com/perfwatch/perfwatch/internal/config"
	"github.com/perfwatch/perfwatch/internal/objective"
)

// drawML shows bursts of inference. Panels of a matrix, of several models and of memory are there when a burst has them.
func drawML(g *grid, cfg *config.Config) {
	cfg = concerning(cfg, isModel)
	has := func(what func(*config.Probe) bool) bool {
		for i := range cfg.Probes {
			if p := &cfg.Probes[i]; isModel(p) && what(p) {
				return true
			}
		}
		return false
	}
	g.row(800, "Inference")
	g.add(24, 7, lastBursts(chosen))
	for i, q := range []struct {
		name, text string
		value      float64
	}{{"p95", "0.95", 0.95}, {"p99", "0.99", 0.99}} {
		shown := `max by (probe, endpoint) (perfwatch_load_last_latency_seconds{probe=~"$probe",endpoint!="",quantile="` +
			q.text + `"})`
		g.add(8, 8, series(801+i, "Inference "+q.name, "The "+q.name+" of each endpoint in the last burst, to three digits.", "s",
			with(cfg, objective.LoadLatency, q.value, query{shown, "{{probe}} {{endpoint}}"})...))
	}
	g.add(8, 8, series(803, "Inferences a second", "Requests a second that succeeded in the last burst.", "reqps",
		with(cfg, objective.LoadThroughput, 0, query{lastOf("perfwatch_load_last_throughput_requests_per_second", "min"),
			"{{probe}}"})...))
	if has(func(p *config.Probe) bool { return len(p.Load.Matrix) > 0 }) {
		g.add(12, 8, series(804, "Samples a second by batch", "Samples a second of each run of the last burst's matrix.", "ops",
			with(cfg, objective.LoadItemsRate, 0,
				query{`max by (probe, run) (perfwatch_load_last_run_items_per_second{probe=~"$probe"})`, "{{probe}} {{run}}"})...))
	}
	if has(func(p *config.Probe) bool { return len(p.Load.Tasks) > 1 }) {
		g.add(12, 8, series(805, "Fairness between models", "Jain's index over the models of a burst: 1 is even.", "none",
			query{lastOf("perfwatch_load_last_fairness_ratio", "min"), "{{probe}}"}).ofOne())
	}
	if has(func(p *config.Probe) bool { return len(p.Load.Watch.Processes) > 0 }) {
		addMemory(g, cfg)
	}
}

// addMemory shows what inference costs in memory.
func addMemory(g *grid, cfg *config.Config) {
	last := func(metric string) query {
		return query{`max by (probe, process) (perfwatch_load_last_` + metric + `{probe=~"$probe"})`, "{{probe}} {{process}}"}
	}
	g.row(810, "Memory of inference")
	g.add(8, 8, series(811, "Peak of resident memory", "Highest resident memory in the last burst.", "bytes",
		with(cfg, objective.LoadMemoryPeak, 0, last("memory_peak_bytes"))...))
	g.add(8, 8, series(812, "Memory of an inference",
		"Resident memory after the last burst less that before it, over its requests.", "bytes",
		with(cfg, objective.LoadMemoryPerRequest, 0, last("memory_bytes_per_request"))...))
	g.add(8, 8, series(813, "Memory trend", "Slope of resident memory in the last burst; 0 where it did not surely grow.", "binBps",
		with(cfg, objective.LoadMemoryLeak, 0, last("memory_growth_bytes_per_second"))...))
}
