package collector

import (
	"testing"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/perfwatch/perfwatch/internal/load"
	"github.com/perfwatch/perfwatch/internal/objective"
	"github.com/perfwatch/perfwatch/probes"
)

func twoLeaves() *load.Plan {
	return &load.Plan{Name: "journey", Leaves: []load.Leaf{
		{Task: "browse", Endpoint: "list"}, {Task: "browse", Endpoint: "detail"},
	}}
}

// micros are counts of durations.
func micros(ds ...time.Duration) *hdrhistogram.Histogram {
	h := hdrhistogram.New(1, int64(time.Minute/time.Microsecond), 3)
	for _, d := range ds {
		if err := h.RecordValue(d.Microseconds()); err != nil {
			panic(err)
		}
	}
	return h
}

// twoLeavesSummary is a burst of 4 s with 2 users, 4 requests, of which 1 failed, and 1 that was canceled.
func twoLeavesSummary(result load.Result) *load.Summary {
	start := time.Unix(1_700_000_000, 0)
	s := &load.Summary{
		Probe: "journey", Start: start, End: start.Add(4 * time.Second), Result: result,
		UsersPeak: 2, InFlightPeak: 1, Dropped: 3,
		Leaves: []load.LeafSummary{
			{Task: "browse", Endpoint: "list", Response: micros(10*time.Millisecond, 20*time.Millisecond, 30*time.Millisecond), Service: micros()},
			{Task: "browse", Endpoint: "detail", Response: micros(500 * time.Millisecond), Service: micros()},
		},
	}
	s.Leaves[0].Outcomes[probes.OK] = 3
	s.Leaves[0].Outcomes[probes.Canceled] = 1
	s.Leaves[1].Outcomes[probes.HTTP5xx] = 1
	return s
}

func journey(t *testing.T, book *objective.Book) (*prometheus.Registry, *Recorder, *BurstSeries) {
	t.Helper()
	reg := prometheus.NewPedanticRegistry()
	rec := NewRecorder(reg, book)
	return reg, rec, rec.Probe(ProbeInfo{Name: "journey", Group: "load", Kind: "load"}).Burst(twoLeaves())
}

func TestBurstCountersStartAtZeroAndItsFiguresAreAbsent(t *testing.T) {
	reg, _, _ := journey(t, emptyBook())
	wantSeries(t, reg, map[string]string{
		`perfwatch_load_active{probe="journey"}`:                                                           "0",
		`perfwatch_load_users{probe="journey"}`:                                                            "0",
		`perfwatch_load_requests_total{endpoint="list",outcome="ok",probe="journey",task="browse"}`:        "0",
		`perfwatch_load_requests_total{endpoint="detail",outcome="timeout",probe="journey",task="browse"}`: "0",
		`perfwatch_load_bursts_total{probe="journey",result="completed"}`:                                  "0",
		`perfwatch_load_bursts_total{probe="journey",result="aborted"}`:                                    "0",
		`perfwatch_load_bursts_total{probe="journey",result="invalid"}`:                                    "0",
		`perfwatch_load_aborts_total{probe="journey",reason="error_ratio"}`:                                "0",
		`perfwatch_load_dropped_requests_total{probe="journey"}`:                                           "0",
		`perfwatch_load_response_seconds_count{endpoint="list",probe="journey"}`:                           "0",
		`perfwatch_load_service_seconds_count{endpoint="detail",probe="journey"}`:                          "0",
		`perfwatch_load_last_valid{probe="journey"}`:                                                       "",
		`perfwatch_load_last_throughput_requests_per_second{probe="journey"}`:                              "",
		`perfwatch_load_last_latency_seconds{endpoint="",probe="journey",quantile="0.5"}`:                  "",
		`perfwatch_probe_last_run_timestamp_seconds{probe="journey"}`:                                      "",
		`perfwatch_probe_duration_seconds_count{group="load",probe="journey"}`:                             "",
	})
}

func TestABurstIsSeenWhileItRuns(t *testing.T) {
	reg, _, b := journey(t, emptyBook())
	b.Begin()
	b.SetUsers(7)
	late := take(probes.OK, 100*time.Millisecond)
	late.Due = late.Start.Add(-time.Second)
	b.Observe(1, late)
	b.Observe(1, take(probes.Canceled, time.Hour))
	wantSeries(t, reg, map[string]string{
		`perfwatch_load_active{probe="journey"}`:                                                            "1",
		`perfwatch_load_users{probe="journey"}`:                                                             "7",
		`perfwatch_load_requests_total{endpoint="detail",outcome="ok",probe="journey",task="browse"}`:       "1",
		`perfwatch_load_requests_total{endpoint="detail",outcome="canceled",probe="journey",task="browse"}`: "1",
		`perfwatch_load_response_seconds_sum{endpoint="detail",probe="journey"}`:                            "1.1",
		`perfwatch_load_service_seconds_sum{endpoint="detail",probe="journey"}`:                             "0.1",
		`perfwatch_load_service_seconds_count{endpoint="detail",probe="journey"}`:                           "1",
		`perfwatch_load_service_seconds_count{endpoint="list",probe="journey"}`:                             "0",
	})
}

