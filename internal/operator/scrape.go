package operator

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/prometheus/common/model"

	"github.com/perfwatch/perfwatch/internal/config"
	"github.com/perfwatch/perfwatch/internal/schedule"
)

const (
	defaultPort = ":10095"
	// longestInterval is below the quarter of five minutes, the window of the rates that the rules record.
	longestInterval = time.Minute
	// perWindow is how many scrapes the window of a rate takes at least.
	perWindow = 4
	// onTheWay is what /probe keeps of a scrape's time for the way back.
	onTheWay = 500 * time.Millisecond
)

// Interval is how often a configuration wants to be scraped: as often as its probes run unless they say otherwise, and at
// least four times in the window of each objective.
func Interval(cfg *config.Config) (time.Duration, error) {
	spec, err := schedule.Parse(cfg.Global.Schedule)
	if err != nil {
		return 0, fmt.Errorf("reading global.schedule: %w", err)
	}
	interval := min(cmp.Or(spec.Interval(time.Unix(0, 0)), longestInterval), longestInterval)
	for i := range cfg.Objectives {
		if w := cfg.Objectives[i].Window; w > 0 {
			interval = min(interval, w/perWindow)
		}
	}
	return max(interval.Truncate(time.Second), time.Second), nil
}

type relabelling struct {
	Action      string `yaml:"action,omitempty"`
	Regex       string `yaml:"regex,omitempty"`
	TargetLabel string `yaml:"targetLabel,omitempty"`
	Replacement string `yaml:"replacement,omitempty"`
}

type serviceMonitor struct {
	Selector struct {
		MatchLabels map[string]string `yaml:"matchLabels"`
	} `yaml:"selector"`
	Endpoints []endpoint `yaml:"endpoints"`
}

type endpoint struct {
	Port        string         `yaml:"port"`
	Path        string         `yaml:"path"`
	Interval    model.Duration `yaml:"interval"`
	HonorLabels bool           `yaml:"honorLabels"`
	Relabelings []relabelling  `yaml:"relabelings"`
}

// ServiceMonitor has perfwatch scraped through the port of a name of the Service that is labelled
// app.kubernetes.io/name: perfwatch.
func ServiceMonitor(cfg *config.Config, m Metadata, port string) (Resource, error) {
	interval, err := Interval(cfg)
	if err != nil {
		return Resource{}, err
	}
	var spec serviceMonitor
	spec.Selector.MatchLabels = map[string]string{"app.kubernetes.io/name": "perfwatch"}
	spec.Endpoints = []endpoint{{
		Port: port, Path: "/metrics", Interval: model.Duration(interval),
		// What perfwatch says of the platform is not of its own pod.
		HonorLabels: true,
		// The operator calls the port endpoint, where perfwatch has what was asked, or nothing for all of it.
		Relabelings: []relabelling{{Action: "labeldrop", Regex: "endpoint"}},
	}}
	return New("ServiceMonitor", m, spec), nil
}

type probe struct {
	Prober        prober         `yaml:"prober"`
	Interval      model.Duration `yaml:"interval"`
	ScrapeTimeout model.Duration `yaml:"scrapeTimeout"`
	Targets       struct {
		StaticConfig staticConfig `yaml:"staticConfig"`
	} `yaml:"targets"`
}

type prober struct {
	URL  string `yaml:"url"` // host and port
	Path string `yaml:"path"`
}

type staticConfig struct {
	Static      []string          `yaml:"static"`
	Labels      map[string]string `yaml:"labels"`
	Relabelings []relabelling     `yaml:"relabelingConfigs"`
}

// Probes has the known targets of what is asked on demand asked through /probe of perfwatch at an address, host and port;
// that of the Service of the resources' name without. It is one Probe for each probe of the configuration and set of labels.
// What has no known targets is not among them.
func Probes(cfg *config.Config, m Metadata, address string) ([]Resource, error) {
	interval, err := Interval(cfg)
	if err != nil {
		return nil, err
	}
	if address == "" {
		address = m.Name + defaultPort
		if m.Namespace != "" {
			address = m.Name + "." + m.Namespace + ".svc" + defaultPort
		}
	}
	var all []Resource
	taken := map[string]bool{}
	for i := range cfg.OnDemand.Probes {
		t := &cfg.OnDemand.Probes[i]
		for _, alike := range byLabels(t.Known) {
			named := m.Of(t.Name)
			for n := 2; taken[named.Name]; n++ {
				named = m.Of(fmt.Sprintf("%s-%d", t.Name, n))
			}
			taken[named.Name] = true
			if err := named.Check(); err != nil {
				return nil, fmt.Errorf("naming the Probe of %q: %w", t.Name, err)
			}
			all = append(all, New("Probe", named, probeSpec(t, alike, interval, address)))
		}
	}
	return all, nil
}

// probeSpec asks targets that have the same labels. A target that takes the whole timeout is still answered for.
func probeSpec(t *config.Template, targets []config.Target, interval time.Duration, address string) probe {
	timeout := (t.Timeout + onTheWay).Truncate(time.Millisecond)
	p := probe{
		Prober:        prober{URL: address, Path: "/probe"},
		Interval:      model.Duration(max(interval, timeout.Truncate(time.Second)+time.Second)),
		ScrapeTimeout: model.Duration(timeout),
	}
	p.Targets.StaticConfig.Labels = map[string]string{"probe": t.Name, "group": t.Group}
	maps.Copy(p.Targets.StaticConfig.Labels, targets[0].Labels)
	for _, known := range targets {
		p.Targets.StaticConfig.Static = append(p.Targets.StaticConfig.Static, known.Address)
	}
	// The module of a Probe becomes the parameter module, where perfwatch takes probe.
	p.Targets.StaticConfig.Relabelings = []relabelling{
		{TargetLabel: "__param_probe", Replacement: t.Name},
	}
	return p
}

// byLabels are targets with the same labels, in their order.
func byLabels(targets []config.Target) (groups [][]config.Target) {
	for _, t := range targets {
		i := slices.IndexFunc(groups, func(g []config.Target) bool { return maps.Equal(g[0].Labels, t.Labels) })
		if i < 0 {
			groups = append(groups, []config.Target{t})
			continue
		}
		groups[i] = append(groups[i], t)
	}
	return groups
}
