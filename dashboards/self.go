package dashboards

import (
	"slices"

	"github.com/perfwatch/perfwatch/internal/config"
)

// drawSelf shows whether perfwatch can be believed, and what it costs.
func drawSelf(g *grid, cfg *config.Config) {
	g.row(600, "Trust")
	addTrust(g, cfg)
	g.add(12, 8, series(611, "Time to read",
		"How long each collector's last reading of its source took. Scrapes do not wait for it.", "s",
		query{`max by (collector) (perfwatch_scrape_duration_seconds)`, "{{collector}}"}))
	g.add(12, 8, heatmap(612, "Lateness of runs", "How many runs were started how long after the instant that they were due.", "s",
		scheduleLag().buckets()))
	g.row(620, "Cost")
	own := func(metric string) string { return metric + `{` + scope + `}` }
	g.add(8, 8, series(621, "CPU of perfwatch", "Cores that perfwatch uses.", "short",
		query{`sum by (instance) (rate(` + own("process_cpu_seconds_total") + `[$__rate_interval]))`, "{{instance}}"}))
	g.add(8, 8, series(622, "Memory of perfwatch", "Resident memory.", "bytes",
		query{`sum by (instance) (` + own("process_resident_memory_bytes") + `)`, "{{instance}}"}))
	g.add(8, 8, series(623, "Goroutines and descriptors", "What only grows is a leak.", "short",
		query{`sum by (instance) (` + own("go_goroutines") + `)`, "{{instance}} goroutines"},
		query{`sum by (instance) (` + own("process_open_fds") + `)`, "{{instance}} descriptors"}))
	if slices.ContainsFunc(cfg.Probes, func(p config.Probe) bool { return p.Page != nil }) {
		addBrowser(g)
	}
}

// addBrowser shows the browser that loads pages.
func addBrowser(g *grid) {
	g.row(630, "Browser for pages")
	g.add(8, 8, series(631, "Memory of the browser",
		"All of its processes, of what they share their part. More than 600 MiB end it.", "bytes",
		query{`sum by (instance) (perfwatch_browser_memory_bytes)`, "{{instance}}"}))
	g.add(8, 8, series(632, "Browsers that ended", "By why: lost and stuck are faults, the others are its time.", "short",
		query{`sum by (reason) (increase(perfwatch_browser_ends_total[$__rate_interval]))`, "{{reason}}"}).stacked())
	g.add(8, 8, series(633, "Launches that failed", "Browsers that did not start, and the pause before the next one.", "short",
		query{`sum(increase(perfwatch_browser_launches_total{result="failed"}[$__rate_interval]))`, "failed"},
		query{`max(perfwatch_browser_back_off_seconds)`, "pause in s"}))
}
