package web

import (
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/perfwatch/perfwatch/internal/load"
	"github.com/perfwatch/perfwatch/internal/objective"
	"github.com/perfwatch/perfwatch/probes"
)

// now is the instant at which the fixtures' page is made.
func now() time.Time { return time.Date(2026, 3, 14, 3, 7, 9, 0, time.UTC) }

func ptr(v float64) *float64 { return &v }

// nightPage is a page as it looks in a bad night: one row for every state that there is.
func nightPage() Page {
	return Page{
		Now: now(), Started: now().Add(-51 * time.Hour), Dashboard: "http://grafana.test/d/perfwatch-overview",
		Objectives: nightObjectives(), Bursts: nightBursts(), Probes: nightProbes(),
		Redis: []Redis{
			{Name: "cache", Up: true, Version: "7.4.2", Role: "master", HitRatio: 0.912, MemoryUsed: 48 << 20, MemoryMax: 256 << 20,
				Clients: 14},
			{Name: "sessions", Error: "dial tcp 127.0.0.1:6380: connect: connection refused"},
		},
		Host: &Host{CPU: 0.374, CPUPeak: 0.91, Memory: 0.622, MemoryPeak: 0.64, MemoryTotal: 16 << 30, CPUs: 8, Load1: 2.41},
		Processes: []Process{
			{Name: "api", Up: true, CPU: 0.37, CPUPeak: 1.84, Memory: 412 << 20, MemoryPeak: 498 << 20, Restarts: 2},
			{Name: "ml", Error: `finding process: no command line has "serve <model>" in it`},
		},
		Config: Config{
			Path: "/etc/perfwatch/perfwatch.yml", Hash: "9f2c44d1a07be3c5", LoadedAt: now().Add(-26 * time.Hour),
			ReloadError: `line 14: probes[2] "checkout": http.url: "checkout", want a URL`,
			Warnings:    []string{`line 88: objectives[1] "api_latency_p99": window 5m holds 180 samples of 1000, 30m would hold them`},
		},
	}
}

func nightObjectives() []Objective {
	latency := func(name, title string, q float64) *objective.Objective {
		return &objective.Objective{
			Name: name, Title: title, Measure: objective.Latency, Quantile: q, Group: "api", Window: 5 * time.Minute,
			Target: ptr(0.5), Warning: ptr(0.4), Critical: ptr(0.6),
		}
	}
	hits := &objective.Objective{
		Name: "cache_hit_ratio", Title: "Cache hit rate", Measure: objective.CacheHitRatio, Redis: "cache", Window: 5 * time.Minute,
		Target: ptr(0.85), Warning: ptr(0.75), Critical: ptr(0.6),
	}
	memory := &objective.Objective{
		Name: "memory_usage", Title: "Memory usage", Measure: objective.MemoryUsage, Window: 5 * time.Minute,
		Warning: ptr(0.75), Critical: ptr(0.9),
	}
	errorRatio := &objective.Objective{
		Name: "error_ratio", Title: "Error rate", Measure: objective.ErrorRatio, Group: "api", Window: 15 * time.Minute,
		Target: ptr(0.01), Warning: ptr(0.005), Critical: ptr(0.02),
	}
	users := &objective.Objective{Name: "concurrent_users", Title: "Concurrent users", Measure: objective.LoadUsers,
		Target: ptr(100)}
	return []Objective{
		ObjectiveRow(latency("api_latency_p50", "API median latency", 0.5),
			objective.Status{Value: 0.12, Samples: 480, State: objective.Met}, "PerfwatchApiLatencyP50"),
		ObjectiveRow(latency("api_latency_p95", "API p95 latency", 0.95),
			objective.Status{Value: 0.73, Samples: 480, State: objective.Missed, Level: objective.Critical}, "PerfwatchApiLatencyP95"),
		ObjectiveRow(latency("api_latency_p99", "API p99 latency", 0.99),
			objective.Status{Value: 0.81, Samples: 480, State: objective.NotEnough}, "PerfwatchApiLatencyP99"),
		ObjectiveRow(hits, objective.Status{Value: 0.83, Samples: 9120, State: objective.Missed, Level: objective.Target}, ""),
		ObjectiveRow(errorRatio, objective.Status{Value: 0.0062, Samples: 480, State: objective.Met, Level: objective.Warning}, ""),
		ObjectiveRow(memory, objective.Status{Value: 0.622, Samples: 3000, State: objective.Met}, ""),
		ObjectiveRow(users, objective.Status{Value: math.NaN(), State: objective.NoData}, ""),
	}
}

