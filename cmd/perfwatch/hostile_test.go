package main

import (
	"fmt"
	"net"
	"net/http"
	"testing"
)

// hole is the address of a server that takes connections and never says a word.
func hole(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() }) // which ends the connections that nobody took
	return l.Addr().String()
}

// TestWhatHangsHoldsUpNothingElse has a daemon watch a target and a Redis that never answer, and a good target beside them.
func TestWhatHangsHoldsUpNothingElse(t *testing.T) {
	t.Parallel()
	silent := hole(t)
	r := start(t, fmt.Sprintf(`
global: {base_url: %q, schedule: "@every 1s"}
probes:
  - {name: good, http: {url: /good}}
  - {name: silent, timeout: 4s, http: {url: "http://%s/"}}
redis: [{name: silent, url: "redis://%s"}]
`, target(t), silent, hole(t)))
	skipped := func(probe string) float64 {
		return r.value(t, "perfwatch_probe_skipped_total", map[string]string{"probe": probe, "reason": "overlap"})
	}
	waitFor(t, "the good target to be asked thrice while the silent one hangs", func() bool {
		return r.runs(t, "good") >= 3 && skipped("silent") >= 2
	})
	if status, _ := r.ask(http.MethodGet, "/metrics"); status != http.StatusOK {
		t.Errorf("a scrape meanwhile: status %d, want 200", status)
	}
	if n := skipped("good"); n > 1 { // a busy machine may hold up one
		t.Errorf("%v runs of the good target were skipped, want none or one", n)
	}
	waitFor(t, "the Redis to be told down", func() bool {
		return r.value(t, "perfwatch_redis_up", map[string]string{"redis": "silent"}) == 0
	})
	waitFor(t, "the silent target to time out", func() bool {
		return r.value(t, "perfwatch_probe_runs_total", map[string]string{"probe": "silent", "outcome": "timeout"}) >= 1
	})
}
