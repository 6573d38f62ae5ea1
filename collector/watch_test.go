package collector

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/perfwatch/perfwatch/internal/load"
	"github.com/perfwatch/perfwatch/internal/peer"
	"github.com/perfwatch/perfwatch/probes"
)

// requests is a burst of so many requests that all went well.
func requests(n uint64) *load.Summary {
	s := &load.Summary{Leaves: make([]load.LeafSummary, 1)}
	s.Leaves[0].Outcomes[probes.OK] = n
	return s
}

func TestALeakIsToldFromAProcessThatOnlyWorks(t *testing.T) {
	if raced() {
		t.Skip("the race detector leaks itself")
	}
	const attempts = 3 // a machine that holds the children up for seconds makes steps of a line
	for attempt := 1; ; attempt++ {
		wrong := leakTold(t)
		if len(wrong) == 0 {
			return
		}
		if attempt == attempts {
			t.Fatal(strings.Join(wrong, "\n"))
		}
		t.Log(strings.Join(wrong, "\n"))
	}
}

// leakTold watches a process that leaks and one that does not, and says what was told wrong of them.
func leakTold(t *testing.T) (wrong []string) {
	t.Helper()
	wrongly := func(format string, args ...any) { wrong = append(wrong, fmt.Sprintf(format, args...)) }
	leaking, flat := startChild(t), startChild(t)
	specs := []ProcessSpec{byPID(t, leaking), byPID(t, flat)}
	specs[0].Name, specs[1].Name = "leaking", "flat"
	processes, err := NewProcesses(specs, quiet())
	if err != nil {
		t.Fatal(err)
	}
	w := NewWatch(load.Watch{Processes: []string{"leaking", "flat"}}, processes, nil, nil)
	for _, p := range processes {
		runProcess(t, p)
	}
	leaking.do("grow", 1<<20)
	flat.do("burn", 0.2, 0.5)         // what it does at first, it has done
	const size, seconds = 20 << 20, 5 // the runtime of the child takes half a megabyte too, at times
	watching := w.Begin(t.Context())
	done := make(chan float64)
	go func() {
		spent, _ := flat.do("burn", 0.2, seconds)
		done <- spent
	}()
	leaking.do("leak", size, seconds)
	spent := <-done
	b := watching.End(t.Context(), requests(1000))

	leak, work := &b.Processes[0], &b.Processes[1]
	growth, ok := leak.MemoryGrowth()
	if want := float64(size) / seconds; !ok || !near(growth, want, 0.1*want) {
		wrongly("growth of %g bytes a second, %v, want %g within a tenth: %+v", growth, ok, want, leak.Burst.Growth)
	}
	if each, ok := leak.MemoryPerRequest(); !ok || !near(each, size/1000, 0.1*size/1000) {
		wrongly("%g bytes a request, %v, want %d within a tenth", each, ok, size/1000)
	}
	// Its runtime may take some memory in these seconds, and chance is allowed one in a hundred.
	if growth, ok := work.MemoryGrowth(); !ok || growth > 0.05*size/seconds {
		wrongly("a process that only works grew by %g bytes a second, %v, want next to nothing: %+v", growth, ok, work.Burst.Growth)
	}
	if cpu, ok := work.CPUSecondsPerThousand(); !ok || !near(cpu, spent, 0.02) {
		wrongly("%g CPU seconds for a thousand requests, %v, want the %g that it spent", cpu, ok, spent)
	}
	if peak := work.Burst.CPUPeak; peak < 0.1 || peak > 0.5 {
		wrongly("peak of %g cores, want about 0.2", peak)
	}
	// On a busy machine both take longer.
	if n := leak.Burst.Samples; n < 20 || leak.Burst.Seconds < seconds-1 {
		wrongly("%d samples in %g s, want one each 100 ms in %d s", n, leak.Burst.Seconds, seconds)
	}
	if idle := leak.Idle; idle.Samples < 2 || idle.MemoryLast != leak.Burst.MemoryFirst || idle.MemoryLast-idle.MemoryFirst > 2<<20 {
		wrongly("before the burst %+v, want what was sampled until it, with the growth of then", idle)
	}
	return wrong
}

