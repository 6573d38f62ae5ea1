package collector

import (
	"context"
	"errors"
	"math"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/shirou/gopsutil/v3/cpu"

	"github.com/perfwatch/perfwatch/internal/objective"
)

// busyHost is a machine whose CPU use in each sample is asked of a function.
func busyHost(usage func(sample int) float64) func(context.Context) (hostState, error) {
	sample, state := 0, hostState{busy: 5, total: 100, available: 3 << 30, memory: 4 << 30, load1: 1.5, cpus: 4}
	return func(context.Context) (hostState, error) {
		if sample > 0 {
			state.total += 0.4 // 100 ms of four CPUs
			state.busy += 0.4 * usage(sample)
		}
		sample++
		return state, nil
	}
}

// runHost runs a host in a bubble for as long as look takes.
func runHost(
	t *testing.T, source func(context.Context) (hostState, error), book *objective.Book,
	look func(*testing.T, *prometheus.Registry),
) {
	synctest.Test(t, func(t *testing.T) {
		host := newHost(source, book, quiet())
		reg := prometheus.NewPedanticRegistry()
		reg.MustRegister(host)
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() { defer close(done); host.Run(ctx) }()
		look(t, reg)
		cancel()
		<-done
	})
}

func pass(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

func wantNear(t *testing.T, reg prometheus.Gatherer, name string, want float64) {
	t.Helper()
	if got := number(t, reg, name); math.Abs(got-want) > 1e-9 {
		t.Errorf("%s is %g, want %g", name, got, want)
	}
}

func TestHostGaugesAreTheMeanOfTheLastSecond(t *testing.T) {
	// A tenth at first, 60 % from the 20th sample on.
	source := busyHost(func(sample int) float64 {
		if sample < 20 {
			return 0.1
		}
		return 0.6
	})
	runHost(t, source, emptyBook(), func(t *testing.T, reg *prometheus.Registry) {
		pass(0)
		wantSeries(t, reg, map[string]string{
			hostCPUUsage: "", hostCPUUsagePeak: "", // one reading gives no difference
			hostMemoryUsage: "0.25", hostMemoryUsagePeak: "0.25",
			hostLoad1: "1.5", hostCPUs: "4", hostMemoryTotal: "4.294967296e+09",
			`perfwatch_scrape_success{collector="host"}`: "1",
		})
		pass(1950 * time.Millisecond) // the 19th sample is the last
		wantNear(t, reg, hostCPUUsage, 0.1)
		pass(500 * time.Millisecond) // 10 samples: five of each
		wantNear(t, reg, hostCPUUsage, 0.35)
		pass(500 * time.Millisecond)
		wantNear(t, reg, hostCPUUsage, 0.6)
	})
}

func TestAPeakLastsAMinuteForEveryScraper(t *testing.T) {
	source := busyHost(func(sample int) float64 {
		if sample == 10 {
			return 0.9
		}
		return 0.2
	})
	runHost(t, source, emptyBook(), func(t *testing.T, reg *prometheus.Registry) {
		pass(time.Second)
		for range 3 { // two scrapers, and one that comes again
			wantNear(t, reg, hostCPUUsagePeak, 0.9)
		}
		pass(59950 * time.Millisecond)
		wantNear(t, reg, hostCPUUsagePeak, 0.9)
		pass(100 * time.Millisecond)
		wantNear(t, reg, hostCPUUsagePeak, 0.2)
	})
}

func TestHostSamplesAreCountedAndFeedTheObjectives(t *testing.T) {
	book := objective.NewBook([]objective.Objective{
		{Name: "cpu", Measure: objective.CPUUsage, Window: time.Minute, Warning: new(0.25)},
		{Name: "memory", Measure: objective.MemoryUsage, Window: time.Minute, Warning: new(0.9)},
	})
	runHost(t, busyHost(func(int) float64 { return 0.24 }), book, func(t *testing.T, reg *prometheus.Registry) {
		reg.MustRegister(NewObjectives(book))
		pass(20 * time.Second)
		wantNear(t, reg, `perfwatch_host_cpu_usage_sample_ratio_sum`, 48)
		wantSeries(t, reg, map[string]string{
			`perfwatch_host_cpu_usage_sample_ratio_count`:               "200",
			`perfwatch_host_cpu_usage_sample_ratio_bucket{le="0.2"}`:    "0",
			`perfwatch_host_cpu_usage_sample_ratio_bucket{le="0.25"}`:   "200",
			`perfwatch_host_memory_usage_sample_ratio_count`:            "201",
			`perfwatch_host_memory_usage_sample_ratio_bucket{le="0.9"}`: "201",
			`perfwatch_objective_samples{objective="cpu"}`:              "200",
			`perfwatch_objective_met{objective="memory"}`:               "1",
		})
		wantNear(t, reg, `perfwatch_objective_value{objective="cpu"}`, 0.24)
		wantNear(t, reg, `perfwatch_objective_value{objective="memory"}`, 0.25)
	})
}

func TestAHostThatCannotBeReadLosesItsGaugesAndComesBack(t *testing.T) {
	var away atomic.Bool
	good := busyHost(func(int) float64 { return 0.5 })
	source := func(ctx context.Context) (hostState, error) {
		if away.Load() {
			return hostState{}, errors.New("no such file")
		}
		return good(ctx)
	}
	runHost(t, source, emptyBook(), func(t *testing.T, reg *prometheus.Registry) {
		pass(2 * time.Second)
		away.Store(true)
		pass(2 * time.Second)
		wantSeries(t, reg, map[string]string{
			hostCPUUsage: "", hostMemoryUsage: "", hostLoad1: "", hostCPUs: "", hostMemoryTotal: "",
			`perfwatch_host_cpu_usage_sample_ratio_count`: "20",
			`perfwatch_scrape_success{collector="host"}`:  "0",
		})
		wantNear(t, reg, hostCPUUsagePeak, 0.5) // of the last minute, still
		away.Store(false)
		pass(100 * time.Millisecond)
		wantSeries(t, reg, map[string]string{hostMemoryUsage: "0.25", `perfwatch_scrape_success{collector="host"}`: "1"})
	})
}

func TestImpossibleHostStatesGiveNoSample(t *testing.T) {
	good := hostState{busy: 10, total: 100, available: 1, memory: 2}
	for _, row := range []struct {
		name    string
		second  hostState
		cpu     string
		success string
	}{
		{"busy grows more than the total", hostState{busy: 12, total: 101, available: 1, memory: 2}, "1", "1"},
		{"busy falls", hostState{busy: 9, total: 101, available: 1, memory: 2}, "0", "1"},
		{"no tick", good, "", "1"},
		{"the total falls", hostState{busy: 10, total: 99, available: 1, memory: 2}, "", "1"},
		{"no memory at all", hostState{busy: 11, total: 102}, "", "0"},
		{"more available than there is", hostState{busy: 11, total: 102, available: 3, memory: 2}, "", "0"},
	} {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				host := newHost(states(good, row.second), emptyBook(), quiet())
				reg := prometheus.NewPedanticRegistry()
				reg.MustRegister(host)
				host.sample(t.Context())
				host.sample(t.Context())
				wantSeries(t, reg, map[string]string{hostCPUUsage: row.cpu, `perfwatch_scrape_success{collector="host"}`: row.success})
			})
		})
	}
}

