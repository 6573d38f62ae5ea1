package report

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
	"github.com/google/go-cmp/cmp"

	"github.com/perfwatch/perfwatch/internal/archive"
	"github.com/perfwatch/perfwatch/internal/load"
	"github.com/perfwatch/perfwatch/internal/objective"
	"github.com/perfwatch/perfwatch/probes"
)

func ptr(v float64) *float64 { return &v }

func noon() time.Time { return time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC) }

// leaf is an endpoint whose requests took some milliseconds.
func leaf(t *testing.T, task, name string, failed uint64, ms ...int64) load.LeafSummary {
	t.Helper()
	l := load.LeafSummary{Task: task, Endpoint: name, Response: hdrhistogram.New(1, 3_600_000_000, 3)}
	l.Service = l.Response
	for _, v := range ms {
		if err := l.Response.RecordValue(v * 1000); err != nil {
			t.Fatal(err)
		}
	}
	l.Outcomes[probes.OK], l.Outcomes[probes.HTTP5xx] = uint64(len(ms))-failed, failed
	l.Cache[probes.CacheHit], l.Cache[probes.CacheMiss] = 3, 1
	return l
}

// upTo are the milliseconds from 1 to n.
func upTo(n int64) (all []int64) {
	for i := range n {
		all = append(all, i+1)
	}
	return all
}

// sample is a report with something of everything.
func sample(t *testing.T) *Report {
	t.Helper()
	s := &load.Summary{
		Probe: "journey", Seed: 7, Start: noon(), End: noon().Add(10 * time.Second), Result: load.Completed, UsersPeak: 100,
		InFlightPeak: 9, Fairness: 0.987,
		Leaves: []load.LeafSummary{leaf(t, "browse", "view", 2, upTo(200)...), leaf(t, "buy", "buy", 0, 20, 30)},
		Timeline: load.Timeline{Step: 5, Cells: []load.Cell{
			{Requests: 100, Users: 50, P50: 0.1, P95: 0.2}, {Requests: 102, Failures: 2, Users: 100, P50: 0.1, P95: 0.3},
		}},
	}
	burst := BurstOf(archive.NewBurst(s, "hash", "v1"))
	burst.Group, burst.Suite, burst.Plan = "load", "api", "100 users"
	s.Probe, s.Result, s.Reason, s.Cause = "bulk", load.Aborted, "error ratio 60% over 5s", load.ByErrors
	s.Runs = []load.RunSummary{{Name: "batch=1", Items: 1, Result: load.Completed, Requests: 10, Throughput: 5, P50: 0.1, P95: 0.2, P99: 0.3}}
	ml := BurstOf(archive.NewBurst(s, "hash", "v1"))
	ml.Group, ml.Suite = "ml", "ml"
	home := leaf(t, "", "", 1, upTo(4)...)
	return &Report{
		Format: Format, Version: "v1", Source: FromRun, Target: "http://shop.example", Config: "abc",
		Start: noon(), End: noon().Add(time.Minute),
		Objectives: []Objective{
			ObjectiveOf(&objective.Objective{Name: "a", Title: "API p95", Measure: objective.Latency, Quantile: 0.95, Target: ptr(0.5)},
				objective.Status{Value: 0.48, Samples: 300, State: objective.Met}),
			ObjectiveOf(&objective.Objective{Name: "b", Title: "Throughput | <b>", Measure: objective.LoadThroughput, Target: ptr(100)},
				objective.Status{Value: 20.2, Samples: 1, State: objective.Missed, Level: objective.Target}),
			ObjectiveOf(&objective.Objective{Name: "c", Title: "API p99", Measure: objective.Latency, Quantile: 0.99, Target: ptr(1)},
				objective.Status{Value: 0.9, Samples: 300, State: objective.NotEnough}),
			{Name: "d", Title: "Daily", Unit: objective.Seconds, Target: ptr(3600), State: objective.NoData, Skipped: true},
		},
		Probes: []Probe{{Name: "home", Group: "api", Kind: "http", Error: "status 500, want 200 <script>\x1b[31m", Figures: FiguresOf(&home, 0)}},
		Bursts: []Burst{burst, ml},
		Redis:  []Redis{{Name: "cache", Up: true, HitRatio: ptr(0.87)}},
		Host:   &Host{CPUPeak: 0.5, MemoryPeak: 0.25},
	}
}

//nolint:gochecknoglobals // a flag of the tests
var update = flag.Bool("update", false, "write the golden files anew")