func TestTheLastBurstIsPublished(t *testing.T) {
	for _, row := range []struct {
		result             load.Result
		valid, lastSuccess string
	}{
		{load.Completed, "1", "1.700000004e+09"},
		{load.Aborted, "0", ""},
		{load.Invalid, "0", ""},
	} {
		t.Run(string(row.result), func(t *testing.T) {
			reg, _, b := journey(t, emptyBook())
			b.Begin()
			b.SetUsers(2)
			b.End(twoLeavesSummary(row.result), nil)
			wantSeries(t, reg, map[string]string{
				`perfwatch_load_active{probe="journey"}`:                                                 "0",
				`perfwatch_load_users{probe="journey"}`:                                                  "0",
				`perfwatch_load_bursts_total{probe="journey",result="` + string(row.result) + `"}`:       "1",
				`perfwatch_load_dropped_requests_total{probe="journey"}`:                                 "3",
				`perfwatch_load_last_valid{probe="journey"}`:                                             row.valid,
				`perfwatch_load_last_throughput_requests_per_second{probe="journey"}`:                    "0.75",
				`perfwatch_load_last_error_ratio{probe="journey"}`:                                       "0.25",
				`perfwatch_load_last_users_peak{probe="journey"}`:                                        "2",
				`perfwatch_load_last_in_flight_peak{probe="journey"}`:                                    "1",
				`perfwatch_load_last_duration_seconds{probe="journey"}`:                                  "4",
				`perfwatch_load_last_timestamp_seconds{probe="journey"}`:                                 "1.700000004e+09",
				`perfwatch_probe_last_run_timestamp_seconds{probe="journey"}`:                            "1.700000004e+09",
				`perfwatch_probe_last_success_timestamp_seconds{probe="journey"}`:                        row.lastSuccess,
				`perfwatch_load_last_latency_seconds{endpoint="list",probe="journey",quantile="0.5"}`:    "0.020015",
				`perfwatch_load_last_latency_seconds{endpoint="list",probe="journey",quantile="1"}`:      "0.030015",
				`perfwatch_load_last_latency_seconds{endpoint="detail",probe="journey",quantile="0.99"}`: "0.500223",
				`perfwatch_load_last_latency_seconds{endpoint="",probe="journey",quantile="0.5"}`:        "0.020015",
				`perfwatch_load_last_latency_seconds{endpoint="",probe="journey",quantile="1"}`:          "0.500223",
				`perfwatch_load_last_latency_seconds_count{endpoint="",probe="journey"}`:                 "4",
			})
		})
	}
}

func TestABurstWithoutARequestHasNoRatioAndNoLatency(t *testing.T) {
	reg, _, b := journey(t, emptyBook())
	at := time.Unix(1_700_000_000, 0)
	leaves := []load.LeafSummary{
		{Endpoint: "list", Response: micros(), Service: micros()}, {Endpoint: "detail", Response: micros(), Service: micros()},
	}
	b.End(&load.Summary{Start: at, End: at, Result: load.Aborted, Leaves: leaves}, nil)
	wantSeries(t, reg, map[string]string{
		`perfwatch_load_last_error_ratio{probe="journey"}`:                                "",
		`perfwatch_load_last_throughput_requests_per_second{probe="journey"}`:             "0",
		`perfwatch_load_last_latency_seconds{endpoint="",probe="journey",quantile="0.5"}`: "",
		`perfwatch_load_last_valid{probe="journey"}`:                                      "0",
	})
}

func TestAbortsAreCountedByTheirCause(t *testing.T) {
	reg, _, b := journey(t, emptyBook())
	for _, cause := range []load.Cause{load.ByErrors, load.ByStop, load.ByErrors} {
		s := twoLeavesSummary(load.Aborted)
		s.Cause = cause
		b.End(s, nil)
	}
	wantSeries(t, reg, map[string]string{
		`perfwatch_load_aborts_total{probe="journey",reason="error_ratio"}`: "2",
		`perfwatch_load_aborts_total{probe="journey",reason="stop"}`:        "1",
		`perfwatch_load_aborts_total{probe="journey",reason="timeout"}`:     "0",
		`perfwatch_load_bursts_total{probe="journey",result="aborted"}`:     "3",
	})
}

