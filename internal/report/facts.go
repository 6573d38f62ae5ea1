package report

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/perfwatch/perfwatch/collector"
	"github.com/perfwatch/perfwatch/internal/archive"
	"github.com/perfwatch/perfwatch/internal/objective"
	"github.com/perfwatch/perfwatch/probes"
)

// A Fact is one thing that was found out, named, for people.
type Fact struct{ Name, Value string }

// Facts are what a burst found out beside its table.
func (u *Burst) Facts() []Fact {
	var facts []Fact
	add := func(name, format string, args ...any) {
		facts = append(facts, Fact{name, fmt.Sprintf(format, args...)})
	}
	add("Concurrency", "%d users at once at most, %d requests in flight", u.UsersPeak, u.InFlightPeak)
	if u.Asked > 0 && u.Asked != u.All.Requests {
		add("Requests", "%d of %d asked for", u.All.Requests, u.Asked)
	}
	if u.Dropped+u.Late > 0 {
		add("Not on time", "%d dropped, %d late", u.Dropped, u.Late)
	}
	if o := u.All.outcomes(); o != "" {
		add("Failures", "%s", o)
	}
	if u.All.CacheOf > 0 {
		add("Cache", "%s of %d responses from a cache, by their headers",
			objective.Ratio.Format(u.All.HitRatio()), u.All.CacheOf)
	}
	if u.ItemsRate > 0 {
		add("Items", "%s/s", rate(u.ItemsRate))
	}
	if u.Best != "" {
		add("Matrix", "%s", u.Best)
	}
	if u.Fairness > 0 {
		add("Fairness", "%.3f between the endpoints (Jain's index; 1 is even)", u.Fairness)
	}
	if u.Capacity != nil {
		add("Capacity", "%s, of %.4g/s wanted: %s", u.Capacity, u.Capacity.Wanted, u.Capacity.Why)
	}
	if u.Seed != 0 {
		add("Seed", "%d, of its random draws", u.Seed)
	}
	if u.Watch != nil {
		facts = append(facts, watchFacts(u.Watch)...)
	}
	return facts
}

// HitRatio is the part of the responses that came from a cache; 0 if none said so.
func (f *Figures) HitRatio() float64 { return float64(f.CacheHits) / float64(max(1, f.CacheOf)) }

// watchFacts are what the platform did during a burst.
func watchFacts(w *collector.BurstWatch) (facts []Fact) {
	for i := range w.Processes {
		p := &w.Processes[i]
		if p.Burst.Samples == 0 {
			facts = append(facts, Fact{"Process " + p.Name, "not seen"})
			continue
		}
		parts := []string{
			objective.Bytes.Format(p.Burst.MemoryPeak) + " memory at its peak",
			objective.Ratio.Format(p.Burst.CPUPeak) + " of a core at its peak",
		}
		if v, ok := p.MemoryPerRequest(); ok {
			parts = append(parts, objective.Bytes.Format(max(0, v))+" gained a request")
		}
		parts = append(parts, leakWords(p))
		if p.Burst.Restarts > 0 {
			parts = append(parts, fmt.Sprintf("restarted %d times", p.Burst.Restarts))
		}
		facts = append(facts, Fact{"Process " + p.Name, strings.Join(parts, ", ")})
	}
	for i := range w.Redis {
		r := &w.Redis[i]
		value := "no lookups"
		if v, ok := r.Burst.HitRatio(); ok {
			value = fmt.Sprintf("%s of %.0f lookups hit", objective.Ratio.Format(v), r.Burst.Lookups())
		}
		facts = append(facts, Fact{"Redis " + r.Name, value})
	}
	if w.Host != nil && w.Host.Burst.Samples > 0 {
		facts = append(facts, Fact{"Host", fmt.Sprintf("%.2g cores on average, %s of all at the peak, %s memory at its peak",
			w.Host.Burst.Mean(), objective.Ratio.Format(w.Host.Burst.CPUPeak),
			objective.Bytes.Format(w.Host.Burst.MemoryPeak))})
	}
	return facts
}

// leakWords say whether the memory surely grew. With too few samples no growth shown is not no growth.
func leakWords(w *collector.Watched) string {
	v, medians := w.MemoryLeak()
	switch {
	case v > 0:
		return fmt.Sprintf("growing by %s at least", objective.BytesPerSecond.Format(v))
	case medians < objective.LeakFloor:
		return "too short to tell whether its memory grows"
	}
	return "no memory growth shown"
}

// Readings are what was read beside the probes.
func (r *Report) Readings() (facts []Fact) {
	for i := range r.Redis {
		s := &r.Redis[i]
		value := "no lookups"
		switch {
		case !s.Up:
			value = "away"
		case s.HitRatio != nil:
			value = objective.Ratio.Format(*s.HitRatio) + " of lookups hit"
		}
		facts = append(facts, Fact{"Redis " + s.Name, value})
	}
	if r.Host != nil {
		facts = append(facts, Fact{"Host", fmt.Sprintf("%s CPU and %s memory at their peaks of the last minute",
			objective.Ratio.Format(r.Host.CPUPeak), objective.Ratio.Format(r.Host.MemoryPeak))})
	}
	return facts
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }

// phasesOf are the parts of a request in their order: how late it was sent, and what it then took.
func phasesOf(r archive.Request) string {
	var parts []string
	if late := r.Response - r.Service; late >= 0.001 {
		parts = append(parts, "late "+ms(late))
	}
	for p := range probes.NumPhases {
		if d, ok := r.Phases[p.String()]; ok {
			parts = append(parts, p.String()+" "+ms(d))
		}
	}
	return strings.Join(parts, ", ")
}
