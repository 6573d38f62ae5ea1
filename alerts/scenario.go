package alerts

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strconv"

	"github.com/prometheus/common/helpers/templates"

	"github.com/perfwatch/perfwatch/internal/objective"
)

// A scenario is one state of the world that an objective is tried in.
type scenario struct {
	name    string
	kind    kind
	value   float64 // of the objective
	near    float64 // the threshold that value is tried against; latency only
	samples float64 // in the window
	invalid bool    // bursts only: the burst judged itself invalid
	le      string  // the format of a bucket's bound that is a whole number
	native  bool    // histograms are native, of the classic bounds

	slowElsewhere bool // durations only: what is not selected is slow
}

const (
	// nudge is how far from a threshold the tests try, as a part of it. It is above the tolerance of the rules and far
	// below anything that matters.
	nudge = 1e-6
	// enough and notEnough are samples as a part of the floor.
	enough, notEnough = 1.01, 0.99
	// ample makes up for what a reset hides: the events between the last scrape and the restart.
	ample = 1.5
)

// scenarios are what every objective is tried in.
func scenarios(o *objective.Objective) []scenario {
	if o.Measure == objective.PromQL { // whoever wrote the query knows what it is made of
		return nil
	}
	all := nearThresholds(o)
	floor, worst := float64(o.Floor()), all[len(all)-1]
	for _, k := range []kind{isStale, areTwo, oneOfTwo} {
		if k != oneOfTwo || !pooled(o.Measure) {
			all = append(all, worst.but(string(k), k, nil))
		}
	}
	if o.Measure.OfBurst() {
		return append(all, burstScenarios(o, worst)...)
	}
	if o.Measure == objective.PipelineDuration {
		return append(all, pipelineScenarios(worst)...)
	}
	// The first threshold is the mildest, so that what is just short of it is short of all.
	healthy := all[0]
	restart := func(s *scenario) { s.samples = floor * ample }
	all = append(all,
		healthy.but("counter reset", startsAnew, restart),
		worst.but("counter reset in a breach", startsAnew, restart),
		worst.but(string(tooFew), tooFew, func(s *scenario) { s.samples = floor * notEnough }),
		worst.but(string(noTraffic), noTraffic, func(s *scenario) { s.samples = 0 }),
		worst.but(string(isMissing), isMissing, nil))
	if o.Measure.OverDurations() && whole(worst.near) {
		all = append(all, worst.but("bucket written as OpenMetrics writes it", "", func(s *scenario) { s.le = "%s.0" }))
	}
	return all
}

// pooled says that what several perfwatch measured is taken together.
func pooled(m objective.Measure) bool {
	return !m.OfLast() && m != objective.CPUUsage && m != objective.MemoryUsage
}

// nearThresholds are just on the good side of each threshold, at it and just on the bad side, from the mildest on.
func nearThresholds(o *objective.Objective) []scenario {
	var all []scenario
	for _, t := range judged(o) {
		by := cmp.Or(math.Abs(t.Value)*nudge, 1e-3)
		if o.HigherIsBetter() {
			by = -by
		}
		level := string(t.Level)
		try := func(name string, k kind, value float64) {
			all = append(all, scenario{name: name, kind: k, value: value, near: t.Value, samples: float64(o.Floor()) * enough, le: "%s"})
		}
		if t.Value != 0 { // below zero nothing can be
			try("just short of "+level, justShort, t.Value-by)
		}
		try("at "+level, atIt, t.Value)
		try("just past "+level, justPast, t.Value+by)
	}
	return all
}

// but makes a scenario of another kind, which may differ in more.
func (s scenario) but(name string, k kind, change func(*scenario)) scenario {
	s.name, s.kind = name, k
	if change != nil {
		change(&s)
	}
	return s
}

// quiet says that nothing may fire, whatever the value.
func (s scenario) quiet() bool {
	return s.invalid || slices.Contains([]kind{noTraffic, tooFew, isMissing, isStale}, s.kind)
}

func whole(v float64) bool { return v == math.Trunc(v) }

// series are the inputs of a scenario with n samples each. Beside what the objective selects there is always something
// that it does not select, and that would change the outcome.
func (s scenario) series(o *objective.Objective, n int) []inputSeries {
	switch o.Measure {
	case objective.Latency, objective.PageFCP, objective.PageTTI:
		return s.latency(o, n)
	case objective.ErrorRatio:
		return s.errors(o, n)
	case objective.CacheHitRatio:
		return append(s.lookups(cmp.Or(o.Redis, "one"), s.value, n), s.lookups(other(o.Redis), 0, n)...)
	case objective.CPUUsage, objective.MemoryUsage:
		metric := hostSamples(o).metric
		if s.native {
			return []inputSeries{s.buckets(metric, s.value, []float64{1}, []float64{1}, n)}
		}
		return []inputSeries{s.counter(metric+"_sum", s.value, n), s.counter(metric+"_count", 1, n)}
	case objective.PipelineDuration:
		return s.run(o, n)
	default:
		return s.burst(o, n)
	}
}

// other names something that an objective does not select; "" where it selects everything.
func other(selected string) string {
	if selected == "" {
		return ""
	}
	return "other_than_" + selected
}

// selected is the name of a probe that an objective selects.
func selected(o *objective.Objective) string {
	if o.Targets {
		return o.Probe + "/a:1"
	}
	return cmp.Or(o.Probe, "one")
}