func TestGuestTimeIsNotCountedTwiceAndWaitingIsNotUse(t *testing.T) {
	busy, total := cpuSeconds(&cpu.TimesStat{
		User: 10, Nice: 2, System: 5, Irq: 1, Softirq: 1, Steal: 1, Idle: 70, Iowait: 10, Guest: 8, GuestNice: 1,
	})
	if busy != 20 || total != 100 {
		t.Errorf("busy %g of %g, want 20 of 100", busy, total)
	}
}

func TestASlowSamplerHasACurrentValue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		host := newHost(busyHost(func(int) float64 { return 0.5 }), emptyBook(), quiet())
		host.Interval = 5 * time.Second
		reg := prometheus.NewPedanticRegistry()
		reg.MustRegister(host)
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() { defer close(done); host.Run(ctx) }()
		pass(9 * time.Second)
		wantNear(t, reg, hostCPUUsage, 0.5)
		cancel()
		<-done
	})
}

func TestThisMachineCanBeRead(t *testing.T) {
	source := newHostSource()
	state, err := source(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if state.cpus < 1 || state.memory < 64<<20 || state.available == 0 || state.available >= state.memory {
		t.Errorf("%g CPUs, %d of %d bytes available: not a machine", state.cpus, state.available, state.memory)
	}
	if state.total <= 0 || state.busy <= 0 || state.busy > state.total || state.load1 < 0 {
		t.Errorf("busy %g of %g CPU seconds, load %g: not a machine", state.busy, state.total, state.load1)
	}
}
