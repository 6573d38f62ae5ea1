package config

import (
	"fmt"
	"math"
	"time"

	"github.com/perfwatch/perfwatch/internal/objective"
)

// thresholds reads the three levels. Warning and critical must differ, or the warning would never be seen alone; the
// target stands where it likes.
func (c *checker) thresholds(at string, in *objectiveSection, o *objective.Objective) {
	o.Target = c.threshold(at+".target", in.Target, o)
	o.Warning = c.threshold(at+".warning", in.Warning, o)
	o.Critical = c.threshold(at+".critical", in.Critical, o)
	if !c.has(at+".target") && !c.has(at+".warning") && !c.has(at+".critical") {
		c.missing(at+".target", "at least one of target, warning, critical")
	}
	if o.Warning != nil && o.Critical != nil && !o.Crossed(*o.Critical, *o.Warning) {
		side := "above"
		if o.HigherIsBetter() {
			side = "below"
		}
		c.refuse(at+".critical", "%s beside warning %s, want critical %s warning", quote(in.Critical), quote(in.Warning), side)
	}
}

// threshold reads a value in the unit of its objective; nil if there is none or it is wrong.
func (c *checker) threshold(path, text string, o *objective.Objective) *float64 {
	if !c.has(path) || o.Unit() == "" {
		return nil
	}
	v, err := o.Unit().Parse(text)
	switch {
	case err != nil:
		c.refuse(path, "%s", foreign(err, text))
	case o.Unit() != objective.Ratio && o.Measure != objective.LoadMemoryLeak && o.Measure != objective.PromQL && v <= 0:
		c.refuse(path, "%s, want more than zero", quote(text))
	default:
		return &v
	}
	return nil
}

// window chooses the window of an objective that gives none, and warns of one that cannot hold enough samples.
func (c *checker) window(path string, given time.Duration, o *objective.Objective) {
	if o.Measure.OfLast() {
		if c.has(path) {
			c.refuse(path, "%s, want none: a %s is judged as a whole", quote(written(given)), judgedWhole(o.Measure))
		}
		return
	}
	if o.Measure == objective.PromQL {
		if c.has(path) {
			c.refuse(path, "%s, want none: its query has its own", quote(written(given)))
		}
		return
	}
	o.Window = c.duration(path, given, defaultWindow, minWindow, maxWindow)
	if o.Measure == objective.CacheHitRatio || c.doubtful(parent(path)) {
		return // lookups come as they come; and a floor without a quantile or thresholds is none
	}
	floor, rate := o.Floor(), c.samplesPerSecond(o)
	enough, ok := objective.WindowFor(floor, rate)
	short := given.Seconds()*rate < float64(floor)-rounding
	switch {
	case !c.has(path):
		o.Window = enough
		if ok {
			return
		}
		c.warn(path, "left out, but even %s holds only %s", written(enough), ofFloor(enough, rate, floor))
	case short && ok:
		c.warn(path, "%s holds only %s, %s would do", quote(written(given)), ofFloor(given, rate, floor), written(enough))
	case short:
		c.warn(path, "%s holds only %s, and no window up to %s would do",
			quote(written(given)), ofFloor(given, rate, floor), written(enough))
	}
}

// judgedWhole says what a measure is judged on that has no window.
func judgedWhole(m objective.Measure) string {
	if m == objective.PipelineDuration {
		return "run of a pipeline"
	}
	return "burst"
}

// ofFloor says how far a window is from holding enough samples.
func ofFloor(window time.Duration, perSecond float64, floor int) string {
	return fmt.Sprintf("%.0f of the %d samples that it takes to judge", math.Floor(window.Seconds()*perSecond+rounding), floor)
}

// samplesPerSecond is how many samples an objective's schedules give it.
func (c *checker) samplesPerSecond(o *objective.Objective) float64 {
	if o.Measure == objective.CPUUsage || o.Measure == objective.MemoryUsage {
		return 1 / max(c.cfg.Host.SampleInterval, minSample).Seconds()
	}
	rate := 0.0
	for i := range c.cfg.Probes {
		p := &c.cfg.Probes[i]
		if !measured(o.Measure, p) || o.Group != "" && o.Group != p.Group || o.Probe != "" && o.Probe != p.Name {
			continue
		}
		targets, many := c.targets[p.Name]
		if every := c.interval(p.Schedule); every > 0 && !c.asksOnDemand(i) {
			rate += 1 / every.Seconds()
			if many {
				rate += float64(max(len(targets), 1)-1) / every.Seconds() // those that are known today
			}
		}
	}
	return rate
}