func TestTheHitRatioOfABurstIsThatOfItsLookups(t *testing.T) {
	server := peer.StartRedis(t)
	r, _ := watch(t, RedisServer{URL: "redis://" + server.Address}, emptyBook())
	w := NewWatch(load.Watch{Redis: []string{"cache"}}, nil, []*Redis{r}, nil)
	c, ctx := client(t, server.Address), t.Context()
	c.Set(ctx, "there", "x", time.Hour)
	get := func(found, lost int) {
		for range found {
			c.Get(ctx, "there")
		}
		for i := range lost {
			c.Get(ctx, fmt.Sprint("not there", i))
		}
	}
	r.pull(ctx, testTimeout)
	get(1, 3)
	watching := w.Begin(ctx)
	get(73, 27)
	r.pull(ctx, testTimeout)
	c.ConfigResetStat(ctx)
	get(12, 8)
	b := watching.End(ctx, requests(120)).Redis[0]
	if b.Burst.Hits != 85 || b.Burst.Misses != 35 || b.Burst.Restarts != 0 {
		t.Errorf("burst %+v, want 85 hits and 35 misses", b.Burst)
	}
	if ratio, ok := b.Burst.HitRatio(); !ok || ratio != 85.0/120 {
		t.Errorf("hit ratio %g, %v, want %g", ratio, ok, 85.0/120)
	}
	if b.Idle.Known && (b.Idle.Hits > 1 || b.Idle.Misses > 3) {
		t.Errorf("before the burst %+v, want no more than what was looked up then", b.Idle)
	}

	watching = w.Begin(ctx)
	get(5, 5)
	server.Stop(t)
	b = watching.End(ctx, requests(10)).Redis[0]
	if _, ok := b.Burst.HitRatio(); ok || b.Burst.Known {
		t.Errorf("burst %+v of a Redis that went away, want nothing known", b.Burst)
	}
	startRedisAt(t, server.Address)
	watching = w.Begin(ctx)
	client(t, server.Address).Get(ctx, "there")
	b = watching.End(ctx, requests(10)).Redis[0]
	if b.Burst.Misses != 1 || b.Burst.Hits != 0 || b.Burst.Restarts != 0 {
		t.Errorf("burst %+v, want one miss", b.Burst)
	}
}

// steady is a process that spends and takes so much a second, sampled each 100 ms in a bubble.
func steady(cpu, memory func(since time.Duration) float64) *Process {
	start, last := time.Now(), 0.0
	p := newProcess("api", nil, quiet())
	p.source = sourceFunc(func(context.Context) (processReading, error) {
		now := time.Now()
		total := cpu(now.Sub(start))
		spent := total - last
		last = total
		return processReading{at: now, cpu: spent, steady: spent, resident: int64(memory(now.Sub(start)))}, nil
	})
	return p
}

func TestABurstIsHeldAgainstAsLongATimeBefore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const quiet, noisy = 20 * time.Second, 5 * time.Second
		p := steady(func(since time.Duration) float64 { // a tenth of a core, then one and a half
			return 0.1*since.Seconds() + 1.4*max(0, since-quiet).Seconds()
		}, func(since time.Duration) float64 { // a megabyte a second, then three
			return 50e6 + 1e6*since.Seconds() + 2e6*max(0, since-quiet).Seconds()
		})
		w := NewWatch(load.Watch{Processes: []string{"api"}}, []*Process{p}, nil, nil)
		runProcess(t, p)
		pass(quiet)
		watching := w.Begin(t.Context())
		pass(noisy)
		b := watching.End(t.Context(), requests(500)).Processes[0]
		for _, row := range []struct {
			what      string
			got, want float64
		}{
			{"seconds", b.Burst.Seconds, 5}, {"CPU seconds", b.Burst.CPUSeconds, 7.5}, {"peak", b.Burst.CPUPeak, 1.5},
			{"memory before", b.Burst.MemoryFirst, 70e6}, {"memory after", b.Burst.MemoryLast, 85e6},
			{"growth", b.Burst.Growth.Slope, 3e6},
			{"seconds before", b.Idle.Seconds, 5}, {"CPU seconds before", b.Idle.CPUSeconds, 0.5},
			{"peak before", b.Idle.CPUPeak, 0.1}, {"growth before", b.Idle.Growth.Slope, 1e6},
		} {
			if !near(row.got, row.want, 1e-6*row.want) {
				t.Errorf("%s: %g, want %g", row.what, row.got, row.want)
			}
		}
		all, ok := b.CPUSecondsPerThousand()
		anyway, ok2 := b.IdleCPUSecondsPerThousand()
		if !ok || !ok2 || !near(all, 15, 1e-6) || !near(anyway, 1, 1e-6) {
			t.Errorf("%g CPU seconds for a thousand requests, %g of them anyway, want 15 and 1", all, anyway)
		}
		if each, ok := b.MemoryPerRequest(); !ok || !near(each, 30_000, 1) {
			t.Errorf("%g bytes a request, want 30000", each)
		}
	})
}

func TestAVeryLongBurstTakesNoMoreMemoryAndKeepsItsPeak(t *testing.T) {
	h := history{}
	h.keep()
	at := h.began
	sample := func(p point) {
		at = at.Add(100 * time.Millisecond)
		h.push(at, p)
	}
	for range 2 * historySamples {
		sample(point{memory: 1})
	}
	if n := len(h.past.items); n != historySamples {
		t.Errorf("%d samples are kept, want %d", n, historySamples)
	}
	s := h.begin(at, 0)
	for i := range 36_000 { // an hour
		p := point{cpu: float64(i), usage: 0.5, memory: 1e6 + 100*float64(i)}
		if i == 17_777 {
			p.usage, p.memory = 7, 1e12
		}
		sample(p)
		if len(s.points) >= spanSamples {
			t.Fatalf("%d samples are kept of a burst, want less than %d", len(s.points), spanSamples)
		}
	}
	burst, idle := h.end(s)
	if burst.CPUPeak != 7 || burst.MemoryPeak != 1e12 || burst.MemoryLast != 1e6+100*35_999 || burst.Samples != 36_001 {
		t.Errorf("burst %+v, want its peaks and its end", burst)
	}
	if burst.Growth == nil || !near(burst.Growth.Slope, 1000, 1) {
		t.Errorf("growth %+v, want 1000 bytes a second", burst.Growth)
	}
	if !near(idle.Seconds, 599.9, 0.01) || idle.MemoryPeak != 1 {
		t.Errorf("before the burst %+v, want the ten minutes that are kept", idle)
	}
	if len(h.spans) != 0 {
		t.Errorf("%d bursts are still watched", len(h.spans))
	}
}

