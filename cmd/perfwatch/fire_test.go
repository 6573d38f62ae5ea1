package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/perfwatch/perfwatch/internal/archive"
	"github.com/perfwatch/perfwatch/internal/load"
)

// burstYAML is a configuration with a burst that only runs when it is asked to.
func burstYAML(url, burst string) string {
	return fmt.Sprintf(`
probes:
  - {name: burst, schedule: "0 0 30 2 *", load: {%s, tasks: [{name: home, http: {url: %q}}]}}
`, burst, url)
}

func (r *running) aborts(t *testing.T, cause load.Cause) float64 {
	return r.value(t, "perfwatch_load_aborts_total", map[string]string{"probe": "burst", "reason": string(cause)})
}

func (r *running) skipped(t *testing.T, reason string) float64 {
	return r.value(t, "perfwatch_probe_skipped_total", map[string]string{"probe": "burst", "reason": reason})
}

func (r *running) bursts(t *testing.T, result load.Result) float64 {
	return r.value(t, "perfwatch_load_bursts_total", map[string]string{"probe": "burst", "result": string(result)})
}

// begin starts the burst through the API and waits until it has sent something.
func (r *running) begin(t *testing.T) {
	t.Helper()
	if status, body := r.ask("POST", "/api/v1/bursts/burst/start"); status != http.StatusAccepted {
		t.Fatalf("starting: %d %s", status, body)
	}
}

func TestABurstIsStartedAndStoppedAtOnce(t *testing.T) {
	d := start(t, burstYAML(target(t), "users: 2, duration: 10m, think_time: 10ms"))
	if status, _ := d.ask("POST", "/api/v1/bursts/burst/stop"); status != http.StatusConflict {
		t.Errorf("stopping what does not run: %d, want 409", status)
	}
	if status, _ := d.ask("POST", "/api/v1/bursts/nobody/start"); status != http.StatusNotFound {
		t.Errorf("starting what is unknown: %d, want 404", status)
	}
	d.begin(t)
	waitFor(t, "requests of the burst", func() bool {
		return d.value(t, "perfwatch_load_requests_total", map[string]string{"probe": "burst", "outcome": "ok"}) > 5
	})
	if status, _ := d.ask("POST", "/api/v1/bursts/burst/start"); status != http.StatusConflict {
		t.Errorf("starting twice: %d, want 409", status)
	}
	if status, body := d.ask("POST", "/api/v1/bursts/burst/stop"); status != http.StatusAccepted {
		t.Errorf("stopping: %d %s", status, body)
	}
	waitFor(t, "the end of the burst", func() bool { return d.aborts(t, load.ByStop) == 1 })
	waitFor(t, "its last figures", func() bool {
		_, page := d.ask("GET", "/")
		return strings.Contains(page, "stopped by hand")
	})
	if n := d.value(t, "perfwatch_load_last_throughput_requests_per_second", map[string]string{"probe": "burst"}); n <= 0 {
		t.Errorf("throughput %g of what was measured, want some", n)
	}
	if n := d.value(t, "perfwatch_load_last_valid", map[string]string{"probe": "burst"}); n != 0 {
		t.Errorf("a stopped burst is valid: %g", n)
	}
	if left := d.guard.Left(time.Now()); left >= 2_000_000 || left < 2_000_000-5_000 {
		t.Errorf("%d requests left today, want what was sent taken and the rest returned", left)
	}
	d.begin(t) // being stopped is not held against it
	waitFor(t, "another burst", func() bool { _, page := d.ask("GET", "/"); return strings.Contains(page, "Stop burst") })
}

func TestABurstEndsAtOnceWithTheDaemon(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	d := startIn(t, dir, burstYAML(target(t), "users: 1, duration: 10m, think_time: 9m"))
	d.begin(t)
	waitFor(t, "a request", func() bool {
		return d.value(t, "perfwatch_load_requests_total", map[string]string{"probe": "burst", "outcome": "ok"}) == 1
	})
	d.cancel()
	waitFor(t, "its end", func() bool { return d.aborts(t, load.ByShutdown) == 1 })
	waitFor(t, "the end of the daemon", func() bool { return !d.running.Load() })
	a, err := archive.Open(dir, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	kept := 0
	for b := range a.Bursts("burst") {
		kept++
		if b.Result != load.Aborted || b.Cause != load.ByShutdown || b.Leaves[0].Outcomes["ok"] != 1 || b.Valid() {
			t.Errorf("%+v, want what it had measured, marked", b)
		}
	}
	if err := a.Close(); err != nil || kept != 1 {
		t.Errorf("%d bursts kept, %v, want 1", kept, err)
	}
}

// It is due at midnight and at six of each first of January, and midnight is a blackout.
func TestABurstIsMissingAfterTheThirdTimeThatItIsDue(t *testing.T) {
	text := "bursts: {blackouts: [{start: \"CRON_TZ=UTC 59 23 31 12 *\", duration: 2m}]}\n" +
		strings.Replace(burstYAML(target(t), "users: 1, iterations: 5, duration: 2s"), "0 0 30 2 *", "CRON_TZ=UTC 0 0,6 1 1 *", 1)
	d := start(t, text)
	want := time.Date(time.Now().UTC().Year()+3, 1, 1, 6, 0, 32, 0, time.UTC) // 2 s of burst and 30 s of slack
	overdue := func() float64 {
		return d.value(t, "perfwatch_load_overdue_timestamp_seconds", map[string]string{"probe": "burst"})
	}
	check := func(when string) {
		if got := overdue(); got != float64(want.Unix()) {
			t.Errorf("%s it is missing from %v on, want %v", when, time.Unix(int64(got), 0).UTC(), want)
		}
	}
	check("before the first")
	d.begin(t)
	// On a machine that others load it may be invalid: it came.
	waitFor(t, "its end", func() bool { return d.bursts(t, load.Completed)+d.bursts(t, load.Invalid) == 1 })
	waitFor(t, "the word of it", func() bool { _, page := d.ask("GET", "/"); return !strings.Contains(page, "Stop burst") })
	check("after it")
}

func TestABurstDoesNotBeginWhereItMayNot(t *testing.T) {
	tests := []struct{ name, text, why string }{
		{"a public host", burstYAML("http://203.0.113.7/", "users: 1, duration: 1s"),
			`host &#34;203.0.113.7&#34; is at 203.0.113.7, neither loopback nor private`},
		{"a blackout", "bursts: {blackouts: [{start: \"* * * * *\", duration: 2m}]}" + burstYAML("http://127.0.0.1:1/", "users: 1, duration: 1s"),
			`blackout of 2m0s`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			d := start(t, tt.text)
			d.begin(t)
			waitFor(t, "the refusal", func() bool { _, page := d.ask("GET", "/"); return strings.Contains(page, tt.why) })
			reason := map[bool]string{true: "window", false: "guard"}[tt.name == "a blackout"]
			if d.skipped(t, reason) != 1 || d.bursts(t, load.Completed)+d.bursts(t, load.Aborted) != 0 {
				t.Errorf("%g skipped by %s, want 1 and no burst", d.skipped(t, reason), reason)
			}
		})
	}
}

