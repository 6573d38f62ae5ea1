package alerts

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/perfwatch/perfwatch/internal/objective"
)

// A histogram is what an expression selects of one of perfwatch's. By how it scrapes, a Prometheus has it as the classic
// series, as a native histogram, or as both; every Prometheus from 2.40 on reads expressions over either. Each expression here
// asks the classic series, whose bounds the thresholds are, and where there are none of those the native histogram, in which
// a threshold lies within a bucket and its observations are shared out by interpolation. So nothing is counted twice.
type histogram struct {
	metric, matchers string
	window           time.Duration
	by               string // the label that it is kept apart by; "" for none
}

// either is the first of some expressions that has a result.
func either(exprs ...string) string {
	return "(\n" + indented(strings.Join(exprs, "\nor\n")) + "\n)"
}

func indented(expr string) string { return "  " + strings.ReplaceAll(expr, "\n", "\n  ") }

// runsOf are the durations behind a measure that is a quantile of them.
func runsOf(o *objective.Objective) histogram {
	return histogram{metric: durations(o.Measure), matchers: runSelector(o), window: o.Window}
}

// series is a function, rate or increase, of the classic series of a suffix, summed.
func (h histogram) series(function, suffix string, more ...string) string {
	expr := over(function, h.metric+suffix, joined(append([]string{h.matchers}, more...)...), h.window)
	if h.by != "" {
		return "sum by (" + h.by + ") (" + expr + ")"
	}
	return sum(expr)
}

// native is a function of the native histogram, summed: a histogram of all observations.
func (h histogram) native(function string) string { return h.series(function, "") }

// count is how many observations there were, by a function.
func (h histogram) count(function string) string {
	return either(h.series(function, "_count"), "histogram_count("+h.native(function)+")")
}

// quantile has no result where nothing was observed, and the quantile is NaN: no comparison lets that through.
func (h histogram) quantile(q float64) string {
	buckets := "sum by (le) (" + rate(h.metric+"_bucket", h.matchers, h.window) + ")"
	of := func(observed string) string {
		return fmt.Sprintf("histogram_quantile(%s, %s) >= 0", number(q), observed)
	}
	return either(of(buckets), of(h.native("rate")))
}

// mean has no result where nothing was observed.
func (h histogram) mean() string {
	return either(ratio(h.series("rate", "_sum"), h.series("rate", "_count")),
		ratio("histogram_sum("+h.native("rate")+")", "histogram_count("+h.native("rate")+")"))
}

// part is the part of the observations that were at most a bound. It is NaN, or has no result, where nothing was observed.
func (h histogram) part(bound float64) string {
	return either(ratio(h.series("rate", "_bucket", le(bound)), h.series("rate", "_count")),
		fmt.Sprintf("histogram_fraction(0, %s, %s)", number(bound), h.native("rate")))
}

// beyond is the rate of observations above a bound; zero where nothing is observed, when the fraction is NaN.
func (h histogram) beyond(bound float64) string {
	all := "histogram_count(" + h.native("rate") + ")"
	return either(h.series("rate", "_count")+"\n - "+h.series("rate", "_bucket", le(bound)),
		fmt.Sprintf("%s\n * histogram_fraction(%s, Inf, %s) >= 0", all, number(bound), h.native("rate")), all)
}

// durations is the histogram behind a measure that is a quantile of durations.
func durations(m objective.Measure) string {
	switch m {
	case objective.PageFCP:
		return "perfwatch_page_first_contentful_paint_seconds"
	case objective.PageTTI:
		return "perfwatch_page_time_to_interactive_seconds"
	default:
		return "perfwatch_probe_duration_seconds"
	}
}

// le selects the bucket of a bound. The text format writes a whole number as 1, OpenMetrics and Prometheus 3 as 1.0.
func le(bound float64) string {
	text := strconv.FormatFloat(bound, 'g', -1, 64)
	if strings.ContainsAny(text, ".e") {
		return "le=" + strconv.Quote(text)
	}
	return `le=~"` + text + `(\\.0)?"`
}
