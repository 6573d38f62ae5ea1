package collector

import (
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/perfwatch/perfwatch/internal/load"
	"github.com/perfwatch/perfwatch/internal/objective"
	"github.com/perfwatch/perfwatch/internal/trend"
	"github.com/perfwatch/perfwatch/probes"
)

// burstBook has an objective named after each measure of bursts.
func burstBook() *objective.Book {
	var all []objective.Objective
	for _, m := range objective.BurstMeasures() {
		all = append(all, objective.Objective{Name: string(m), Measure: m, Quantile: 0.5, Probe: "journey", Target: new(0.25)})
	}
	others := objective.Objective{Name: "others", Measure: objective.LoadUsers, Probe: "other", Target: new(1.0)}
	return objective.NewBook(append(all, others))
}

func burstObjectives(t *testing.T) (*prometheus.Registry, *BurstSeries) {
	t.Helper()
	book := burstBook()
	reg, _, b := journey(t, book)
	reg.MustRegister(NewObjectives(book))
	return reg, b
}

func value(m objective.Measure) string {
	return `perfwatch_objective_value{objective="` + string(m) + `"}`
}
func samples(m objective.Measure) string {
	return `perfwatch_objective_samples{objective="` + string(m) + `"}`
}
func met(m objective.Measure) string { return `perfwatch_objective_met{objective="` + string(m) + `"}` }

func TestOnlyAValidBurstFeedsTheObjectives(t *testing.T) {
	reduced := twoLeavesSummary(load.Completed)
	reduced.Reduced = true
	for name, s := range map[string]*load.Summary{
		"aborted": twoLeavesSummary(load.Aborted), "invalid": twoLeavesSummary(load.Invalid), "reduced": reduced,
	} {
		t.Run(name, func(t *testing.T) {
			reg, b := burstObjectives(t)
			b.End(s, aBurstWatch())
			want := map[string]string{}
			for _, m := range objective.BurstMeasures() {
				want[value(m)], want[samples(m)] = "", "0"
			}
			wantSeries(t, reg, want)
		})
	}
}

func TestAValidBurstFeedsEveryObjectiveOfItsOwn(t *testing.T) {
	reg, b := burstObjectives(t)
	b.End(twoLeavesSummary(load.Completed), aBurstWatch())
	wantSeries(t, reg, map[string]string{
		value(objective.LoadUsers):                      "2",
		value(objective.LoadThroughput):                 "0.75",
		value(objective.LoadErrorRatio):                 "0.25",
		samples(objective.LoadErrorRatio):               "4",
		met(objective.LoadErrorRatio):                   "1",
		value(objective.LoadLatency):                    "0.020015",
		samples(objective.LoadLatency):                  "4",
		met(objective.LoadLatency):                      "", // 20 requests make a median
		value(objective.LoadLatencyMean):                "0.140029",
		met(objective.LoadLatencyMean):                  "",
		value(objective.LoadDuration):                   "4",
		met(objective.LoadDuration):                     "0",
		value(objective.LoadMemoryPeak):                 "1.1010048e+08",
		met(objective.LoadMemoryPeak):                   "0",
		value(objective.LoadMemoryPerRequest):           "1.048576e+06",
		met(objective.LoadMemoryPerRequest):             "",
		samples(objective.LoadMemoryPerRequest):         "4",
		samples(objective.LoadLatencyMean):              "4",
		value(objective.LoadMemoryLeak):                 "524288",
		samples(objective.LoadMemoryLeak):               "50",
		met(objective.LoadMemoryLeak):                   "0",
		value(objective.LoadCacheHitRatio):              "0.75",
		samples(objective.LoadCacheHitRatio):            "40",
		met(objective.LoadCacheHitRatio):                "", // 100 lookups do
		`perfwatch_objective_value{objective="others"}`: "",
	})
}

// What a burst did not see must not be judged by what an older one saw.
func TestABurstWithoutAFigureLeavesNoneStanding(t *testing.T) {
	reg, b := burstObjectives(t)
	b.End(twoLeavesSummary(load.Completed), aBurstWatch())
	b.End(&load.Summary{Result: load.Completed}, nil)
	want := map[string]string{value(objective.LoadUsers): "0", value(objective.LoadThroughput): "0", value(objective.LoadDuration): "0"}
	for _, m := range []objective.Measure{
		objective.LoadErrorRatio, objective.LoadLatency, objective.LoadLatencyMean, objective.LoadMemoryPeak,
		objective.LoadMemoryPerRequest, objective.LoadMemoryLeak, objective.LoadCacheHitRatio,
	} {
		want[value(m)], want[samples(m)] = "", "0"
	}
	wantSeries(t, reg, want)
}