func TestNoLoadGoesToAPlatformInTrouble(t *testing.T) {
	var broken atomic.Bool
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if broken.Load() {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
	}))
	defer server.Close()
	d := start(t, burstYAML(server.URL, "users: 1, iterations: 1")+fmt.Sprintf(`
  - {name: home, schedule: "@every 1s", http: {url: %q}}
`, server.URL))
	broken.Store(true)
	waitFor(t, "a failed probe", func() bool {
		return d.value(t, "perfwatch_probe_runs_total", map[string]string{"probe": "home", "outcome": "http_5xx"}) > 0
	})
	d.begin(t)
	waitFor(t, "the refusal", func() bool { return d.skipped(t, "guard") == 1 })
	broken.Store(false)
	waitFor(t, "a good probe", func() bool { return d.runs(t, "home") > 0 })
	waitFor(t, "a burst", func() bool {
		_, _ = d.ask("POST", "/api/v1/bursts/burst/start")
		return d.bursts(t, load.Completed) > 0
	})
}

func TestAfterAnAbortTheNextIsSkippedAndTheOneAfterHalf(t *testing.T) {
	var broken atomic.Bool
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if broken.Load() {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
	}))
	defer server.Close()
	d := start(t, burstYAML(server.URL, "users: 2, iterations: 200, think_time: 10ms"))
	last := func() string {
		_, page := d.ask("GET", "/")
		return page
	}
	broken.Store(true)
	d.begin(t)
	waitFor(t, "the abort", func() bool { return d.aborts(t, load.ByErrors) == 1 && !strings.Contains(last(), "Stop burst") })
	broken.Store(false)
	d.begin(t)
	waitFor(t, "the skip", func() bool { return d.skipped(t, "guard") == 1 })
	for i, want := range []float64{100, 200} {
		var before float64
		waitFor(t, "a burst that this machine lets be valid", func() bool {
			sent := d.value(t, "perfwatch_load_requests_total", map[string]string{"probe": "burst", "outcome": "ok"})
			ended := d.bursts(t, load.Completed) + d.bursts(t, load.Invalid)
			if status, _ := d.ask("POST", "/api/v1/bursts/burst/start"); status == http.StatusAccepted {
				before = sent
				waitFor(t, "its end", func() bool { return d.bursts(t, load.Completed)+d.bursts(t, load.Invalid) > ended })
			}
			return d.bursts(t, load.Completed) == float64(i+1)
		})
		if sent := d.value(t, "perfwatch_load_requests_total", map[string]string{"probe": "burst", "outcome": "ok"}) - before; sent != want {
			t.Errorf("burst %d sent %g requests, want %g", i, sent, want)
		}
		if valid := d.value(t, "perfwatch_load_last_valid", map[string]string{"probe": "burst"}); valid != float64(i) {
			t.Errorf("burst %d has valid %g, want only the whole one to be", i, valid)
		}
	}
}

func TestABurstIsARunOfItsProbe(t *testing.T) {
	stopped, stop := context.WithCancel(t.Context())
	stop()
	tests := []struct {
		ctx     context.Context
		summary load.Summary
		want    string
	}{
		{t.Context(), load.Summary{Result: load.Completed}, "ok"},
		{t.Context(), load.Summary{Result: load.Invalid, Reason: "late"}, "canceled"},
		{stopped, load.Summary{Result: load.Aborted, Cause: load.ByErrors}, "error"},
		{stopped, load.Summary{Result: load.Aborted, Cause: load.ByStop}, "canceled"},
	}
	for _, tt := range tests {
		s := sampleOf(tt.ctx, &tt.summary, time.Time{}, time.Now())
		if s.Outcome.String() != tt.want || (s.Err == nil) != (tt.want == "ok") || tt.summary.Cause == load.ByStop && !errors.Is(s.Err, context.Canceled) {
			t.Errorf("%+v: %s, %v, want %s", tt.summary, s.Outcome, s.Err, tt.want)
		}
	}
}
