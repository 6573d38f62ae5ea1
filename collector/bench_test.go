package collector

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

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

// BenchmarkGather1000Probes is one scrape of a daemon with a thousand probes that have all run.
func BenchmarkGather1000Probes(b *testing.B) {
	reg := prometheus.NewRegistry()
	rec := NewRecorder(reg, observedBook())
	samples := httpSamples()
	for i := range 1000 {
		s := rec.Probe(ProbeInfo{Name: fmt.Sprint("probe", i), Group: "api", Kind: "http", Interval: time.Minute})
		for j := range samples {
			s.Observe(&samples[j])
		}
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := reg.Gather(); err != nil {
			b.Fatal(err)
		}
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
				files := version2()
				for file, text := range files {
					path := filepath.Join(dir, file)
					if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o700), os.WriteFile(path, []byte(text), 0o600)); err != nil {
						b.Fatal(err)
					}
				}
				limited := newLimitedHost("", newHostSource())
				limited.tree = cgroupTree{root: filepath.Join(dir, "sys/fs/cgroup"), proc: filepath.Join(dir, "proc")}
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
