package dashboards

import "github.com/perfwatch/perfwatch/alerts"

// addDays draws the trend over days, and what is outside of the band in which a probe stays while all is as it was.
func addDays(g *grid) {
	of := func(record string) string { return `max by (probe) (` + record + `{probe=~"$probe"})` }
	g.row(1130, "Days and anomalies")
	g.add(12, 8, series(1131, "p95 of the day", "The p95 of all runs of the 24 hours before each instant, from counts.", "s",
		query{of(alerts.P95OfDay), "{{probe}}"}))
	g.add(12, 8, series(1132, "p99 of the day", "The p99 of all runs of the 24 hours before each instant, from counts.", "s",
		query{of(alerts.P99OfDay), "{{probe}}"}))
	g.add(24, 9, series(1133, "Means and their band",
		"The mean of five minutes, that of half an hour without bursts, and where the band of the day before ends: three standard "+
			"deviations, a quarter at least. It takes half a day until there is a band. Choose one probe to read it.", "s",
		query{of(alerts.RecentMean), "{{probe}} 5m"}, query{of(alerts.QuietMean), "{{probe}} quiet 30m"},
		query{of(alerts.UpperBand), "{{probe}} warning"}, query{of(alerts.LowerBand), "{{probe}} target"}))
}
