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

// nativeStep is by how much the bounds of a bucket of a native histogram differ, the eighth root of 2: two estimates within it
// may be apart by so much.
const nativeStep = 1.0905077326652577

// An agreement is perfwatch and each Prometheus that scrapes it, all of which saw the same random traffic and nothing after
// it: the windows are longer than the test.
type agreement struct {
	config    *config.Config
	perfwatch string // base URL
	scrapers  []scraper
	rules     []firing
}

// A scraper is a Prometheus and how it has histograms.
type scraper struct {
	name   string
	native bool // it has no classic series of what has buckets of its own
	*peer.Prometheus
}

// startScrapers starts a Prometheus of each version for each way to scrape histograms.
func startScrapers(t *testing.T, dir string) (all []scraper) {
	t.Helper()
	for i, s := range []struct {
		name    string
		start   func(t testing.TB, file string, flags ...string) *peer.Prometheus
		flags   []string
		options string
		native  bool
	}{
		{"2.42", peer.StartPrometheus, nil, "", false},
		{"2.42 native", peer.StartPrometheus, []string{"--enable-feature=native-histograms"}, "", true},
		{"3", peer.StartPrometheus3, nil, "", false},
		{"3 native", peer.StartPrometheus3, nil, "scrape_native_histograms: true, ", true},
		{"3 both", peer.StartPrometheus3, nil, "scrape_native_histograms: true, always_scrape_classic_histograms: true, ", false},
		{"3 custom buckets", peer.StartPrometheus3, nil, "convert_classic_histograms_to_nhcb: true, ", false},
	} {
		file := peer.WriteFile(t, dir, fmt.Sprintf("prometheus%d.yml", i), `
global: {scrape_interval: 2s}
rule_files: [perfwatch.rules.yml]
scrape_configs: [{job_name: perfwatch, `+s.options+`file_sd_configs: [{files: [targets.json]}]}]
`)
		all = append(all, scraper{s.name, s.native, s.start(t, file, s.flags...)})
	}
	return all
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
	for _, s := range a.scrapers {
		t.Run(s.name, func(t *testing.T) {
			for i := range a.config.Objectives {
				o := &a.config.Objectives[i]
				a.eventually(t, o.Name, func() string { return a.compare(t, s, o) })
			}
			a.eventually(t, "rules", func() string { return s.evaluates(t) })
			a.scrapedAs(t, s)
		})
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
	rendered, err := alerts.Render(cfg.Objectives, alerts.Options{}).Encode(alerts.Prometheus)
	if err != nil {
		t.Fatal(err)
	}
	// What is recorded once a minute is recorded as often as the test scrapes.
	peer.WriteFile(t, dir, "perfwatch.rules.yml", strings.ReplaceAll(string(rendered), "interval: 1m\n", "interval: 2s\n"))
	// Prometheus is there first, so that what waits for its first scrape waits as short as can be.
	a := &agreement{config: cfg, scrapers: startScrapers(t, dir)}
	listen := peer.FreeAddress(t)
	a.perfwatch = "http://" + listen
	d := peer.StartWith(t, []string{"HOST_PROC=" + traffic.proc}, "", "perfwatch", "serve", "--config.file="+file,
		"--web.listen-address="+listen, "--storage.path="+t.TempDir(), "--web.enable-lifecycle")
	peer.WriteFile(t, dir, "targets.json", fmt.Sprintf(`[{"targets": [%q]}]`, listen))
	d.WaitFor(t, peer.Answers(a.perfwatch+"/-/ready"))
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

// scraped says whether each Prometheus has the counters as they are before the traffic.
func (a *agreement) scraped(t *testing.T) string {
	for _, s := range a.scrapers {
		points, err := s.Query(t.Context(), `sum(perfwatch_probe_runs_total) == 0 and sum(perfwatch_redis_up) == 1`)
		if err != nil || len(points) != 1 {
			return fmt.Sprintf("%s: %v, %v", s.name, points, err)
		}
	}
	return ""
}

// evaluates says whether a Prometheus evaluates every rule, and has what is recorded of probes.
func (s *scraper) evaluates(t *testing.T) string {
	problems, err := s.Unhealthy(t.Context())
	if err != nil || len(problems) > 0 {
		return fmt.Sprintf("%v, %v", problems, err)
	}
	// Prometheus 2.45 is the first that sums native histograms over time.
	records := []string{alerts.RecentMean, alerts.P95OfDay}
	if s.name == "2.42 native" {
		records = records[:1]
	}
	for _, r := range records {
		if points, err := s.Query(t.Context(), "count("+r+") >= 40"); err != nil || len(points) != 1 {
			return fmt.Sprintf("%s: %v, %v, want one of each probe", r, points, err)
		}
	}
	return ""
}

// scrapedAs checks that a Prometheus has the durations of probes as its name says, and that none is counted twice.
func (a *agreement) scrapedAs(t *testing.T, s scraper) {
	t.Helper()
	has := func(expr string) bool {
		points, err := s.Query(t.Context(), expr)
		if err != nil {
			t.Fatal(err)
		}
		return len(points) > 0
	}
	classic := has("perfwatch_probe_duration_seconds_count")
	native := has("perfwatch_probe_duration_seconds")
	if want := s.name == "2.42" || s.name == "3" || s.name == "3 both"; classic != want {
		t.Errorf("classic series are there: %t, want %t", classic, want)
	}
	if want := s.name != "2.42" && s.name != "3"; native != want {
		t.Errorf("native histograms are there: %t, want %t", native, want)
	}
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
func (a *agreement) compare(t *testing.T, s scraper, o *objective.Objective) string {
	said, err := a.verdicts(t)
	if err != nil {
		return err.Error()
	}
	v := said[o.Name]
	points, err := s.Query(t.Context(), alerts.Value(o))
	if o.Measure.OfBurst() && v.Value == nil && err == nil && len(points) == 0 {
		t.Logf("%s %s: no burst was valid, and neither has a value", o.Name, o.Measure)
		return ""
	}
	if err != nil || len(points) != 1 || v.Value == nil {
		return fmt.Sprintf("perfwatch says %+v, Prometheus %v, %v", v, points, err)
	}
	got, want := points[0].Value, *v.Value
	agrees := func() bool {
		return within(want, got) ||
			o.Measure.OverDurations() && (a.sameBucket(t, o.Measure, want, got) || s.native && nearby(want, got))
	}
	if o.Measure.OverDurations() && !agrees() {
		if got, err = s.lower(t, o, v.Samples); err != nil {
			return err.Error()
		}
	}
	if !agrees() {
		return fmt.Sprintf("perfwatch says %g, Prometheus %g", want, got)
	}
	for _, r := range a.rules {
		if r.Labels.Objective != o.Name {
			continue
		}
		points, err := s.Query(t.Context(), r.Expr)
		if err != nil {
			return err.Error()
		}
		if s.native && o.Measure.OverDurations() && slices.ContainsFunc(o.Thresholds(), func(t objective.Threshold) bool {
			return nearby(t.Value, got)
		}) {
			continue // its bucket is shared out between the sides of the threshold
		}
		if fires, must := len(points) == 1, v.crossed(r.Labels.Severity); fires != must {
			return fmt.Sprintf("the %s of %s fires: %t, want %t: perfwatch says %+v of %g",
				r.Labels.Severity, o.Name, fires, must, v, want)
		}
	}
	t.Logf("%s %s: %d samples, %s, perfwatch %.5g, Prometheus %.5g", o.Name, o.Measure, v.Samples, v.State, want, got)
	return ""
}

// lower is a quantile of so many samples as perfwatch takes it. One that falls between two of them, as the median of two page
// loads does, is for Prometheus the one or the other, by what rates take from its floating point.
func (s *scraper) lower(t *testing.T, o *objective.Objective, samples int) (float64, error) {
	below := *o
	below.Quantile -= 0.4 / float64(samples)
	points, err := s.Query(t.Context(), alerts.Value(&below))
	if err == nil && len(points) != 1 {
		err = fmt.Errorf("a quantile of %d samples: %v, want one", samples, points)
	}
	if err != nil {
		return 0, err
	}
	return points[0].Value, nil
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

// nearby says that two durations may lie in one bucket of a native histogram.
func nearby(x, y float64) bool { return max(x, y) <= nativeStep*min(x, y) }

// sameBucket says that two durations lie in the same bucket of the classic histogram of a measure.
func (a *agreement) sameBucket(t *testing.T, m objective.Measure, x, y float64) bool {
	histogram := map[objective.Measure]string{
		objective.Latency: "perfwatch_probe_duration_seconds", objective.PageFCP: "perfwatch_page_first_contentful_paint_seconds",
		objective.PageTTI: "perfwatch_page_time_to_interactive_seconds",
	}[m]
	points, err := a.scrapers[0].Query(t.Context(), "group by (le) ("+histogram+"_bucket)")
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
