package collector

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/perfwatch/perfwatch/internal/cgroup"
	"github.com/perfwatch/perfwatch/internal/objective"
	"github.com/perfwatch/perfwatch/probes"
)

// observedBook has the objectives that a probe of group api usually feeds.
func observedBook() *objective.Book {
	return objective.NewBook([]objective.Objective{
		{Name: "p95", Measure: objective.Latency, Quantile: 0.95, Group: "api", Window: 5 * time.Minute, Target: new(0.5)},
		{Name: "p99", Measure: objective.Latency, Quantile: 0.99, Group: "api", Window: 30 * time.Minute, Target: new(1.0)},
		{Name: "errors", Measure: objective.ErrorRatio, Group: "api", Window: 15 * time.Minute, Target: new(0.01)},
	})
}

// httpSamples are runs of 10 ms to 600 ms in which every phase happened.
func httpSamples() []probes.Sample {
	samples := make([]probes.Sample, 60)
	for i := range samples {
		d := time.Duration(i+1) * 10 * time.Millisecond
		samples[i] = probes.Sample{Due: time.Now(), Start: time.Now(), Duration: d}
		samples[i].TraceID = probes.TraceID{15: byte(i)}
		samples[i].Status, samples[i].Bytes, samples[i].CertNotAfter = 200, 4096, time.Now().Add(time.Hour)
		for p := range probes.NumPhases {
			samples[i].Phases.Set(p, d/time.Duration(p+2))
		}
	}
	return samples
}

// BenchmarkObserve records one Sample: a run with all its phases into metrics and three objectives, and one request of
// a burst.
func BenchmarkObserve(b *testing.B) {
	rec := NewRecorder(prometheus.NewRegistry(), observedBook())
	probe := rec.Probe(homeProbe())
	burst := rec.Probe(ProbeInfo{Name: "journey", Kind: "load"}).Burst(twoLeaves())
	samples := httpSamples()
	for name, observe := range map[string]func(i int){
		"probe": func(i int) { probe.Observe(&samples[i%len(samples)]) },
		"burst": func(i int) { burst.Observe(i%2, &samples[i%len(samples)]) },
	} {
		b.Run(name, func(b *testing.B) {
			for i := range 2 * len(samples) { // native buckets are made when they are first met
				observe(i)
			}
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				observe(i)
			}
		})
	}
}

// TestObservingDoesNotAllocate holds what BenchmarkObserve measures.
func TestObservingDoesNotAllocate(t *testing.T) {
	reg := prometheus.NewRegistry()
	rec := NewRecorder(reg, observedBook())
	probe := rec.Probe(homeProbe())
	burst := rec.Probe(ProbeInfo{Name: "journey", Kind: "load"}).Burst(twoLeaves())
	samples := httpSamples()
	observe := func() {
		for i := range samples {
			probe.Observe(&samples[i])
			burst.Observe(i%2, &samples[i])
		}
	}
	observe()
	if _, err := reg.Gather(); err != nil { // a histogram has two halves, and a scrape swaps them
		t.Fatal(err)
	}
	observe()
	if n := testing.AllocsPerRun(100, observe); n != 0 {
		t.Errorf("%g allocations in %d samples, want none", n, 2*len(samples))
	}
}

// tenThousandProbes are those of a recorder. Each has run so often that its answers are in the buckets that they usually
// are in; and its connection, which was kept, has connected once.
func tenThousandProbes(tb testing.TB) (*prometheus.Registry, *Recorder, []*ProbeSeries) {
	tb.Helper()
	reg := prometheus.NewRegistry()
	rec := NewRecorder(reg, observedBook())
	all := make([]*ProbeSeries, 10_000)
	for i := range all {
		all[i] = rec.Probe(ProbeInfo{Name: fmt.Sprint("probe", i), Group: "api", Kind: "http", Interval: time.Minute})
		for run := range 20 {
			all[i].Observe(usualSample(i, run))
		}
	}
	return reg, rec, all
}

