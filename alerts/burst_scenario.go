package alerts

import (
	"cmp"
	"fmt"
	"math"
	"strconv"

	"github.com/perfwatch/perfwatch/internal/objective"
)

// burstScenarios are what an objective on bursts is tried in beside its thresholds.
func burstScenarios(o *objective.Objective, worst scenario) []scenario {
	worst.value = worstFigure(o)
	all := []scenario{
		worst.but("burst invalid", "", func(s *scenario) { s.invalid = true }),
		worst.but("no burst yet", isMissing, func(s *scenario) { s.samples = 0 }),
	}
	if o.Floor() > 1 {
		all = append(all,
			worst.but("just enough samples", "", func(s *scenario) { s.samples = float64(o.Floor()) }),
			worst.but(string(tooFew), tooFew, func(s *scenario) { s.samples = float64(o.Floor() - 1) }))
	}
	return all
}

// worstFigure is on the bad side of every threshold.
func worstFigure(o *objective.Objective) float64 {
	if o.HigherIsBetter() {
		return 0
	}
	worst := 1.0
	for _, t := range o.Thresholds() {
		worst = max(worst, 10*t.Value)
	}
	if o.Unit() == objective.Ratio {
		return 1
	}
	return worst
}

// bestFigure is on the good side of every threshold.
func bestFigure(o *objective.Objective) float64 {
	if !o.HigherIsBetter() {
		return 0
	}
	best := 1.0
	for _, t := range o.Thresholds() {
		best = max(best, t.Value)
	}
	return best
}

// burst gives the figures of a last burst and of a worse one elsewhere.
func (s scenario) burst(o *objective.Objective, n int) []inputSeries {
	var all []inputSeries
	if s.samples > 0 {
		all = s.lastBurst(o, cmp.Or(o.Probe, "one"), n)
	}
	if decoy := other(o.Probe); decoy != "" {
		elsewhere := scenario{value: worstFigure(o), samples: float64(o.Floor())}
		all = append(all, elsewhere.lastBurst(o, decoy, n)...)
	}
	return all
}

// lastBurst is one burst. Beside its figure stands what must not be taken for it: of another endpoint or quantile, of the
// host, of a process or Redis that did better, of a Redis that was hardly asked. The endpoint "" is a label left out.
func (s scenario) lastBurst(o *objective.Objective, probe string, n int) []inputSeries {
	var all []inputSeries
	put := func(v float64, metric, labels string) {
		all = append(all, inputSeries{
			metric + braced(joined(label("probe", probe), labels)), fmt.Sprintf("%sx%d", number(v), n),
		})
	}
	value, worst, best := exact(s.value), worstFigure(o), bestFigure(o)
	requests := s.requests(o)
	switch o.Measure {
	case objective.LoadLatency:
		quantile := "quantile=" + strconv.Quote(strconv.FormatFloat(o.Quantile, 'g', -1, 64))
		put(value, lastLatency, quantile)
		put(worst, lastLatency, `quantile="1"`)
		put(worst, lastLatency, `endpoint="slow",`+quantile)
	case objective.LoadLatencyMean:
		put(exact(s.value*requests), lastLatency+"_sum", "")
		put(exact(worst*requests), lastLatency+"_sum", `endpoint="slow"`)
	case objective.LoadMemoryPeak, objective.LoadMemoryPerRequest, objective.LoadMemoryLeak:
		if o.Measure != objective.LoadMemoryLeak || s.samples >= objective.LeakFloor {
			put(value, gaugeOf(o.Measure), `process="api"`)
		}
		put(best, gaugeOf(o.Measure), `process="worker"`)
		if o.Measure == objective.LoadMemoryPeak {
			put(worst, gaugeOf(o.Measure), `process=""`)
		}
	case objective.LoadCacheHitRatio:
		put(value, gaugeOf(o.Measure), `redis="cache"`)
		put(requests, lastLookups, `redis="cache"`)
		put(best, gaugeOf(o.Measure), `redis="sessions"`)
		put(requests, lastLookups, `redis="sessions"`)
		put(worst, gaugeOf(o.Measure), `redis="idle"`)
		put(1, lastLookups, `redis="idle"`)
	default:
		put(value, gaugeOf(o.Measure), "")
	}
	if o.OfRequests() {
		put(requests, lastLatency+"_count", "")
		put(1e6, lastLatency+"_count", `endpoint="slow"`)
	}
	put(map[bool]float64{true: 0, false: 1}[s.invalid], lastValid, "")
	return all
}

// requests are the samples of a burst: no more than it takes. A mean is told from its threshold only if it is a sum over a
// power of two, which takes nothing from a float.
func (s scenario) requests(o *objective.Objective) float64 {
	floor := float64(o.Floor())
	if o.Measure == objective.LoadLatencyMean && s.samples > floor {
		return math.Exp2(math.Ceil(math.Log2(floor)))
	}
	return min(s.samples, floor)
}

// exact keeps twelve digits, whatever their magnitude, so that the file is the same on machines that fuse additions.
func exact(v float64) float64 {
	text := strconv.FormatFloat(v, 'e', 12, 64)
	v, err := strconv.ParseFloat(text, 64)
	if err != nil { // never of what was written from a float
		return 0
	}
	return v
}

// humanize1024 prints as the function of that name does in Prometheus's templates.
func humanize1024(v float64) string {
	prefix := ""
	if math.Abs(v) > 1 {
		for _, p := range []string{"ki", "Mi", "Gi", "Ti"} {
			if math.Abs(v) < 1024 {
				break
			}
			v, prefix = v/1024, p
		}
	}
	return fmt.Sprintf("%.4g%s", v, prefix)
}
