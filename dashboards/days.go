package dashboards

// What the rules record of every probe; alerts/trends.go says how. Records have no perfwatch of their own.
const (
	p95OfDay   = "probe:perfwatch_probe_duration_seconds:p95_1d"
	p99OfDay   = "probe:perfwatch_probe_duration_seconds:p99_1d"
	recentMean = "probe:perfwatch_probe_duration_seconds:mean5m"
	quietMean  = "probe:perfwatch_probe_duration_seconds:quiet_mean30m"
	upperBand  = "probe:perfwatch_probe_duration_seconds:quiet_mean30m_upper1d"
	lowerBand  = "probe:perfwatch_probe_duration_seconds:quiet_mean30m_lower1d"
)

// addDays draws the trend over days, and what is outside of the band in which a probe stays while all is as it was.
func addDays(g *grid) {
	of := func(record string) string { return `max by (probe) (` + record + `{probe=~"$probe"})` }
	g.row(1130, "Days and anomalies")
	g.add(12, 8, series(1131, "p95 of the day", "The p95 of all runs of the 24 hours before each instant, from counts.", "s",
		query{of(p95OfDay), "{{probe}}"}))
	g.add(12, 8, series(1132, "p99 of the day", "The p99 of all runs of the 24 hours before each instant, from counts.", "s",
		query{of(p99OfDay), "{{probe}}"}))
	g.add(24, 9, series(1133, "Means and their band",
		"The mean of five minutes, that of half an hour without bursts, and where the band of the day before ends: three standard "+
			"deviations, a quarter at least. It takes half a day until there is a band. Choose one probe to read it.", "s",
		query{of(recentMean), "{{probe}} 5m"}, query{of(quietMean), "{{probe}} quiet 30m"},
		query{of(upperBand), "{{probe}} warning"}, query{of(lowerBand), "{{probe}} target"}))
}
