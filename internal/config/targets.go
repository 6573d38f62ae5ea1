package config

import (
	"fmt"
	"maps"
	"net/netip"
	"reflect"
	"regexp"
	"slices"
	"strings"

	promconfig "github.com/prometheus/common/config"

	"github.com/perfwatch/perfwatch/probes"
)

// The bounds of targets.
const (
	maxTargets       = 20_000 // of all probes
	maxTargetLabels  = 10     // of one target
	maxAllowed       = 1000
	defaultOnDemand  = 20
	maxOnDemand      = 1000
	onDemandText     = "on_demand"
	targetLabel      = "target" // the label that is the target itself
	wantOnDemandKind = "http, tcp, tls, dns, grpc or icmp: the other kinds have no targets"
)

// A Target is what a probe asks that has many, and what is told of it.
type Target struct {
	Address string
	Labels  map[string]string
}

// OnDemand is what may be asked through /probe.
type OnDemand struct {
	Probes      []Template
	Allow       []string // networks, addresses, host names, and *.example.org for all below one
	Concurrency int      // runs at once
}

// A Template is a probe that is asked on demand.
type Template struct {
	Probe          // without a target
	Known []Target // what service discovery offers Prometheus; others may be asked too
}

// onDemand checks what may be asked on demand. Without an allow list that is nothing.
func (c *checker) onDemand() {
	in, out := &c.file.OnDemand, &c.cfg.OnDemand
	*out = OnDemand{Allow: in.Allow, Concurrency: defaultOnDemand}
	if c.has("on_demand.concurrency") {
		if out.Concurrency = in.Concurrency; in.Concurrency < 1 || in.Concurrency > maxOnDemand {
			c.refuse("on_demand.concurrency", "%d, want 1 to %d", in.Concurrency, maxOnDemand)
		}
	}
	if len(in.Allow) > maxAllowed {
		c.refuse("on_demand.allow", "%d entries, want at most %d", len(in.Allow), maxAllowed)
		return
	}
	for i, entry := range in.Allow {
		if _, err := netip.ParsePrefix(entry); err != nil && !hostText.MatchString(strings.TrimPrefix(entry, "*.")) {
			c.refuse(fmt.Sprintf("on_demand.allow[%d]", i),
				"%s, want a network such as 10.0.0.0/8, an address, a host name, or *.example.org for all below one", quote(entry))
		}
	}
}

func (c *checker) hasTargets(at string) bool { return c.has(at+".targets") || c.has(at+".file_sd") }

// targeted checks a probe with targets in the place of its own.
func (c *checker) targeted(at string, in *probeSection) {
	spec, ok := in.Spec().(probes.Targeted)
	if !ok {
		c.refuse(at+".targets", "targets of the kind %s, want one of %s", in.Kind(), wantOnDemandKind)
		return
	}
	if own := in.ownTarget(); own != "" {
		c.refuse(at+"."+in.Kind(), "%s beside targets, want none: each target takes its place", quote(own))
		return
	}
	before := len(c.mistakes)
	c.spec(at+"."+in.Kind(), spec.At(standIn(in.Kind())))
	onDemand := in.Targets == onDemandText
	if client := c.clientOf(in); onDemand && client != nil && (client.ProxyFromEnvironment || client.ProxyURL.URL != nil) {
		c.refuse(at+".targets", "%s through a proxy, want none in its http_client: the proxy's address would be judged, "+
			"not the target's", onDemandText)
	}
	if len(c.mistakes) > before {
		return
	}
	var all []Target
	if !onDemand {
		all = c.listed(at+".targets", in.Targets, spec)
	}
	for i, pattern := range in.FileSD {
		all = append(all, c.discover(fmt.Sprintf("%s.file_sd[%d]", at, i), in.Name, pattern, spec)...)
	}
	taken := map[string]bool{}
	all = slices.DeleteFunc(all, func(t Target) bool { // of two files, the first
		twice := taken[t.Address]
		taken[t.Address] = true
		return twice
	})
	if onDemand {
		c.known[in.Name] = all
	} else {
		c.targets[in.Name] = all
	}
}

// clientOf is what configures the requests of a probe; nil if it sends none.
func (c *checker) clientOf(in *probeSection) *promconfig.HTTPClientConfig {
	switch {
	case in.HTTP == nil:
		return nil
	case in.HTTP.HTTPClient != nil:
		return in.HTTP.HTTPClient
	}
	return &c.cfg.Global.HTTPClient
}

// standIn is a target that every spec of a kind takes.
func standIn(kind string) string {
	if kind == "icmp" {
		return "127.0.0.1"
	}
	return "127.0.0.1:1"
}

// ownTarget is the target that the spec itself names; a URL that is only a path is none.
func (in *probeSection) ownTarget() string {
	switch {
	case in.HTTP != nil && !strings.HasPrefix(in.HTTP.URL, "/"):
		return in.HTTP.URL
	case in.TCP != nil:
		return in.TCP.Address
	case in.TLS != nil:
		return in.TLS.Address
	case in.DNS != nil:
		return in.DNS.Server
	case in.GRPC != nil:
		return in.GRPC.Address
	case in.ICMP != nil:
		return in.ICMP.Host
	}
	return ""
}

