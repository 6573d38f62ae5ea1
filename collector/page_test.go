package collector

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"

	"github.com/perfwatch/perfwatch/internal/load"
	"github.com/perfwatch/perfwatch/internal/objective"
	"github.com/perfwatch/perfwatch/internal/peer"
	"github.com/perfwatch/perfwatch/internal/trend"
	"github.com/perfwatch/perfwatch/probes"
)

// page is what a scrape in the text format gives, of the metrics of some names or of all.
func page(t testing.TB, reg prometheus.Gatherer, names ...string) string {
	t.Helper()
	families, err := reg.Gather()
	if err != nil {
		t.Fatalf("gathering: %v", err)
	}
	var text strings.Builder
	for _, f := range families {
		if len(names) > 0 && !slices.Contains(names, f.GetName()) {
			continue
		}
		if _, err := expfmt.MetricFamilyToText(&text, f); err != nil {
			t.Fatalf("writing %s: %v", f.GetName(), err)
		}
	}
	return text.String()
}

// series is a scrape as a map of series to value.
func series(t testing.TB, reg prometheus.Gatherer) map[string]string {
	t.Helper()
	all := map[string]string{}
	for line := range strings.Lines(page(t, reg)) {
		if at := strings.LastIndexByte(line, ' '); !strings.HasPrefix(line, "#") {
			all[line[:at]] = strings.TrimSpace(line[at:])
		}
	}
	return all
}

// wantSeries compares some series with what a scrape has; "" wants a series absent.
func wantSeries(t testing.TB, reg prometheus.Gatherer, want map[string]string) {
	t.Helper()
	got := series(t, reg)
	for name, value := range want {
		if got[name] != value {
			t.Errorf("%s is %q, want %q", name, got[name], value)
		}
	}
}

func number(t testing.TB, reg prometheus.Gatherer, name string) float64 {
	t.Helper()
	text, ok := series(t, reg)[name]
	if !ok {
		t.Fatalf("%s is absent", name)
	}
	v, err := strconv.ParseFloat(text, 64)
	if err != nil {
		t.Fatalf("%s is %q", name, text)
	}
	return v
}

func quiet() *slog.Logger { return slog.New(slog.DiscardHandler) }

// emptyBook is a configuration without objectives.
func emptyBook() *objective.Book { return objective.NewBook(nil) }

// take is a run that started at an instant of its own.
func take(o probes.Outcome, d time.Duration) *probes.Sample {
	at := time.Unix(1_700_000_000, 0)
	return &probes.Sample{Due: at, Start: at, Duration: d, Outcome: o}
}