// latency puts the quantile just short of, at or just past a threshold by how many runs its bucket holds. Buckets below
// it are empty and those above hold every run. What is not selected is fast, and would hide a breach, or slow.
func (s scenario) latency(o *objective.Objective, n int) []inputSeries {
	part := o.Quantile
	switch {
	case s.value < s.near:
		part += nudge / 10
	case s.value > s.near:
		part -= nudge / 10
	}
	all := s.histogram(o, cmp.Or(o.Group, "any"), selected(o), n, func(bound float64) float64 {
		switch {
		case bound < s.near:
			return 0
		case bound > s.near:
			return 1
		}
		return part
	})
	if decoy := cmp.Or(other(o.Group), other(o.Probe)); decoy != "" {
		fast := map[bool]float64{false: 1}[s.slowElsewhere]
		all = append(all, s.histogram(o, decoy, decoy, n, func(float64) float64 { return fast })...)
	}
	return all
}

// histogram has a bucket at each bound of the objective's thresholds.
func (s scenario) histogram(o *objective.Objective, group, probe string, n int, held func(bound float64) float64) []inputSeries {
	metric := durations(o.Measure)
	labels := fmt.Sprintf("group=%q,probe=%q", group, probe)
	if s.native {
		parts := make([]float64, 0, 4)
		for _, bound := range bounds(o) {
			parts = append(parts, held(bound))
		}
		return []inputSeries{s.buckets(metric+braced(labels), 0, bounds(o), parts, n)}
	}
	var all []inputSeries
	for _, bound := range bounds(o) {
		le := strconv.FormatFloat(bound, 'g', -1, 64)
		if whole(bound) {
			le = fmt.Sprintf(s.le, le)
		}
		all = append(all, s.counter(fmt.Sprintf("%s_bucket{%s,le=%q}", metric, labels, le), held(bound), n))
	}
	return append(all,
		s.counter(fmt.Sprintf(`%s_bucket{%s,le="+Inf"}`, metric, labels), 1, n),
		s.counter(fmt.Sprintf("%s_count{%s}", metric, labels), 1, n))
}

// bounds are the buckets that the thresholds of an objective make, and one above them.
func bounds(o *objective.Objective) []float64 {
	all := make([]float64, 0, 3)
	for _, t := range o.Thresholds() {
		all = append(all, t.Value)
	}
	all = append(all, 2*slices.Max(all))
	slices.Sort(all)
	return slices.Compact(all)
}

// errors counts runs of two probes; those canceled must not count at all.
func (s scenario) errors(o *objective.Objective, n int) []inputSeries {
	var all []inputSeries
	add := func(probe, group string, failed float64) {
		const metric = "perfwatch_probe_runs_total"
		all = append(all,
			inputSeries{fmt.Sprintf("perfwatch_probe_info{group=%q,kind=\"http\",probe=%q}", group, probe), fmt.Sprintf("1x%d", n)},
			s.counter(fmt.Sprintf(`%s{outcome="ok",probe=%q}`, metric, probe), 1-failed, n),
			s.counter(fmt.Sprintf(`%s{outcome="timeout",probe=%q}`, metric, probe), failed/2, n),
			s.counter(fmt.Sprintf(`%s{outcome="http_5xx",probe=%q}`, metric, probe), failed/2, n),
			s.counter(fmt.Sprintf(`%s{outcome="canceled",probe=%q}`, metric, probe), 3, n))
	}
	add(selected(o), cmp.Or(o.Group, "any"), s.value)
	if decoy := cmp.Or(other(o.Group), other(o.Probe)); decoy != "" {
		add(decoy, decoy, 1)
	}
	return all
}

// lookups counts the hits and misses of one Redis.
func (s scenario) lookups(redis string, hits float64, n int) []inputSeries {
	if redis == "" {
		return nil
	}
	return []inputSeries{
		s.counter(fmt.Sprintf("perfwatch_redis_keyspace_hits_total{redis=%q}", redis), hits, n),
		s.counter(fmt.Sprintf("perfwatch_redis_keyspace_misses_total{redis=%q}", redis), 1-hits, n),
	}
}

// counter is a counter that takes its part of the samples. It starts high, as one that has long been counting: Prometheus
// reads a rise from near zero as a series that has just begun.
func (s scenario) counter(series string, part float64, n int) inputSeries {
	const start = 100_000
	return inputSeries{series, s.rising(number(start), "0", rounded(s.samples*part/steps), n)}
}

// rising are values that rise steadily, in promtool's notation, and start again from zero halfway if they are reset.
func (s scenario) rising(start, zero, rise string, n int) string {
	if s.kind != startsAnew {
		return fmt.Sprintf("%s+%sx%d", start, rise, n)
	}
	before := n / 2
	return fmt.Sprintf("%s+%sx%d %s+%sx%d", start, rise, before, zero, rise, n-before)
}

// rounded writes a value to twelve places, so that the file is the same on machines that fuse additions.
func rounded(v float64) string { return number(math.Round(v*1e12) / 1e12) }

// printed is what the template of a unit prints.
func printed(u objective.Unit, v float64) string {
	switch u {
	case objective.Seconds:
		text, err := templates.HumanizeDuration(v)
		if err != nil { // of a float64 it is never one
			return err.Error()
		}
		return text
	case objective.Ratio:
		return fmt.Sprintf("%.4g%%", v*100)
	case objective.PerSecond:
		return fmt.Sprintf("%.4g/s", v)
	case objective.Bytes:
		return humanize1024(v) + "B"
	case objective.BytesPerSecond:
		return humanize1024(v) + "B/s"
	default:
		return fmt.Sprintf("%.4g", v)
	}
}
