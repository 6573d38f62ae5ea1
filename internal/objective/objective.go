// Package objective says what a performance target is, keeps its rolling value and judges whether it is met. It knows
// nothing of metric text, of probes or of the configuration file.
package objective

import (
	"math"
	"strings"
	"time"
)

// A Measure is what an objective is about.
type Measure string

// The measures that can be judged.
const (
	Latency        Measure = "latency"         // a quantile of probe durations, seconds
	ErrorRatio     Measure = "error_ratio"     // failed runs over all runs
	CacheHitRatio  Measure = "cache_hit_ratio" // Redis keyspace hits over lookups
	CPUUsage       Measure = "cpu_usage"       // host CPU in use, mean over the window
	MemoryUsage    Measure = "memory_usage"    // host memory in use, mean over the window
	LoadUsers      Measure = "load_users"      // most concurrent users of the last valid burst
	LoadThroughput Measure = "load_throughput" // requests a second of the last valid burst
)

// Measures lists every measure in the order of the documentation.
func Measures() []Measure {
	return []Measure{Latency, ErrorRatio, CacheHitRatio, CPUUsage, MemoryUsage, LoadUsers, LoadThroughput}
}

// HigherIsBetter says on which side of its target a value of this measure is good.
func (m Measure) HigherIsBetter() bool {
	return m == CacheHitRatio || m == LoadUsers || m == LoadThroughput
}

// OfBurst says that the measure is judged on the last burst and not over a window.
func (m Measure) OfBurst() bool { return m == LoadUsers || m == LoadThroughput }

// Unit is the unit of the measure's values.
func (m Measure) Unit() Unit {
	switch m {
	case Latency:
		return Seconds
	case LoadUsers:
		return Count
	case LoadThroughput:
		return PerSecond
	default:
		return Ratio
	}
}

// An Objective is one declared performance target. Thresholds are in base units; a nil one is not set.
type Objective struct {
	Name     string // snake_case, unique
	Title    string // for people: "API p95 latency"
	Measure  Measure
	Quantile float64       // of Latency, in (0, 1)
	Group    string        // selects the probes of a group; Latency and ErrorRatio
	Probe    string        // selects one probe; Latency, ErrorRatio and the measures of bursts
	Redis    string        // selects a Redis; CacheHitRatio
	Window   time.Duration // zero for the measures of bursts
	Target   *float64
	Warning  *float64
	Critical *float64
}

// Crossed says that a value is on the bad side of a threshold. A value exactly at the threshold is not.
func (o *Objective) Crossed(value, threshold float64) bool {
	if o.Measure.HigherIsBetter() {
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
	return []string{"PerfwatchProbeDown", "PerfwatchDown", "PerfwatchRedisDown", "PerfwatchConfigReloadFailed"}
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

// samplesBeyond is how many samples must lie beyond a quantile before it is judged: p95 needs 200, p99 1,000.
const samplesBeyond = 10

// ratioFloor is the least number of events behind a cache hit ratio, so that one more moves it by a point at most; and
// of 100 ms samples behind a mean of the host, which is 10 s.
const ratioFloor = 100

// Floor is how many samples the window must hold before the objective is judged. A quantile needs ten samples beyond
// it. An error ratio needs as many runs as make one failure alone no more than its lowest threshold. A burst judges
// itself and needs one.
func (o *Objective) Floor() int {
	switch {
	case o.Measure == Latency:
		return int(math.Ceil(samplesBeyond/min(o.Quantile, 1-o.Quantile) - 1e-9))
	case o.Measure == ErrorRatio:
		lowest := math.Inf(1)
		for _, t := range o.Thresholds() {
			lowest = min(lowest, t.Value)
		}
		if lowest <= 0 || math.IsInf(lowest, 1) {
			return 1
		}
		return int(math.Ceil(1/lowest - 1e-9))
	case o.Measure.OfBurst():
		return 1
	}
	return ratioFloor
}

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