func TestReportsReadAsTheyShould(t *testing.T) {
	r := sample(t)
	r.Judge()
	r.CompareWith(slowed(t, 2), "before.json")
	for _, format := range []string{"text", "markdown", "junit"} {
		var got bytes.Buffer
		if err := r.Write(&got, format); err != nil {
			t.Fatal(err)
		}
		name := filepath.Join("testdata", "report."+format)
		if *update {
			if err := os.WriteFile(name, got.Bytes(), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(string(want), got.String()); diff != "" {
			t.Errorf("%s (go test -update): %s", format, diff)
		}
		if strings.ContainsRune(got.String(), 0x1b) {
			t.Errorf("%s: an escape of a terminal went through", format)
		}
		if format == "junit" && xml.Unmarshal(got.Bytes(), new(junitSuites)) != nil {
			t.Errorf("not XML: %s", got.String())
		}
	}
}

// slowed is the sample as it was when it was some times faster.
func slowed(t *testing.T, times int64) *Report {
	t.Helper()
	r := sample(t)
	for b := range r.Bursts {
		for e := range r.Bursts[b].Endpoints {
			f := &r.Bursts[b].Endpoints[e].Figures
			for i := range f.Counts {
				f.Counts[i].Value = max(1, f.Counts[i].Value/times)
			}
			f.Latency.P95 /= float64(times)
		}
		all := &r.Bursts[b].All
		for i := range all.Counts {
			all.Counts[i].Value = max(1, all.Counts[i].Value/times)
		}
		all.Latency.P95 /= float64(times)
	}
	return r
}

func TestChangesAreToldFromChance(t *testing.T) {
	for _, test := range []struct {
		times int64
		want  []string // of all of the journey, of view, of buy, which has two requests
	}{
		{1, []string{NoChange, NoChange, NoChange}},
		{2, []string{Slower, Slower, NoChange}},
	} {
		now, before := sample(t), slowed(t, test.times)
		now.CompareWith(before, "before")
		back := before
		back.CompareWith(sample(t), "after")
		for i, want := range test.want {
			c, b := now.Comparison.Changes[i+1], back.Comparison.Changes[i+1] // the first is the probe
			mirrored := map[string]string{Slower: Faster, NoChange: NoChange}[want]
			if c.Verdict != want || b.Verdict != mirrored {
				t.Errorf("%d times: %s is %q, and the other way %q, want %q", test.times, c.Label(), c.Verdict, b.Verdict, want)
			}
		}
	}
	now, other := sample(t), sample(t)
	other.Probes, other.Bursts[0].Hash = nil, "another load"
	now.CompareWith(other, "x")
	if diff := cmp.Diff([]string{"home", "journey"}, now.Comparison.Missing); diff != "" {
		t.Error(diff)
	}
}

func TestIntervalsHoldTheirQuantile(t *testing.T) {
	var counts archive.Counts
	for _, v := range upTo(1000) {
		counts = append(counts, archive.Counts{{Value: v, N: 1}}...)
	}
	// Ranks 950 ± 2.58·sqrt(1000·0.95·0.05) = 950 ± 17.78.
	if low, high, ok := interval(counts); low != 932 || high != 969 || !ok {
		t.Errorf("%d to %d, %t, want 932 to 969", low, high, ok)
	}
	if _, _, ok := interval(counts[:50]); ok {
		t.Error("50 samples have an interval for p95, want none")
	}
}

func TestVerdicts(t *testing.T) {
	r := sample(t)
	r.Judge()
	want := []string{
		"burst bulk was aborted: error ratio 60% over 5s",
		"Throughput | <b> is missed: 20.2/s, want ≥ 100/s",
		"API p99 could not be judged: 300 samples, want 1000",
	}
	if diff := cmp.Diff(want, r.Problems); diff != "" || r.Verdict != Missed || r.Headline() != "Not met: 1 of 3 objectives met." {
		t.Errorf("%s, %s: %s", r.Verdict, r.Headline(), diff)
	}
	r = sample(t)
	r.Bursts, r.Objectives = r.Bursts[:1], r.Objectives[:1]
	r.Judge()
	if r.Verdict != Met || len(r.Problems) != 0 || r.Headline() != "The objective is met." {
		t.Errorf("%s, %q, %s", r.Verdict, r.Problems, r.Headline())
	}
	r = sample(t)
	r.Bursts, r.Objectives, r.Interrupted = r.Bursts[1:], r.Objectives[2:3], true
	r.Bursts[0].Cause = load.ByStop
	r.Judge()
	if r.Verdict != Undecided || len(r.Problems) != 2 {
		t.Errorf("interrupted: %s, %q", r.Verdict, r.Problems)
	}
}

func TestAReportComesBackAsItWasWritten(t *testing.T) {
	r := sample(t)
	r.Judge()
	path := filepath.Join(t.TempDir(), "r.json")
	var text bytes.Buffer
	if err := r.Write(&text, "json"); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, text.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	got, err := Read(path)
	if diff := cmp.Diff(r, got); err != nil || diff != "" {
		t.Errorf("%v %s", err, diff)
	}
}

func TestWhatIsNoReportIsRefused(t *testing.T) {
	dir := t.TempDir()
	file := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	huge := file("huge", "")
	if err := os.Truncate(huge, maxReport+1); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{
		filepath.Join(dir, "none"): "no such file or directory",
		dir:                        "not a regular file",
		file("empty", ""):          "not a report of perfwatch run --format json: unexpected end of JSON input",
		file("half", `{"format": 1, "source": "ru`):   "not a report of perfwatch run --format json: unexpected end of JSON input",
		file("foreign", `{"metrics": {"vus": 1}}`):    "not a report of perfwatch run --format json",
		file("list", `[1, 2]`):                        "not a report of perfwatch run --format json: json: cannot unmarshal array",
		file("newer", `{"format": 2, "source": 7}`):   "not a report of perfwatch run --format json: json: cannot unmarshal number",
		file("new", `{"format": 2, "source": "run"}`): "format 2 of a newer perfwatch, want at most 1",
		file("wrong", `{"format": 1, "source": "run", "verdict": "met", "bursts": [{"all": {"response_us": "9 3"}}]}`): `"3", want ascending`,
		huge: "more than 64 MiB",
	} {
		if _, err := Read(path); err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), path) {
			t.Errorf("%v, want %q", err, want)
		}
	}
}

