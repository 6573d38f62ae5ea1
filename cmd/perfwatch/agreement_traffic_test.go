package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/perfwatch/perfwatch/internal/objective"
	"github.com/perfwatch/perfwatch/internal/peer"
)

// A traffic is a platform whose answers are random, each from the same seed, and that answers nothing at first and nothing
// at the end: so perfwatch and a Prometheus count the same.
type traffic struct {
	api, load, page *httptest.Server // a burst does not go where probes fail
	redis           *peer.Redis
	machine         *machine
	proc            string // where perfwatch looks for the machine, which is there while there is traffic

	held, released chan struct{} // closed when requests are held, and when the test ends
	opened         chan struct{} // closed when they are answered
	at             time.Time     // when that was

	mu     sync.Mutex
	random *rand.Rand // guarded by mu
}

func newTraffic(t *testing.T, seed uint64) *traffic {
	t.Helper()
	tr := &traffic{
		redis: peer.StartRedis(t), machine: newMachine(t), proc: filepath.Join(t.TempDir(), "proc"),
		opened: make(chan struct{}), held: make(chan struct{}), released: make(chan struct{}),
		random: rand.New(rand.NewPCG(seed, seed)),
	}
	for _, s := range []struct {
		server **httptest.Server
		answer http.HandlerFunc
	}{{&tr.api, tr.answer}, {&tr.load, tr.answer}, {&tr.page, tr.answerPage}} {
		*s.server = httptest.NewServer(tr.gated(s.answer))
		t.Cleanup((*s.server).Close)
	}
	t.Cleanup(func() { close(tr.released) })
	return tr
}

// gated answers between open and hold.
func (tr *traffic) gated(answer http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		select {
		case <-tr.opened:
		case <-tr.released:
		}
		select {
		case <-tr.held:
			<-tr.released
		default:
			answer(w, r)
		}
	}
}

// draw is a number of [0, 1).
func (tr *traffic) draw() float64 {
	tr.mu.Lock()
	defer tr.mu.Unlock()
	return tr.random.Float64()
}

// latency is half of the time shorter than 30 ms and hardly ever longer than half a second.
func (tr *traffic) latency() time.Duration {
	tr.mu.Lock()
	defer tr.mu.Unlock()
	return min(time.Duration(0.03*math.Exp(tr.random.NormFloat64())*float64(time.Second)), time.Second)
}

func (tr *traffic) answer(w http.ResponseWriter, _ *http.Request) {
	<-time.After(tr.latency())
	switch p := tr.draw(); {
	case p < 0.05:
		w.WriteHeader(http.StatusInternalServerError)
	case p < 0.07:
		w.WriteHeader(http.StatusNotFound)
	case p < 0.08:
		panic(http.ErrAbortHandler) // the client sees a reset
	default:
		_, _ = io.WriteString(w, "ok")
	}
}

func (tr *traffic) answerPage(w http.ResponseWriter, _ *http.Request) {
	<-time.After(5 * tr.latency())
	w.Header().Set("Content-Type", "text/html")
	_, _ = io.WriteString(w, "<!DOCTYPE html><title>Shop</title><h1>Welcome</h1>")
}

// open lets requests through, and asks Redis and keeps the machine busy beside them until they are held.
func (tr *traffic) open(t *testing.T) {
	t.Helper()
	if err := os.Symlink(tr.machine.dir, tr.proc); err != nil {
		t.Fatal(err)
	}
	close(tr.opened)
	tr.at = time.Now()
	client := redis.NewClient(&redis.Options{Addr: tr.redis.Address})
	var asking sync.WaitGroup
	asking.Go(func() {
		for tick := time.NewTicker(5 * time.Millisecond); ; <-tick.C {
			select {
			case <-tr.held:
				return
			case <-t.Context().Done():
				return
			default:
			}
			key := "known"
			if tr.draw() < 0.2 {
				key = "unknown"
			}
			if err := client.Get(context.WithoutCancel(t.Context()), key).Err(); err != nil && !errors.Is(err, redis.Nil) {
				t.Errorf("asking Redis: %v", err)
				return
			}
			if tr.draw() < 0.02 {
				tr.machine.setBusy(tr.draw())
			}
		}
	})
	if err := client.Set(t.Context(), "known", "1", 0).Err(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { asking.Wait(); _ = client.Close() })
}

// since says whether requests have been answered for longer than that.
func (tr *traffic) since(d time.Duration) bool { return time.Since(tr.at) > d }

// hold answers nothing any more.
func (tr *traffic) hold(t *testing.T) {
	t.Helper()
	if err := os.Remove(tr.proc); err != nil {
		t.Fatal(err)
	}
	close(tr.held)
}

