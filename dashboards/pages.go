package dashboards

import (
	"github.com/perfwatch/perfwatch/internal/config"
	"github.com/perfwatch/perfwatch/internal/objective"
)

// drawPages shows the pages that are loaded in a browser. A page is loaded every few minutes: the last hour holds enough
// loads for a median.
func drawPages(g *grid, cfg *config.Config) {
	g.row(900, "Pages")
	const median = " Median of the loads of the last hour."
	g.add(8, 8, series(901, "First contentful paint", "When a page shows its first text or image."+median, "s",
		with(cfg, objective.PageFCP, objective.Median, medianOf("first_contentful_paint_seconds"))...))
	g.add(8, 8, series(902, "Time to interactive",
		"The end of the last long task before a page is quiet for five seconds."+median, "s",
		with(cfg, objective.PageTTI, objective.Median, medianOf("time_to_interactive_seconds"))...))
	g.add(8, 8, series(903, "Failed page loads", "Loads of the last hour that could not be measured, by why.", "short",
		query{`sum by (probe, reason) (increase(perfwatch_page_failures_total{probe=~"$probe"}[1h]))`,
			"{{probe}} {{reason}}"}).stacked())
	for i, p := range []struct{ title, description, unit, figure string }{
		{"First byte of pages", "When the first byte of the document came.", "s", "time_to_first_byte_seconds"},
		{"Largest contentful paint", "When a page shows its largest text or image.", "s", "largest_contentful_paint_seconds"},
		{"Total blocking time", "By how much tasks of the main thread went beyond 50 ms.", "s", "total_blocking_time_seconds"},
		{"Layout shift", "The worst burst of layout shifts of a page.", "none", "cumulative_layout_shift"},
		{"Weight of pages", "Bytes of a page over the wire.", "bytes", "transferred_bytes"},
	} {
		g.add([]int{6, 6, 4, 4, 4}[i], 7, series(904+i, p.title, p.description+median, p.unit, medianOf(p.figure)))
	}
}

// medianOf is the median of a figure by page.
func medianOf(figure string) query {
	return query{histogram{"perfwatch_page_" + figure, `{probe=~"$probe"}`, "1h"}.quantile("0.5", "probe"), "{{probe}}"}
}
