package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/perfwatch/perfwatch/internal/load"
	"github.com/perfwatch/perfwatch/internal/peer"
	"github.com/perfwatch/perfwatch/probes"
)

// watchedSite is a platform with a probe, a burst that watches everything, a Redis, the host, and objectives on each.
const watchedSite = `
global: {base_url: %q, schedule: "@every 1s", grafana_url: "http://grafana.example"}
probes:
  - {name: one, group: api, schedule: "@every 1s", timeout: 5s, http: {url: /one}}
  - {name: two, group: api, http: {url: /two}}
  - name: burst
    schedule: "0 0 30 2 *"
    load: {users: 2, duration: 10m, think_time: 10ms, tasks: [{name: home, http: {url: /burst}}], watch: {redis: [cache], host: true}}
redis: [{name: cache, url: "redis://%s"}]
host: {sample_interval: 100ms}
objectives:
  - {name: errors, title: Errors, measure: error_ratio, group: api, window: 5m, target: 10%%}
  - {name: slow, title: Latency, measure: latency, quantile: 0.5, group: api, window: 5m, target: 400ms}
  - {name: cpu, title: CPU, measure: cpu_usage, window: 5m, target: 99%%}
`

// newConnections is a site, and how many connections it got by the path of the first request over each.
func newConnections(t *testing.T) (url string, of func(path string) int64) {
	t.Helper()
	type key struct{}
	var mu sync.Mutex
	begun := map[string]int64{}
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if asked, _ := r.Context().Value(key{}).(*atomic.Bool); asked.CompareAndSwap(false, true) {
			mu.Lock()
			begun[r.URL.Path]++
			mu.Unlock()
		}
		_, _ = io.WriteString(w, "ok")
	}))
	s.Config.ConnContext = func(ctx context.Context, _ net.Conn) context.Context {
		return context.WithValue(ctx, key{}, new(atomic.Bool))
	}
	s.Start()
	t.Cleanup(s.Close)
	return s.URL, func(path string) int64 {
		mu.Lock()
		defer mu.Unlock()
		return begun[path]
	}
}

// observed is how many durations of the probe one are in its histogram.
func (r *running) observed(t *testing.T) float64 {
	t.Helper()
	families, err := r.gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		for _, m := range f.GetMetric() {
			if f.GetName() == "perfwatch_probe_duration_seconds" && m.GetLabel()[1].GetValue() == "one" {
				return float64(m.GetHistogram().GetSampleCount())
			}
		}
	}
	return 0
}

