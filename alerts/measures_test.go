package alerts

import (
	"bytes"
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"text/template"

	"github.com/google/go-cmp/cmp"

	"github.com/perfwatch/perfwatch/internal/config"
	"github.com/perfwatch/perfwatch/internal/objective"
)

//nolint:gochecknoglobals // a flag of the tests
var updateMeasures = flag.Bool("update-measures", false, "write the pages of measures anew")

// A measurePage is what a page of the reference says of a measure and no code does.
type measurePage struct {
	Means   string // in a sentence or two
	Of      string // the keys that select what it is about
	Inside  string // how perfwatch itself values it
	Floor   string // how many samples there must be, in general
	Absent  string // when it has no value
	Example string // an objective of the platform below
}

// platform is what the examples are about.
const platform = `
global: {base_url: "http://127.0.0.1:8000", schedule: "@every 15s"}
probes:
  - {name: dashboard, group: api, http: {url: /api/dashboard}}
  - {name: holdings, group: api, http: {url: /api/portfolio/holdings}}
  - {name: home_page, group: page, schedule: "@every 5m", timeout: 30s, page: {url: /}}
  - name: journey
    schedule: "0 */10 * * * *"
    load:
      users: 100
      duration: 60s
      items: 10
      tasks: [{name: home, http: {url: /}}]
      watch: {processes: [api], redis: [cache]}
  - {name: bulk, schedule: "0 30 3 * * *", timeout: 10m, load: {users: 10, iterations: 6000, tasks: [{name: price, http: {url: /price}}]}}
pipelines: [{name: daily, schedule: "0 0 18 * * 1-5", grace: 15m, budget: 1h, stages: [{name: fetch, budget: 5m}]}]
redis: [{name: cache, url: "redis://127.0.0.1:6379/0"}]
host: {}
processes: [{name: api, port: 8000}]
`

const (
	quantileFloor = "10 beyond the quantile: 200 of a p95, 1,000 of a p99"
	errorFloor    = "as many as make one failure alone no more than the lowest threshold"
	thatBurst     = "that burst"
	beforeBurst   = "before the first valid burst"
	ofLastBurst   = "The figure of the last valid burst. It stands until the next; one that was aborted, halved or invalid leaves it."
	worstOfThem   = " Of several the worst counts."
)

// overBurst is a page of a figure that each burst has.
func overBurst(measure objective.Measure, means, floor, absent, thresholds string) measurePage {
	probe := "journey"
	if measure == objective.LoadDuration { // which is only open where no duration is given
		probe = "bulk"
	}
	return measurePage{
		Means: means, Of: "`probe`, a burst", Inside: ofLastBurst, Floor: floor, Absent: beforeBurst + absent,
		Example: fmt.Sprintf("{name: burst_%s, measure: %s, probe: %s, %s}", strings.TrimPrefix(string(measure), "load_"), measure, probe, thresholds),
	}
}

