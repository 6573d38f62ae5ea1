package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"math"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/perfwatch/perfwatch/internal/demo"
	"github.com/perfwatch/perfwatch/internal/load"
	"github.com/perfwatch/perfwatch/internal/report"
)

// smallPlatform answers at /fast, at /slow after 20 ms, and at /broken with an error. Scripts find it at $PLATFORM.
func smallPlatform(env *testscript.Env) error {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/slow":
			<-time.After(20 * time.Millisecond) // how long it takes
		case "/broken":
			w.WriteHeader(http.StatusInternalServerError)
		}
		_, _ = w.Write([]byte("{}"))
	}))
	env.Defer(server.Close)
	env.Setenv("PLATFORM", server.URL)
	return nil
}

// runOnce is perfwatch run with a configuration, and the JSON that it wrote.
func runOnce(ctx context.Context, t *testing.T, config string, args ...string) (*report.Report, int) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "perfwatch.yml")
	if err := os.WriteFile(file, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	var stdout, stderr bytes.Buffer
	code := run(ctx, append([]string{"--config.file", file, "run", "--quiet", "--format", "json"}, args...), &stdout, &stderr)
	var r report.Report
	if err := json.Unmarshal(stdout.Bytes(), &r); err != nil {
		t.Fatalf("%v: %s%s", err, stdout.String(), stderr.String())
	}
	return &r, code
}

func TestAnInterruptedRunKeepsWhatWasMeasured(t *testing.T) {
	ctx, interrupt := context.WithCancel(t.Context())
	defer interrupt()
	var asked atomic.Int64
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if asked.Add(1) == 30 {
			interrupt()
		}
		_, _ = w.Write([]byte("ok"))
	}))
	defer server.Close()
	r, code := runOnce(ctx, t, fmt.Sprintf(`
global: {base_url: %q}
probes:
  - {name: first, load: {users: 2, iterations: 1000000, tasks: [{name: a, http: {url: /}}]}}
  - {name: second, load: {users: 2, iterations: 10, tasks: [{name: a, http: {url: /}}]}}
`, server.URL))
	if code != exitError || !r.Interrupted || len(r.Bursts) != 1 || r.Verdict == report.Met {
		t.Fatalf("exit code %d, %d bursts, %s: %q", code, len(r.Bursts), r.Verdict, r.Problems)
	}
	b := r.Bursts[0]
	answered := uint64(asked.Load())
	if b.Result != load.Aborted || b.Cause != load.ByStop || b.All.Requests < 28 || b.All.Requests > answered {
		t.Errorf("%s for %q with %d requests of %d, want those until the interruption", b.Result, b.Cause, b.All.Requests, answered)
	}
}

// An accessLog takes what the platform says of each request.
type accessLog struct {
	slog.Handler
	mu    sync.Mutex
	took  []time.Duration
	after func(requests int)
}

func (l *accessLog) Enabled(context.Context, slog.Level) bool { return true }

func (l *accessLog) Handle(_ context.Context, r slog.Record) error {
	if r.Message != "answered" {
		return nil
	}
	r.Attrs(func(a slog.Attr) bool {
		if a.Key == "took" {
			l.mu.Lock()
			defer l.mu.Unlock()
			l.took = append(l.took, a.Value.Duration())
			l.after(len(l.took))
		}
		return true
	})
	return nil
}

// quantile is the response time that a part of the requests stayed within.
func (l *accessLog) quantile(q float64) float64 {
	sorted := slices.Sorted(slices.Values(l.took))
	return sorted[int(math.Ceil(q*float64(len(sorted))))-1].Seconds()
}

// TestARunAgreesWithTheAccessLogOfThePlatform holds the figures of the report to what the platform wrote down itself. The
// platform takes so long for its answers that what lies between the two is less than 1 % of it. Other work on the machine
// can only add to that, so that one of three runs has to agree in its quantiles, and every one in its counts. A run that
// finds itself starved, and says so, is not held to its quantiles.
func TestARunAgreesWithTheAccessLogOfThePlatform(t *testing.T) {
	t.Parallel()
	var off string
	for range 3 {
		if off = runAndCompare(t); off == "" {
			return
		}
		t.Log(off)
	}
	t.Error(off)
}

func runAndCompare(t *testing.T) (off string) {
	t.Helper()
	redis, err := demo.StartRedis(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = redis.Close() }()
	accesses := &accessLog{Handler: slog.DiscardHandler}
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	platform, err := demo.Start(t.Context(), l, redis.Address, slog.New(accesses))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = platform.Close() }()
	accesses.mu.Lock()
	accesses.after = func(n int) {
		if n == 60 { // of 120: the faster half, and the slower
			if err := platform.SetFault("latency", 2000); err != nil {
				t.Error(err)
			}
		}
	}
	accesses.mu.Unlock()
	if err := platform.SetFault("latency", 1000); err != nil {
		t.Fatal(err)
	}
	r, code := runOnce(t.Context(), t, fmt.Sprintf(`
global: {base_url: %q, timeout: 20s}
probes:
  - name: journey
    load:
      users: 20
      iterations: 120
      tasks: [{name: dashboard, http: {url: /api/dashboard}}, {name: holdings, http: {url: /api/portfolio/holdings}}]
objectives:
  - {name: p50, measure: load_latency, quantile: 0.5, probe: journey, target: 20s}
`, platform.URL()))
	if len(r.Bursts) != 1 || code != exitOK && r.Bursts[0].Result != load.Invalid {
		t.Fatalf("exit code %d: %q", code, r.Problems)
	}
	accesses.mu.Lock()
	defer accesses.mu.Unlock()
	all := r.Bursts[0].All
	if n := uint64(len(accesses.took)); all.Requests != n || n != 120 || all.Failures != 0 || all.Counts.Total() != 120 {
		t.Fatalf("%d requests, %d failed, %d in the distribution; the platform answered %d", all.Requests, all.Failures,
			all.Counts.Total(), n)
	}
	if r.Bursts[0].Result == load.Invalid {
		t.Log(r.Bursts[0].Reason)
		return ""
	}
	var parts []string
	for q, got := range map[float64]float64{0.5: all.Latency.P50, 0.9: all.Latency.P90, 0.95: all.Latency.P95, 0.99: all.Latency.P99} {
		if want := accesses.quantile(q); got < want*0.999 || got > want*1.01 {
			parts = append(parts, fmt.Sprintf("p%g is %.4f s, in the access log %.4f s", q*100, got, want))
		}
	}
	return strings.Join(parts, "; ")
}
