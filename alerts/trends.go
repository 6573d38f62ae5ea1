package alerts

import (
	"fmt"
	"time"
)

// latencyAnomaly is about a probe that takes longer than it is used to.
const latencyAnomaly = "PerfwatchLatencyAnomaly"

// What is recorded of every probe. Quantiles of longer times come from sums of the five-minute rates of buckets, never from
// other quantiles: of classic buckets, or of a native histogram where there are none.
const (
	probeSeconds = "probe:perfwatch_probe_duration_seconds"
	bucketRates  = "probe_le:perfwatch_probe_duration_seconds_bucket:rate5m"
	nativeRates  = probeSeconds + ":rate5m"
	sumRates     = probeSeconds + "_sum:rate5m"
	countRates   = probeSeconds + "_count:rate5m"
	runRates     = "probe_outcome:perfwatch_probe_runs:rate5m"
	hourlyP95    = probeSeconds + ":p95_1h"
	recentMean   = probeSeconds + ":mean5m"
	quietMean    = probeSeconds + ":quiet_mean5m"
	smoothMean   = probeSeconds + ":quiet_mean30m"
	usualMean    = probeSeconds + ":quiet_mean30m_mean1d"
	upperBand    = probeSeconds + ":quiet_mean30m_upper1d"
	lowerBand    = probeSeconds + ":quiet_mean30m_lower1d"
)

const (
	// burstShadow is how long a burst is in the five-minute rates, and a scrape longer.
	burstShadow = "6m"
	// usedTo is how many of the 1,440 minutes of the day before it takes to know what a probe is used to.
	usedTo = 720
	// deviations and leastBand make the band: so many standard deviations, and no less than that part of the mean.
	deviations, leastBand = 3, 0.25
	// rhythm is how far a probe may be from where it was a week ago and still follow its week.
	rhythm = 1.25
)

// trendRules record rates, the trend of the day, what was a day and a week ago, and the band in which a probe stays while
// all is as it was. Minutes with a burst in them are no part of the band, nor compared with it.
func trendRules(opts Options) []rule {
	bursts := "max(max_over_time(perfwatch_load_active[" + burstShadow + "])) > 0\n  or\n  " +
		"sum(increase(perfwatch_load_requests_total[" + burstShadow + "])) > 0"
	mean := "avg_over_time(" + smoothMean + "[1d] offset 30m)"
	return []rule{
		record(bucketRates, "sum by (group, probe, le) (rate(perfwatch_probe_duration_seconds_bucket[5m]))"),
		record(nativeRates, "sum by (group, probe) (rate(perfwatch_probe_duration_seconds[5m]))\nunless\n"+
			"max by (group, probe) ("+bucketRates+")"),
		record(sumRates,
			either("sum by (group, probe) (rate(perfwatch_probe_duration_seconds_sum[5m]))", "histogram_sum("+nativeRates+")")),
		record(countRates,
			either("sum by (group, probe) (rate(perfwatch_probe_duration_seconds_count[5m]))", "histogram_count("+nativeRates+")")),
		record(runRates, "sum by (probe, outcome) (rate(perfwatch_probe_runs_total[5m]))"),
		record(P95OfDay, trendQuantile(0.95, "group, probe", day)),
		record(P99OfDay, trendQuantile(0.99, "group, probe", day)),
		record("group:perfwatch_probe_duration_seconds:p95_1d", trendQuantile(0.95, "group", day)),
		record("group:perfwatch_probe_duration_seconds:p99_1d", trendQuantile(0.99, "group", day)),
		record(hourlyP95, trendQuantile(0.95, "group, probe", time.Hour)),
		record(hourlyP95+"_offset1d", hourlyP95+" offset 1d"),
		record(hourlyP95+"_offset1w", hourlyP95+" offset 1w"),
		record(recentMean, ratio(sumRates, countRates)),
		record(quietMean, recentMean+"\nunless on ()\n(\n  "+bursts+"\n)"),
		record(smoothMean, "avg_over_time("+quietMean+"[30m])"),
		record(usualMean, fmt.Sprintf("%s\nand\ncount_over_time(%s[1d] offset 30m) >= %d", mean, smoothMean, usedTo)),
		record(upperBand, bandEdge("+", ">", 1+leastBand)),
		record(lowerBand, bandEdge("-", "<", 1-leastBand)),
		anomaly(opts),
	}
}

// anomaly is the alert of a mean above the band that is not of the week's rhythm.
func anomaly(opts Options) rule {
	r := health(opts, latencyAnomaly, "info", 0,
		fmt.Sprintf("%s > %s\nunless\n%[1]s < %[3]s * (%[1]s offset 1w)", smoothMean, upperBand, number(rhythm)),
		"Probe {{ $labels.probe }} takes longer than it used to",
		"Outside of bursts probe {{ $labels.probe }} takes {{ $value | humanizeDuration }} on the mean of the last 30m: more than it "+
			"varied over the day before, and more than at this time a week ago.")
	r.KeepFiringFor = 30 * time.Minute
	return r
}

// bandEdge is where the band ends on one side: at the standard deviations, or at the least of it if that is further. There
// are no times below zero.
func bandEdge(sign, further string, least float64) string {
	edge := fmt.Sprintf("%s %s %d * stddev_over_time(%s[1d] offset 30m)", usualMean, sign, deviations, smoothMean)
	atLeast := usualMean + " * " + number(least)
	return "clamp_min(\n  " + edge + "\n  " + further + " " + atLeast + "\n  or " + atLeast + ",\n  0)"
}

// trendQuantile is a quantile of the runs of some time by labels; no result without runs.
func trendQuantile(q float64, by string, over time.Duration) string {
	of := func(by, rates string) string {
		return fmt.Sprintf("histogram_quantile(%s, sum by (%s) (sum_over_time(%s[%s]))) >= 0", number(q), by, rates, short(over))
	}
	return either(of(by+", le", bucketRates), of(by, nativeRates))
}