// measurePages has a page for each measure.
func measurePages() map[objective.Measure]measurePage {
	pages := map[objective.Measure]measurePage{
		objective.Latency: {
			Means: "A quantile of the time of whole runs, to their last byte or to their failure: a timeout counts with the time it took. " +
				"What perfwatch ended itself does not count.",
			Of: "`group`, `probe` or both; all probes but bursts without",
			Inside: "All runs of the window in buckets 1 % wide. On which side of a threshold it lies is decided by exact counts of the " +
				"runs that were as fast.",
			Floor: quantileFloor, Absent: "while nothing ran in the window",
			Example: "{name: api_latency_p95, title: API p95 latency, measure: latency, quantile: 0.95, group: api, target: 500ms, warning: 400ms, critical: 600ms}",
		},
		objective.ErrorRatio: {
			Means: "Failed runs over all runs: every outcome but `ok` is a failure. What perfwatch ended itself does not count.",
			Of:    "`group`, `probe` or both; all probes without", Inside: "Failures over runs of the window, both counted.",
			Floor: errorFloor, Absent: "while nothing ran in the window",
			Example: "{name: errors, title: Error rate, measure: error_ratio, group: api, target: 1%, warning: 0.5%, critical: 2%}",
		},
		objective.CacheHitRatio: {
			Means: "Redis lookups that found their key over all lookups, as `INFO stats` counts them. Which commands look up is Redis' to say: " +
				"GET, MGET, EXISTS, TTL and HGET do, INCR, SETNX and DEL do not.",
			Of: "`redis`; all of them without",
			Inside: "Hits over hits and misses of the window, from the differences between readings. A restart or CONFIG RESETSTAT begins anew " +
				"and is no traffic.",
			Floor: "100 lookups", Absent: "while nobody looked anything up in the window, or the Redis is away",
			Example: "{name: cache_hits, title: Cache hit rate, measure: cache_hit_ratio, redis: cache, target: 85%, warning: 75%, critical: 60%}",
		},
		objective.PipelineDuration: {
			Means: "How long the last run of a pipeline that succeeded took, from its first stage to its last.", Of: "`pipeline`; all of them without",
			Inside: "That of the last run that succeeded; it stands until the next.", Floor: "that run",
			Absent:  "before the first run that succeeded",
			Example: "{name: daily_pipeline, title: Daily pipeline, measure: pipeline_duration, pipeline: daily, target: 1h}",
		},
		objective.PromQL: {
			Means:  "Whatever a query of your own gives: what perfwatch does not measure. Each of its series is compared by itself.",
			Of:     "`query`, with `unit` and `better`",
			Inside: "None: Prometheus alone judges it. The status page says so, and `perfwatch run` leaves it out.",
			Floor:  "none but the query's own", Absent: "in perfwatch always; in Prometheus while the query has no result",
			Example: "{name: queue_length, title: Orders that wait, measure: promql, query: sum(orders_waiting), unit: count, target: 100, critical: 1000}",
		},
	}
	maps.Copy(pages, pairs())
	maps.Copy(pages, burstPages())
	return pages
}

// pairs are those of pages and those of the host, which are told alike.
func pairs() map[objective.Measure]measurePage {
	pages := map[objective.Measure]measurePage{}
	for m, figure := range map[objective.Measure]string{
		objective.PageFCP: "first contentful paint: when the page shows something",
		objective.PageTTI: "time to interactive: when the page has painted, and network and main thread are quiet for five seconds on",
	} {
		pages[m] = measurePage{
			Means: "The median of the " + figure + ". It is measured in a real browser.", Of: "`group`, `probe` or both, of the kind `page`",
			Inside: "The median of the loads in the window, in buckets 1 % wide; thresholds by exact counts.", Floor: "5 loads",
			Absent:  "while no page was loaded, or reached that point, in the window",
			Example: fmt.Sprintf("{name: %s, measure: %s, group: page, window: 1h, target: 2s, critical: 4s}", m, m),
		}
	}
	for m, what := range map[objective.Measure]string{objective.CPUUsage: "CPU", objective.MemoryUsage: "Memory"} {
		pages[m] = measurePage{
			Means: what + " in use of the machine that perfwatch runs on, or of its cgroup where that is lower: the mean of samples each 100 ms.",
			Of:    "`host`, which must be read", Inside: "The mean of the samples of the window.", Floor: "100 samples, which are 10 s",
			Absent:  "while the host cannot be read",
			Example: fmt.Sprintf("{name: %s, measure: %s, window: 5m, warning: 80%%, critical: 95%%}", m, m),
		}
	}
	return pages
}

