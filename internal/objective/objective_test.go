package objective

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestFloor(t *testing.T) {
	tests := []struct {
		name string
		o    Objective
		want int
	}{
		{"p50", Objective{Measure: Latency, Quantile: 0.5}, 20},
		{"p90", Objective{Measure: Latency, Quantile: 0.9}, 100},
		{"p95", Objective{Measure: Latency, Quantile: 0.95}, 200},
		{"p99", Objective{Measure: Latency, Quantile: 0.99}, 1000},
		{"p5", Objective{Measure: Latency, Quantile: 0.05}, 200},
		{"paint of pages", Objective{Measure: PageFCP, Quantile: Median}, 5},
		{"interactive pages", Objective{Measure: PageTTI, Quantile: Median}, 5},
		{"errors of 0.5 % at the lowest", Objective{Measure: ErrorRatio, Target: v(0.01), Warning: v(0.005), Critical: v(0.02)}, 200},
		{"errors of 1 %", Objective{Measure: ErrorRatio, Target: v(0.01)}, 100},
		{"no error at all", Objective{Measure: ErrorRatio, Target: v(0)}, 1},
		{"errors without a threshold", Objective{Measure: ErrorRatio}, 1},
		{"hits", Objective{Measure: CacheHitRatio, Target: v(0.85)}, 100},
		{"cpu", Objective{Measure: CPUUsage}, 100},
		{"memory", Objective{Measure: MemoryUsage}, 100},
		{"users", Objective{Measure: LoadUsers, Target: v(100)}, 1},
		{"errors of a burst", Objective{Measure: LoadErrorRatio, Target: v(0.05)}, 20},
		{"no error of a burst", Objective{Measure: LoadErrorRatio, Target: v(0)}, 1},
		{"p99 of a burst", Objective{Measure: LoadLatency, Quantile: 0.99}, 1000},
		{"mean of a burst", Objective{Measure: LoadLatencyMean}, 10},
		{"duration", Objective{Measure: LoadDuration}, 1},
		{"items", Objective{Measure: LoadItemsRate}, 1},
		{"peak of memory", Objective{Measure: LoadMemoryPeak}, 1},
		{"memory of a request", Objective{Measure: LoadMemoryPerRequest}, 100},
		{"a leak", Objective{Measure: LoadMemoryLeak, Target: v(0)}, 50},
		{"hits of a burst", Objective{Measure: LoadCacheHitRatio, Target: v(0.85)}, 100},
		{"throughput", Objective{Measure: LoadThroughput, Target: v(100)}, 1},
	}
	for _, tt := range tests {
		if got := tt.o.Floor(); got != tt.want {
			t.Errorf("%s: got %d, want %d", tt.name, got, tt.want)
		}
	}
}

func TestWindowFor(t *testing.T) {
	fiveThirds := 0.0
	for range 5 {
		fiveThirds += 1. / 3
	}
	tests := []struct {
		name      string
		floor     int
		perSecond float64
		want      time.Duration
		reached   bool
	}{
		{"14 probes at 15 s, p95", 200, 14. / 15, 5 * time.Minute, true},
		{"14 probes at 15 s, p99", 1000, 14. / 15, 30 * time.Minute, true},
		{"one probe at 15 s, p95", 200, 1. / 15, time.Hour, true},
		{"five at 3 s, summed in floats", 500, fiveThirds, 5 * time.Minute, true},
		{"just reached", 20, 1. / 15, 5 * time.Minute, true},
		{"just not reached", 21, 1. / 15, 10 * time.Minute, true},
		{"one a day", 1, 1. / 86400, 24 * time.Hour, true},
		{"two of one a day", 2, 1. / 86400, 24 * time.Hour, false},
		{"never", 1, 0, 24 * time.Hour, false},
	}
	for _, tt := range tests {
		if got, reached := WindowFor(tt.floor, tt.perSecond); got != tt.want || reached != tt.reached {
			t.Errorf("%s: got %v, %v, want %v, %v", tt.name, got, reached, tt.want, tt.reached)
		}
	}
}

