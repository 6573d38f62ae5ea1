package config

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

type warningCase struct{ name, probes, objective, want string }

func TestWarnings(t *testing.T) {
	for _, tt := range slices.Concat(warningCases(), unreachableCases(), judgedOnBursts()) {
		t.Run(tt.name, func(t *testing.T) {
			cfg := mustParse(t, "probes:\n"+tt.probes+"host: {}\nredis: [{name: r, url: \"redis://127.0.0.1\"}]\n"+
				"processes: [{name: api, port: 1}, {name: far, metrics_url: \"http://127.0.0.1/m\"}]\nobjectives:\n  - {name: o, "+tt.objective+"}\n")
			var want []Mistake
			if tt.want != "" {
				key, message, _ := strings.Cut(tt.want, ": ")
				want = []Mistake{{Line: 6 + strings.Count(tt.probes, "\n"), Path: `objectives[0] "o": ` + key, Message: message}}
			}
			if diff := cmp.Diff(want, slices.Clip(cfg.Warnings)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestIterationsWithoutTheTimeForThemAreAWarning(t *testing.T) {
	const tasks = `tasks: [{name: a, http: {url: "http://127.0.0.1/"}}]`
	tests := []struct{ probe, want string }{
		{"load: {users: 10, iterations: 60000, max_rate: 100, ", ""},
		{"load: {users: 10, iterations: 60101, max_rate: 100, ", "load.iterations: the burst ends after 10m, and these take 10m1s at least"},
		{
			"timeout: 65s, load: {users: 10, iterations: 6500, max_rate: 100, ",
			"load.iterations: the burst ends after 1m, and these take 1m5s at least",
		},
		{
			"load: {users: 100, iterations_per_user: 5, ramp_up: 1, duration: 30s, ",
			"load.iterations_per_user: the burst ends after 30s, and these take 1m39s at least",
		},
		{"load: {users: 100, duration: 30s, max_rate: 1, ", ""},
	}
	for _, tt := range tests {
		cfg := mustParse(t, "probes: [{name: burst, "+tt.probe+tasks+"}}]\n")
		got := ""
		for _, w := range cfg.Warnings {
			got += strings.TrimPrefix(w.Error(), `line 1: probes[0] "burst": `)
		}
		if got != tt.want {
			t.Errorf("%s:\n got %s\nwant %s", tt.probe, got, tt.want)
		}
	}
}

func TestNothingWatchedIsAWarning(t *testing.T) {
	cfg := mustParse(t, "global: {timeout: 1s}\n")
	want := []Mistake{{Line: 1, Message: "nothing is watched, want probes, redis, postgres, host, processes or pipelines"}}
	if diff := cmp.Diff(want, cfg.Warnings); diff != "" {
		t.Error(diff)
	}
}

// Secrets are read whole, and never printed: not by the values that hold them, not in a mistake.
func TestSecretsAreMasked(t *testing.T) {
	cfg := mustLoad(t, "testdata/good/everything.yml")
	if got := cfg.Redis[0].URL; strings.Contains(got, "hunter2") {
		t.Errorf("the URL of a Redis tells its password: %s", got)
	}
	for in, want := range map[string]string{
		"http://127.0.0.1/a?b=c":              "http://127.0.0.1/a?b=c",
		"redis://:hunter2@127.0.0.1/0":        "redis://<secret>@127.0.0.1/0",
		"redis://me:hun/ter@2@127.0.0.1/0":    "redis://<secret>@127.0.0.1/0",
		"redis://me:hun ter\n2@127.0.0.1/0":   "redis://<secret>@127.0.0.1/0",
		"parse \"http://me:x@h\": bad escape": "parse \"http://<secret>@h\": bad escape",
	} {
		if got := mask(in); got != want {
			t.Errorf("mask(%q) = %q, want %q", in, got, want)
		}
	}
	for path, want := range map[string]bool{
		"probes[0].http.headers.X-A":                     true,
		"probes[0].load.tasks[1].http.headers":           true,
		"probes[0].http.json.password":                   true,
		"probes[0].http.body":                            true,
		"global.http_client.http_headers.X-A.values[0]":  true,
		"global.http_client.proxy_connect_header.A[0]":   true,
		"probes[0].http.expect.json":                     false,
		"probes[0].http.url":                             false,
		"probes[0].load.tasks[0].http.expect.headerless": false,
	} {
		if got := secretPath(path); got != want {
			t.Errorf("secretPath(%q) = %v, want %v", path, got, want)
		}
	}
}

func warningCases() []warningCase {
	const (
		home = `  - {name: home, group: api, http: {url: "http://127.0.0.1/"}}` + "\n"
		twin = `  - {name: twin, schedule: "@every 1s", http: {url: "http://127.0.0.1/"}}` + "\n"
		slow = `  - {name: night, schedule: "@daily", http: {url: "http://127.0.0.1/"}}` + "\n"
	)
	return []warningCase{
		{"enough samples", home, `measure: latency, quantile: 0.5, group: api, window: 5m, target: 1s`, ""},
		{
			"a window too short", home, `measure: latency, quantile: 0.95, group: api, window: 5m, target: 1s`,
			`window: "5m" holds only 20 of the 200 samples that it takes to judge, 1h would do`,
		},
		{
			"other groups do not count", home + twin, `measure: latency, quantile: 0.95, group: api, window: 15m, target: 1s`,
			`window: "15m" holds only 60 of the 200 samples that it takes to judge, 1h would do`,
		},
		{"all groups together", home + twin, `measure: latency, quantile: 0.95, window: 30m, target: 1s`, ""},
		{
			"no window would do", slow, `measure: latency, quantile: 0.95, probe: night, window: 1h, target: 1s`,
			`window: "1h" holds only 0 of the 200 samples that it takes to judge, and no window up to 1d would do`,
		},
		{
			"no window chosen would do", slow, `measure: error_ratio, target: 1%`,
			`window: left out, but even 1d holds only 1 of the 100 samples that it takes to judge`,
		},
		{
			"too few samples of the host", home, `measure: cpu_usage, window: 5s, target: 90%`,
			`window: "5s" holds only 50 of the 100 samples that it takes to judge, 5m would do`,
		},
		{"lookups are not foreseen", home, `measure: cache_hit_ratio, window: 1s, target: 90%`, ""},
	}
}

func burst(model string) string {
	return "  - {name: burst, load: {" + model + `, tasks: [{name: a, http: {url: "http://127.0.0.1/"}}]}}` + "\n"
}

// judgedOnBursts are objectives that their burst cannot serve.
func judgedOnBursts() []warningCase {
	const hundred = "users: 10, iterations: 100"
	half := burst("users: 10, duration: 30s, abort: {error_ratio: 10%, latency_p95: 2s}")
	leak := func(process, duration string) string {
		return burst("users: 1, duration: " + duration + ", watch: {processes: [" + process + "]}")
	}
	return []warningCase{
		{
			"too few requests for a quantile", burst(hundred), `measure: load_latency, quantile: 0.95, probe: burst, target: 1s`,
			`probe: "burst" sends 100 requests at most, and it takes 200 to judge`,
		},
		{"enough of them", burst(hundred), `measure: load_latency, quantile: 0.9, probe: burst, target: 1s`, ""},
		{
			"think time leaves too few", burst("users: 10, duration: 30s, think_time: 1s-3s"),
			`measure: load_latency, quantile: 0.95, probe: burst, target: 1s`,
			`probe: "burst" sends 160 requests at most, and it takes 200 to judge`,
		},
		{"a rate that gives enough", burst("rate: 10, max_users: 9, duration: 20s"), `measure: load_latency, quantile: 0.95, probe: burst, target: 1s`, ""},
		{
			"a rate that does not", burst("rate: 10, max_users: 9, duration: 19s"), `measure: load_latency, quantile: 0.95, probe: burst, target: 1s`,
			`probe: "burst" sends 190 requests at most, and it takes 200 to judge`,
		},
		{
			"too few requests for a ratio", burst(hundred), `measure: load_error_ratio, probe: burst, target: 0.5%`,
			`probe: "burst" sends 100 requests at most, and it takes 200 to judge`,
		},
		{"a burst longer than its end", burst("users: 10, duration: 30s"), `measure: load_duration, probe: burst, target: 30s`,
			`target: 30s can hardly be missed: it ends after 30s`},
		{"iterations that may take that long", burst(hundred), `measure: load_duration, probe: burst, target: 9m59s`, ""},
		{"iterations that end before", burst(hundred), `measure: load_duration, probe: burst, target: 10m`,
			`target: 10m can hardly be missed: it ends after 10m`},
		{"a burst shorter than it is", burst("users: 10, duration: 30s"), `measure: load_duration, probe: burst, target: 29s`,
			`target: 29s cannot be reached: "burst" takes 30s at least`},
		{"iterations that take longer", burst(hundred + ", max_rate: 10"), `measure: load_duration, probe: burst, target: 9s`,
			`target: 9s cannot be reached: "burst" takes 9.9s at least`},
		{"errors that abort it", half, `measure: load_error_ratio, probe: burst, target: 5%, critical: 10%`,
			`critical: 10% can hardly be missed: at more than 10% in errors it is aborted, and not judged`},
		{"errors that abort any burst", burst(hundred), `measure: load_error_ratio, probe: burst, target: 50%`,
			`target: 50% can hardly be missed: at more than 50% in errors it is aborted, and not judged`},
		{"a latency that aborts it", half, `measure: load_latency, quantile: 0.95, probe: burst, target: 2s`,
			`target: 2s can hardly be missed: at a p95 over 2s in five seconds it is aborted, and not judged`},
		{"a latency below that", half, `measure: load_latency, quantile: 0.95, probe: burst, target: 1999ms`, ""},
		{"a higher quantile", half, `measure: load_latency, quantile: 0.99, probe: burst, target: 2s`, ""},
		{"long enough for a leak", leak("api", "5s"), `measure: load_memory_leak, probe: burst, target: 0`, ""},
		{"too short for a leak", leak("api", "4s"), `measure: load_memory_leak, probe: burst, target: 0`,
			`probe: "burst" goes on for 4s, and it takes 5s of samples to judge`},
		{"too short for one far away", leak("api, far", "49s"), `measure: load_memory_leak, probe: burst, target: 0`,
			`probe: "burst" goes on for 49s, and it takes 50s of samples to judge`},
	}
}

// unreachableCases are bursts that cannot reach what is asked of them.
func unreachableCases() []warningCase {
	closed := func(users int, more string) string {
		return burst(fmt.Sprintf("users: %d, duration: 30s%s", users, more))
	}
	open := burst("rate: 50, max_users: 20, duration: 30s")
	return []warningCase{
		{
			"think time bounds the closed model", closed(100, ", think_time: 1s-3s"), `measure: load_throughput, probe: burst, target: 100`,
			`target: 100/s cannot be reached: "burst" gives 50/s at most, by its users over their think time`,
		},
		{
			"a ceiling below the target", closed(100, ", max_rate: 20"), `measure: load_throughput, probe: burst, target: 100`,
			`target: 100/s cannot be reached: "burst" gives 20/s at most, by its max_rate`,
		},
		{"iterations as fast as can be", burst("users: 10, iterations: 100"), `measure: load_throughput, probe: burst, target: 100`, ""},
		{
			"users who think between their iterations", burst("users: 10, iterations_per_user: 11, think_time: exponential 1s"),
			`measure: load_throughput, probe: burst, target: 100`,
			`target: 100/s cannot be reached: "burst" gives 11/s at most, by its users over their think time`,
		},
		{
			"stages that rise too late", burst("max_users: 9, stages: [{rate: 120, duration: 30s}]"),
			`measure: load_throughput, probe: burst, target: 100`,
			`target: 100/s cannot be reached: "burst" gives 60/s at most, by its stages`,
		},
		{"just enough users", closed(200, ", think_time: 1s-3s"), `measure: load_throughput, probe: burst, target: 100`, ""},
		{"no think time, no bound", closed(1, ""), `measure: load_throughput, probe: burst, target: 100`, ""},
		{
			"a rate below the target", open, `measure: load_throughput, probe: burst, warning: 60`,
			`warning: 60/s cannot be reached: "burst" gives 50/s at most, by its rate`,
		},
		{
			"too few users", closed(10, ""), `measure: load_users, probe: burst, target: 100`,
			`target: 100 cannot be reached: "burst" gives 10 at most, by its users`,
		},
		{
			"a ramp too slow for all users", closed(100, ", ramp_up: 2"), `measure: load_users, probe: burst, target: 100`,
			`target: 100 cannot be reached: "burst" gives 60 at most, by its users`,
		},
		{
			"too few users of the open model", open, `measure: load_users, probe: burst, target: 100`,
			`target: 100 cannot be reached: "burst" gives 20 at most, by its users`,
		},
	}
}