func TestARestartWithinABurstHasNoGrowth(t *testing.T) {
	h := history{}
	h.keep()
	s := h.begin(h.began, 0)
	for i := range 50 {
		h.push(h.began.Add(time.Duration(i)*time.Second), point{memory: float64(i), run: i / 25})
	}
	burst, _ := h.end(s)
	w := Watched{Requests: 10, Burst: burst}
	if _, ok := w.MemoryPerRequest(); ok || burst.Growth != nil || burst.Restarts != 1 {
		t.Errorf("%+v, want a restart and no growth", burst)
	}
}

func TestABurstThatSawNothingPublishesNothing(t *testing.T) {
	reg, _, b := journey(t, emptyBook())
	b.End(twoLeavesSummary(load.Completed), &BurstWatch{
		Processes: []Watched{{Name: "api"}}, Redis: []WatchedRedis{{Name: "cache"}}, Host: &Watched{},
	})
	want := map[string]string{}
	for _, f := range watchFamilies() {
		want[f.Name+`{probe="journey",`+f.Labels[1]+`="api"}`], want[f.Name+`{probe="journey",`+f.Labels[1]+`="cache"}`] = "", ""
		want[f.Name+`{probe="journey",process=""}`] = ""
	}
	wantSeries(t, reg, want)
	b.End(twoLeavesSummary(load.Completed), aBurstWatch())
	wantSeries(t, reg, map[string]string{
		`perfwatch_load_last_cpu_ratio_peak{probe="journey",process="api"}`:                         "1.5",
		`perfwatch_load_last_cpu_ratio_peak{probe="journey",process=""}`:                            "0.75",
		`perfwatch_load_last_memory_growth_bytes_per_second{probe="journey",process="api"}`:         "1.048576e+06",
		`perfwatch_load_last_memory_leak_bytes_per_second{probe="journey",process="api"}`:           "524288",
		`perfwatch_load_last_memory_bytes_per_request{probe="journey",process="api"}`:               "1.048576e+06",
		`perfwatch_load_last_cpu_seconds_per_thousand_requests{probe="journey",process="api"}`:      "500",
		`perfwatch_load_last_idle_cpu_seconds_per_thousand_requests{probe="journey",process="api"}`: "125",
		`perfwatch_load_last_cache_hit_ratio{probe="journey",redis="cache"}`:                        "0.75",
		`perfwatch_load_last_cache_lookups{probe="journey",redis="cache"}`:                          "40",
		`perfwatch_load_last_idle_cache_hit_ratio{probe="journey",redis="cache"}`:                   "0.9",
		`perfwatch_load_last_memory_growth_bytes_per_second{probe="journey",process=""}`:            "",
	})
	b.End(twoLeavesSummary(load.Completed), nil)
	wantSeries(t, reg, map[string]string{`perfwatch_load_last_cpu_ratio_peak{probe="journey",process="api"}`: ""})
}

func TestTheHostIsWatched(t *testing.T) {
	source := busyHost(func(sample int) float64 {
		if sample == 30 {
			return 0.9
		}
		return 0.25
	})
	synctest.Test(t, func(t *testing.T) {
		host := newHost(source, emptyBook(), quiet())
		w := NewWatch(load.Watch{Host: true}, nil, nil, host)
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() { defer close(done); host.Run(ctx) }()
		pass(2 * time.Second)
		watching := w.Begin(t.Context())
		pass(2 * time.Second)
		b := watching.End(t.Context(), requests(1000)).Host
		cancel()
		<-done
		if b.Burst.CPUPeak != 0.9 && !near(b.Burst.CPUPeak, 0.9, 1e-9) || !near(b.Idle.CPUPeak, 0.25, 1e-9) {
			t.Errorf("peaks of %g and before of %g, want 0.9 and 0.25", b.Burst.CPUPeak, b.Idle.CPUPeak)
		}
		if b.Burst.MemoryPeak != 1<<30 || b.Burst.Samples != 21 || b.Burst.CPUSeconds < 2 {
			t.Errorf("burst %+v, want 21 samples of 1 GiB in use", b.Burst)
		}
	})
	if w := NewWatch(load.Watch{}, nil, nil, nil); w != nil || w.Begin(t.Context()).End(t.Context(), nil) != nil {
		t.Error("a burst that watches nothing is watched")
	}
}
