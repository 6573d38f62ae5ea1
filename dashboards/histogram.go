package dashboards

import "fmt"

// A histogram is what an expression selects of one of perfwatch's, over a window: as classic series, or as a native histogram
// where Prometheus scrapes no classic series. Where it has both, the classic ones are drawn, as the rules judge by them.
type histogram struct{ metric, matchers, window string }

// probeSeconds are the durations of the runs of the chosen probes.
func probeSeconds() histogram {
	return histogram{"perfwatch_probe_duration_seconds", `{probe=~"$probe"}`, "$__rate_interval"}
}

// over sums a function of the series of a suffix by some labels; by none it is one series.
func (h histogram) over(function, suffix, by string) string {
	if by != "" {
		by = " by (" + by + ") "
	}
	return fmt.Sprintf("sum%s(%s(%s%s%s[%s]))", by, function, h.metric, suffix, h.matchers, h.window)
}

// quantile is a quantile by some labels.
func (h histogram) quantile(q, by string) string {
	classic := "le"
	if by != "" {
		classic += ", " + by
	}
	return fmt.Sprintf("(histogram_quantile(%[1]s, %[2]s) or histogram_quantile(%[1]s, %[3]s))", q,
		h.over("rate", "_bucket", classic), h.over("rate", "", by))
}

// mean is the mean by some labels.
func (h histogram) mean(by string) string {
	return ratio(h.over("rate", "_sum", by), h.over("rate", "_count", by)) + " or " +
		ratio("histogram_sum("+h.over("rate", "", by)+")", "histogram_count("+h.over("rate", "", by)+")")
}

// buckets are for a heatmap: how much fell into each classic bucket, or into those of a native histogram.
func (h histogram) buckets() string {
	return h.over("increase", "_bucket", "le") + " or on () " + h.over("increase", "", "")
}