func TestBookFindsWhatASourceFeeds(t *testing.T) {
	book := NewBook([]Objective{
		{Name: "api", Measure: Latency, Quantile: 0.95, Group: "api"},
		{Name: "checkout", Measure: Latency, Quantile: 0.95, Probe: "checkout"},
		{Name: "everything", Measure: Latency, Quantile: 0.95},
		{Name: "api_checkout", Measure: Latency, Quantile: 0.95, Group: "api", Probe: "checkout"},
		{Name: "errors", Measure: ErrorRatio, Group: "api"},
		{Name: "cache", Measure: CacheHitRatio, Redis: "cache"},
		{Name: "hits", Measure: CacheHitRatio},
		{Name: "cpu", Measure: CPUUsage},
		{Name: "users", Measure: LoadUsers, Probe: "journey"},
	})
	tests := []struct {
		measure             Measure
		group, probe, redis string
		want                []string
	}{
		{Latency, "api", "dashboard", "", []string{"api", "everything"}},
		{Latency, "api", "checkout", "", []string{"api", "checkout", "everything", "api_checkout"}},
		{Latency, "shop", "checkout", "", []string{"checkout", "everything"}},
		{ErrorRatio, "api", "dashboard", "", []string{"errors"}},
		{ErrorRatio, "page", "home", "", nil},
		{CacheHitRatio, "", "", "cache", []string{"cache", "hits"}},
		{CacheHitRatio, "", "", "sessions", []string{"hits"}},
		{CPUUsage, "", "", "", []string{"cpu"}},
		{MemoryUsage, "", "", "", nil},
		{LoadUsers, "load", "journey", "", []string{"users"}},
		{LoadUsers, "load", "other", "", nil},
	}
	for _, tt := range tests {
		var got []string
		for _, tr := range book.Of(tt.measure, tt.group, tt.probe, tt.redis) {
			got = append(got, tr.Objective().Name)
		}
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("%s of %q %q %q (-want +got):\n%s", tt.measure, tt.group, tt.probe, tt.redis, diff)
		}
	}
	if len(book.All()) != 9 || book.All()[8].Objective().Name != "users" {
		t.Errorf("All: %d trackers", len(book.All()))
	}
}

func TestMeasuresKnowTheirUnitAndDirection(t *testing.T) {
	type row struct {
		Unit   Unit
		Higher bool
		Last   bool
	}
	got := map[Measure]row{}
	for _, m := range Measures() {
		got[m] = row{m.Unit(), m.HigherIsBetter(), m.OfLast()}
	}
	want := map[Measure]row{
		Latency: {Seconds, false, false}, ErrorRatio: {Ratio, false, false}, CacheHitRatio: {Ratio, true, false},
		PageFCP: {Seconds, false, false}, PageTTI: {Seconds, false, false},
		CPUUsage: {Ratio, false, false}, MemoryUsage: {Ratio, false, false},
		PipelineDuration: {Seconds, false, true}, PromQL: {Ratio, false, false},
		LoadUsers: {Count, true, true}, LoadThroughput: {PerSecond, true, true}, LoadErrorRatio: {Ratio, false, true},
		LoadLatency: {Seconds, false, true}, LoadLatencyMean: {Seconds, false, true}, LoadDuration: {Seconds, false, true},
		LoadItemsRate: {PerSecond, true, true}, LoadMemoryPeak: {Bytes, false, true},
		LoadMemoryPerRequest: {Bytes, false, true}, LoadMemoryLeak: {BytesPerSecond, false, true},
		LoadCacheHitRatio: {Ratio, true, true},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	own := Objective{Measure: PromQL, QueryIn: Bytes, Higher: true, Target: v(8)}
	if own.Unit() != Bytes || !own.HigherIsBetter() || !own.Crossed(7, 8) || own.Crossed(9, 8) {
		t.Errorf("a query in bytes of which more is better is in %s, more better: %v", own.Unit(), own.HigherIsBetter())
	}
}

func TestMeasuresKnowTheirSamples(t *testing.T) {
	kinds := map[string][]Measure{}
	for _, m := range Measures() {
		o := Objective{Measure: m}
		for kind, is := range map[string]bool{"quantile": m.TakesQuantile(), "memory": m.OfMemory(), "requests": o.OfRequests()} {
			if is {
				kinds[kind] = append(kinds[kind], m)
			}
		}
	}
	want := map[string][]Measure{
		"quantile": {Latency, LoadLatency},
		"memory":   {LoadMemoryPeak, LoadMemoryPerRequest, LoadMemoryLeak},
		"requests": {LoadErrorRatio, LoadLatency, LoadLatencyMean, LoadMemoryPerRequest},
	}
	if diff := cmp.Diff(want, kinds); diff != "" {
		t.Error(diff)
	}
}
