package demo

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

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
		Page                  *struct{ URL string }
		Load                  *struct {
			Users, Rate int
			Duration    time.Duration // 0 for the batches, which take a second or so
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
		if probe.Load == nil {
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
	if len(c.Objectives) != 17 {
		t.Errorf("%d objectives, want 17", len(c.Objectives))
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

// TestBurstsLeaveTimeForThePage follows a minute of the schedule: a page is given up when a burst begins against its host.
func TestBurstsLeaveTimeForThePage(t *testing.T) {
	const page, batches = 5500 * time.Millisecond, time.Second // what a load takes on a machine at rest, and the batches
	type turn struct {
		name     string
		at, ends time.Duration
	}
	var turns []turn
	pages := 0
	for _, probe := range readConfig(t, Config("http://a", "b:1")).Probes {
		if probe.HTTP != nil {
			continue
		}
		takes := page
		if probe.Load != nil {
			takes = cmp.Or(probe.Load.Duration, batches)
		}
		list, ok := strings.CutSuffix(probe.Schedule, " * * * * *")
		if !ok {
			t.Fatalf("%s has the schedule %q, want seconds of each minute", probe.Name, probe.Schedule)
		}
		for second := range strings.SplitSeq(list, ",") {
			at, err := time.ParseDuration(second + "s")
			must(t, err)
			turns = append(turns, turn{fmt.Sprintf("%s at %v", probe.Name, at), at, at + takes})
			if probe.Page != nil {
				pages++
			}
		}
	}
	slices.SortFunc(turns, func(a, b turn) int { return cmp.Compare(a.at, b.at) })
	for i, now := range turns {
		next := turns[(i+1)%len(turns)]
		if i+1 == len(turns) {
			next.at += time.Minute
		}
		if now.ends > next.at {
			t.Errorf("%s ends at %v, after the beginning of %s", now.name, now.ends, next.name)
		}
	}
	if pages != 4 || len(turns) != 10 {
		t.Errorf("%d loads of a page and %d turns in all a minute, want 4 and 10", pages, len(turns))
	}
}
