package web

import (
	"compress/gzip"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http/httptest"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/perfwatch/perfwatch/internal/load"
	"github.com/perfwatch/perfwatch/internal/objective"
	"github.com/perfwatch/perfwatch/probes"
)

// tags matches markup; what is left of a page without it is what a reader reads.
var tags = regexp.MustCompile(`(?s)<[^>]*>|&nbsp;`)

// rows reads the rows of a page's tables as the texts of their cells, joined by "|".
func rows(page string) []string {
	var list []string
	for _, row := range strings.Split(page, "<tr")[1:] {
		row, _, _ = strings.Cut(row, "</tr>")
		row = strings.NewReplacer("</th>", "|", "</td>", "|", "<small", " <small", "<br>", " ").Replace(row)
		_, row, _ = strings.Cut(row, ">")
		list = append(list, strings.Join(strings.Fields(tags.ReplaceAllString(row, " ")), " "))
	}
	return list
}

func TestTargetsAreShownWithTheWorstFirst(t *testing.T) {
	page := ask(serve(t, nil), "GET", "/", "").Body.String()
	_, page, _ = strings.Cut(page, `<section id="targets">`)
	page, _, _ = strings.Cut(page, "</section>")
	sec, ratio, count := objective.Seconds.Format, objective.Ratio.Format, objective.Count.Format
	levels := " warning " + sec(0.4) + ", critical " + sec(0.6)
	want := []string{
		"Metric |Target |Current |Status |Lately |Judged on |",
		"API p95 latency api_latency_p95 · runbook · evidence |≤ " + sec(0.5) + levels + " |" + sec(0.73) +
			" ≤ " + sec(0.5) + " | ✕ critical 480 samples ||480 samples last 5 min |",
		"Cache hit rate cache_hit_ratio · evidence |≥ " + ratio(0.85) + " warning " + ratio(0.75) + ", critical " + ratio(0.6) + " |" +
			ratio(0.83) +
			" ≥ " + ratio(0.85) + " | ▲ missed 9120 samples ||9120 samples last 5 min |",
		"Error rate error_ratio · evidence |≤ " + ratio(0.01) + " warning " + ratio(0.005) + ", critical " + ratio(0.02) + " |" + ratio(0.0062) +
			" ≤ " + ratio(0.01) + " | ▲ warning 480 samples ||480 samples last 15 min |",
		"API p99 latency api_latency_p99 · runbook · evidence |≤ " + sec(0.5) + levels + " |" + sec(0.81) +
			" ≤ " + sec(0.5) + " | … not enough data 480/1000 samples ||480/1000 samples last 5 min |",
		"Concurrent users concurrent_users · evidence |≥ " + count(100) + " |– ≥ " + count(100) + " | … no data no burst yet ||no burst yet |",
		"API median latency api_latency_p50 · runbook · evidence |≤ " + sec(0.5) + levels + " |" + sec(0.12) +
			" ≤ " + sec(0.5) + " | ✓ met 480 samples ||480 samples last 5 min |",
		"Memory usage memory_usage · evidence |≤ " + ratio(0.75) + " warning " + ratio(0.75) + ", critical " + ratio(0.9) + " |" + ratio(0.622) +
			" ≤ " + ratio(0.75) + " | ✓ met 3000 samples ||3000 samples last 5 min |",
	}
	clean := func(s string) string { return strings.ReplaceAll(strings.ReplaceAll(s, " |", "|"), "| ", "|") }
	got := rows(page)
	for i := range max(len(got), len(want)) {
		var g, w string
		if i < len(got) {
			g = clean(got[i])
		}
		if i < len(want) {
			w = clean(want[i])
		}
		if g != w {
			t.Errorf("row %d:\n got %q\nwant %q", i, g, w)
		}
	}
}

