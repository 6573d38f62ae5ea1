package alerts

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/perfwatch/perfwatch/internal/objective"
)

// tolerance keeps a value at its threshold from firing: rates are floating point, and 190 of 200 may come out as
// 0.9499999999999998. It is finer than one event in any window that a probe can fill.
const tolerance = "1e-9"

// Value is the PromQL that values an objective over its window, one series without labels. It has no result where
// nothing was measured, never NaN. Rates are summed before they are divided, so that two perfwatch side by side, or
// the probes of a group, weigh by what they counted.
func Value(o *objective.Objective) string {
	switch o.Measure {
	case objective.Latency, objective.PageFCP, objective.PageTTI:
		return runsOf(o).quantile(o.Quantile)
	case objective.ErrorRatio:
		return ratio(runs(o, "rate", failed), runs(o, "rate", notCanceled))
	case objective.CacheHitRatio:
		hits, misses := lookups(o, rate)
		return ratio(hits, hits+"\n + "+misses)
	case objective.CPUUsage, objective.MemoryUsage:
		return hostValue(o, "")
	case objective.PipelineDuration:
		return pipelineValue(o)
	case objective.PromQL:
		return "(" + o.Query + ")"
	default:
		return burstValue(o, "")
	}
}

// samples is the PromQL that counts what an objective was judged from in its window. Runs of two perfwatch are twice as
// many runs, while lookups are those of one Redis, whoever reads it. It is empty for what counts inside of its value.
func samples(o *objective.Objective) string {
	switch o.Measure {
	case objective.Latency, objective.PageFCP, objective.PageTTI:
		return runsOf(o).count("increase")
	case objective.ErrorRatio:
		return runs(o, "increase", notCanceled)
	case objective.CacheHitRatio:
		hits, misses := lookups(o, increase)
		return hits + "\n + " + misses
	default:
		return ""
	}
}

// breach is the PromQL that has a result while an objective is on the bad side of a threshold, judged from at least as
// many samples as its floor. The result's value is the objective's.
func breach(o *objective.Objective, threshold float64) string {
	if o.Measure.OfBurst() { // figures of a burst are not rates: they compare exactly
		return burstValue(o, burstFloor(o)) + " " + beyond(o, number(threshold), "")
	}
	if o.Measure == objective.PipelineDuration || o.Measure == objective.PromQL {
		return Value(o) + " " + beyond(o, number(threshold), "")
	}
	if o.Measure == objective.CPUUsage || o.Measure == objective.MemoryUsage {
		floor := fmt.Sprintf("\nand\n%s >= %d", hostSamples(o).count("increase"), o.Floor())
		return hostValue(o, floor) + " " + beyond(o, number(threshold), tolerance)
	}
	value := Value(o) + "\nand\n" + share(o, threshold)
	if !o.Measure.OverDurations() {
		value = Value(o) + "\n" + beyond(o, number(threshold), tolerance)
	}
	return fmt.Sprintf("%s\nand\n%s >= %d", value, samples(o), o.Floor())
}

// beyond compares with a threshold on the bad side of an objective, further than a tolerance.
func beyond(o *objective.Objective, threshold, tolerance string) string {
	comparison, away := "> ", " + "
	if o.HigherIsBetter() {
		comparison, away = "< ", " - "
	}
	if tolerance == "" {
		return comparison + threshold
	}
	return comparison + threshold + away + tolerance
}

// share decides a threshold of durations by counting: fewer runs than the quantile were as fast as the threshold.
func share(o *objective.Objective, threshold float64) string {
	return runsOf(o).part(threshold) + "\n< " + number(o.Quantile) + " - " + tolerance
}

// lookups are those that a perfwatch sees: two of them read the same counters of one Redis.
func lookups(o *objective.Objective, of func(metric, matchers string, w time.Duration) string) (hits, misses string) {
	seen := func(what string) string {
		return "avg(" + byInstance(of("perfwatch_redis_keyspace_"+what+"_total", redisSelector(o), o.Window)) + ")"
	}
	return seen("hits"), seen("misses")
}

const (
	failed      = `outcome!~"ok|canceled"`
	notCanceled = `outcome!="canceled"`
)

// runs sums the runs of the selected probes whose outcome matches. The counter does not carry the group, which is
// looked up in perfwatch_probe_info.
func runs(o *objective.Objective, function, outcome string) string {
	if o.Group == "" {
		return sum(over(function, "perfwatch_probe_runs_total", joined(runSelector(o), outcome), o.Window))
	}
	counted := over(function, "perfwatch_probe_runs_total", joined(probeMatcher(o), outcome), o.Window)
	return fmt.Sprintf("sum(\n  sum by (probe) (%s)\n  * on (probe) max by (probe) (perfwatch_probe_info%s)\n)",
		counted, braced(runSelector(o)))
}

// hostValue is the mean of the host's samples, if they hold what floor asks for; of the worst host of several, since a
// mean over hosts would hide the one that is full.
func hostValue(o *objective.Objective, floor string) string {
	return "max(\n" + indented(hostSamples(o).mean()+floor) + "\n)"
}

// hostSamples are the host's samples of 100 ms behind a measure.
func hostSamples(o *objective.Objective) histogram {
	metric := "perfwatch_host_memory_usage_sample_ratio"
	if o.Measure == objective.CPUUsage {
		metric = "perfwatch_host_cpu_usage_sample_ratio"
	}
	return histogram{metric: metric, by: "instance", window: o.Window}
}

func burstSelector(o *objective.Objective) string { return braced(label("probe", o.Probe)) }

func redisSelector(o *objective.Objective) string { return label("redis", o.Redis) }

func runSelector(o *objective.Objective) string {
	return joined(label("group", o.Group), probeMatcher(o))
}

// probeMatcher matches the probe of an objective, or every target of it.
func probeMatcher(o *objective.Objective) string {
	if o.Targets {
		return `probe=~` + strconv.Quote(o.Probe+"/.+")
	}
	return label("probe", o.Probe)
}

// label matches one value; an empty value matches everything.
func label(name, value string) string {
	if value == "" {
		return ""
	}
	return name + "=" + strconv.Quote(value)
}

// joined joins matchers and leaves empty ones out.
func joined(matchers ...string) string {
	var set []string
	for _, m := range matchers {
		if m != "" {
			set = append(set, m)
		}
	}
	return strings.Join(set, ",")
}

func braced(matchers string) string {
	if matchers == "" {
		return ""
	}
	return "{" + matchers + "}"
}

func rate(metric, matchers string, w time.Duration) string { return over("rate", metric, matchers, w) }

func increase(metric, matchers string, w time.Duration) string {
	return over("increase", metric, matchers, w)
}

func over(function, metric, matchers string, w time.Duration) string {
	return fmt.Sprintf("%s(%s%s[%s])", function, metric, braced(matchers), short(w))
}

func sum(expr string) string { return "sum(" + expr + ")" }

// byInstance sums for each perfwatch.
func byInstance(expr string) string { return "sum by (instance) (" + expr + ")" }

// ratio divides, with no result where the whole is zero.
func ratio(part, whole string) string {
	return fmt.Sprintf("%s\n/\n(%s > 0)", part, whole)
}

// number writes a literal as people write it: 0.0005, never 5e-04.
func number(v float64) string { return strconv.FormatFloat(v, 'f', -1, 64) }
