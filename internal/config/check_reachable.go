package config

import (
	"fmt"
	"time"

	"github.com/perfwatch/perfwatch/internal/load"
	"github.com/perfwatch/perfwatch/internal/objective"
)

// How far apart the samples of a process are while a burst watches it.
const (
	localSamples  = 100 * time.Millisecond
	remoteSamples = time.Second // of a metrics_url
)

// reachable warns of an objective on a burst that cannot be judged, reached or missed.
func (c *checker) reachable(at string, o *objective.Objective) {
	if !o.Measure.OfBurst() || len(o.Thresholds()) == 0 || c.doubtful(at) {
		return
	}
	i := c.find(o.Probe)
	if i < 0 || c.cfg.Probes[i].Load == nil || c.doubtful(fmt.Sprintf("probes[%d]", i)) {
		return
	}
	p := &c.cfg.Probes[i]
	c.judgeable(at+".probe", o, p)
	for n, t := range o.Thresholds() {
		path, value := at+"."+string(t.Level), o.Unit().Format(t.Value)
		if why := unreachable(o, p, t.Value); why != "" && n == 0 {
			c.warn(path, "%s cannot be reached: %s", value, why)
		}
		if why := unmissable(o, p.Load, t.Value); why != "" {
			c.warn(path, "%s can hardly be missed: %s", value, why)
		}
	}
}

// judgeable warns of bursts that give fewer samples than it takes to judge them.
func (c *checker) judgeable(path string, o *objective.Objective, p *Probe) {
	floor := o.Floor()
	if most := p.Load.MostRequests(); o.OfRequests() && most < float64(floor) {
		c.warn(path, "%s sends %.0f requests at most, and it takes %d to judge", quote(p.Name), most, floor)
	}
	if o.Measure != objective.LoadMemoryLeak {
		return
	}
	if least := time.Duration(floor) * c.samplesEach(p.Load); p.Load.Limit() < least {
		c.warn(path, "%s goes on for %s, and it takes %s of samples to judge", quote(p.Name), written(p.Load.Limit()), written(least))
	}
}

// samplesEach is how far apart the samples are of the process that is read least often.
func (c *checker) samplesEach(s *load.Spec) time.Duration {
	every := localSamples
	for _, name := range s.Watch.Processes {
		for i := range c.cfg.Processes {
			if c.cfg.Processes[i].Name == name && c.cfg.Processes[i].MetricsURL != "" {
				every = remoteSamples
			}
		}
	}
	return every
}

// unreachable says why a burst cannot get to a value, however well its target answers; "" if it can.
func unreachable(o *objective.Objective, p *Probe, want float64) string {
	var most float64
	var why string
	switch o.Measure {
	case objective.LoadUsers:
		most, why = float64(p.Load.PeakUsers()), "its users"
	case objective.LoadThroughput:
		most, why = p.Load.PeakThroughput()
	case objective.LoadItemsRate:
		most, why = p.Load.PeakThroughput()
		most *= p.Load.MostItems()
	case objective.LoadDuration:
		return tooLong(p, want)
	default:
		return ""
	}
	if most >= want {
		return ""
	}
	return fmt.Sprintf("%s gives %s at most, by %s", quote(p.Name), o.Unit().Format(most), why)
}

// tooLong says why a burst takes longer than a number of seconds.
func tooLong(p *Probe, want float64) string {
	least := p.Load.Least()
	if p.Load.Iterations == 0 && p.Load.IterationsPerUser == 0 { // only iterations end a burst before its time
		least = p.Load.Limit()
	}
	if least.Seconds() <= want {
		return ""
	}
	return fmt.Sprintf("%s takes %s at least", quote(p.Name), written(least.Round(time.Millisecond)))
}

// unmissable says why a burst that does worse than a value would not be judged, or cannot do worse; "" if it would.
func unmissable(o *objective.Objective, s *load.Spec, value float64) string {
	limit, errors := s.Limit(), s.Abort.MaxErrorRatio()
	const aborted = "at %s in %s it is aborted, and not judged"
	switch m := o.Measure; {
	case m == objective.LoadDuration && value >= limit.Seconds():
		return "it ends after " + written(limit)
	case m == objective.LoadErrorRatio && value >= errors:
		return fmt.Sprintf(aborted, "more than "+objective.Ratio.Format(errors), "errors")
	// A p95 of the whole burst over the bound means that some five seconds of it were too.
	case m == objective.LoadLatency && o.Quantile <= 0.95 && s.Abort.LatencyP95 > 0 && value >= s.Abort.LatencyP95.Seconds():
		return fmt.Sprintf(aborted, "a p95 over "+written(s.Abort.LatencyP95), "five seconds")
	}
	return ""
}
