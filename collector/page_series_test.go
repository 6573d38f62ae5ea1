package collector

import (
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/perfwatch/perfwatch/internal/browser"
	"github.com/perfwatch/perfwatch/internal/objective"
	"github.com/perfwatch/perfwatch/probes"
)

// loaded is a good run of a page.
func loaded(at time.Time) *probes.Sample {
	const ms = time.Millisecond
	s := &probes.Sample{Due: at, Start: at, Duration: 2500 * ms}
	s.Page = &probes.PageResult{
		Figures: browser.Figures{
			FirstByte: 320 * ms, FirstPaint: 2000 * ms, LargestPaint: 2250 * ms, Interactive: 2500 * ms, Blocking: 150 * ms,
			Shift: 0.125, BlinkInteractive: 2750 * ms, Parsed: 1000 * ms, Loaded: 1500 * ms,
			Requests: 7, Failed: 1, Bytes: 50_000,
			Types:  map[string]browser.TypeCount{"Script": {Requests: 2, Bytes: 30_000}, "Wasm": {Requests: 1, Bytes: 5}, "Prefetch": {Requests: 1}},
			Errors: 3, Exceptions: 2, Dialogs: 1, Marks: map[string]time.Duration{"ready": 750 * ms, "theirs": ms},
		},
		Warm: &browser.Figures{Interactive: 400 * ms},
	}
	return s
}

func fillPage(rec *Recorder, at time.Time) {
	info := ProbeInfo{Name: "front", Group: "page", Kind: "page", Interval: 5 * time.Minute, Marks: []string{"ready"}, Warm: true}
	rec.Probe(info).Observe(loaded(at))
}

func TestAPageIsSeenByItsFigures(t *testing.T) {
	reg := prometheus.NewRegistry()
	book := objective.NewBook([]objective.Objective{
		{Name: "fcp", Measure: objective.PageFCP, Quantile: objective.Median, Group: "page", Window: time.Hour, Target: new(2.0)},
		{Name: "tti", Measure: objective.PageTTI, Quantile: objective.Median, Probe: "front", Window: time.Hour, Target: new(2.4)},
	})
	rec := NewRecorder(reg, book)
	fillPage(rec, time.Now().Add(-10*time.Second))
	const of = `{group="page",probe="front"`
	wantSeries(t, reg, map[string]string{
		`perfwatch_page_time_to_first_byte_seconds_sum` + of + `}`:                 "0.32",
		`perfwatch_page_first_contentful_paint_seconds_bucket` + of + `,le="2"}`:   "1",
		`perfwatch_page_first_contentful_paint_seconds_bucket` + of + `,le="1.5"}`: "0",
		`perfwatch_page_largest_contentful_paint_seconds_sum` + of + `}`:           "2.25",
		`perfwatch_page_time_to_interactive_seconds_bucket` + of + `,le="2.4"}`:    "0",
		`perfwatch_page_time_to_interactive_seconds_bucket` + of + `,le="2.5"}`:    "1",
		`perfwatch_page_total_blocking_time_seconds_sum` + of + `}`:                "0.15",
		`perfwatch_page_cumulative_layout_shift_sum` + of + `}`:                    "0.125",
		`perfwatch_page_transferred_bytes_sum` + of + `}`:                          "50000",
		`perfwatch_page_requests_sum` + of + `}`:                                   "7",
		`perfwatch_page_warm_seconds_sum{figure="tti",group="page",probe="front"}`: "0.4",
		`perfwatch_page_failures_total{probe="front",reason="cpu_busy"}`:           "0",
		`perfwatch_page_last_interactive_difference_seconds{probe="front"}`:        "-0.25",
		`perfwatch_page_last_load_seconds{probe="front"}`:                          "1.5",
		`perfwatch_page_last_dom_content_loaded_seconds{probe="front"}`:            "1",
		`perfwatch_page_last_type_bytes{probe="front",type="script"}`:              "30000",
		`perfwatch_page_last_type_requests{probe="front",type="other"}`:            "2",
		`perfwatch_page_last_failed_requests{probe="front"}`:                       "1",
		`perfwatch_page_last_troubles{kind="console_error",probe="front"}`:         "3",
		`perfwatch_page_last_troubles{kind="dialog",probe="front"}`:                "1",
		`perfwatch_page_last_mark_seconds{mark="ready",probe="front"}`:             "0.75",
		`perfwatch_page_last_mark_seconds{mark="theirs",probe="front"}`:            "",
		`perfwatch_probe_duration_seconds_sum{group="page",probe="front"}`:         "2.5",
	})
	for i, want := range []float64{2, 2.5} {
		if got := book.All()[i].Status(time.Now()); got.Samples != 1 || got.Value < want*0.99 || got.Value > want*1.01 {
			t.Errorf("objective %d: %+v, want one load of %g s", i, got, want)
		}
	}
}

func TestAPageThatFailedHasNoFigures(t *testing.T) {
	reg := prometheus.NewRegistry()
	rec := NewRecorder(reg, emptyBook())
	fillPage(rec, time.Now())
	info := ProbeInfo{Name: "front", Group: "page", Kind: "page", Interval: 5 * time.Minute, Marks: []string{"ready"}, Warm: true}
	s := rec.Probe(info)
	bad := loaded(time.Now())
	bad.Outcome, bad.Page.Reason = probes.Timeout, "network_busy"
	s.Observe(bad)
	bad.Page.Reason = "made up"
	s.Observe(bad)
	wantSeries(t, reg, map[string]string{
		`perfwatch_page_failures_total{probe="front",reason="network_busy"}`:           "1",
		`perfwatch_page_failures_total{probe="front",reason="made up"}`:                "",
		`perfwatch_page_time_to_interactive_seconds_count{group="page",probe="front"}`: "1",
		`perfwatch_page_last_load_seconds{probe="front"}`:                              "",
		`perfwatch_page_last_mark_seconds{mark="ready",probe="front"}`:                 "",
		`perfwatch_probe_runs_total{outcome="timeout",probe="front"}`:                  "2",
	})
	rec.Remove("front")
	s.Observe(loaded(time.Now())) // it was still running
	wantSeries(t, reg, map[string]string{
		`perfwatch_page_last_load_seconds{probe="front"}`:                              "",
		`perfwatch_page_time_to_interactive_seconds_count{group="page",probe="front"}`: "",
	})
}

// fullBrowser is a browser that was replaced now and then.
func fullBrowser() *Browser {
	return NewBrowser(func() *BrowserState {
		return &BrowserState{
			Up: true, Launches: 7, Failed: 2, Memory: 220 << 20, BackOff: 4 * time.Second,
			Ends: map[string]int64{"lost": 1, "stuck": 2, "runs": 3, "age": 0, "memory": 0},
		}
	})
}

func TestABrowserThatNobodyNeedsIsNotShown(t *testing.T) {
	reg := NewRegistry()
	var state *BrowserState
	reg.MustRegister(NewBrowser(func() *BrowserState { return state }))
	before := page(t, reg)
	wantSeries(t, reg, map[string]string{"perfwatch_browser_up": ""})
	state = &BrowserState{Failed: 1}
	wantSeries(t, reg, map[string]string{
		"perfwatch_browser_up": "0", `perfwatch_browser_launches_total{result="failed"}`: "1", "perfwatch_browser_memory_bytes": "",
		"perfwatch_browser_back_off_seconds": "0",
	})
	state = nil
	if after := page(t, reg, "perfwatch_browser_up"); after != "" || before == "" {
		t.Errorf("without pages there is still %q", after)
	}
}