// listed reads the targets that stand in the configuration.
func (c *checker) listed(at string, given any, spec probes.Targeted) (all []Target) {
	if !c.has(at) {
		return nil
	}
	list, ok := given.([]any)
	if !ok || len(list) == 0 {
		c.refuse(at, "%s, want %s, or a list of targets or of {target: …, labels: {…}}", quote(fmt.Sprint(given)), onDemandText)
		return nil
	}
	taken := map[string]bool{}
	for i, entry := range list {
		at := fmt.Sprintf("%s[%d]", at, i)
		t, why := targetOf(entry)
		if why == "" {
			why = c.unfit(t, spec)
		}
		switch {
		case why != "":
			c.refuse(at, "%s", why)
		case taken[t.Address]:
			c.refuse(at, "%s stands here twice, want it once", quote(t.Address))
		default:
			taken[t.Address] = true
			all = append(all, t)
		}
	}
	return all
}

// targetOf reads an entry of the list.
func targetOf(entry any) (t Target, why string) {
	const want = "want a target, or {target: …, labels: {…}}"
	switch e := entry.(type) {
	case string:
		t.Address = e
	case map[string]any:
		for key, value := range e {
			switch v := value.(type) {
			case string:
				if key != targetLabel {
					return t, fmt.Sprintf("key %s, %s", quote(key), want)
				}
				t.Address = v
			case map[string]any:
				if key != "labels" {
					return t, fmt.Sprintf("key %s, %s", quote(key), want)
				}
				t.Labels = map[string]string{}
				for name, text := range v {
					t.Labels[name] = fmt.Sprint(text)
				}
			default:
				return t, fmt.Sprintf("key %s, %s", quote(key), want)
			}
		}
	default:
		return t, fmt.Sprintf("%s, %s", quote(fmt.Sprint(entry)), want)
	}
	return t, ""
}

var labelName = regexp.MustCompile(`^[a-zA-Z_][a-zA-Z0-9_]{0,63}$`)

// unfit says what is wrong with a target, or nothing.
func (c *checker) unfit(t Target, spec probes.Targeted) string {
	if err := probes.CheckTarget(t.Address); err != nil {
		return err.Error()
	}
	if len(t.Labels) > maxTargetLabels {
		return fmt.Sprintf("%d labels of target %s, want at most %d", len(t.Labels), quote(t.Address), maxTargetLabels)
	}
	for _, name := range slices.Sorted(maps.Keys(t.Labels)) {
		if !labelName.MatchString(name) || name == targetLabel || len(t.Labels[name]) > maxText {
			return fmt.Sprintf("label %s of target %s, want a name of letters, digits and _ other than %s, "+
				"and a value of at most %d bytes", quote(name), quote(t.Address), targetLabel, maxText)
		}
	}
	if err := c.builds(spec.At(t.Address)); err != nil {
		return fmt.Sprintf("target %s: %s", quote(t.Address), foreign(err, ""))
	}
	return ""
}

// asksOnDemand says that the probe of an index is only a template.
func (c *checker) asksOnDemand(i int) bool { return c.file.Probes[i].Targets == onDemandText }

// fanOut puts the targets of each probe in its place, and sets those aside that are asked on demand.
func (c *checker) fanOut() {
	var all []Probe
	for i := range c.cfg.Probes {
		p, at := c.cfg.Probes[i], fmt.Sprintf("probes[%d]", i)
		switch {
		case !c.hasTargets(at) || p.Spec() == nil:
			all = append(all, p)
		case c.asksOnDemand(i):
			c.cfg.OnDemand.Probes = append(c.cfg.OnDemand.Probes, Template{p, c.known[p.Name]})
		default:
			for _, t := range c.targets[p.Name] {
				all = append(all, p.at(t))
			}
		}
		if len(all) > maxTargets {
			c.refuse(at, "more than %d probes with their targets, want fewer", maxTargets)
			return
		}
	}
	c.cfg.Probes = all
	if len(c.cfg.OnDemand.Probes) > 0 && len(c.cfg.OnDemand.Allow) == 0 {
		c.warn("on_demand", "nothing may be asked on demand, want allow: with the networks and hosts that may")
	}
}

// at is the probe of one target.
func (p *Probe) at(t Target) Probe {
	one := *p
	one.Name = p.Name + "/" + t.Address
	one.Labels = map[string]string{targetLabel: t.Address}
	maps.Copy(one.Labels, t.Labels)
	one.Kinds = p.At(t.Address)
	return one
}

// At is the kind that is set, with a target in the place of its own.
func (k *Kinds) At(target string) Kinds {
	var at Kinds
	spec, ok := k.Spec().(probes.Targeted)
	if !ok {
		return *k
	}
	from, to := reflect.ValueOf(k).Elem(), reflect.ValueOf(&at).Elem()
	for i := range from.NumField() {
		if !from.Field(i).IsNil() {
			to.Field(i).Set(reflect.ValueOf(spec.At(target)))
		}
	}
	return at
}