// Whatever a reload changes, a probe that it does not keeps its counters, its connection and its phase, and a burst that
// runs runs on.
func TestReloadOfAnythingElseKeepsProbes(t *testing.T) {
	site, connections := newConnections(t)
	cache, other := peer.StartRedis(t), peer.StartRedis(t)
	text := fmt.Sprintf(watchedSite, site, cache.Address)
	r := start(t, text)
	sent := func() float64 {
		return r.value(t, "perfwatch_load_requests_total", map[string]string{"probe": "burst", "outcome": "ok"})
	}
	r.begin(t)
	waitFor(t, "both probes and the burst to run", func() bool { return r.runs(t, "one") > 0 && r.runs(t, "two") > 0 && sent() > 0 })
	samples := func(objective string) float64 {
		return r.value(t, "perfwatch_objective_samples", map[string]string{"objective": objective})
	}
	for _, change := range []struct{ name, from, to string }{
		{"a threshold", "target: 400ms", "target: 300ms"},
		{"another objective", "name: cpu, title: CPU", "name: processor, title: CPU"},
		{"the Redis", cache.Address, other.Address},
		{"the host", "sample_interval: 100ms", "sample_interval: 200ms"},
		{"the other probe", "url: /two", "url: /other"},
		{"the bursts' rules", "host: {", "bursts: {daily_requests: 1000000}\nhost: {"},
		{"the global schedule", `schedule: "@every 1s", grafana_url`, `schedule: "@every 2s", grafana_url`},
		{"where Grafana is", "http://grafana.example", "http://graphs.example"},
		{"where bursts may go", "bursts: {", "bursts: {allow_hosts: [shop.example.org], "},
		{"where they may not go any more", "allow_hosts: [shop.example.org]", "allow_hosts: []"},
	} {
		if !strings.Contains(text, change.from) {
			t.Fatalf("%q is not in the configuration", change.from)
		}
		text = strings.Replace(text, change.from, change.to, 1)
		runs, requests, errors := r.runs(t, "one"), sent(), samples("errors")
		observed := r.observed(t)
		r.write(t, text)
		if status, body := r.ask(http.MethodPost, "/-/reload"); status != http.StatusOK {
			t.Fatalf("%s: status %d, want 200: %s", change.name, status, body)
		}
		if got := r.runs(t, "one"); got < runs {
			t.Errorf("%s: %v runs of the probe that stayed, want at least %v", change.name, got, runs)
		}
		if got := r.observed(t); got < observed {
			t.Errorf("%s: %v durations of the probe that stayed, want at least %v", change.name, got, observed)
		}
		if got := samples("errors"); got < errors {
			t.Errorf("%s: %v samples of the objective that stayed, want at least %v", change.name, got, errors)
		}
		waitFor(t, "the probe and the burst to go on after "+change.name, func() bool {
			return r.runs(t, "one") > runs && sent() > requests
		})
	}
	if got := connections("/one"); got != 1 {
		t.Errorf("%d connections of the probe that stayed, want 1", got)
	}
	if got := connections("/two"); got != 1 {
		t.Errorf("%d connections of the other probe before it changed, want 1", got)
	}
	if got := r.aborts(t, load.ByStop) + r.aborts(t, load.ByShutdown); got != 0 {
		t.Errorf("%v bursts were stopped, want the one to run", got)
	}
	if status, _ := r.ask("POST", "/api/v1/bursts/burst/stop"); status != http.StatusAccepted {
		t.Errorf("stopping the burst: status %d, want it to be the same that runs", status)
	}
}

// The histograms take the bound of a new threshold without a count lost, and count by it from then on.
func TestReloadOfAThresholdMovesABound(t *testing.T) {
	redis := peer.StartRedis(t)
	text := fmt.Sprintf(watchedSite, target(t), redis.Address)
	r := start(t, text)
	waitFor(t, "a run", func() bool { return r.observed(t) > 0 })
	if _, page := r.ask("GET", "/metrics"); !strings.Contains(page, `group="api",probe="one",le="0.4"`) {
		t.Fatal("no bucket of 400 ms, want one at the threshold")
	}
	before := r.observed(t)
	r.write(t, strings.Replace(text, "target: 400ms", "target: 300ms", 1))
	if status, body := r.ask(http.MethodPost, "/-/reload"); status != http.StatusOK {
		t.Fatalf("reloading: status %d, want 200: %s", status, body)
	}
	_, page := r.ask("GET", "/metrics")
	if strings.Contains(page, `group="api",probe="one",le="0.4"`) || !strings.Contains(page, `group="api",probe="one",le="0.3"`) {
		t.Error("the bucket did not move from 400 to 300 ms")
	}
	if after := r.observed(t); after < before {
		t.Errorf("%v durations after the reload, want at least %v", after, before)
	}
	waitFor(t, "the objective to be fed", func() bool {
		return r.value(t, "perfwatch_objective_samples", map[string]string{"objective": "slow"}) > 0
	})
}