func TestInvalidBurstsAreCountedByEachReason(t *testing.T) {
	reg, _, b := journey(t, emptyBook())
	for _, doubts := range [][]load.Doubt{{load.OfLag, load.OfDropped}, {load.OfLag}} {
		s := twoLeavesSummary(load.Invalid)
		s.Doubts = doubts
		b.End(s, nil)
	}
	wantSeries(t, reg, map[string]string{
		`perfwatch_load_invalid_total{probe="journey",reason="lag"}`:      "2",
		`perfwatch_load_invalid_total{probe="journey",reason="dropped"}`:  "1",
		`perfwatch_load_invalid_total{probe="journey",reason="gc_pause"}`: "0",
		`perfwatch_load_bursts_total{probe="journey",result="invalid"}`:   "2",
	})
}

func TestABurstSaysFromWhenOnTheNextIsMissing(t *testing.T) {
	const series = `perfwatch_load_overdue_timestamp_seconds{probe="journey"}`
	reg, _, b := journey(t, emptyBook())
	wantSeries(t, reg, map[string]string{series: ""})
	b.probe.Overdue(time.Unix(1_700_000_000, 0))
	wantSeries(t, reg, map[string]string{series: "1.7e+09"})
	b.probe.Overdue(time.Time{})
	wantSeries(t, reg, map[string]string{series: ""})
}

func TestWhatAComparisonShowsIsPublishedUntilTheNext(t *testing.T) {
	reg, _, b := journey(t, emptyBook())
	b.Compared(map[string]int{"": 1, "list": -1, "detail": 0})
	wantSeries(t, reg, map[string]string{
		`perfwatch_load_regression{endpoint="",probe="journey"}`:       "1",
		`perfwatch_load_regression{endpoint="list",probe="journey"}`:   "-1",
		`perfwatch_load_regression{endpoint="detail",probe="journey"}`: "0",
	})
	b.Compared(map[string]int{"": 0})
	wantSeries(t, reg, map[string]string{
		`perfwatch_load_regression{endpoint="",probe="journey"}`:     "0",
		`perfwatch_load_regression{endpoint="list",probe="journey"}`: "",
	})
}

func TestLeavesOfOneNameShareTheirLatency(t *testing.T) {
	reg := prometheus.NewPedanticRegistry()
	plan := &load.Plan{Leaves: []load.Leaf{{Task: "a", Endpoint: "same"}, {Task: "b", Endpoint: "same"}}}
	b := NewRecorder(reg, emptyBook()).Probe(ProbeInfo{Name: "j", Kind: "load"}).Burst(plan)
	b.Observe(0, take(probes.OK, time.Second))
	b.Observe(1, take(probes.OK, time.Second))
	b.End(&load.Summary{Result: load.Completed, Leaves: []load.LeafSummary{
		{Task: "a", Endpoint: "same", Response: micros(time.Millisecond), Service: micros()},
		{Task: "b", Endpoint: "same", Response: micros(time.Second), Service: micros()},
	}}, nil)
	wantSeries(t, reg, map[string]string{
		`perfwatch_load_service_seconds_count{endpoint="same",probe="j"}`:                "2",
		`perfwatch_load_requests_total{endpoint="same",outcome="ok",probe="j",task="a"}`: "1",
		`perfwatch_load_requests_total{endpoint="same",outcome="ok",probe="j",task="b"}`: "1",
		`perfwatch_load_last_latency_seconds_count{endpoint="same",probe="j"}`:           "2",
		`perfwatch_load_last_latency_seconds{endpoint="same",probe="j",quantile="1"}`:    "1.000447",
		`perfwatch_load_last_latency_seconds{endpoint="same",probe="j",quantile="0.5"}`:  "0.001",
		`perfwatch_load_last_latency_seconds{endpoint="",probe="j",quantile="0.5"}`:      "0.001",
		`perfwatch_load_last_throughput_requests_per_second{probe="j"}`:                  "0",
	})
}

func TestANewPlanKeepsTheLeavesThatStay(t *testing.T) {
	reg, rec, b := journey(t, emptyBook())
	b.Observe(0, take(probes.OK, time.Second))
	b.Observe(1, take(probes.OK, time.Second))
	rec.Probe(ProbeInfo{Name: "journey", Group: "load", Kind: "load"}).Burst(&load.Plan{
		Leaves: []load.Leaf{{Task: "browse", Endpoint: "detail"}, {Task: "browse", Endpoint: "search"}},
	})
	wantSeries(t, reg, map[string]string{
		`perfwatch_load_requests_total{endpoint="list",outcome="ok",probe="journey",task="browse"}`:   "",
		`perfwatch_load_response_seconds_count{endpoint="list",probe="journey"}`:                      "",
		`perfwatch_load_service_seconds_count{endpoint="list",probe="journey"}`:                       "",
		`perfwatch_load_requests_total{endpoint="detail",outcome="ok",probe="journey",task="browse"}`: "1",
		`perfwatch_load_service_seconds_count{endpoint="detail",probe="journey"}`:                     "1",
		`perfwatch_load_requests_total{endpoint="search",outcome="ok",probe="journey",task="browse"}`: "0",
	})
}