func TestAQuantileThatAnObjectiveIsAboutIsExposed(t *testing.T) {
	book := objective.NewBook([]objective.Objective{
		{Name: "p75", Measure: objective.LoadLatency, Quantile: 0.75, Probe: "journey"},
		{Name: "p95", Measure: objective.LoadLatency, Quantile: 0.95, Probe: "journey"},
		{Name: "p10", Measure: objective.LoadLatency, Quantile: 0.1, Probe: "other"},
	})
	reg, _, b := journey(t, book)
	b.End(twoLeavesSummary(load.Completed), nil)
	wantSeries(t, reg, map[string]string{
		`perfwatch_load_last_latency_seconds{endpoint="",probe="journey",quantile="0.75"}`:     "0.030015",
		`perfwatch_load_last_latency_seconds{endpoint="",probe="journey",quantile="0.95"}`:     "0.500223",
		`perfwatch_load_last_latency_seconds{endpoint="",probe="journey",quantile="0.1"}`:      "",
		`perfwatch_load_last_latency_seconds{endpoint="list",probe="journey",quantile="0.75"}`: "",
	})
}

// Without a Redis to look at, the responses' own verdicts are judged; beside one, the worse of the two.
func TestVerdictsOfResponsesAreHitsToo(t *testing.T) {
	for _, tt := range []struct {
		name         string
		hits, misses uint64
		watch        *BurstWatch
		want         string
		samples      string
	}{
		{"verdicts alone", 180, 20, nil, "0.9", "200"},
		{"none", 0, 0, nil, "", "0"},
		{"too few", 40, 20, nil, "0.6666666666666666", "60"},
		{"a Redis that did worse", 180, 20, redisOf(50, 50), "0.5", "100"},
		{"a Redis that did better", 180, 20, redisOf(99, 1), "0.9", "200"},
		{"a Redis that was hardly asked", 180, 20, redisOf(0, 1), "0.9", "200"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			reg, b := burstObjectives(t)
			s := twoLeavesSummary(load.Completed)
			s.Leaves[0].Cache[probes.CacheHit], s.Leaves[1].Cache[probes.CacheMiss] = tt.hits, tt.misses
			s.Leaves[1].Cache[probes.CacheBypass], s.Leaves[1].Cache[probes.CacheUnsaid] = 7, 1000
			b.End(s, tt.watch)
			series := map[string]string{value(objective.LoadCacheHitRatio): tt.want, samples(objective.LoadCacheHitRatio): tt.samples}
			if tt.hits == 180 {
				series[`perfwatch_load_last_cache_hit_ratio{probe="journey",redis=""}`] = "0.9"
				series[`perfwatch_load_last_cache_lookups{probe="journey",redis=""}`] = "200"
			}
			wantSeries(t, reg, series)
		})
	}
}

func redisOf(hits, misses float64) *BurstWatch {
	return &BurstWatch{Redis: []WatchedRedis{{Name: "cache", Burst: RedisSpan{Known: true, Hits: hits, Misses: misses}}}}
}

func TestTheWorstOfWhatCanBeJudgedCounts(t *testing.T) {
	lower := &objective.Objective{Measure: objective.LoadMemoryLeak, Target: new(0.0)}      // 50 samples
	higher := &objective.Objective{Measure: objective.LoadCacheHitRatio, Target: new(0.85)} // 100
	tests := []struct {
		name    string
		o       *objective.Objective
		figures []figure
		want    figure
	}{
		{"none", lower, nil, figure{}},
		{"one", lower, []figure{{3, 50}}, figure{3, 50}},
		{"the largest", lower, []figure{{1, 50}, {3, 50}, {2, 60}}, figure{3, 50}},
		{"the lowest, where higher is better", higher, []figure{{0.9, 100}, {0.7, 200}, {0.8, 100}}, figure{0.7, 200}},
		{"worse, of too few samples, behind", lower, []figure{{1, 50}, {9, 49}}, figure{1, 50}},
		{"worse, of too few samples, before", lower, []figure{{9, 49}, {1, 50}}, figure{1, 50}},
		{"only too few: the most", lower, []figure{{9, 10}, {1, 20}, {5, 15}}, figure{1, 20}},
	}
	for _, tt := range tests {
		if got := worstOf(tt.o, tt.figures); got != tt.want {
			t.Errorf("%s: got %+v, want %+v", tt.name, got, tt.want)
		}
	}
}

