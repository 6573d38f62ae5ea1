package config

import (
	"fmt"
	"slices"
	"strings"

	"github.com/perfwatch/perfwatch/internal/objective"
)

// objectives checks every objective. One without a known measure is left at that: its unit, its selectors and its
// thresholds are all unknown.
func (c *checker) objectives() {
	taken, alerts := map[string]string{}, map[string]string{}
	for i := range c.file.Objectives {
		at := fmt.Sprintf("objectives[%d]", i)
		in := &c.file.Objectives[i]
		c.name(at+".name", in.Name, taken)
		c.alert(at+".name", in.Name, alerts)
		if !c.measure(at, in) {
			continue
		}
		o := c.objective(at, in)
		c.cfg.Objectives = append(c.cfg.Objectives, o)
	}
}

// alert checks that the alerts of an objective are its own: a_b and a__b would share theirs.
func (c *checker) alert(path, name string, taken map[string]string) {
	o := objective.Objective{Name: name}
	alert := o.AlertName()
	switch first, twice := taken[alert]; {
	case slices.Contains(objective.OwnAlerts(), alert):
		c.refuse(path, "%s gives the alert %s, which perfwatch has already", quote(name), alert)
	case twice && first != name:
		c.refuse(path, "%s gives the alert %s, as does %s", quote(name), alert, quote(first))
	default:
		taken[alert] = name
	}
}

// measure checks the measure, without which nothing else of an objective means anything.
func (c *checker) measure(at string, in *objectiveSection) bool {
	path := at + ".measure"
	all := make([]string, 0, len(objective.Measures()))
	for _, m := range objective.Measures() {
		all = append(all, string(m))
	}
	switch {
	case !c.has(path):
		c.missing(path, "one of "+strings.Join(all, ", "))
	case slices.Contains(all, in.Measure):
		return true
	default:
		c.refuse(path, "%s is not a measure, %s", quote(in.Measure), instead(in.Measure, all))
	}
	return false
}

// objective fills in one objective; what is wrong in it is reported and left at zero.
func (c *checker) objective(at string, in *objectiveSection) objective.Objective {
	o := objective.Objective{
		Name: in.Name, Title: in.Title, Measure: objective.Measure(in.Measure), Quantile: in.Quantile,
		Group: in.Group, Probe: in.Probe, Redis: in.Redis, Pipeline: in.Pipeline,
	}
	if !c.has(at + ".title") {
		o.Title = strings.ReplaceAll(in.Name, "_", " ")
	} else if in.Title == "" || len(in.Title) > maxText || strings.ContainsAny(in.Title, "\r\n") {
		c.refuse(at+".title", "%s, want one line of at most %d bytes", quote(in.Title), maxText)
	}
	c.quantile(at+".quantile", &o)
	if o.Measure.OfPage() {
		o.Quantile = objective.Median
	}
	c.selectors(at, &o)
	c.ownQuery(at, in, &o)
	c.thresholds(at, in, &o)
	c.window(at+".window", in.Window, &o)
	c.errorBudget(at+".error_budget", in.Budget, &o)
	c.reachable(at, &o)
	return o
}

// quantile checks that a latency has one and nothing else has.
func (c *checker) quantile(path string, o *objective.Objective) {
	const want = "a quantile between 0 and 1, as 0.95"
	switch given := c.has(path); {
	case !o.Measure.TakesQuantile() && given:
		c.refuse(path, "a quantile of %s, want it only with %s and %s", o.Measure, objective.Latency, objective.LoadLatency)
	case o.Measure.TakesQuantile() && !given:
		c.missing(path, want)
	case given && !(o.Quantile > 0 && o.Quantile < 1):
		c.refuse(path, "%s, want %s", quote(fmt.Sprint(o.Quantile)), want)
	}
}

// selectors checks that an objective selects only what its measure is of, and that what it selects is there.
func (c *checker) selectors(at string, o *objective.Objective) {
	var allowed []string
	switch o.Measure {
	case objective.Latency, objective.ErrorRatio, objective.PageFCP, objective.PageTTI:
		allowed = []string{"group", "probe"}
	case objective.CacheHitRatio:
		allowed = []string{"redis"}
	case objective.CPUUsage, objective.MemoryUsage:
		if !c.has("host") {
			c.refuse(at+".measure", "%s without the section host, want host: {}", quote(string(o.Measure)))
		}
	case objective.PipelineDuration:
		allowed = []string{"pipeline"}
	case objective.PromQL: // selects for itself
	default: // of bursts
		allowed = []string{"probe"}
	}
	for _, key := range []string{"group", "probe", "redis", "pipeline"} {
		if c.has(at+"."+key) && !slices.Contains(allowed, key) {
			c.refuse(at+"."+key, "%s selects nothing of %s, want %s", key, o.Measure, orNothing(allowed))
		}
	}
	switch {
	case o.Measure.OfBurst():
		c.selectsBurst(at+".probe", o)
	case o.Measure == objective.CacheHitRatio:
		c.selectsRedis(at, o)
	case o.Measure == objective.PipelineDuration:
		c.selectsPipeline(at+".pipeline", o)
	case len(allowed) > 0:
		c.selectsProbes(at, o)
	}
}