// burstPages are of the measures that are judged on each burst.
func burstPages() map[objective.Measure]measurePage {
	const memory = " of a process that the burst watches, with its descendants." + worstOfThem
	const noProcess = ", and where it watches no process or could not read it"
	return map[objective.Measure]measurePage{
		objective.LoadUsers:      overBurst(objective.LoadUsers, "The most users that ran at once.", thatBurst, "", "target: 100"),
		objective.LoadThroughput: overBurst(objective.LoadThroughput, "Requests a second that succeeded.", thatBurst, "", "target: 20, critical: 10"),
		objective.LoadErrorRatio: overBurst(objective.LoadErrorRatio, "Failed requests over all requests.", errorFloor, "", "target: 5%"),
		objective.LoadLatency: overBurst(objective.LoadLatency,
			"A quantile of the response times of all endpoints, exact to three digits: from the instant that a request was due, in the open "+
				"model, else from its sending.", quantileFloor, "", "quantile: 0.95, target: 500ms, critical: 1s"),
		objective.LoadLatencyMean: overBurst(objective.LoadLatencyMean, "The mean response time of all endpoints.", "10 requests", "", "target: 300ms"),
		objective.LoadDuration:    overBurst(objective.LoadDuration, "From the start of the burst to its last answer.", thatBurst, "", "target: 300s"),
		objective.LoadItemsRate: overBurst(objective.LoadItemsRate, "Items a second, of which each request carries as many as the burst's `items` says.",
			thatBurst, ", and where it declares no `items`", "target: 100"),
		objective.LoadMemoryPeak: overBurst(objective.LoadMemoryPeak, "The highest resident memory"+memory, thatBurst, noProcess, "target: 2GiB"),
		objective.LoadMemoryPerRequest: overBurst(objective.LoadMemoryPerRequest, "Resident memory gained for each request"+memory,
			"100 requests", noProcess, "target: 100KiB"),
		objective.LoadMemoryLeak: overBurst(objective.LoadMemoryLeak,
			"The growth that resident memory surely shows, the lower end of its 95 % interval and 0 where none is sure,"+memory,
			"50 medians of samples, which take 5 s, or 50 s over a `metrics_url`", noProcess, "target: 0"),
		objective.LoadCacheHitRatio: overBurst(objective.LoadCacheHitRatio,
			"Lookups that found their key in a Redis that the burst watches, and responses that say that they came from a cache (Cache-Status, "+
				"X-Cache, CF-Cache-Status, Age)."+worstOfThem,
			"100 lookups, or 100 such responses", ", and where it watches no Redis and no response tells of a cache", "target: 85%"),
	}
}

const measureTemplate = `# {{.Measure}}

{{.Means}}

| | |
|---|---|
| unit | {{.Unit}} |
| better | {{.Better}} |
| of | {{.Of}} |
| judged on | {{.Over}} |
| samples before it is judged | {{.Floor}} |
| error budget | {{if .Budget}}{{.Budget}}{{else}}none{{end}} |
| value in perfwatch | {{.Inside}} |
| absent | {{.Absent}} |

While it is absent, or there are too few samples, it is neither met nor missed: {{if .Judged}}` +
	"`perfwatch_objective_met`" + ` has no sample, {{end}}no alert fires, and the report says so.

## Example

` + "```yaml\n- {{.Example}}\n```" + `

{{with .Window}}Its window is {{.}}. {{end}}It is judged from {{.Least}} {{if eq .Least 1}}sample{{else}}samples{{end}} on.

## In Prometheus

Its value:

` + "```promql\n{{.Value}}\n```" + `

Its alert ` + "`{{.Alert}}`, {{.Severity}}" + `:

` + "```promql\n{{.Breach}}\n```\n"

// better says on which side a value is good.
func better(o *objective.Objective) string {
	switch {
	case o.Measure == objective.PromQL:
		return "lower, or higher with `better: higher`"
	case o.HigherIsBetter():
		return "higher"
	}
	return "lower"
}

func judgedOn(m objective.Measure) string {
	switch {
	case m.OfBurst():
		return "each valid burst"
	case m == objective.PipelineDuration:
		return "each run that succeeded"
	case m == objective.PromQL:
		return "what the query looks at"
	}
	return "a window: `window`, or without it the shortest in which the schedules reach the floor"
}

