package main

import (
	"encoding/json"
	"fmt"
	"math"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/perfwatch/perfwatch/alerts"
	"github.com/perfwatch/perfwatch/internal/config"
	"github.com/perfwatch/perfwatch/internal/objective"
	"github.com/perfwatch/perfwatch/internal/peer"
)

// agreementTimeout bounds the wait for traffic, of which a page and a burst take the longest, and for a scrape after it.
const agreementTimeout = 2 * time.Minute

// burstPatience is how long bursts are tried.
const burstPatience = time.Minute

// An agreement is perfwatch and the Prometheus that scrapes it, both of which saw the same random traffic and nothing
// after it: the windows are longer than the test.
type agreement struct {
	config     *config.Config
	perfwatch  string // base URL
	prometheus *peer.Prometheus
	rules      []firing
}

// A firing is a rendered rule as Prometheus evaluates it.
type firing struct {
	Expr   string
	Labels struct{ Objective, Severity string }
}

// A verdict is what perfwatch says of an objective.
type verdict struct {
	Name    string
	State   objective.State
	Level   objective.Level
	Value   *float64
	Samples int
	Floor   int `json:"samples_needed"`
}

// TestPerfwatchAndPrometheusAgree sends random traffic, holds it, and compares value and judgement of every objective with
// those of its rules. There is an objective of each measure.
func TestPerfwatchAndPrometheusAgree(t *testing.T) {
	t.Parallel()
	const seed = 1
	traffic := newTraffic(t, seed)
	a := startAgreement(t, traffic)
	a.eventually(t, "the first scrape", func() string { return a.scraped(t) })
	traffic.open(t)
	traffic.runPipeline(t, a.perfwatch, "daily", 3)
	a.eventually(t, "traffic", func() string { return a.enough(t, traffic) })
	traffic.hold(t)
	for i := range a.config.Objectives {
		o := &a.config.Objectives[i]
		a.eventually(t, o.Name, func() string { return a.compare(t, o) })
	}
	for _, m := range objective.Measures() {
		if m == objective.PromQL { // Prometheus alone has its value
			continue
		}
		if !slices.ContainsFunc(a.config.Objectives, func(o objective.Objective) bool { return o.Measure == m }) {
			t.Errorf("no objective is of the measure %s", m)
		}
	}
}

func startAgreement(t *testing.T, traffic *traffic) *agreement {
	t.Helper()
	dir := t.TempDir()
	file := peer.WriteFile(t, dir, "perfwatch.yml", traffic.configuration())
	cfg, err := config.Load(file)
	if err != nil {
		t.Fatal(err)
	}
	// Prometheus is there first, so that what waits for its first scrape waits as short as can be.
	a := &agreement{config: cfg, prometheus: peer.StartPrometheus(t, peer.WriteFile(t, dir, "prometheus.yml", `
global: {scrape_interval: 1s}
scrape_configs: [{job_name: perfwatch, file_sd_configs: [{files: [targets.json]}]}]
`))}
	listen := peer.FreeAddress(t)
	a.perfwatch = "http://" + listen
	d := peer.StartWith(t, []string{"HOST_PROC=" + traffic.proc}, "", "perfwatch", "serve", "--config.file="+file,
		"--web.listen-address="+listen, "--storage.path="+t.TempDir(), "--web.enable-lifecycle")
	peer.WriteFile(t, dir, "targets.json", fmt.Sprintf(`[{"targets": [%q]}]`, listen))
	d.WaitFor(t, peer.Answers(a.perfwatch+"/-/ready"))
	rendered, err := alerts.Render(cfg.Objectives, alerts.Options{}).Encode(alerts.Prometheus)
	if err != nil {
		t.Fatal(err)
	}
	var text struct{ Groups []struct{ Rules []firing } }
	if err := yaml.Unmarshal(rendered, &text); err != nil {
		t.Fatal(err)
	}
	for _, g := range text.Groups {
		a.rules = append(a.rules, g.Rules...)
	}
	return a
}

// eventually waits until check says "": a scrape is a second away.
func (a *agreement) eventually(t *testing.T, what string, check func() string) {
	t.Helper()
	missing := ""
	deadline := time.Now().Add(agreementTimeout)
	for tick := time.NewTicker(200 * time.Millisecond); time.Now().Before(deadline); <-tick.C {
		if missing = check(); missing == "" {
			return
		}
	}
	t.Fatalf("%s, after %v: %s", what, agreementTimeout, missing)
}

// scraped says whether Prometheus has the counters as they are before the traffic.
func (a *agreement) scraped(t *testing.T) string {
	points, err := a.prometheus.Query(t.Context(), `sum(perfwatch_probe_runs_total) == 0 and sum(perfwatch_redis_up) == 1`)
	if err != nil || len(points) != 1 {
		return fmt.Sprintf("%v, %v", points, err)
	}
	return ""
}

