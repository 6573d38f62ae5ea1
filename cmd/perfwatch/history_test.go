package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// A journey that fails is found on the pages and in the metrics by the name of its step.
func TestTheHistoryOfAProbeIsShown(t *testing.T) {
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/basket" {
			http.Error(w, "no <basket> for "+r.Header.Get("Authorization"), http.StatusServiceUnavailable)
			return
		}
		_, _ = io.WriteString(w, `{"token": "hunter2hunter2"}`)
	}))
	defer srv.Close()
	r := start(t, fmt.Sprintf(`
probes:
  - name: visit
    schedule: "@every 1s"
    journey:
      steps:
        - {name: login, http: {url: %[1]s/login}, capture: {token: .token}}
        - {name: basket, http: {url: %[1]s/basket, headers: {Authorization: "Bearer ${token}"}}}
        - {name: pay, http: {url: %[1]s/pay}}
`, srv.URL))
	waitFor(t, "a failure", func() bool {
		_, h, _ := r.history("visit")
		return len(h.Failures) > 0
	})

	status, body := r.ask("GET", "/api/v1/probes/visit")
	var got struct {
		Failures []struct {
			Error    string
			Evidence struct{ Step, Body string }
		}
	}
	if err := json.Unmarshal([]byte(body), &got); err != nil || status != 200 || len(got.Failures) == 0 {
		t.Fatalf("status %d, %v: %s", status, err, body)
	}
	if f := got.Failures[0]; f.Error != `step "basket": status 503, want 2xx` || f.Evidence.Step != "basket" ||
		!strings.HasPrefix(f.Evidence.Body, "no <basket> for <secret>") {
		t.Errorf("failure %+v", f)
	}
	if status, page := r.ask("GET", "/probes/visit"); status != 200 || !strings.Contains(page, "no &lt;basket&gt; for &lt;secret&gt;") ||
		strings.Contains(page, "hunter2") {
		t.Errorf("status %d: %s", status, page)
	}
	if status, _ := r.ask("GET", "/probes/nonsense"); status != 404 {
		t.Errorf("status %d of a probe that is not there, want 404", status)
	}
	_, metrics := r.ask("GET", "/metrics")
	for step, want := range map[string]bool{"login": true, "basket": true, "pay": false} {
		series := fmt.Sprintf(`perfwatch_probe_step_duration_seconds_count{probe="visit",step=%q} `, step)
		_, count, ok := strings.Cut(metrics, series)
		if !ok || strings.HasPrefix(count, "0") == want {
			t.Errorf("step %s: %.10q, want it sent: %v", step, count, want)
		}
	}
}