// runPipeline runs a pipeline so many times.
func (tr *traffic) runPipeline(t *testing.T, perfwatch, name string, runs int) {
	t.Helper()
	for i := range runs {
		for _, event := range []string{"start", "finish"} {
			status, text := fetch(t, http.MethodPost, fmt.Sprintf("%s/api/v1/pipelines/%s/fetch/%s?run=%d", perfwatch, name, event, i))
			if status != http.StatusOK {
				t.Fatalf("%s of run %d: status %d: %s", event, i, status, text)
			}
			<-time.After(tr.latency())
		}
	}
}

// startBurst begins the burst, unless it runs.
func (*traffic) startBurst(t *testing.T, perfwatch string) {
	t.Helper()
	if status, text := fetch(t, http.MethodPost, perfwatch+"/api/v1/bursts/rush/start"); status != http.StatusAccepted && status != http.StatusConflict {
		t.Fatalf("starting the burst: status %d: %s", status, text)
	}
}

// configuration asks for as much in a few seconds as it takes to judge, and has an objective of each measure at least, with
// random thresholds in whose midst the values lie.
func (tr *traffic) configuration() string {
	var text bytes.Buffer
	fmt.Fprintf(&text, `
global: {base_url: %q, schedule: "@every 1s", timeout: 2m}
browser: {no_sandbox: true}
redis: [{name: cache, url: "redis://%s/0"}]
host: {sample_interval: 100ms}
processes: [{name: platform, port: %s}]
pipelines: [{name: daily, budget: 1h, stages: [{name: fetch, budget: 1h}]}]
probes:
  - {name: home, group: page, schedule: "@every 5s", page: {url: "%s/"}}
  - name: rush
    schedule: "0 0 30 2 *"
    load:
      users: 10
      duration: 6s
      think_time: 1ms-20ms
      items: 3
      tasks: [{name: a, weight: 2, http: {url: "%[5]s/a"}}, {name: b, http: {url: "%[5]s/b"}}]
      watch: {processes: [platform], redis: [cache]}
`, tr.api.URL, tr.redis.Address, tr.api.URL[strings.LastIndex(tr.api.URL, ":")+1:], tr.page.URL, tr.load.URL)
	for i := range 40 {
		fmt.Fprintf(&text, "  - {name: e%d, group: %s, http: {url: /%d}}\n", i, []string{"api", "shop"}[i%2], i)
	}
	text.WriteString("objectives:\n")
	for i, o := range []struct {
		measure objective.Measure
		selects string
		around  float64 // where the thresholds lie
	}{
		{objective.Latency, "group: api, quantile: 0.95", 0.15}, {objective.Latency, "group: shop, quantile: 0.5", 0.03},
		{objective.Latency, "group: api, quantile: 0.9", 0.1}, {objective.Latency, "probe: e3, quantile: 0.5", 0.03},
		{objective.ErrorRatio, "group: api", 0.08}, {objective.ErrorRatio, "group: shop", 0.08},
		{objective.CacheHitRatio, "redis: cache", 0.8},
		{objective.CPUUsage, "", 0.5}, {objective.MemoryUsage, "", 0.42},
		{objective.PageFCP, "group: page", 0.3}, {objective.PageTTI, "group: page", 0.3},
		{objective.PipelineDuration, "pipeline: daily", 0.05},
		{objective.LoadUsers, "probe: rush", 10}, {objective.LoadThroughput, "probe: rush", 100}, {objective.LoadErrorRatio, "probe: rush", 0.08},
		{objective.LoadLatency, "probe: rush, quantile: 0.95", 0.15}, {objective.LoadLatencyMean, "probe: rush", 0.05},
		{objective.LoadDuration, "probe: rush", 6}, {objective.LoadItemsRate, "probe: rush", 300},
		{objective.LoadMemoryPeak, "probe: rush", 2e8}, {objective.LoadMemoryPerRequest, "probe: rush", 1e4},
		{objective.LoadMemoryLeak, "probe: rush", 1e5}, {objective.LoadCacheHitRatio, "probe: rush", 0.8},
	} {
		fmt.Fprintf(&text, "  - {name: o%d, measure: %s, %s", i, o.measure, tr.thresholds(o.measure, o.around))
		if o.selects != "" {
			text.WriteString(", " + o.selects)
		}
		if !o.measure.OfLast() {
			text.WriteString(", window: 1h")
		}
		text.WriteString("}\n")
	}
	return text.String()
}

// thresholds are a random pair or a random target.
func (tr *traffic) thresholds(m objective.Measure, around float64) string {
	low, high := around*(0.7+0.3*tr.draw()), around*(1+0.2*tr.draw())
	if m.HigherIsBetter() {
		low, high = high, low
	}
	write := func(v float64) string {
		switch m.Unit() {
		case objective.Seconds, objective.Ratio:
			return m.Unit().Format(math.Ceil(1000*v) / 1000)
		default:
			return m.Unit().Format(math.Ceil(v))
		}
	}
	if m.OfPage() || m.OfLast() {
		return "target: " + write([]float64{low, high}[int(2*tr.draw())])
	}
	return fmt.Sprintf("warning: %s, critical: %s", write(low), write(high))
}