// renderMeasure makes the page of a measure. The example goes through the configuration, which refuses what it does not take.
func renderMeasure(t *testing.T, m objective.Measure, p *measurePage) []byte {
	t.Helper()
	cfg, err := config.Parse([]byte(platform+"objectives:\n  - "+p.Example+"\n"), t.TempDir())
	if err != nil {
		t.Fatalf("%s: its example: %v", m, err)
	}
	for _, w := range cfg.Warnings {
		if strings.Contains(w.Error(), "objectives") {
			t.Errorf("%s: its example: %v", m, w)
		}
	}
	o := &cfg.Objectives[0]
	if o.Measure != m {
		t.Fatalf("%s: its example is of %s", m, o.Measure)
	}
	set := judged(o)
	worst := set[len(set)-1]
	budget := ""
	if m.TakesBudget() {
		budget = "`error_budget`, of what its target allows to be bad"
	}
	window := ""
	if o.Window > 0 {
		window = short(o.Window)
	}
	unit := string(o.Unit())
	if m == objective.PromQL {
		unit = "`unit`: " + strings.Join(objective.Units(), ", ")
	}
	var out bytes.Buffer
	err = template.Must(template.New("").Parse(measureTemplate)).Execute(&out, map[string]any{
		"Measure": m, "Means": p.Means, "Unit": unit, "Better": better(o), "Of": p.Of, "Over": judgedOn(m), "Floor": p.Floor, "Budget": budget,
		"Inside": p.Inside, "Absent": p.Absent, "Judged": m != objective.PromQL, "Example": p.Example, "Window": window, "Least": o.Floor(),
		"Value": Value(o), "Alert": o.AlertName(), "Severity": severity(worst.Level), "Breach": breach(o, worst.Value),
	})
	if err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// TestEveryMeasureHasItsPage as it is rendered now, and there is no other.
func TestEveryMeasureHasItsPage(t *testing.T) {
	told := measurePages()
	for _, m := range objective.Measures() {
		p, ok := told[m]
		if !ok || p.Means == "" || p.Of == "" || p.Inside == "" || p.Floor == "" || p.Absent == "" {
			t.Errorf("measure %s has no page: %+v", m, p)
			continue
		}
		want, path := renderMeasure(t, m, &p), "measures/"+string(m)+".md"
		if *updateMeasures {
			if err := os.WriteFile(path, want, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		got, err := os.ReadFile(path)
		if err != nil {
			t.Error(err)
			continue
		}
		if diff := cmp.Diff(string(want), string(got)); diff != "" {
			t.Errorf("%s: run make render:\n%s", path, diff)
		}
		if served, ok := Measure(string(m)); !*updateMeasures && (!ok || !bytes.Equal(served, got)) {
			t.Errorf("%s: what is served is another page", m)
		}
	}
	if len(told) != len(objective.Measures()) {
		t.Errorf("%d pages, want one for each of %d measures", len(told), len(objective.Measures()))
	}
	files, err := filepath.Glob("measures/*.md")
	if err != nil || len(files) != len(told) {
		t.Errorf("%d files, %v, want %d: one of a measure that is gone?", len(files), err, len(told))
	}
	for _, name := range []string{"", "page", "PerfwatchDown", "../alertmanager"} {
		if text, ok := Measure(name); ok {
			t.Errorf("Measure(%q) = %.40q, want none", name, text)
		}
	}
}

// TestMeasuresAreLinked from where objectives are told of.
func TestMeasuresAreLinked(t *testing.T) {
	for _, path := range []string{"../README.md", "../internal/config/configuration.md"} {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range objective.Measures() {
			link := fmt.Sprintf("[`%s`](%s/measures/%s.md)", m, map[bool]string{true: "alerts", false: "../../alerts"}[path == "../README.md"], m)
			if !bytes.Contains(text, []byte(link)) {
				t.Errorf("%s does not lead to %s", path, link)
			}
		}
	}
}