// usualSample is a run of a target that takes from 8 to 200 ms, give or take a quarter.
func usualSample(target, run int) *probes.Sample {
	d := time.Duration(8+target%192) * time.Millisecond * time.Duration(90+run) / 100
	s := &probes.Sample{Start: time.Now(), Duration: d}
	s.Status, s.Bytes, s.TraceID = 200, 4096, probes.TraceID{15: byte(run + 1)}
	if run == 0 {
		s.Phases.Set(probes.Connect, d/20)
	}
	for _, p := range []probes.Phase{probes.Request, probes.FirstByte, probes.Transfer} {
		s.Phases.Set(p, d/time.Duration(p+1))
	}
	return s
}

// BenchmarkGather10000Probes is a scrape of a daemon with ten thousand probes, without its writing, while they run; and how
// long the longest of their observations took meanwhile.
func BenchmarkGather10000Probes(b *testing.B) {
	reg, _, all := tenThousandProbes(b)
	var longest atomic.Int64
	stop := make(chan struct{})
	var running sync.WaitGroup
	running.Go(func() {
		for i := 0; ; i++ {
			select {
			case <-stop:
				return
			case <-time.After(time.Millisecond): // 1,000 a second
			}
			sample, start := usualSample(i%len(all), i%20), time.Now()
			all[i%len(all)].Observe(sample)
			longest.Store(max(longest.Load(), int64(time.Since(start))))
		}
	})
	b.ReportAllocs()
	for b.Loop() {
		if _, err := reg.Gather(); err != nil {
			b.Fatal(err)
		}
	}
	close(stop)
	running.Wait()
	b.ReportMetric(float64(longest.Load())/1e6, "ms-longest-observation")
}

// BenchmarkProbeMemory is what the metrics of a probe hold, and what of that its histograms do.
func BenchmarkProbeMemory(b *testing.B) {
	heap := func() uint64 {
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	for b.Loop() {
		before := heap()
		_, rec, all := tenThousandProbes(b)
		with := heap()
		for _, v := range rec.vectors.times() {
			v.all = nil
		}
		for _, s := range all {
			s.duration = nil
			clear(s.phases[:])
		}
		without := heap()
		runtime.KeepAlive(rec)
		b.ReportMetric(float64(with-without)/float64(len(all)), "histogram-B/probe")
		b.ReportMetric(float64(without-before)/float64(len(all)), "other-B/probe")
	}
}

// BenchmarkHostSample is what the host sampler costs ten times a second: beside the time of one its share of a core, which
// is to stay below 0.5 %. A sample in a cgroup with limits reads four files more.
func BenchmarkHostSample(b *testing.B) {
	for name, group := range map[string]string{"machine": NoCgroup, "own cgroup": OwnCgroup, "limits": "/limits"} {
		b.Run(name, func(b *testing.B) {
			host := NewHost(group, emptyBook(), quiet())
			if group == "/limits" {
				dir := b.TempDir()
				files := limitedGroup()
				for file, text := range files {
					path := filepath.Join(dir, file)
					if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o700), os.WriteFile(path, []byte(text), 0o600)); err != nil {
						b.Fatal(err)
					}
				}
				limited := newLimitedHost("", newHostSource())
				limited.tree = cgroup.Tree{Root: filepath.Join(dir, "sys/fs/cgroup"), Proc: filepath.Join(dir, "proc")}
				host = newHost(limited.read, emptyBook(), quiet())
			}
			b.ReportAllocs()
			for b.Loop() {
				host.sample(b.Context())
			}
			b.ReportMetric(100*b.Elapsed().Seconds()/float64(b.N)/defaultSampleInterval.Seconds(), "%core")
		})
	}
}

// BenchmarkInfo reads one INFO of a real server.
func BenchmarkInfo(b *testing.B) {
	text := recordedInfo(b)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := parseInfo(text); err != nil {
			b.Fatal(err)
		}
	}
}
