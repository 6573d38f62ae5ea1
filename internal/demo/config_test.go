package demo

import (
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

// watched is as much of the configuration as the tests look at.
type watched struct {
	Global struct {
		BaseURL  string `yaml:"base_url"`
		Schedule string
	}
	Probes []struct {
		Name, Group, Schedule string
		HTTP                  *asked
		Load                  *struct {
			Users, Rate int
			Tasks       []task
		}
	}
	Redis      []struct{ Name, URL string }
	Processes  []struct{ Port int }
	Objectives []struct{ Name, Measure, Window, Probe string }
}

type asked struct{ Method, URL string }

type task struct {
	Name   string
	Weight int
	HTTP   *asked
	Tasks  []task
}

func readConfig(t *testing.T, text []byte) watched {
	t.Helper()
	var c watched
	must(t, yaml.Unmarshal(text, &c))
	return c
}

func TestConfigPointsAtTheDemo(t *testing.T) {
	text := Config("http://127.0.0.1:12345", "127.0.0.1:23456")
	c := readConfig(t, text)
	if c.Global.BaseURL != "http://127.0.0.1:12345" || c.Redis[0].URL != "redis://127.0.0.1:23456/0" {
		t.Errorf("base URL %q, redis %q", c.Global.BaseURL, c.Redis[0].URL)
	}
	if c.Processes[0].Port != 12345 {
		t.Errorf("the process on port %d is watched, want 12345", c.Processes[0].Port)
	}
	if strings.Contains(string(text), ":8000") || strings.Contains(string(text), ": 8000") || strings.Contains(string(text), ":6379") {
		t.Error("an address of the template is left")
	}
}

func TestEveryURLOfTheConfigIsAnsweredFromTheWarmCache(t *testing.T) {
	p, r := start(t)
	c := readConfig(t, Config(p.URL(), r.Address))
	probes, leaves := 0, 0
	check := func(name, path string) {
		path = strings.NewReplacer("${symbol}", "MSFT", "${int:1:3}", "3").Replace(path)
		if status, header, _ := ask(t, "GET", p.URL()+path, ""); status != 200 || header.Get("X-Cache") != "hit" {
			t.Errorf("%s: %s: status %d, X-Cache %q, want 200 and a hit", name, path, status, header.Get("X-Cache"))
		}
	}
	for _, probe := range c.Probes {
		if probe.HTTP != nil {
			probes++
			check(probe.Name, probe.HTTP.URL)
			continue
		}
		for _, top := range probe.Load.Tasks {
			for _, leaf := range append(top.Tasks, top) {
				if leaf.HTTP != nil {
					leaves++
				}
				if leaf.HTTP != nil && leaf.HTTP.Method == "" { // what is POSTed is not cached
					check(probe.Name+" "+leaf.Name, leaf.HTTP.URL)
				}
			}
		}
	}
	if probes != 21 || leaves != 16 {
		t.Errorf("%d probes and %d leaves, want the plan's 14 and seven more, and 14 and 2", probes, leaves)
	}
}

// TestFailuresMeetEachProbeInTurn holds against that one in twenty requests fails, always the same of twenty probes.
func TestFailuresMeetEachProbeInTurn(t *testing.T) {
	probes := 0
	for _, p := range readConfig(t, Config("http://a", "b:1")).Probes {
		if p.HTTP != nil {
			probes++
		}
	}
	for _, f := range newFaults().list() {
		if f.Name != "errors" {
			continue
		}
		met := map[int]bool{}
		var failures fraction
		failures.set(f.On)
		for n := range probes * probes {
			if failures.next() {
				met[n%probes] = true
			}
		}
		if len(met) != probes {
			t.Errorf("failures meet %d of %d probes that take turns, want all", len(met), probes)
		}
	}
}

func TestObjectivesOfTheConfigHaveShortWindows(t *testing.T) {
	c := readConfig(t, Config("http://a", "b:1"))
	if len(c.Objectives) != 15 {
		t.Errorf("%d objectives, want 15", len(c.Objectives))
	}
	for _, o := range c.Objectives {
		if o.Measure == "pipeline_duration" { // judged on each run
			continue
		}
		if burst := strings.HasPrefix(o.Measure, "load_"); !burst && o.Window != "1m" && o.Window != "2m" || burst && o.Probe == "" {
			t.Errorf("objective %s has the window %q and the probe %q", o.Name, o.Window, o.Probe)
		}
	}
}
