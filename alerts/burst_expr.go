package alerts

import (
	"fmt"
	"strconv"

	"github.com/perfwatch/perfwatch/internal/objective"
)

const (
	lastLatency = "perfwatch_load_last_latency_seconds"
	lastValid   = "perfwatch_load_last_valid"
	lastLookups = "perfwatch_load_last_cache_lookups"
)

// burstValue is the figure of the last burst behind a measure, if that burst is valid and holds what floor asks for; the
// worst of what the measure has more than one of: perfwatch, processes, Redis servers.
func burstValue(o *objective.Objective, floor string) string {
	worst := "max"
	if o.HigherIsBetter() {
		worst = "min"
	}
	valid := ignored(o.Measure) + " " + lastValid + burstSelector(o)
	return fmt.Sprintf("%s(\n  %s\n  and%s == 1%s\n)", worst, burstFigure(o), valid, floor)
}

// burstFloor goes on where burstValue ends: as many samples as it takes to judge. A leak has no figure of fewer, and what
// needs only its burst has no floor.
func burstFloor(o *objective.Objective) string {
	switch {
	case o.OfRequests():
		return fmt.Sprintf("\n  and%s %s >= %d", ignored(o.Measure), latencyOfAll(o, "_count"), o.Floor())
	case o.Measure == objective.LoadCacheHitRatio:
		return fmt.Sprintf("\n  and %s%s >= %d", lastLookups, burstSelector(o), o.Floor())
	default:
		return ""
	}
}

// burstFigure selects the figure of a measure.
func burstFigure(o *objective.Objective) string {
	switch o.Measure {
	case objective.LoadLatency:
		return latencyOfAll(o, "", "quantile="+strconv.Quote(strconv.FormatFloat(o.Quantile, 'g', -1, 64)))
	case objective.LoadLatencyMean:
		return fmt.Sprintf("%s / (%s > 0)", latencyOfAll(o, "_sum"), latencyOfAll(o, "_count"))
	case objective.LoadMemoryPeak: // the host has one too
		return gaugeOf(o.Measure) + braced(joined(label("probe", o.Probe), `process!=""`))
	default:
		return gaugeOf(o.Measure) + burstSelector(o)
	}
}

// latencyOfAll selects a series of all endpoints together.
func latencyOfAll(o *objective.Objective, suffix string, more ...string) string {
	return lastLatency + suffix + braced(joined(append([]string{label("probe", o.Probe), `endpoint=""`}, more...)...))
}

// gaugeOf is the metric of a measure that has one of its own.
func gaugeOf(m objective.Measure) string {
	switch m {
	case objective.LoadUsers:
		return "perfwatch_load_last_users_peak"
	case objective.LoadThroughput:
		return "perfwatch_load_last_throughput_requests_per_second"
	case objective.LoadErrorRatio:
		return "perfwatch_load_last_error_ratio"
	case objective.LoadDuration:
		return "perfwatch_load_last_duration_seconds"
	case objective.LoadItemsRate:
		return "perfwatch_load_last_items_per_second"
	case objective.LoadMemoryPeak:
		return "perfwatch_load_last_memory_peak_bytes"
	case objective.LoadMemoryPerRequest:
		return "perfwatch_load_last_memory_bytes_per_request"
	case objective.LoadMemoryLeak:
		return "perfwatch_load_last_memory_leak_bytes_per_second"
	case objective.LoadCacheHitRatio:
		return "perfwatch_load_last_cache_hit_ratio"
	default:
		return ""
	}
}

// ignored lets a figure meet series that lack its label.
func ignored(m objective.Measure) string {
	switch {
	case m == objective.LoadLatency:
		return " ignoring (quantile)"
	case m.OfMemory():
		return " ignoring (process)"
	case m == objective.LoadCacheHitRatio:
		return " ignoring (redis)"
	default:
		return ""
	}
}