func nightBursts() []Burst {
	return []Burst{
		{
			Probe: "investor_journey", Plan: "100 users", Result: load.Completed, Requests: 2913, Throughput: 48.6,
			P50: 61 * time.Millisecond, P95: 284 * time.Millisecond, P99: 733 * time.Millisecond, ErrorRatio: 0.0017,
			End: now().Add(-4 * time.Minute),
		},
		{
			Probe: "sustained_throughput", Plan: "120/s", Result: load.Aborted, Reason: "error ratio 31% over 10%", Requests: 1204,
			Throughput: 80.2, P50: 92 * time.Millisecond, P95: 1400 * time.Millisecond, P99: 3 * time.Second, ErrorRatio: 0.31,
			End: now().Add(-2 * time.Hour),
		},
		{Probe: "recommendations_under_load", Plan: "100 users", Running: true, Progress: load.Progress{
			Probe: "recommendations_under_load", Start: now().Add(-12 * time.Second), Elapsed: 12.4, Limit: 30, Run: "batch=2", Users: 85,
			InFlight: 3, Requests: 1204, Failures: 2, Rate: 96.5, P50: 0.04, P95: 0.125, P99: 0.5,
		}},
		{Probe: "bulk_price_query", Plan: "10 users"},
		{
			Probe: "ml_single_inference", Plan: "1 user", Result: load.Completed, Requests: 912, Asked: 1000, Throughput: 3.1,
			P50: 320 * time.Millisecond, P95: 400 * time.Millisecond, P99: 500 * time.Millisecond, End: now().Add(-time.Hour),
		},
		{
			Probe: "ml_batch_inference", Plan: "1 user", Result: load.Completed, Requests: 100, Asked: 100, Throughput: 30,
			End: now().Add(-time.Hour), Verdict: "best: batch=10", Fairness: 0.875,
			Runs: []load.RunSummary{
				{Name: "batch=1", Items: 1, Result: load.Completed, Requests: 50, Throughput: 90, P50: 0.011, P95: 0.012, P99: 0.013},
				{Name: "batch=10", Items: 10, Result: load.Completed, Requests: 50, Throughput: 50, P50: 0.02, P95: 0.021, P99: 0.022},
			},
		},
		{
			Probe: "limit", Plan: "120/s", Result: load.Completed, Requests: 4000, Throughput: 30, Search: true,
			End: now().Add(-time.Hour), Verdict: "capacity 150/s, of 120/s wanted: 200/s did not hold: 160/s were answered",
			Runs: []load.RunSummary{
				{Name: "150/s", Rate: 150, Held: true, Result: load.Completed, Requests: 1500, Throughput: 149.5},
				{Name: "200/s", Rate: 200, Result: load.Completed, Requests: 900, Throughput: 160, Reason: "160/s were answered"},
			},
		},
	}
}

func nightProbes() []Probe {
	var board Board
	observe := func(name string, age, took time.Duration, err error) {
		board.Observe(name, &probes.Sample{Start: now().Add(-age), Duration: took, Outcome: probes.OutcomeOf(err), Err: err})
	}
	for i := range 60 {
		age := time.Duration(60-i) * 15 * time.Second
		observe("dashboard", age, time.Duration(40+i%7)*time.Millisecond, nil)
		observe("recommendations", age, time.Duration(210+i%9*13)*time.Millisecond, nil)
	}
	observe("ai_analysis", 33*time.Second, 5*time.Second,
		fmt.Errorf(`Get "http://127.0.0.1:8000/api/recommendations/1/analysis": %w`, deadlineError{}))
	observe("portfolio_summary", 9*time.Second, 31*time.Millisecond, &probes.StatusError{Code: 503, Want: "2xx"})
	observe("market_overview", 2*time.Second, 77*time.Millisecond, errors.Join(probes.ErrInvalidResponse,
		errors.New(`<script>alert("x")</script>`)))
	list := make([]Probe, 0, 6)
	for i, name := range []string{"dashboard", "portfolio_summary", "market_overview", "recommendations", "ai_analysis",
		"price_history"} {
		list = append(list, Probe{
			Name: name, Group: "api", Kind: "http", Schedule: "@every 15s",
			Next: now().Add(time.Duration(i+1) * 2 * time.Second), Lately: board.Lately(name),
		})
	}
	return list
}

// nightHistory is that of a probe which failed once, long ago, and whose answers are kept.
func nightHistory(name string) (Probe, History, bool) {
	if name != "dashboard" {
		return Probe{}, History{}, false
	}
	var board Board
	s := probes.Sample{Start: now().Add(-time.Hour), Duration: 31 * time.Millisecond, Outcome: probes.HTTP5xx,
		Err: &probes.StatusError{Code: 503, Want: "2xx"}}
	s.Status, s.Bytes, s.TraceID = 503, 14, probes.TraceID{0xab}
	s.Phases.Set(probes.Connect, time.Millisecond)
	s.Phases.Set(probes.FirstByte, 29*time.Millisecond)
	s.Evidence = &probes.Evidence{
		Redirects: "302 http://shop.test/down\n", Proto: "HTTP/1.1", Head: "Server: <b>envoy</b>\nX-A: 1\n", Body: "no <i>upstream</i>", Cut: true,
	}
	board.Observe(name, &s)
	good := probes.Sample{Duration: 2 * time.Millisecond}
	good.Status, good.Evidence = 200, &probes.Evidence{Proto: "HTTP/1.1", Body: "{}"}
	for i := range 60 {
		good.Start = now().Add(time.Duration(i-60) * time.Second)
		board.Observe(name, &good)
	}
	return Probe{Name: name, Group: "api", Kind: "http", Schedule: "@every 15s", Lately: board.Lately(name)}, board.History(name), true
}

// deadlineError is a deadline as the network reports it.
type deadlineError struct{}

func (deadlineError) Error() string   { return "context deadline exceeded" }
func (deadlineError) Timeout() bool   { return true }
func (deadlineError) Temporary() bool { return true }

// switches are the demo's faults.
type switches map[string]bool

func (s switches) list() []Fault {
	return []Fault{
		{Name: "latency", Title: "Added latency", Effect: "700 ms on every API answer", On: s["latency"]},
		{Name: "errors", Title: "Errors", Effect: "one API answer in ten is a 503", On: s["errors"]},
		{Name: "cold_cache", Title: "Cold cache", Effect: "the cache forgets at once", On: s["cold_cache"]},
		{Name: "memory", Title: "Memory growth", Effect: "4 MiB a second, 512 MiB at most", On: s["memory"]},
		{Name: "cpu", Title: "Busy CPU", Effect: "every core spins", On: s["cpu"]},
	}
}

func (s switches) set(name string, on bool) error {
	if _, known := s[name]; !known {
		return fmt.Errorf("switching %q: no such fault", name)
	}
	s[name] = on
	return nil
}
