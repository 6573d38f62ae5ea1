package config

import (
	"crypto/tls"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	promconfig "github.com/prometheus/common/config"
	"github.com/prometheus/common/version"

	"github.com/perfwatch/perfwatch/internal/load"
	"github.com/perfwatch/perfwatch/internal/objective"
	"github.com/perfwatch/perfwatch/internal/pipeline"
	"github.com/perfwatch/perfwatch/internal/schedule"
	"github.com/perfwatch/perfwatch/probes"
)

// Each file under testdata/bad has one mistake, or a few of a kind; its .err beside it has the exact words. With
// UPDATE=1 in the environment they are written anew.
func TestEveryBadFileHasItsExactMistake(t *testing.T) {
	files, err := filepath.Glob("testdata/bad/*.yml")
	if err != nil || len(files) < 40 {
		t.Fatalf("bad files: %d, %v, want at least 40", len(files), err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".yml"), func(t *testing.T) { badFile(t, file) })
	}
}

func badFile(t *testing.T, file string) {
	t.Helper()
	cfg, err := Load(file)
	var mistakes Mistakes
	if !errors.As(err, &mistakes) || cfg != nil {
		t.Fatalf("Load: %v and %T %v, want no Config and Mistakes", cfg, err, err)
	}
	got := strings.ReplaceAll(err.Error(), "testdata/bad/", "") + "\n"
	if strings.Contains(got, "hunter") {
		t.Errorf("a secret is told: %s", got)
	}
	golden := strings.TrimSuffix(file, ".yml") + ".err"
	if os.Getenv("UPDATE") != "" {
		if err := os.WriteFile(golden, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Error(diff)
	}
}

func TestGoodFilesHaveNeitherMistakesNorWarnings(t *testing.T) {
	files, err := filepath.Glob("testdata/good/*.yml")
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	for _, file := range append(files, "../../perfwatch.yml") {
		cfg, err := Load(file)
		if err != nil {
			t.Errorf("%s:\n%v", file, err)
			continue
		}
		for _, w := range cfg.Warnings {
			t.Errorf("warning: %v", w)
		}
	}
}

func TestShippedConfiguration(t *testing.T) {
	cfg := mustLoad(t, "../../perfwatch.yml")
	if got := len(cfg.Probes); got != 18 {
		t.Errorf("probes: %d, want 14 of http, a page and 3 of load", got)
	}
	journey := cfg.Probes[15]
	leaves := 0
	for _, task := range journey.Load.Tasks {
		leaves += len(task.Tasks)
	}
	if journey.Name != "investor_journey" || journey.Kind() != "load" || leaves != 14 || journey.Timeout != 90*time.Second {
		t.Errorf("%s, %s, %d leaves, timeout %v, want investor_journey, load, 14, 90s",
			journey.Name, journey.Kind(), leaves, journey.Timeout)
	}
	if got := cfg.Probes[16].Timeout; got != time.Minute {
		t.Errorf("timeout of a burst of 30s that gives none: %v, want 1m", got)
	}
	if got := cfg.Probes[0]; got.Timeout != 5*time.Second || got.Schedule != "@every 15s" || got.Group != "api" {
		t.Errorf("first probe: %+v", got)
	}
	var objectives []string
	windows := map[string]time.Duration{}
	for _, o := range cfg.Objectives {
		objectives = append(objectives, o.Name)
		windows[o.Name] = o.Window
	}
	want := []string{
		"api_latency_p95", "api_latency_p99", "api_latency_p50", "page_fcp", "page_tti", "cache_hit_ratio", "daily_pipeline", "error_ratio",
		"concurrent_users", "throughput", "memory_usage", "cpu_usage", "recs_error_ratio", "recs_latency_mean", "recs_throughput", "recs_memory",
	}
	if diff := cmp.Diff(want, objectives); diff != "" {
		t.Error(diff)
	}
	// 14 probes every 15 s are 280 samples in 5 minutes: enough for the 200 of a p95.
	wantWindows := map[string]time.Duration{
		"api_latency_p95": 5 * time.Minute, "api_latency_p99": 30 * time.Minute, "api_latency_p50": 5 * time.Minute,
		"cache_hit_ratio": 5 * time.Minute, "error_ratio": 15 * time.Minute, "concurrent_users": 0, "throughput": 0,
		"memory_usage": 5 * time.Minute, "cpu_usage": 5 * time.Minute, "recs_error_ratio": 0, "recs_latency_mean": 0,
		"recs_throughput": 0, "recs_memory": 0, "page_fcp": time.Hour, "page_tti": time.Hour, "daily_pipeline": 0,
	}
	if diff := cmp.Diff(wantWindows, windows); diff != "" {
		t.Error(diff)
	}
}

// The plan's whole configuration is read as it stands, where the files and the variable are that it names.
func TestTheWholePlanIsRead(t *testing.T) {
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "secrets"), 0o700); err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{"redis.password": "x", "postgres.dsn": "postgres://reader:x@127.0.0.1/shop"} {
		if err := os.WriteFile(filepath.Join(dir, "secrets", name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv("PERFWATCH_DEMO_PASSWORD", "x")
	if err := os.WriteFile(filepath.Join(dir, "symbols.csv"), []byte("symbol\nAAPL\nMSFT\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile("testdata/plan.yml")
	if err != nil {
		t.Fatal(err)
	}
	cfg, err := Parse(text, dir)
	if err != nil {
		t.Fatal(err)
	}
	kinds := map[string]int{}
	for i := range cfg.Probes {
		kinds[cfg.Probes[i].Kind()]++
	}
	want := map[string]int{"http": 14, "page": 1, "sql": 1, "canary": 1, "consistency": 1, "load": 10}
	if diff := cmp.Diff(want, kinds); diff != "" || len(cfg.Objectives) != 27 || len(cfg.Pipelines) != 1 || len(cfg.Business) != 2 {
		t.Errorf("%d objectives, %d pipelines, %d business values:\n%s", len(cfg.Objectives), len(cfg.Pipelines), len(cfg.Business), diff)
	}
}

func TestEverythingIsRead(t *testing.T) {
	cfg := mustLoad(t, "testdata/good/everything.yml")
	no := false
	checkout := &probes.HTTP{
		URL: "/checkout", Method: "POST", Headers: map[string]string{"X-Country": "NO", "X-Version": "1.10"},
		JSON: map[string]any{
			"amount": 12.5, "items": []any{1, "two", true, nil}, "when": "2001-02-03", "big": uint64(18446744073709551615),
		},
		FollowRedirects: &no, FreshConnection: true, ServerTiming: []string{"db", "cache.read"},
		Expect: probes.Expect{
			Status: []int{200, 201}, ContentType: "application/json", BodyMatches: `"ok"`, JSON: ".ok", MaxBody: 64 << 10,
		},
	}
	again := *checkout
	again.URL = "https://other.example/checkout"
	want := []Probe{
		{Name: "checkout", Group: "shop", Schedule: "@every 1m", Timeout: time.Minute, Kinds: Kinds{HTTP: checkout}},
		{Name: "checkout_again", Group: "http", Schedule: "*/30 * * * * *", Timeout: 2500 * time.Millisecond, Kinds: Kinds{HTTP: &again}},
		{Name: "rush", Group: "load", Schedule: "*/30 * * * * *", Timeout: 2 * time.Minute, Kinds: Kinds{Load: &load.Spec{
			Users: 50, RampUp: 2.5, Duration: 90 * time.Second, ThinkTime: cfg.Probes[2].Load.ThinkTime,
			Tasks: []load.Task{
				{Name: "browse", Weight: 3, Tasks: []load.Task{{Name: "home", HTTP: &probes.HTTP{URL: "/"}}}},
				{Name: "buy", Weight: 1.5, HTTP: checkout},
			},
		}}},
		{Name: "bulk", Group: "load", Schedule: "*/30 * * * * *", Timeout: 5 * time.Minute, Kinds: Kinds{Load: &load.Spec{
			Users: 5, Iterations: 600, MaxRate: 12.5, ThinkTime: load.ThinkTime{Mean: time.Second},
			Duration: 5*time.Minute - 2500*time.Millisecond, // what the timeout leaves its last request
			Tasks:    []load.Task{{Name: "home", HTTP: &probes.HTTP{URL: "/"}}},
		}}},
		{Name: "each", Group: "load", Schedule: "*/30 * * * * *", Timeout: 10*time.Minute + 30*time.Second, Kinds: Kinds{Load: &load.Spec{
			Users: 5, IterationsPerUser: 7,
			Tasks: []load.Task{{
				Name: "shop", Sticky: true, ExitWeight: 0.5, Tasks: []load.Task{{Name: "home", HTTP: &probes.HTTP{URL: "/"}}},
			}},
		}}},
		{Name: "wave", Group: "load", Schedule: "*/30 * * * * *", Timeout: 3 * time.Minute, Kinds: Kinds{Load: &load.Spec{
			Rate: 5, MaxUsers: 40, Stages: []load.Stage{{Rate: 50, Duration: time.Minute}, {Rate: 2.5}, {Rate: 2.5, Duration: 90 * time.Second}},
			Tasks: []load.Task{{Name: "home", HTTP: &probes.HTTP{URL: "/"}}},
			Watch: load.Watch{Processes: []string{"api", "ml"}, Redis: []string{"cache"}, Host: true},
		}}},
		{Name: "steady", Group: "load", Schedule: "*/30 * * * * *", Timeout: 10 * time.Minute, Kinds: Kinds{Load: &load.Spec{
			Rate: 20, MaxUsers: 40, Duration: 30 * time.Second,
			Tasks: []load.Task{{Name: "home", HTTP: &probes.HTTP{URL: "/"}}},
		}}},
	}
	if diff := cmp.Diff(want, cfg.Probes); diff != "" {
		t.Error(diff)
	}
	everyServer(t, cfg)
	everythingGlobal(t, &cfg.Global)
	everyObjective(t, cfg)
}

func everyPipeline(t *testing.T, got []pipeline.Spec) {
	t.Helper()
	daily, err := schedule.Parse("CRON_TZ=America/New_York 0 0 18 * * 1-5")
	if err != nil {
		t.Fatal(err)
	}
	want := []pipeline.Spec{
		{
			Name: "daily", Schedule: daily, Grace: 10 * time.Minute, Budget: time.Hour, StuckAfter: 20 * time.Minute, Items: 6000,
			Stages: []pipeline.Stage{{Name: "fetch", Budget: 5 * time.Minute}, {Name: "predict"}},
		},
		{Name: "whenever", StuckAfter: 6 * time.Hour, Stages: []pipeline.Stage{{Name: "all"}}},
	}
	same := cmp.Comparer(func(a, b schedule.Spec) bool { return a.String() == b.String() })
	if diff := cmp.Diff(want, got, same); diff != "" {
		t.Error(diff)
	}
}

func everythingGlobal(t *testing.T, g *Global) {
	t.Helper()
	type values struct {
		base, schedule, agent, external, grafana, user, passwordFile, proxy string
		timeout                                                             time.Duration
		http2, redirects                                                    bool
	}
	want := values{
		"https://shop.example:8443", "*/30 * * * * *", "watcher/1.0 (synthetic)", "https://perfwatch.example",
		"https://grafana.example/ops", "watcher", "testdata/secrets/password", "proxy.example:3128",
		2500 * time.Millisecond, true, true,
	}
	h := &g.HTTPClient
	got := values{
		g.BaseURL.String(), g.Schedule, g.UserAgent, g.ExternalURL, g.GrafanaURL, h.BasicAuth.Username,
		h.BasicAuth.PasswordFile, h.ProxyURL.Host, g.Timeout, h.EnableHTTP2, h.FollowRedirects,
	}
	if got != want {
		t.Errorf("global: %+v, want %+v", got, want)
	}
	if got := h.HTTPHeaders.Headers["X-Team"]; len(got.Values) != 1 || string(got.Secrets[0]) != "hunter2" {
		t.Errorf("headers: %v", got)
	}
}

func everyObjective(t *testing.T, cfg *Config) {
	t.Helper()
	everyPipeline(t, cfg.Pipelines)
	got := cfg.Objectives
	at := func(v float64) *float64 { return &v }
	want := []objective.Objective{
		{
			Name: "shop_latency", Title: "shop latency", Measure: objective.Latency, Quantile: 0.9, Group: "shop",
			Window: 24 * time.Hour, Target: at(1), Warning: at(0.8), Critical: at(2),
		},
		{
			Name: "errors", Title: "Errors of everything", Measure: objective.ErrorRatio,
			Window: 10 * time.Minute, Critical: at(0.05), // 20 runs, at one a minute and one in 30 s
		},
		{
			Name: "hits", Title: "hits", Measure: objective.CacheHitRatio, Redis: "cache",
			Window: 5 * time.Minute, Warning: at(0.75), Critical: at(0.6),
		},
		{Name: "cpu", Title: "cpu", Measure: objective.CPUUsage, Window: time.Minute, Target: at(0.8)},
		{Name: "rush_users", Title: "rush users", Measure: objective.LoadUsers, Probe: "rush", Target: at(50)},
		{Name: "steady_rate", Title: "steady rate", Measure: objective.LoadThroughput, Probe: "steady", Target: at(20)},
		{Name: "daily_run", Title: "daily run", Measure: objective.PipelineDuration, Pipeline: "daily", Target: at(3600)},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestDefaults(t *testing.T) {
	cfg := mustParse(t, "probes:\n  - {name: home, http: {url: http://127.0.0.1/}}\nhost: {}\n")
	g := cfg.Global
	if g.BaseURL != nil || g.Schedule != "@every 15s" || g.Timeout != 5*time.Second || g.UserAgent != "perfwatch" {
		t.Errorf("global: %+v", g)
	}
	if g.ExternalURL != "http://localhost:10095" || g.GrafanaURL != "http://localhost:3000" {
		t.Errorf("links: %s %s", g.ExternalURL, g.GrafanaURL)
	}
	if !g.HTTPClient.FollowRedirects || !g.HTTPClient.EnableHTTP2 {
		t.Errorf("http_client left out: %+v, want its own defaults", g.HTTPClient)
	}
	if want := (Host{Enabled: true, SampleInterval: 100 * time.Millisecond, Cgroup: "auto"}); cfg.Host != want {
		t.Errorf("host: %+v, want %+v", cfg.Host, want)
	}
	if cfg := mustParse(t, "probes: []\n"); cfg.Host.Enabled {
		t.Error("host is sampled without its section")
	}
}

func TestHashIsOfTheText(t *testing.T) {
	// printf 'host: {}\n' | sha256sum
	if got := mustLoad(t, "testdata/good/host_only.yml").Hash; got != "7210a7fe7d7f3e4f" {
		t.Errorf("hash: %s", got)
	}
}

func TestWarningsNameTheirFile(t *testing.T) {
	file := filepath.Join(t.TempDir(), "perfwatch.yml")
	if err := os.WriteFile(file, []byte("global: {timeout: 1s}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	want := file + ":1: nothing is watched, want probes, redis, postgres, host, processes or pipelines"
	if cfg := mustLoad(t, file); len(cfg.Warnings) != 1 || cfg.Warnings[0].Error() != want {
		t.Errorf("warnings: %v, want %s", cfg.Warnings, want)
	}
}

func TestLoadSaysWhyAFileCannotBeRead(t *testing.T) {
	_, err := Load("testdata/none.yml")
	if want := `reading configuration: open testdata/none.yml: no such file or directory`; err == nil || err.Error() != want {
		t.Errorf("Load: %v, want %s", err, want)
	}
	if !errors.Is(err, os.ErrNotExist) {
		t.Errorf("Load: %v, want os.ErrNotExist within", err)
	}
	if _, err := Load("testdata"); err == nil {
		t.Error("a folder is read")
	}
}

func mustLoad(t *testing.T, file string) *Config {
	t.Helper()
	cfg, err := Load(file)
	if err != nil {
		t.Fatalf("loading %s:\n%v", file, err)
	}
	return cfg
}

func mustParse(t *testing.T, text string) *Config {
	t.Helper()
	cfg, err := Parse([]byte(text), t.TempDir())
	if err != nil {
		t.Fatalf("parsing %s:\n%v", text, err)
	}
	return cfg
}

func TestDefaultUserAgentSaysItsVersion(t *testing.T) {
	was := version.Version
	defer func() { version.Version = was }()
	for _, tt := range []struct{ agent, version, want string }{
		{"perfwatch", "1.2.3", "perfwatch/1.2.3"},
		{"perfwatch", "", "perfwatch"},
		{"watcher/1.0", "1.2.3", "watcher/1.0"},
	} {
		version.Version = tt.version
		c := Config{Global: Global{UserAgent: tt.agent}}
		if got := c.Env().UserAgent; got != tt.want {
			t.Errorf("%q of version %q sends %q, want %q", tt.agent, tt.version, got, tt.want)
		}
	}
}

// everyServer holds what the file says of a database and of the machine.
func everyServer(t *testing.T, cfg *Config) {
	t.Helper()
	if want := (Host{Enabled: true, SampleInterval: 200 * time.Millisecond, Cgroup: "/system.slice/api.service"}); cfg.Host != want {
		t.Errorf("host: %+v, want %+v", cfg.Host, want)
	}
	const password = "testdata/secrets/password"
	second, two := time.Second, 2*time.Second
	wantRedis := []Redis{
		{Name: "cache", URL: "redis://cache.example:6380/2", Username: "reader", Password: "hunter2", Interval: second, Timeout: two},
		{Name: "queue", URL: "unix:///run/redis.sock", Username: "reader", PasswordFile: password, Interval: second, Timeout: two},
		{Name: "carts", Sentinel: &RedisSentinel{
			Master: "carts", Addresses: []string{"10.0.0.1:26379", "[fd00::2]:26379"}, Replicas: true, Username: "s", PasswordFile: password,
		}, TLS: &promconfig.TLSConfig{ServerName: "redis.example", MinVersion: tls.VersionTLS13}, Interval: 5 * second, Timeout: two},
		{Name: "shards", Cluster: []string{"n1:7000", "n2:7000"}, Username: "reader", Interval: second, Timeout: 500 * time.Millisecond},
	}
	if diff := cmp.Diff(wantRedis, cfg.Redis); diff != "" {
		t.Error(diff)
	}
	want := []Postgres{
		{Name: "main", DSNFile: "../secrets/shop.dsn", Interval: 5 * time.Second, Timeout: 2 * time.Second, Statements: 20},
		{Name: "other", DSNFile: "../secrets/shop.dsn", Interval: time.Minute, Timeout: time.Second},
	}
	if diff := cmp.Diff(want, cfg.Postgres); diff != "" {
		t.Error(diff)
	}
}