// FuzzBaseline compares with, and writes, whatever can be read.
func FuzzBaseline(f *testing.F) {
	f.Add([]byte(`{"format": 1, "source": "run", "verdict": "met", "probes": [{"name": "home", "kind": "http", "response_us": "1 2:3"}],
		"bursts": [{"probe": "journey", "hash": "hash", "duration": 1e-300, "timeline": {"step": 0, "cells": [{}]},
		"runs": [{}], "all": {"response_us": "3599999999", "latency": {"p95": -1}}, "endpoints": [{"name": "view"}]}]}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		earlier, err := parse(text)
		if err != nil {
			return
		}
		now := sample(t)
		now.CompareWith(earlier, "earlier")
		earlier.Judge()
		for _, format := range Formats() {
			for _, r := range []*Report{now, earlier} {
				if err := r.Write(io.Discard, format); err != nil {
					t.Errorf("%s: %v", format, err)
				}
			}
		}
	})
}

// TestThePageNeedsNothingElse looks for everything that a browser would load or run.
func TestThePageNeedsNothingElse(t *testing.T) {
	r := sample(t)
	r.Judge()
	var page bytes.Buffer
	if err := r.Write(&page, "html"); err != nil {
		t.Fatal(err)
	}
	text := page.String()
	for _, pattern := range []string{`<script`, `(src|action)=`, `href="[^#d]`, `url\(`, `@import`, ` style="`, ` on[a-z]+="`} {
		if found := regexp.MustCompile(pattern).FindString(text); found != "" {
			t.Errorf("%q stands in the page", found)
		}
	}
	policy, err := Policy()
	if err != nil || !strings.Contains(strings.ReplaceAll(text, "&#39;", "'"), strings.ReplaceAll(policy, "+", "&#43;")) {
		t.Errorf("%v: the policy %s is not in the page", err, policy)
	}
	for _, want := range []string{"Throughput | &lt;b&gt;", "Not met: 1 of 3 objectives met.", "Percentiles by endpoint", ">480ms<", "Latency distribution"} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is not in the page", want)
		}
	}
	if n := strings.Count(text, "<svg"); n != 11 {
		t.Errorf("%d drawings, want 5 of one burst and 6 of the other", n)
	}
}

func TestTheJSONHasNoNumberThatJSONLacks(t *testing.T) {
	r := &Report{Objectives: []Objective{ObjectiveOf(&objective.Objective{}, objective.Status{Value: ratioOfNothing()})}}
	var text bytes.Buffer
	if err := r.Write(&text, "json"); err != nil || !json.Valid(text.Bytes()) || strings.Contains(text.String(), `"value"`) {
		t.Errorf("%v: %s", err, text.String())
	}
}

func ratioOfNothing() float64 { zero := 0.0; return zero / zero }

// TestTheSlowestRequestsAreShownWhole has one that was sent late, and what it then took.
func TestTheSlowestRequestsAreShownWhole(t *testing.T) {
	r := sample(t)
	r.Bursts[0].Slowest = []archive.Request{{
		Endpoint: "view", Response: 3, Service: 2, TraceID: "00ab", Status: 504, Outcome: "http_5xx",
		Phases: map[string]float64{"first_byte": 1.75, "connect": 0.25},
	}}
	var page bytes.Buffer
	if err := r.Write(&page, "html"); err != nil {
		t.Fatal(err)
	}
	want := fmt.Sprintf(`<td class="num">%s</td><td>http_5xx <small>status 504</small></td>`+
		`<td class="phases">late %s, connect %s, first_byte %s</td><td><code>00ab</code></td>`, ms(3), ms(1), ms(0.25), ms(1.75))
	if !strings.Contains(page.String(), want) {
		t.Errorf("the page lacks %s", want)
	}
}
