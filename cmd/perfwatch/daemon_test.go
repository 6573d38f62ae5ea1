package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
)

// A running is a daemon at work in the test's process, with its configuration file.
type running struct {
	*daemon
	file   string
	page   http.Handler
	cancel context.CancelFunc // ends the daemon

	changes int // of files beside it
}

// start runs a daemon on a configuration until the test ends.
func start(t *testing.T, text string) *running {
	t.Helper()
	return startIn(t, "", text)
}

// startIn runs one that keeps what outlives it in a folder.
func startIn(t *testing.T, storage, text string) *running {
	t.Helper()
	r := &running{file: filepath.Join(t.TempDir(), "perfwatch.yml")}
	r.write(t, text)
	var err error
	r.daemon, err = newDaemon(daemonOptions{configFile: &r.file, lifecycle: true, storage: storage}, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	if r.page, err = r.handler(); err != nil {
		t.Fatal(err)
	}
	var ctx context.Context
	ctx, r.cancel = context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		r.run(ctx)
	}()
	waitFor(t, "the daemon", r.running.Load)
	t.Cleanup(func() {
		r.cancel()
		<-done
	})
	return r
}

func (r *running) write(t testing.TB, text string) {
	t.Helper()
	if err := os.WriteFile(r.file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// ask sends a request to the daemon's web handler.
func (r *running) ask(method, path string) (status int, body string) {
	w := httptest.NewRecorder()
	r.page.ServeHTTP(w, httptest.NewRequest(method, path, nil))
	return w.Code, w.Body.String()
}

// value is the value of the one series of a family with these labels, or -1.
func (r *running) value(t *testing.T, family string, labels map[string]string) float64 {
	t.Helper()
	families, err := r.gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		if f.GetName() != family {
			continue
		}
		for _, m := range f.GetMetric() {
			matched := 0
			for _, l := range m.GetLabel() {
				if labels[l.GetName()] == l.GetValue() {
					matched++
				}
			}
			if matched == len(labels) {
				return m.GetCounter().GetValue() + m.GetGauge().GetValue()
			}
		}
	}
	return -1
}

func (r *running) runs(t *testing.T, probe string) float64 {
	return r.value(t, "perfwatch_probe_runs_total", map[string]string{"probe": probe, "outcome": "ok"})
}

// waitFor polls until ready; probes run once a second at most, so that it waits for real time to pass.
func waitFor(t *testing.T, what string, ready func() bool) {
	t.Helper()
	deadline := time.After(30 * time.Second)
	for tick := time.NewTicker(10 * time.Millisecond); !ready(); {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("waiting 30 s for %s", what)
		}
	}
}

func target(t *testing.T) string {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "ok") }))
	t.Cleanup(s.Close)
	return s.URL
}

const twoProbes = `
global: {base_url: %q, schedule: "@every 1s"}
probes:
  - {name: one, group: api, http: {url: /one}}
  - {name: two, group: api, http: {url: /two}}
objectives:
  - {name: errors, title: Errors, measure: error_ratio, group: api, window: 5m, target: 10%%}
`

func TestReloadKeepsWhatDidNotChange(t *testing.T) {
	text := fmt.Sprintf(twoProbes, target(t))
	r := start(t, text)
	waitFor(t, "both probes to run", func() bool { return r.runs(t, "one") > 0 && r.runs(t, "two") > 0 })
	before := r.runs(t, "one")

	r.write(t, strings.Replace(text, "name: two", "name: three", 1))
	if status, body := r.ask(http.MethodPost, "/-/reload"); status != http.StatusOK {
		t.Fatalf("reloading: status %d, want 200: %s", status, body)
	}
	if after := r.runs(t, "one"); after < before {
		t.Errorf("runs of the probe that stayed: %v after the reload, want at least %v", after, before)
	}
	if got := r.runs(t, "two"); got != -1 {
		t.Errorf("runs of the probe that is gone: %v, want no series", got)
	}
	if got := r.runs(t, "three"); got == -1 {
		t.Error("the new probe has no series, want zero from the start")
	}
	waitFor(t, "the new probe to run", func() bool { return r.runs(t, "three") > 0 })
	if got := r.value(t, "perfwatch_config_last_reload_successful", nil); got != 1 {
		t.Errorf("perfwatch_config_last_reload_successful: %v, want 1", got)
	}
}

func TestReloadOfABadFileChangesNothing(t *testing.T) {
	text := fmt.Sprintf(twoProbes, target(t))
	r := start(t, text)
	waitFor(t, "a run", func() bool { return r.runs(t, "one") > 0 })
	r.write(t, text+"surprise: 1\n")

	status, body := r.ask(http.MethodPost, "/-/reload")
	if status != http.StatusInternalServerError || !strings.Contains(body, "surprise") {
		t.Errorf("reloading: status %d, body %q, want 500 and the unknown key", status, body)
	}
	if got := r.value(t, "perfwatch_config_last_reload_successful", nil); got != 0 {
		t.Errorf("perfwatch_config_last_reload_successful: %v, want 0", got)
	}
	if _, page := r.ask(http.MethodGet, "/"); !strings.Contains(page, "surprise") {
		t.Error("the status page does not say why the reload was refused")
	}
	before := r.runs(t, "one")
	waitFor(t, "the old configuration to go on", func() bool { return r.runs(t, "one") > before })

	r.write(t, text)
	if status, _ := r.ask(http.MethodPost, "/-/reload"); status != http.StatusOK {
		t.Errorf("reloading the mended file: status %d, want 200", status)
	}
	if got := r.value(t, "perfwatch_config_last_reload_successful", nil); got != 1 {
		t.Errorf("perfwatch_config_last_reload_successful after mending: %v, want 1", got)
	}
}

func TestReloadOfObjectivesStartsThemAnew(t *testing.T) {
	text := fmt.Sprintf(twoProbes, target(t))
	r := start(t, text)
	waitFor(t, "a run", func() bool { return r.runs(t, "one") > 0 })
	r.write(t, strings.Replace(text, "target: 10%", "target: 20%", 1))
	if status, body := r.ask(http.MethodPost, "/-/reload"); status != http.StatusOK {
		t.Fatalf("reloading: status %d, want 200: %s", status, body)
	}
	if got := r.value(t, "perfwatch_objective_threshold", map[string]string{"objective": "errors", "level": "target"}); got != 0.2 {
		t.Errorf("threshold after the reload: %v, want 0.2", got)
	}
	waitFor(t, "the probes to go on", func() bool { return r.runs(t, "one") > 0 })
}

func TestStatusPageShowsTargetsAndOutcomes(t *testing.T) {
	r := start(t, fmt.Sprintf(twoProbes, target(t)))
	waitFor(t, "both probes to run", func() bool { return r.runs(t, "one") > 0 && r.runs(t, "two") > 0 })
	_, page := r.ask(http.MethodGet, "/")
	for _, want := range []string{"Metric", "Target", "Current", "Status", "Errors", "10%", "one", "two", "ok"} {
		if !strings.Contains(page, want) {
			t.Errorf("the status page lacks %q", want)
		}
	}
}

func TestWholeRegistryIsClean(t *testing.T) {
	r := start(t, fmt.Sprintf(twoProbes, target(t)))
	problems, err := testutil.GatherAndLint(prometheus.GathererFunc(r.gather))
	if err != nil || len(problems) > 0 {
		t.Errorf("linting the registry: %v, %v", problems, err)
	}
}