func TestTheVerdictCountsWhatIsWrong(t *testing.T) {
	met := Objective{State: objective.Met, Samples: 200, Floor: 200}
	critical := Objective{State: objective.Missed, Level: objective.Critical}
	with := func(outcome probes.Outcome) Probe {
		return Probe{Lately: Lately{Runs: 1, Kept: 1, Last: &Result{Outcome: outcome}}}
	}
	for _, c := range []struct {
		name              string
		page              Page
		word, wrong, rest string
	}{
		{"nothing watched", Page{}, "Waiting for data", "", ""},
		{"all met", Page{Objectives: []Objective{met, met}, Probes: []Probe{with(probes.OK)}}, "All is well", "",
			"2 targets met, 1 probe answering"},
		{"too few samples", Page{Objectives: []Objective{met, {State: objective.NotEnough}}}, "Waiting for data", "",
			"1 target without enough data, 1 target met"},
		{"probe not run", Page{Objectives: []Objective{met}, Probes: []Probe{{}}}, "Waiting for data", "",
			"1 probe not run yet, 1 target met"},
		{"critical", Page{Objectives: []Objective{met, critical}}, "Needs attention", "1 target critical", "1 target met"},
		{"missed", Page{Objectives: []Objective{{State: objective.Missed, Level: objective.Target}}}, "Worth a look",
			"1 target missed", ""},
		{"warning of a met target", Page{Objectives: []Objective{{State: objective.Met, Level: objective.Warning}}}, "Worth a look",
			"1 target past its warning", ""},
		{"probe failing", Page{Probes: []Probe{with(probes.Timeout), with(probes.HTTP5xx)}}, "Needs attention", "2 probes failing", ""},
		{"Redis away", Page{Redis: []Redis{{}}}, "Needs attention", "1 Redis away", ""},
		{"process away", Page{Processes: []Process{{}, {}, {Up: true}}}, "Needs attention", "2 processes away", ""},
		{"reload refused", Page{Config: Config{ReloadError: "x"}}, "Worth a look", "1 reload refused", ""},
	} {
		got := newView(&Options{}, c.page).Verdict
		if got.Badge.Word != c.word || got.Wrong != c.wrong || got.Rest != c.rest {
			t.Errorf("%s: %q, %q, %q, want %q, %q, %q", c.name, got.Badge.Word, got.Wrong, got.Rest, c.word, c.wrong, c.rest)
		}
	}
}

func TestEverySectionShowsItsValues(t *testing.T) {
	state := switches{"latency": true, "errors": false}
	page := ask(serve(t, func(o *Options) { o.Faults, o.SetFault = state.list, state.set }), "GET", "/", "").Body.String()
	for _, want := range []string{
		`<a href="http://grafana.test/d/perfwatch-overview">Dashboard</a>`,
		`<a href="runbooks/PerfwatchApiLatencyP95">runbook</a>`,
		`<td class="num">912<small>of 1000</small></td>`,
		`<small>best: batch=10</small><small>fairness 0.875</small>`, `<details><summary>2 runs of ml_batch_inference</summary>`,
		`<tr><th scope="row">batch=10</th><td>completed</td><td class="num">50</td><td class="num">` +
			objective.PerSecond.Format(50) + `</td><td class="num">` + objective.PerSecond.Format(500) + `</td><td class="num">` +
			objective.Seconds.Format(0.02) + `</td>`,
		`<details><summary>2 steps of limit</summary>`,
		`<tr><th scope="row">200/s</th><td>did not hold<small>160/s were answered</small></td>`,
		`<td class="num">2913</td><td class="num">` + objective.PerSecond.Format(48.6) + `</td><td class="num">` +
			objective.Seconds.Format(0.061),
		`error ratio 31% over 10%`,
		`>1 of 1</td>`, `0 of 50<small>0 of 60 since start</small>`,
		`<code>status 503, want 2xx</code>`,
		`<small>api · http · @every 15s</small>`, `<small>next in 2 s</small>`,
		`>9 s ago</time>`,
		`<dt>Hit ratio</dt><dd>` + objective.Ratio.Format(0.912), `<dd>48 MiB of 256 MiB</dd>`,
		`dial tcp 127.0.0.1:6380: connect: connection refused`,
		`<td class="num now">0.37</td><td class="num">1.84</td><td class="num now">412 MiB</td><td class="num">498 MiB</td>`,
		`<small>2 restarts seen</small>`, `has &#34;serve &lt;model&gt;&#34; in it`,
		`value="0.374"`, `8 CPUs, load 2.41, 16 GiB`,
		`<code>/etc/perfwatch/perfwatch.yml</code>, hash <code>9f2c44d1a07be3c5</code>, loaded`,
		`<time datetime="2026-03-13T01:07:09Z">26 h ago</time>`,
		`line 14: probes[2] &#34;checkout&#34;: http.url`,
		`30m would hold them`,
		`perfwatch 1.2.3, up since <time datetime="2026-03-12T00:07:09Z">`,
		`name="name" value="latency"><button name="on" value="false" aria-pressed="true">`,
		`name="name" value="errors"><button name="on" value="true" aria-pressed="false">`,
	} {
		if !strings.Contains(page, want) {
			t.Errorf("no %s in the page", want)
		}
	}
}

func TestTheEmptyPageStands(t *testing.T) {
	h := serve(t, func(o *Options) { o.Status = func() Page { return Page{Now: now()} } })
	w := ask(h, "GET", "/", "")
	if w.Code != 200 || !strings.Contains(w.Body.String(), "No objectives are declared") {
		t.Errorf("status %d: %s", w.Code, w.Body)
	}
	for _, section := range []string{`id="bursts"`, `id="probes"`, `id="platform"`, `id="faults"`, "NaN", "0001-01-01"} {
		if strings.Contains(w.Body.String(), section) {
			t.Errorf("the empty page has %s", section)
		}
	}
}

