package config

import (
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	promconfig "github.com/prometheus/common/config"

	"github.com/perfwatch/perfwatch/internal/load"
	"github.com/perfwatch/perfwatch/probes"
)

// probes checks every probe. A wrong one stays in the list, so that objectives which select it are not told it is missing.
func (c *checker) probes() {
	taken := map[string]string{}
	for i := range c.file.Probes {
		at := fmt.Sprintf("probes[%d]", i)
		in := &c.file.Probes[i]
		c.name(at+".name", in.Name, taken)
		c.cfg.Probes = append(c.cfg.Probes, c.probe(at, in))
	}
}

// probe fills in the defaults of one probe and lets its kind validate itself.
func (c *checker) probe(at string, in *probeSection) Probe {
	out := Probe{
		Name: in.Name, Group: in.Group, Schedule: in.Schedule, Kinds: in.Kinds,
		Timeout: c.duration(at+".timeout", in.Timeout, c.timeout(in), minTimeout, maxTimeout),
	}
	if !c.has(at + ".schedule") {
		out.Schedule = c.cfg.Global.Schedule
	} else {
		c.schedule(at+".schedule", in.Schedule)
	}
	switch given := in.given(); {
	case len(given) > 1:
		c.refuse(at, "both %s and %s, want one kind a probe", given[0].Kind(), given[1].Kind())
	case in.Load != nil && c.hasTargets(at):
		c.refuse(at+".targets", "targets of the kind load, want one of %s", wantOnDemandKind)
	case in.Load != nil:
		c.burst(at, in)
	case in.Page != nil:
		c.page(at, in)
	case len(given) == 1 && c.hasTargets(at):
		c.targeted(at, in)
	case len(given) == 1:
		c.spec(at+"."+in.Kind(), in.Spec())
	case !c.unknown[at]:
		c.refuse(at, "no kind, want one of %s", strings.Join(kindNames(), ", "))
	}
	if !c.has(at + ".group") {
		out.Group = out.Kind()
	} else if !namePattern.MatchString(in.Group) || len(in.Group) > maxName {
		c.refuse(at+".group", "%s, want %s", quote(in.Group), wantName)
	}
	return out
}

// timeout is the timeout of a probe that does not give one. The global one bounds a request, so a burst
// and a page get their own.
func (c *checker) timeout(in *probeSection) time.Duration {
	switch {
	case in.Load != nil:
		return in.Load.Limit() + time.Duration(in.Load.Waits())*burstSlack
	case in.Page != nil:
		return pageTimeout
	}
	return c.cfg.Global.Timeout
}

// spec lets a probe validate itself.
func (c *checker) spec(at string, s probes.Spec) {
	if h, ok := s.(*probes.HTTP); ok {
		c.needsBase(at+".url", h.URL)
		if h.HTTPClient != nil && !c.client(at+".http_client", h.HTTPClient) {
			rest := *h // what is wrong with the client has been told
			rest.HTTPClient, s = nil, &rest
		}
	}
	if j, ok := s.(*load.Journey); ok {
		for i := range j.Steps {
			if h := j.Steps[i].HTTP; h != nil {
				c.needsBase(fmt.Sprintf("%s.steps[%d].http.url", at, i), h.URL)
			}
		}
	}
	if w, ok := s.(*probes.Consistency); ok {
		for i, u := range w.URLs {
			c.needsBase(fmt.Sprintf("%s.urls[%d]", at, i), u)
		}
	}
	if err := c.builds(s); err != nil {
		c.fields(at, err)
	}
}

// builds says why a prober cannot be built. The one that is built to see it is let go again: a pool of connections has a
// goroutine of its own.
func (c *checker) builds(s probes.Spec) error {
	p, err := s.Prober(c.env())
	if built, ok := p.(interface{ Close() }); ok {
		built.Close()
	}
	return err
}

// leastPage is the shortest timeout of a page.
const leastPage = 10 * time.Second

