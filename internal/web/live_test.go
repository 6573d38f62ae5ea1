package web

import (
	"context"
	"fmt"
	"math"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/perfwatch/perfwatch/internal/objective"
	"github.com/perfwatch/perfwatch/internal/pipeline"
	"github.com/perfwatch/perfwatch/probes"
)

// A page that is open is told of a burst when something changes, and its stream ends with the server.
func TestBurstsAreFollowed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		page, closing := nightPage(), make(chan struct{})
		h := serve(t, func(o *Options) { o.Status, o.Closing = func() Page { return page }, closing })
		w := httptest.NewRecorder()
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			h.ServeHTTP(w, httptest.NewRequestWithContext(context.Background(), "GET", "/events", nil))
		}()
		time.Sleep(2500 * time.Millisecond)
		synctest.Wait()
		page.Bursts[2].Progress.Requests = 1300
		time.Sleep(time.Second)
		synctest.Wait()
		close(closing)
		<-ended
		events := strings.Split(strings.TrimSpace(w.Body.String()), "\n\n")
		if len(events) != 2 || w.Header().Get("Content-Type") != "text/event-stream" {
			t.Fatalf("%d events, want one at first and one for the change: %s", len(events), w.Body)
		}
		want := `{"name":"recommendations_under_load","share":0.41333333333333333,"text":"12 of 30 s, batch=2, 85 users, 1300 requests, 96.5/s, ` +
			`p95 125ms, 2 failed","running":true}`
		if !strings.HasPrefix(events[1], "event: bursts\ndata: [{") || !strings.Contains(events[1], want) {
			t.Errorf("%s, want %s in it", events[1], want)
		}
	})
}

func TestProbesAreFoundAndTurned(t *testing.T) {
	page := Page{Now: now()}
	for i := range 10_000 {
		p := Probe{Name: fmt.Sprintf("shop_%04d", i), Group: "api", Kind: "http", Schedule: "@every 15s"}
		p.Last = &Result{At: now()}
		if i == 7777 {
			p.Last = &Result{At: now(), Outcome: probes.Timeout}
		}
		page.Probes = append(page.Probes, p)
	}
	h := serve(t, func(o *Options) { o.Status = func() Page { return page } })
	for _, c := range []struct {
		target       string
		first        string
		rows         int
		has, without string
	}{
		{"/", "shop_7777", 100, "Page 1 of 100", ">Previous<"},
		{"/?page=100", "shop_9900", 100, "Page 100 of 100", ">Next<"},
		{"/?page=101", "shop_9900", 100, "Page 100 of 100", ">Next<"},
		{"/?page=x&q=", "shop_7777", 100, "10000 of 10000", ">Previous<"},
		{"/?q=TIMEOUT", "shop_7777", 1, "1 of 10000", "Page 1"},
		{"/?q=shop_12+http", "shop_1200", 100, "100 of 10000", "Page 1"},
		{"/?q=shop_1&page=2", "shop_1100", 100, `href="?page=3&amp;q=shop_1#probes"`, "shop_2"},
		{"/?q=nothing", "", 0, "No probe is called so.", "Page 1"},
		{"/?q=%22%3E%3Cscript%3E", "", 0, `value="&#34;&gt;&lt;script&gt;"`, "<script>"},
	} {
		body := ask(h, "GET", c.target, "").Body.String()
		table := body[strings.Index(body, `<table class="probes">`):]
		if got := strings.Count(table, `<a href="probes/`); got != c.rows || len(body) > 100<<10 {
			t.Errorf("%s: %d rows in %d bytes, want %d in 100 KiB at most", c.target, got, len(body), c.rows)
		}
		if c.rows > 0 && !strings.Contains(table[:min(len(table), 700)], c.first) {
			t.Errorf("%s does not begin with %s", c.target, c.first)
		}
		if !strings.Contains(body, c.has) || strings.Contains(table, c.without) {
			t.Errorf("%s has no %q, or has %q", c.target, c.has, c.without)
		}
	}
}

func TestTrendsAreDrawn(t *testing.T) {
	var trends Trends
	for i := range 2 * trendPoints {
		trends.Observe(map[string]float64{"a": float64(i % 3), "b": math.NaN()})
	}
	trends.Observe(map[string]float64{"a": 0.5})
	values := trends.of("a")
	if len(values) != trendPoints || values[trendPoints-1] != 0.5 || len(trends.of("b")) != 0 {
		t.Errorf("%d values, the last %v; %d of what is gone", len(values), values[trendPoints-1], len(trends.of("b")))
	}
	for _, c := range []struct {
		values []float64
		want   string
	}{
		{nil, ""},
		{[]float64{1}, ""},
		{[]float64{math.NaN(), 1}, ""},
		{[]float64{0, 1, 2}, `aria-label="from 0s to 2s"><path class="limit" d="M0 14H120"/><path d="M116 26l2 -12l2 -12"/></svg>`},
		{[]float64{0, math.NaN(), 2}, `<path d="M116 26M120 2"/></svg>`},
		{[]float64{1, 1}, `<path class="limit" d="M0 26H120"/><path d="M118 26l2 0"/></svg>`},
	} {
		if got := string(drawTrend(c.values, 1, objective.Seconds)); !strings.HasSuffix(got, c.want) || (got == "") != (c.want == "") {
			t.Errorf("%v: %s, want %s", c.values, got, c.want)
		}
	}
}

func TestPipelinesAreJudged(t *testing.T) {
	spec := pipeline.Spec{Name: "daily", Budget: time.Hour, StuckAfter: time.Hour, Stages: []pipeline.Stage{{Name: "fetch"}}}
	open := func(change func(*pipeline.Current)) []pipeline.Current {
		c := pipeline.Current{Run: pipeline.Run{ID: "a", Start: now()}}
		change(&c)
		return []pipeline.Current{c}
	}
	for _, c := range []struct {
		status pipeline.Status
		word   string
		class  string
	}{
		{pipeline.Status{}, "no run yet", "idle"},
		{pipeline.Status{Ended: []pipeline.Run{{Outcome: pipeline.Success}}}, "done", "ok"},
		{pipeline.Status{Late: true}, "late", "bad"},
		{pipeline.Status{Failures: 1}, "failed", "bad"},
		{pipeline.Status{Failures: 1, Open: open(func(*pipeline.Current) {})}, "running", "run"},
		{pipeline.Status{Open: open(func(c *pipeline.Current) { c.Stuck = true })}, "stuck", "bad"},
		{pipeline.Status{Open: open(func(c *pipeline.Current) { c.OverBudget = []string{""} })}, "over budget", "warn"},
		{pipeline.Status{Open: open(func(c *pipeline.Current) { c.WillMiss = true })}, "will be late", "warn"},
		{pipeline.Status{Open: append(open(func(*pipeline.Current) {}), open(func(*pipeline.Current) {})...)}, "overlap", "warn"},
	} {
		c.status.Spec = spec
		if v := newPipelineView(c.status, now()); v.Badge.Word != c.word || v.Badge.Class != c.class {
			t.Errorf("%+v: %v, want %s", c.status, v.Badge, c.word)
		}
	}
}