// verdicts asks perfwatch what it says of its objectives.
func (a *agreement) verdicts(t *testing.T) (map[string]verdict, error) {
	var answer struct{ Objectives []verdict }
	_, text := fetch(t, http.MethodGet, a.perfwatch+"/api/v1/objectives")
	if err := json.Unmarshal(text, &answer); err != nil {
		return nil, err
	}
	said := map[string]verdict{}
	for _, v := range answer.Objectives {
		said[v.Name] = v
	}
	return said, nil
}

// enough says whether every objective has a value, and those of the most traffic can be judged. A burst that a busy
// machine made invalid is sent again, for a while: on one that is too busy for any, nobody has a value of bursts.
func (a *agreement) enough(t *testing.T, traffic *traffic) string {
	said, err := a.verdicts(t)
	if err != nil {
		return err.Error()
	}
	var missing []string
	burst := true
	for _, o := range a.config.Objectives {
		v := said[o.Name]
		if v.Value != nil && (v.Samples >= v.Floor || o.Measure.OfPage()) || o.Measure.OfBurst() && traffic.since(burstPatience) {
			continue
		}
		missing = append(missing, fmt.Sprintf("%s has %d samples of %d", o.Name, v.Samples, v.Floor))
		burst = burst && !o.Measure.OfBurst()
	}
	if !burst {
		traffic.startBurst(t, a.perfwatch)
	}
	return strings.Join(missing, ", ")
}

// compare holds what perfwatch says of an objective against what Prometheus does.
func (a *agreement) compare(t *testing.T, o *objective.Objective) string {
	said, err := a.verdicts(t)
	if err != nil {
		return err.Error()
	}
	v := said[o.Name]
	points, err := a.prometheus.Query(t.Context(), alerts.Value(o))
	if o.Measure.OfBurst() && v.Value == nil && err == nil && len(points) == 0 {
		t.Logf("%s %s: no burst was valid, and neither has a value", o.Name, o.Measure)
		return ""
	}
	if err != nil || len(points) != 1 || v.Value == nil {
		return fmt.Sprintf("perfwatch says %+v, Prometheus %v, %v", v, points, err)
	}
	got, want := points[0].Value, *v.Value
	if !within(want, got) && !(o.Measure.OverDurations() && a.sameBucket(t, o.Measure, want, got)) {
		return fmt.Sprintf("perfwatch says %g, Prometheus %g", want, got)
	}
	for _, r := range a.rules {
		if r.Labels.Objective != o.Name {
			continue
		}
		points, err := a.prometheus.Query(t.Context(), r.Expr)
		if err != nil {
			return err.Error()
		}
		if fires, must := len(points) == 1, v.crossed(r.Labels.Severity); fires != must {
			return fmt.Sprintf("the %s of %s fires: %t, want %t: perfwatch says %+v of %g", r.Labels.Severity, o.Name, fires, must, v, want)
		}
	}
	t.Logf("%s %s: %d samples, %s, perfwatch %.5g, Prometheus %.5g", o.Name, o.Measure, v.Samples, v.State, want, got)
	return ""
}

// crossed says whether the rule of a severity has to fire.
func (v *verdict) crossed(severity string) bool {
	if v.State != objective.Met && v.State != objective.Missed {
		return false
	}
	switch severity {
	case "info":
		return v.State == objective.Missed
	case "warning":
		return v.Level == objective.Warning || v.Level == objective.Critical
	default:
		return v.Level == objective.Critical
	}
}

// within says that two values differ by one percent at most.
func within(want, got float64) bool {
	return math.Abs(got-want) <= 0.01*math.Abs(want)+1e-9
}

// sameBucket says that two durations lie in the same bucket of the classic histogram of a measure.
func (a *agreement) sameBucket(t *testing.T, m objective.Measure, x, y float64) bool {
	histogram := map[objective.Measure]string{
		objective.Latency: "perfwatch_probe_duration_seconds", objective.PageFCP: "perfwatch_page_first_contentful_paint_seconds",
		objective.PageTTI: "perfwatch_page_time_to_interactive_seconds",
	}[m]
	points, err := a.prometheus.Query(t.Context(), "group by (le) ("+histogram+"_bucket)")
	if err != nil || len(points) < 10 {
		t.Fatalf("buckets of %s: %v, %v", histogram, points, err)
	}
	for _, p := range points {
		bound, err := strconv.ParseFloat(p.Labels["le"], 64)
		if err != nil {
			t.Fatal(err)
		}
		if (x <= bound) != (y <= bound) {
			return false
		}
	}
	return true
}