func orNothing(allowed []string) string {
	if len(allowed) == 0 {
		return "no selector"
	}
	return strings.Join(allowed, " or ")
}

// selectsBurst checks the selector of a measure of bursts: there is no figure of two bursts together.
func (c *checker) selectsBurst(path string, o *objective.Objective) {
	if !c.has(path) {
		c.missing(path, "the name of a load probe")
		return
	}
	switch p := c.probeNamed(path, o.Probe); {
	case p == nil:
	case p.Load == nil:
		c.refuse(path, "%s is not a load probe, want one", quote(o.Probe))
	case p.Load.FindCapacity != nil:
		c.refuse(path, "%s is a search of many rates, which no objective judges, want a burst without find_capacity", quote(o.Probe))
	case o.Measure == objective.LoadItemsRate && !p.Load.CountsItems():
		c.refuse(path, "%s counts no items, want items: in its load", quote(o.Probe))
	case o.Measure.OfMemory() && len(p.Load.Watch.Processes) == 0:
		c.refuse(path, "%s watches no process, want watch: {processes: [...]} in its load", quote(o.Probe))
	}
}

// selectsProbes checks the selector of a measure over probes that are no bursts. None selects all of them.
func (c *checker) selectsProbes(at string, o *objective.Objective) {
	switch {
	case c.has(at+".group") && c.has(at+".probe"):
		c.refuse(at, "both group and probe, want one of them")
	case c.has(at + ".probe"):
		switch p := c.probeNamed(at+".probe", o.Probe); {
		case p == nil:
		case p.Load != nil:
			c.refuse(at+".probe", "%s is a burst, want another kind of probe: a burst has measures of its own", quote(o.Probe))
		case !measured(o.Measure, p):
			c.refuse(at+".probe", "%s is no page, want a probe of the kind page", quote(o.Probe))
		case c.asksOnDemand(c.find(o.Probe)):
			c.refuse(at+".probe", "%s is asked on demand, want a probe with a schedule", quote(o.Probe))
		}
		_, o.Targets = c.targets[o.Probe]
	case c.has(at + ".group"):
		c.groupOfProbes(at+".group", o)
	case !slices.ContainsFunc(c.cfg.Probes, func(p Probe) bool { return measured(o.Measure, &p) }):
		c.refuse(at+".measure", "%s without a probe %s, want one to measure", quote(string(o.Measure)), sources(o.Measure))
	}
}

// measured says that the runs of a probe are what a measure is of.
func measured(m objective.Measure, p *Probe) bool {
	return p.Spec() != nil && (p.Page != nil || !m.OfPage())
}

// sources says which probes a measure is of.
func sources(m objective.Measure) string {
	if m.OfPage() {
		return "of the kind page"
	}
	return "other than bursts"
}

// groupOfProbes checks that a group has something to measure, which bursts are not.
func (c *checker) groupOfProbes(path string, o *objective.Objective) {
	var groups []string
	for i, p := range c.cfg.Probes {
		switch {
		case !measured(o.Measure, &p), c.asksOnDemand(i):
		case p.Group == o.Group:
			return
		default:
			groups = append(groups, p.Group)
		}
	}
	known := slices.Compact(slices.Sorted(slices.Values(groups)))
	c.refuse(path, "%s has no probe %s, %s", quote(o.Group), sources(o.Measure), instead(o.Group, known))
}

// probeNamed finds a probe; nil if there is none, which it reports, or if nothing more can be said of it.
func (c *checker) probeNamed(path, name string) *Probe {
	i := c.find(name)
	if i < 0 {
		names := make([]string, 0, len(c.cfg.Probes))
		for _, p := range c.cfg.Probes {
			names = append(names, p.Name)
		}
		c.refuse(path, "%s is not a probe, %s", quote(name), instead(name, names))
		return nil
	}
	p := &c.cfg.Probes[i]
	if len(p.given()) == 0 {
		return nil
	}
	return p
}

// find is the index of the first probe of a name; -1 if there is none.
func (c *checker) find(name string) int {
	return slices.IndexFunc(c.cfg.Probes, func(p Probe) bool { return p.Name == name })
}

// selectsRedis checks the selector of the cache hit ratio. None selects every Redis.
func (c *checker) selectsRedis(at string, o *objective.Objective) {
	names := make([]string, 0, len(c.cfg.Redis))
	for i := range c.cfg.Redis {
		names = append(names, c.cfg.Redis[i].Name)
	}
	switch {
	case c.has(at+".redis") && !slices.Contains(names, o.Redis):
		c.refuse(at+".redis", "%s is not a Redis, %s", quote(o.Redis), instead(o.Redis, names))
	case len(names) == 0:
		c.refuse(at+".measure", "%s without the section redis, want one to measure", quote(string(o.Measure)))
	}
}