// A burst may go to a host from the reload on that allows it, and goes on as it is. One whose host is not allowed any more
// ends.
func TestReloadOfWhereBurstsMayGo(t *testing.T) {
	const text = `
bursts: {allow_hosts: [%s]}
probes:
  - {name: burst, schedule: "0 0 30 2 *", load: {users: 1, duration: 1s, tasks: [{name: home, http: {url: "https://shop.example.org/"}}]}}
`
	r := start(t, fmt.Sprintf(text, "shop.example.org"))
	first := r.current.Load().probes[0]
	for _, tt := range []struct {
		hosts  string
		same   bool
		other  bool // other.example.org may be asked
		reason string
	}{
		{"Shop.example.org., other.example.org", true, true, "a host more"},
		{"shop.example.org", true, false, "another host less"},
		{"", false, false, "its host less"},
	} {
		r.write(t, fmt.Sprintf(text, tt.hosts))
		if status, body := r.ask(http.MethodPost, "/-/reload"); status != http.StatusOK {
			t.Fatalf("%s: status %d, want 200: %s", tt.reason, status, body)
		}
		w := r.current.Load().probes[0]
		if (w == first) != tt.same {
			t.Errorf("%s: the burst is the same: %v, want %v", tt.reason, w == first, tt.same)
		}
		if err := w.burstEnv(r.current.Load().config).Permit("other.example.org", netip.MustParseAddr("203.0.113.7")); (err == nil) != tt.other {
			t.Errorf("%s: the other host: %v, want permitted %v", tt.reason, err, tt.other)
		}
	}
}

// A run that hangs while its probe is removed ends when nothing of the probe is kept any more, and brings nothing back.
func TestALateRunOfARemovedProbeIsNotShown(t *testing.T) {
	hang, asked := make(chan struct{}), make(chan struct{}, 10)
	site := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		asked <- struct{}{}
		<-hang
	}))
	t.Cleanup(site.Close)
	const text = "probes:\n  - {name: %s, schedule: \"@every 1s\", timeout: 1m, http: {url: %q}}\n"
	r := start(t, fmt.Sprintf(text, "gone", site.URL))
	<-asked
	gone := r.current.Load().named["gone"]
	r.write(t, fmt.Sprintf(text, "kept", site.URL))
	if status, body := r.ask(http.MethodPost, "/-/reload"); status != http.StatusOK {
		t.Fatalf("reloading: status %d, want 200: %s", status, body)
	}
	<-asked
	close(hang)
	waitFor(t, "the run of the probe that stays", func() bool { return r.board.Lately("kept").Runs > 0 })
	// That of the other has ended by now or does soon. This one ends later than any.
	gone.observe(r.daemon, probes.Sample{Outcome: probes.OK, Start: time.Now()})
	if got := r.board.Lately("gone"); got.Runs != 0 {
		t.Errorf("%d runs of the removed probe on the board, want none", got.Runs)
	}
	if got := r.runs(t, "gone"); got != -1 {
		t.Errorf("%g runs of the removed probe counted, want no series", got)
	}
	if status, _ := r.ask(http.MethodGet, "/probes/gone"); status != http.StatusNotFound {
		t.Errorf("its page: status %d, want 404", status)
	}
}

func TestARefusedReloadIsLoggedOnce(t *testing.T) {
	r := &running{file: filepath.Join(t.TempDir(), "perfwatch.yml")}
	r.write(t, "probes: []\n")
	var log bytes.Buffer
	var err error
	r.daemon, err = newDaemon(daemonOptions{configFile: &r.file, lifecycle: true}, slog.New(slog.NewTextHandler(&log, nil)))
	if err != nil {
		t.Fatal(err)
	}
	if r.page, err = r.handler(); err != nil {
		t.Fatal(err)
	}
	r.write(t, "surprise: 1\n")
	log.Reset()
	if status, body := r.ask(http.MethodPost, "/-/reload"); status != http.StatusInternalServerError || !strings.Contains(body, "surprise") {
		t.Errorf("status %d, want 500 and the unknown key: %s", status, body)
	}
	const want = `level=ERROR msg="configuration not reloaded, the old one goes on"`
	if text := log.String(); strings.Count(text, "\n") != 1 || !strings.Contains(text, want) {
		t.Errorf("logged %q, want one line with %s", text, want)
	}
}