func TestThePageIsRefreshedOnlyWhenAsked(t *testing.T) {
	for _, c := range []struct {
		every  time.Duration
		target string
		want   string // content of the meta element; "" for none
	}{
		{0, "/", ""},
		{0, "/?refresh=5", "5"},
		{3 * time.Second, "/", "3"},
		{3 * time.Second, "/?refresh=0", ""},
		{3 * time.Second, "/?refresh=301", "3"},
		{3 * time.Second, "/?refresh=-1", "3"},
		{3 * time.Second, "/?refresh=%22%3E", "3"},
	} {
		page := ask(serve(t, func(o *Options) { o.Refresh = c.every }), "GET", c.target, "").Body.String()
		_, got, _ := strings.Cut(page, `http-equiv="refresh" content="`)
		got, _, _ = strings.Cut(got, `"`)
		if got != c.want {
			t.Errorf("%s every %v: refresh %q, want %q", c.target, c.every, got, c.want)
		}
	}
}

// hostile is text that tries to leave every place of a page where text can stand.
const hostile = `"'><script>alert(1)</script><img src=x onerror=alert(1)>` + "\x00\xff`{{.}}"

func TestHostileTextsStayTexts(t *testing.T) {
	h := serve(t, func(o *Options) {
		o.Version = hostile
		o.Status = hostilePage
		o.Faults = func() []Fault { return []Fault{{Name: hostile, Title: hostile, Effect: hostile}} }
		o.SetFault = func(string, bool) error { return nil }
	})
	w := ask(h, "GET", "/", "")
	page := w.Body.String()
	if w.Code != 200 {
		t.Fatalf("status %d", w.Code)
	}
	if got := strings.Count(page, "<script"); got != 1 {
		t.Errorf("%d scripts, want our own alone", got)
	}
	for _, bad := range []string{"<script>", "<img", "javascript:", "<style", " style="} {
		if strings.Contains(page, bad) {
			t.Errorf("the page has %q", bad)
		}
	}
	if got := strings.Count(page, "&lt;script&gt;alert(1)"); got < 15 {
		t.Errorf("%d escaped texts, want every one", got)
	}
}

func hostilePage() Page {
	p := Page{
		Now: now(), Dashboard: "javascript:alert(1)",
		Objectives: []Objective{{Name: hostile, Title: hostile, Target: hostile, Levels: hostile, Current: hostile, State: hostile,
			Level: hostile, Runbook: hostile}},
		Bursts: []Burst{{Probe: hostile, Plan: hostile, Result: hostile, Reason: hostile}},
		Probes: []Probe{{
			Name: hostile, Group: hostile, Kind: hostile, Schedule: hostile,
			Lately: Lately{Runs: 1, Kept: 1, Last: &Result{Outcome: probes.Error, Error: hostile}},
		}},
		Redis: []Redis{{Name: hostile, Error: hostile}, {Name: hostile, Up: true, Version: hostile, Role: hostile,
			HitRatio: math.NaN()}},
		Config: Config{Path: hostile, Hash: hostile, ReloadError: hostile, Warnings: []string{hostile}},
	}
	return p
}

func TestThePageIsSmallForAHundredProbes(t *testing.T) {
	var board Board
	page := nightPage()
	page.Probes = nil
	for i := range 100 {
		name := fmt.Sprintf("recommendation_details_%03d", i)
		for range ringSize + 1 {
			err := fmt.Errorf("Get %q: %s", "http://127.0.0.1:8000/api/recommendations/1/analysis", strings.Repeat("long ", 200))
			board.Observe(name, &probes.Sample{Start: now(), Duration: time.Second, Outcome: probes.InvalidResponse, Err: err})
		}
		page.Probes = append(page.Probes, Probe{Name: name, Group: "api", Kind: "http", Schedule: "@every 15s", Next: now(),
			Lately: board.Lately(name)})
	}
	var trends Trends
	page.Objectives = slices.Repeat(page.Objectives, 3)
	for i := range trendPoints {
		values := map[string]float64{}
		for _, o := range page.Objectives {
			values[o.Name] = float64(i * i % 37)
		}
		trends.Observe(values)
	}
	h := serve(t, func(o *Options) {
		o.Status = func() Page { return page }
		o.Trends = &trends
	})
	w := ask(h, "GET", "/", "")
	if got := w.Body.Len(); got > 100<<10 {
		t.Errorf("%d bytes for 100 failing probes, want at most %d", got, 100<<10)
	}
	r := httptest.NewRequest("GET", "/", nil)
	r.Header.Set("Accept-Encoding", "gzip")
	small := httptest.NewRecorder()
	h.ServeHTTP(small, r)
	packed, err := gzip.NewReader(small.Body)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%d bytes packed", small.Body.Len())
	if whole, err := io.ReadAll(packed); err != nil || len(whole) != w.Body.Len() || small.Header().Get("Content-Encoding") != "gzip" {
		t.Errorf("%d bytes of %d, %v, %v", len(whole), w.Body.Len(), small.Header(), err)
	}
	t.Logf("%d bytes", w.Body.Len())
	if got := strings.Count(w.Body.String(), "✕</span>&nbsp;invalid_response"); got != 100 {
		t.Errorf("%d probes in the page, want 100", got)
	}
}

