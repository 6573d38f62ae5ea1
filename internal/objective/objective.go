// Package objective says what a performance target is, keeps its rolling value and judges whether it is met. It knows
// nothing of metric text, of probes or of the configuration file.
package objective

import (
	"strings"
	"time"
)

// An Objective is one declared performance target. Thresholds are in base units; a nil one is not set.
type Objective struct {
	Name     string // snake_case, unique
	Title    string // for people: "API p95 latency"
	Measure  Measure
	Quantile float64       // of Latency and LoadLatency, in (0, 1); Median of PageFCP and PageTTI
	Group    string        // selects the probes of a group; Latency, ErrorRatio, PageFCP and PageTTI
	Probe    string        // selects one probe; those of Group and the measures of bursts
	Targets  bool          // Probe has targets: it selects all of them
	Redis    string        // selects a Redis; CacheHitRatio
	Pipeline string        // selects a pipeline; PipelineDuration
	Query    string        // of PromQL
	QueryIn  Unit          // of the values of Query
	Higher   bool          // higher values of Query are better
	Window   time.Duration // zero for the measures of bursts and of pipelines, and PromQL
	Budget   time.Duration // time in which the allowance may be spent once; zero watches no budget
	Target   *float64
	Warning  *float64
	Critical *float64
}

// Unit is the unit of the objective's values and thresholds.
func (o *Objective) Unit() Unit {
	if o.Measure == PromQL {
		return o.QueryIn
	}
	return o.Measure.Unit()
}

// HigherIsBetter says on which side of its target a value of the objective is good.
func (o *Objective) HigherIsBetter() bool {
	if o.Measure == PromQL {
		return o.Higher
	}
	return o.Measure.HigherIsBetter()
}

// Crossed says that a value is on the bad side of a threshold. A value exactly at the threshold is not.
func (o *Objective) Crossed(value, threshold float64) bool {
	if o.HigherIsBetter() {
		return value < threshold
	}
	return value > threshold
}

// Thresholds returns what is set, in the order target, warning, critical.
func (o *Objective) Thresholds() []Threshold {
	var set []Threshold
	for _, t := range []struct {
		level Level
		value *float64
	}{{Target, o.Target}, {Warning, o.Warning}, {Critical, o.Critical}} {
		if t.value != nil {
			set = append(set, Threshold{t.level, *t.value})
		}
	}
	return set
}

// AlertName is the name of the alerts of an objective: api_latency_p95 becomes PerfwatchApiLatencyP95.
func (o *Objective) AlertName() string {
	var name strings.Builder
	name.WriteString("Perfwatch")
	for word := range strings.SplitSeq(o.Name, "_") {
		if word != "" {
			name.WriteString(strings.ToUpper(word[:1]) + word[1:])
		}
	}
	return name.String()
}

// OwnAlerts are the alerts that belong to no objective; no objective may have a name that makes one of theirs.
func OwnAlerts() []string {
	return []string{
		"PerfwatchProbeDown", "PerfwatchProbeMissing", "PerfwatchDown", "PerfwatchConfigReloadFailed", "PerfwatchBrowserMissing",
		"PerfwatchRedisDown", "PerfwatchPostgresDown", "PerfwatchPgBouncerDown", "PerfwatchProcessDown", "PerfwatchBusinessStale",
		"PerfwatchHostUnreadable", "PerfwatchTargetFileUnreadable",
		"PerfwatchBurstAborted", "PerfwatchBurstInvalid", "PerfwatchBurstMissing",
		"PerfwatchLoadRegression", "PerfwatchCertificateExpiry", "PerfwatchWatchdog",
		"PerfwatchErrorBudgetBurn", "PerfwatchLatencyAnomaly",
		"PerfwatchPipelineLate", "PerfwatchPipelineFailed", "PerfwatchPipelineStuck", "PerfwatchPipelineOverBudget",
		"PerfwatchPipelinePredictedMiss", "PerfwatchPipelineOverlap",
	}
}

// A Threshold is one value that an objective is compared with.
type Threshold struct {
	Level Level
	Value float64 // base unit of the measure
}

// A Level says what crossing a threshold means.
type Level string

// The levels of thresholds.
const (
	Target   Level = "target"   // the objective is missed
	Warning  Level = "warning"  // somebody should look
	Critical Level = "critical" // somebody is paged
)

// WindowFor is the shortest of the windows 5m 10m 15m 30m 1h 2h 6h 1d in which so many samples a second reach a floor.
// It is false, beside the longest, if none of them does.
func WindowFor(floor int, perSecond float64) (time.Duration, bool) {
	const day = 24 * time.Hour
	for _, minutes := range []time.Duration{5, 10, 15, 30, 60, 120, 360, 1440} {
		window := minutes * time.Minute
		if window.Seconds()*perSecond >= float64(floor)-1e-6 {
			return window, true
		}
	}
	return day, false
}