func TestALeakIsWhatIsSurelyGrowth(t *testing.T) {
	tests := []struct {
		name    string
		growth  *trend.Trend
		leak    float64
		medians int
		series  string
	}{
		{"too short to tell", nil, 0, 0, ""},
		{"growing", &trend.Trend{Slope: 100, Low: 80, P: 0.009, N: 50}, 80, 50, "80"},
		{"perhaps growing", &trend.Trend{Slope: 100, Low: 1, P: 0.011, N: 50}, 0, 50, "0"},
		{"falling", &trend.Trend{Slope: -100, Low: -120, P: 0.001, N: 50}, 0, 50, "0"},
		{"growing, with an interval that bounds nothing", &trend.Trend{Slope: 100, Low: -1, P: 0.001, N: 50}, 0, 50, "0"},
		{"growing in too few medians", &trend.Trend{Slope: 100, Low: 80, P: 0.001, N: 49}, 80, 49, ""},
	}
	for _, tt := range tests {
		w := Watched{Name: "api", Requests: 4, Burst: Span{Samples: 60, Growth: tt.growth}}
		if leak, medians := w.MemoryLeak(); leak != tt.leak || medians != tt.medians {
			t.Errorf("%s: got %g in %d, want %g in %d", tt.name, leak, medians, tt.leak, tt.medians)
		}
		reg, _, b := journey(t, emptyBook())
		b.End(twoLeavesSummary(load.Completed), &BurstWatch{Processes: []Watched{w}})
		wantSeries(t, reg, map[string]string{`perfwatch_load_last_memory_leak_bytes_per_second{probe="journey",process="api"}`: tt.series})
	}
}

func TestALeakThatIsJudgedWasSampledForFiveSeconds(t *testing.T) {
	for _, tt := range []struct{ samples, medians int }{{9, 0}, {49, 49}, {50, 50}, {600, 50}} {
		h := history{}
		h.keep()
		s := h.begin(h.began, 0)
		for i := range tt.samples {
			h.push(h.began.Add(time.Duration(i)*100*time.Millisecond), point{memory: float64(i % 7)})
		}
		burst, _ := h.end(s)
		w := Watched{Requests: 10, Burst: burst}
		if _, medians := w.MemoryLeak(); medians != tt.medians {
			t.Errorf("%d samples give %d medians, want %d", tt.samples, medians, tt.medians)
		}
	}
}

func TestTheBestRunOfAMatrixIsItsItemsRate(t *testing.T) {
	reg, b := burstObjectives(t)
	b.End(twoLeavesSummary(load.Completed), nil)
	wantSeries(t, reg, map[string]string{value(objective.LoadItemsRate): "", samples(objective.LoadItemsRate): "0"})
	s := twoLeavesSummary(load.Completed)
	s.Runs, s.Best = []load.RunSummary{{Name: "a", Throughput: 20, Items: 1}, {Name: "b", Throughput: 5, Items: 10}}, []int{1, 0}
	b.End(s, nil)
	wantSeries(t, reg, map[string]string{
		value(objective.LoadItemsRate): "50", samples(objective.LoadItemsRate): "1", met(objective.LoadItemsRate): "1",
	})
	s = twoLeavesSummary(load.Completed)
	s.Items = 4
	b.End(s, nil)
	wantSeries(t, reg, map[string]string{value(objective.LoadItemsRate): "3", value(objective.LoadThroughput): "0.75"})
	s.Capacity = &load.Capacity{Rate: 500, Wanted: 100}
	s.Items = 40
	b.End(s, nil)
	wantSeries(t, reg, map[string]string{value(objective.LoadItemsRate): "3"}) // a search feeds nothing
}