func TestTheMarkupIsWellFormed(t *testing.T) {
	state := switches{"latency": true}
	page := ask(serve(t, func(o *Options) { o.Faults, o.SetFault = state.list, state.set }), "GET", "/", "").Body.String()
	d := xml.NewDecoder(strings.NewReader(page))
	d.Strict, d.AutoClose, d.Entity = false, xml.HTMLAutoClose, xml.HTMLEntity
	var open []string
	for {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		switch e := token.(type) {
		case xml.StartElement:
			open = append(open, e.Name.Local)
			checkElement(t, e, open)
		case xml.EndElement:
			if last := open[len(open)-1]; last != e.Name.Local {
				t.Fatalf("</%s> closes <%s>", e.Name.Local, last)
			}
			open = open[:len(open)-1]
		}
	}
	if got, want := strings.Count(page, "<caption>"), strings.Count(page, "<table"); got != want || want != 6 {
		t.Errorf("%d captions of %d tables, want 6", got, want)
	}
}

// checkElement holds an element to what the policy and a screen reader need.
func checkElement(t *testing.T, e xml.StartElement, open []string) {
	t.Helper()
	attributes := map[string]string{}
	for _, a := range e.Attr {
		attributes[a.Name.Local] = a.Value
		if a.Name.Local == "style" || strings.HasPrefix(a.Name.Local, "on") && e.Name.Local != "button" {
			t.Errorf("<%s> has %s, which the policy forbids", e.Name.Local, a.Name.Local)
		}
	}
	if e.Name.Local == "th" && attributes["scope"] == "" {
		t.Errorf("a th has no scope")
	}
	if e.Name.Local == "script" && !strings.HasPrefix(attributes["src"], "static/live.") || e.Name.Local == "style" {
		t.Errorf("<%s> inside %v", e.Name.Local, open)
	}
	for _, link := range []string{attributes["href"], attributes["action"], attributes["src"]} {
		if strings.HasPrefix(link, "/") {
			t.Errorf("<%s> links to %q, which breaks behind a proxy's prefix", e.Name.Local, link)
		}
	}
}

func TestProbesAndBurstsAreShownByTheirState(t *testing.T) {
	v := newView(&Options{}, nightPage())
	var got []string
	for _, c := range v.Checks {
		got = append(got, c.Name+": "+c.Badge.Word)
	}
	for _, b := range v.Last {
		got = append(got, b.Probe+": "+b.Badge.Word+" "+b.Badge.Class)
	}
	want := []string{
		"portfolio_summary: http_5xx", "market_overview: invalid_response", "ai_analysis: timeout",
		"price_history: not run yet", "dashboard: ok", "recommendations: ok",
		"investor_journey: completed ok", "sustained_throughput: aborted warn", "recommendations_under_load: running run",
		"bulk_price_query: not run yet idle", "ml_single_inference: completed ok", "ml_batch_inference: completed ok",
		"limit: completed ok",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got %q\nwant %q", got, want)
	}
	if b := burstBadge(&Burst{Result: load.Invalid}); b.Class != "warn" {
		t.Errorf("an invalid burst is shown as %v", b)
	}
}

func TestTimesAndSizesAreWrittenForPeople(t *testing.T) {
	for _, c := range []struct {
		age  time.Duration
		want string
	}{
		{0, "now"}, {999 * time.Millisecond, "now"}, {-999 * time.Millisecond, "now"}, {time.Second, "1 s ago"}, {59 * time.Second,
			"59 s ago"},
		{90 * time.Second, "1 min ago"}, {47 * time.Hour, "47 h ago"}, {49 * time.Hour, "2 days ago"}, {-90 * time.Second, "in 1 min"},
	} {
		if got := ago(now(), now().Add(-c.age)); got != c.want {
			t.Errorf("%v: %q, want %q", c.age, got, c.want)
		}
	}
	if got := ago(now(), time.Time{}); got != "never" {
		t.Errorf("zero: %q", got)
	}
	for n, want := range map[int64]string{0: "0 B", 1023: "1023 B", 1024: "1.0 KiB", 10 << 20: "10 MiB", 3 << 29: "1.5 GiB",
		1 << 50: "1024 TiB"} {
		if got := formatBytes(n); got != want {
			t.Errorf("%d: %q, want %q", n, got, want)
		}
	}
}