// page lets a page validate itself, and holds its timeout against what it takes to be sure that a page is interactive.
func (c *checker) page(at string, in *probeSection) {
	c.needsBase(at+".page.url", in.Page.URL)
	for i := range in.Page.Login {
		c.needsBase(fmt.Sprintf("%s.page.login[%d].url", at, i), in.Page.Login[i].URL)
	}
	c.spec(at+".page", in.Page)
	if c.has(at+".timeout") && in.Timeout < leastPage && in.Timeout >= minTimeout {
		c.refuse(at+".timeout", "%s, want %s or more for a page, which must be quiet for 5s",
			quote(written(in.Timeout)), written(leastPage))
	}
}

// burst lets a burst validate itself, and holds its length against the timeout that would cut it off. A burst of
// iterations that gives a timeout and no duration sends for as long as the timeout leaves its last request.
func (c *checker) burst(at string, in *probeSection) {
	c.tasksNeedBase(at+".load", in.Load.Tasks)
	for i, step := range in.Load.Setup {
		if step.HTTP != nil {
			c.needsBase(fmt.Sprintf("%s.load.setup[%d].http.url", at, i), step.HTTP.URL)
		}
	}
	if _, err := in.Load.Plan(in.Name, c.env()); err != nil {
		c.fields(at+".load", err)
	}
	switch limit := in.Load.Limit(); {
	case !c.has(at + ".timeout"):
	case in.Load.Unbounded():
		c.bound(at+".timeout", in)
	case in.Timeout < limit:
		c.refuse(at+".timeout", "%s is shorter than the burst, want more than its duration of %s",
			quote(written(in.Timeout)), written(limit))
	}
	c.doable(at+".load", in.Load)
}

// doable warns of iterations for which a burst has no time, even if its target answered at once.
func (c *checker) doable(at string, s *load.Spec) {
	path := at + ".iterations"
	if !c.has(path) {
		path += "_per_user"
	}
	least := s.Least().Round(time.Second)
	if c.has(path) && !c.doubtful(at) && least > s.Limit() {
		c.warn(path, "the burst ends after %s, and these take %s at least", written(s.Limit()), written(least))
	}
}

// bound fills in the duration of a burst of iterations from its timeout.
func (c *checker) bound(path string, in *probeSection) {
	waits := time.Duration(in.Load.Waits()) * c.cfg.Global.Timeout
	left := in.Timeout - waits
	if left <= 0 {
		c.refuse(path, "%s leaves a burst no time, want more than the %s of its last requests",
			quote(written(in.Timeout)), written(waits))
		return
	}
	in.Load.Bound(left)
}

var errNoRedis = errors.New("no Redis of this name")

// env is what specs are validated against. Without a base URL it has a stand-in: that one is missing is told by
// needsBase, and not again if the one given is wrong.
func (c *checker) env() probes.Env {
	env := c.cfg.Env()
	env.HTTP = promconfig.DefaultHTTPClientConfig // the one given has been checked, once
	env.Redis = func(name string) (probes.Redis, error) {
		if slices.ContainsFunc(c.file.Redis, func(r redisSection) bool { return r.Name == name }) {
			return nil, nil //nolint:nilnil // nobody is asked while the file is checked
		}
		return nil, errNoRedis
	}
	if env.BaseURL == nil {
		env.BaseURL = &url.URL{Scheme: "http", Host: "base.invalid"}
	}
	return env
}

// needsBase tells of a relative URL that nothing resolves. A base URL that is given but wrong is told of once, there.
func (c *checker) needsBase(path, given string) {
	if c.has("global.base_url") || given == "" {
		return
	}
	if u, err := url.Parse(given); err == nil && u.Scheme == "" {
		c.refuse(path, "%s is relative, want an absolute URL or global.base_url", quote(given))
	}
}

// tasksNeedBase does the same for a task tree, whose depth the decoder has bounded.
func (c *checker) tasksNeedBase(at string, tasks []load.Task) {
	for i := range tasks {
		task := fmt.Sprintf("%s.tasks[%d]", at, i)
		if h := tasks[i].HTTP; h != nil {
			c.needsBase(task+".http.url", h.URL)
		}
		c.tasksNeedBase(task, tasks[i].Tasks)
	}
}