func recordedInfo(t testing.TB) string {
	t.Helper()
	text, err := os.ReadFile("testdata/redis-7.0.15.info")
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// fullRegistry has every collector with figures in every metric. It belongs into a bubble, where the clock is fixed.
func fullRegistry(t *testing.T) *prometheus.Registry {
	target, warning, half := 0.3, 0.8, 0.5
	book := objective.NewBook([]objective.Objective{
		{Name: "page_latency_p95", Measure: objective.Latency, Quantile: 0.95, Group: "page", Window: time.Minute, Target: &target},
		{Name: "api_errors", Measure: objective.ErrorRatio, Group: "api", Window: time.Minute, Target: &half},
		{Name: "cpu_usage", Measure: objective.CPUUsage, Window: time.Minute, Warning: &warning},
		{Name: "hits", Measure: objective.CacheHitRatio, Redis: "other", Window: time.Minute, Target: &half},
		{Name: "tti", Measure: objective.PageTTI, Quantile: objective.Median, Group: "page", Window: time.Hour, Target: new(3.3)},
		{Name: "users", Measure: objective.LoadUsers, Probe: "journey", Target: new(2.0)},
	})
	reg := NewRegistry()
	config := NewConfigStatus()
	config.Loaded("0123456789abcdef", time.Now())
	config.Discovered("/etc/perfwatch/shops.json", 3, false)
	rec := NewRecorder(reg, book)
	fillProbes(rec)
	fillBurst(rec)
	redis := fullRedis(t, book)
	host := fullHost(t, book)
	reg.MustRegister(config, redis, host, fullProcess(t), fullPostgres(t), fullBusiness(t), fullPgBouncer(t), fullHostDetails(t), NewObjectives(book),
		fullPipelines(t), NewStorage(func() uint64 { return 2 }), fullBrowser())
	return reg
}

func fillProbes(rec *Recorder) {
	rec.ScheduleLag(3 * time.Millisecond)
	home := rec.Probe(ProbeInfo{
		Name: "home", Group: "api", Kind: "http", Interval: 15 * time.Second, Labels: map[string]string{"env": "test"},
	})
	home.Overdue(time.Unix(2_000_000_000, 0))
	at := time.Now().Add(-10 * time.Second)
	s := probes.Sample{Due: at, Start: at, Duration: 280 * time.Millisecond}
	s.Status, s.Bytes, s.CertNotAfter = 200, 1234, time.Unix(2_000_000_000, 0)
	s.Phases.Set(probes.TLS, 20*time.Millisecond)
	s.Phases.Set(probes.FirstByte, 240*time.Millisecond)
	s.Cache, s.ServerTimings = probes.CacheMiss, []probes.ServerTiming{{Name: "db", Duration: 30 * time.Millisecond}}
	home.Observe(&s)
	s.Cache, s.ServerTimings = probes.CacheUnsaid, nil
	s.Duration, s.Outcome = 5*time.Second, probes.Timeout
	home.Observe(&s)
	home.Skipped("overlap", 1)
	query := probes.Sample{Due: at, Start: at, Duration: 20 * time.Millisecond}
	query.SQL = &probes.SQLResult{
		Queries: []probes.QueryTime{{Name: "prices", Duration: 12 * time.Millisecond}}, Pool: probes.PoolStats{Idle: 1, Opened: 1},
	}
	rec.Probe(ProbeInfo{Name: "database", Group: "sql", Kind: "sql", Interval: time.Minute, Queries: []string{"prices"}}).Observe(&query)
	visit := probes.Sample{Due: at, Start: at, Duration: 20 * time.Millisecond}
	visit.Journey = &probes.JourneyResult{Steps: []probes.StepTime{{Name: "login", Duration: 12 * time.Millisecond}}}
	rec.Probe(ProbeInfo{
		Name: "visit", Group: "journey", Kind: "journey", Interval: time.Minute, Steps: []string{"login"},
	}).Observe(&visit)
	spread := probes.Sample{Due: at, Start: at, Duration: 20 * time.Millisecond, Outcome: probes.InvalidResponse}
	spread.Consistency = &probes.ConsistencyResult{
		Workers:  []probes.WorkerAnswer{{Name: "a:1", Verdict: probes.WorkerAgreed}, {Name: "b:1", Verdict: probes.WorkerDisagreed}},
		Answered: 2, Agreeing: 1, Comparable: true, Staleness: 2.5,
	}
	rec.Probe(ProbeInfo{
		Name: "workers", Group: "cache", Kind: "consistency", Interval: time.Minute, Workers: []string{"a:1", "b:1"},
	}).Observe(&spread)
	keys := probes.Sample{Due: at, Start: at, Duration: 20 * time.Millisecond}
	keys.Canary = &probes.CanaryResult{Measured: true, TTLError: -0.002, Lag: 3 * time.Millisecond}
	rec.Probe(ProbeInfo{Name: "keys", Group: "cache", Kind: "canary", Interval: time.Minute}).Observe(&keys)
	fillPage(rec, at)
	away := rec.Probe(ProbeInfo{Name: "away", Group: "api", Kind: "http", Interval: time.Minute})
	away.Observe(&probes.Sample{Due: at, Start: at, Duration: time.Millisecond, Outcome: probes.Refused})
}

func fillBurst(rec *Recorder) {
	b := rec.Probe(ProbeInfo{Name: "journey", Group: "load", Kind: "load", Interval: 10 * time.Minute}).Burst(twoLeaves())
	b.Begin()
	b.SetUsers(2)
	b.Observe(0, take(probes.OK, 100*time.Millisecond))
	b.Observe(1, take(probes.HTTP5xx, 300*time.Millisecond))
	matrix := twoLeavesSummary(load.Completed)
	matrix.Fairness, matrix.Best = 0.8, []int{1}
	matrix.Runs = []load.RunSummary{{Name: "batch=1", Throughput: 20, Items: 1}, {Name: "batch=10", Throughput: 5, Items: 10}}
	b.End(matrix, aBurstWatch())
	search := twoLeavesSummary(load.Completed)
	search.Capacity = &load.Capacity{Rate: 150, Wanted: 120}
	search.Runs = []load.RunSummary{{Name: "150/s", Rate: 150, Held: true}}
	rec.Probe(ProbeInfo{Name: "limit", Group: "load", Kind: "load", Interval: 10 * time.Minute}).Burst(twoLeaves()).End(search, nil)
	b.Compared(map[string]int{"": 1, "list": -1})
	b.probe.Overdue(time.Unix(2_000_000_000, 0))
}

// aBurstWatch is what was seen beside a burst of four requests and four seconds.
func aBurstWatch() *BurstWatch {
	growing := &trend.Trend{Slope: 1 << 20, Low: 1 << 19, High: 1 << 21, P: 0.001, N: 50}
	return &BurstWatch{
		Processes: []Watched{{
			Name: "api", Requests: 4,
			Burst: Span{Samples: 41, Seconds: 4, CPUSeconds: 2, CPUPeak: 1.5, MemoryFirst: 100 << 20, MemoryLast: 104 << 20,
				MemoryPeak: 105 << 20, Growth: growing},
			Idle: Span{Samples: 41, Seconds: 4, CPUSeconds: 0.5},
		}},
		Redis: []WatchedRedis{{
			Name:  "cache",
			Burst: RedisSpan{Known: true, Seconds: 4, Hits: 30, Misses: 10}, Idle: RedisSpan{Known: true, Seconds: 4, Hits: 9, Misses: 1},
		}},
		Host: &Watched{
			Requests: 4,
			Burst:    Span{Samples: 41, Seconds: 4, CPUSeconds: 6, CPUPeak: 0.75, MemoryPeak: 3 << 30}, Idle: Span{Samples: 2, Seconds: 0.1},
		},
	}
}

func fullRedis(t *testing.T, book *objective.Book) *Redis {
	text := recordedInfo(t)
	text = strings.Replace(text, "\nmaxmemory:0\r", "\nmaxmemory:104857600\r", 1)
	text = strings.Replace(text, "avg_ttl=0\r", "avg_ttl=2500\r", 1)
	later := strings.NewReplacer("keyspace_hits:1\r", "keyspace_hits:9\r", "keyspace_misses:1\r", "keyspace_misses:3\r")
	stats := func(calls, errors int) string {
		return fmt.Sprintf("cmdstat_get:calls=%d,usec=%d,usec_per_call=3\r\nerrorstat_ERR:count=%d\r\n", calls, 3*calls, errors)
	}
	texts := []string{text + stats(10, 1), later.Replace(text) + stats(14, 3)}
	const address = "10.0.0.1:6379" // one of several nodes, for the label
	r := newRedis("cache", book, quiet())
	r.find = func(context.Context, time.Duration) ([]string, error) { return []string{address}, nil }
	n := r.node(address, func(context.Context, time.Duration) (string, error) {
		time.Sleep(2 * time.Millisecond)
		next := texts[0]
		texts = texts[1:]
		return next, nil
	})
	r.nodes[address] = n
	latency := func(calls int64) any {
		return []any{"get", []any{"calls", calls, "histogram_usec", []any{int64(4), calls - 1, int64(33), calls}}}
	}
	replies := []any{latency(10), latency(14)}
	n.counters.latency.ask = func(context.Context, time.Duration) (any, error) {
		next := replies[0]
		replies = replies[1:]
		return next, nil
	}
	r.pull(t.Context(), time.Second)
	n.counters.latency.next = time.Time{}
	r.pull(t.Context(), time.Second)
	n.state.linkUp, n.state.lagSeconds = count{1, true}, count{2, true} // what only a replica says
	return r
}

func fullHost(t *testing.T, book *objective.Book) *Host {
	host := newHost(states(
		hostState{busy: 10, total: 100, available: 6 << 30, memory: 8 << 30, load1: 0.25, cpus: 2, quota: 2},
		hostState{busy: 10.3, total: 101, available: 5 << 30, memory: 8 << 30, load1: 0.5, cpus: 2, quota: 2, throttled: maybe{1.5, true}},
	), book, quiet())
	host.sample(t.Context())
	time.Sleep(100 * time.Millisecond)
	host.sample(t.Context())
	return host
}

func fullProcess(t *testing.T) *Process {
	p := newProcess("api", nil, quiet())
	for i, r := range []processReading{
		{resident: 90 << 20, restarted: false},
		{cpu: 0.125, steady: 0.05, resident: 100 << 20, shared: count{64 << 20, true}, fds: count{14, true}, threads: count{9, true}},
	} {
		p.source = sourceFunc(func(context.Context) (processReading, error) {
			r.at = time.Now()
			return r, nil
		})
		time.Sleep(time.Duration(i) * 100 * time.Millisecond)
		p.pull(t.Context())
	}
	return p
}

// states is a host that gives one state after the other, each a millisecond after it is asked.
func states(all ...hostState) func(context.Context) (hostState, error) {
	return func(context.Context) (hostState, error) {
		time.Sleep(time.Millisecond)
		if len(all) == 0 {
			return hostState{}, errors.New("no more states")
		}
		next := all[0]
		all = all[1:]
		return next, nil
	}
}

func perfwatchNames() []string {
	var names []string
	for _, f := range Families() {
		names = append(names, f.Name)
	}
	return names
}

func TestAFullPageHasEveryDeclaredFamilyAndNoOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		families, err := fullRegistry(t).Gather()
		if err != nil {
			t.Fatal(err)
		}
		type family struct {
			Type   dto.MetricType
			Labels string
			Help   string
		}
		got, want := map[string]family{}, map[string]family{}
		for _, f := range families {
			if strings.HasPrefix(f.GetName(), "perfwatch_") {
				labels := map[string]bool{}
				for _, l := range f.GetMetric()[0].GetLabel() {
					labels[l.GetName()] = true
				}
				got[f.GetName()] = family{f.GetType(), strings.Join(slices.Sorted(maps.Keys(labels)), ","), f.GetHelp()}
			}
		}
		for _, f := range Families() {
			want[f.Name] = family{f.Type, strings.Join(slices.Sorted(slices.Values(f.Labels)), ","), f.Help}
		}
		want[buildInfo] = family{want[buildInfo].Type, want[buildInfo].Labels, got[buildInfo].Help} // the library's words
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("declared (-) and gathered (+) differ:\n%s", diff)
		}
	})
}

func TestAFullPageIsTheRecordedOne(t *testing.T) {
	const golden = "testdata/metrics.txt"
	synctest.Test(t, func(t *testing.T) {
		names := slices.DeleteFunc(perfwatchNames(), func(name string) bool { return name == buildInfo })
		got := page(t, fullRegistry(t), names...)
		if os.Getenv("UPDATE_GOLDEN") != "" {
			if err := os.WriteFile(golden, []byte(got), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(golden)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(string(want), got); diff != "" {
			t.Errorf("page differs from %s (-):\n%s", golden, diff)
		}
	})
}

func TestAFullPageIsWithoutLint(t *testing.T) {
	var text string
	synctest.Test(t, func(t *testing.T) {
		reg := fullRegistry(t)
		problems, err := testutil.GatherAndLint(reg)
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range problems {
			t.Errorf("%s: %s", p.Metric, p.Text)
		}
		text = page(t, reg)
	})
	cmd := exec.Command(peer.Find(t, "prometheus", "promtool"), "check", "metrics")
	cmd.Stdin = strings.NewReader(text)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("promtool check metrics: %v\n%s", err, out)
	}
}
