package load

import (
	"runtime"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/perfwatch/perfwatch/internal/trend"
	"github.com/perfwatch/perfwatch/probes"
)

// live is the memory that lives after a collection, and the stacks of goroutines, in bytes.
func live() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc + m.StackInuse
}

// TestMemoryDoesNotGrowWithABurst runs half an hour of a hundred users in a bubble's time.
func TestMemoryDoesNotGrowWithABurst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var at []uint64
		spec := Spec{
			Users: 100, Duration: 30*time.Minute + time.Second, Tasks: planTree(),
			ThinkTime: ThinkTime{Min: time.Second, Max: 3 * time.Second},
		}
		p := planOf(t, spec, after(20*time.Millisecond))
		done := make(chan struct{})
		go func() {
			defer close(done)
			for range 30 {
				time.Sleep(time.Minute)
				at = append(at, live())
			}
		}()
		s := Run(t.Context(), p, &counter{})
		<-done
		if s.Requests() < 80_000 {
			t.Fatalf("%d requests in half an hour", s.Requests())
		}
		var readings []trend.Reading
		for i, bytes := range at {
			readings = append(readings, trend.Reading{At: float64(i) * 60, Value: float64(bytes)})
		}
		// The median slope of all pairs, and the ends: a burst that kept each of its 90,000 requests would grow by megabytes.
		const most = 256 << 10
		fit, ok := trend.Fit(readings)
		if grown := fit.Slope * 29 * 60; !ok || grown > most/2 || at[29] > at[0]+most {
			t.Errorf("%.0f bytes more after half an hour by the slope, from %d to %d by its ends, want at most %d", grown, at[0], at[29], most)
		}
	})
}

// TestMemoryOfAHundredUsers counts all that a burst needs beyond the program: connections, buffers, histograms.
func TestMemoryOfAHundredUsers(t *testing.T) {
	think := ThinkTime{Min: time.Millisecond, Max: 50 * time.Millisecond}
	p := targetPlan(t, Spec{Users: 100, Duration: 500 * time.Millisecond, ThinkTime: think})
	before := live()
	sink := &weigher{}
	s := Run(t.Context(), p, sink)
	if beyond := int64(sink.most - before); s.Requests() < 1000 || s.Failures() > 0 || beyond > 40<<20 {
		t.Errorf("%d requests, %d failed, %d bytes beyond the program, want at least 1000, none, at most 40 MiB",
			s.Requests(), s.Failures(), beyond)
	}
}

// targetPlan is a plan of the tree whose leaves all ask a target in a process of its own.
func targetPlan(tb testing.TB, spec Spec) *Plan {
	tb.Helper()
	url := startTarget(tb)
	spec.Tasks = planTree()
	for i := range spec.Tasks {
		for j := range spec.Tasks[i].Tasks {
			spec.Tasks[i].Tasks[j].HTTP = &probes.HTTP{URL: url}
		}
	}
	p, err := spec.Plan("memory", probes.Env{})
	if err != nil {
		tb.Fatal(err)
	}
	return p
}

// BenchmarkFiveThousandUsers is as many as one burst may have, over as many connections.
func BenchmarkFiveThousandUsers(b *testing.B) {
	spec := Spec{Users: 5000, RampUp: 2000, Duration: 10 * time.Second, ThinkTime: ThinkTime{Min: time.Second, Max: 3 * time.Second}}
	p := targetPlan(b, spec)
	for b.Loop() {
		before := live()
		sink := &weigher{}
		busy := cpu(b)
		s := Run(b.Context(), p, sink)
		b.ReportMetric(float64(sink.most-before)/float64(s.UsersPeak)/1024, "KiB/user")
		b.ReportMetric(float64(s.Requests()), "requests")
		b.ReportMetric(float64(s.Failures()), "failures")
		b.ReportMetric(float64(s.UsersPeak), "users")
		b.ReportMetric(float64((cpu(b)-busy).Microseconds())/float64(s.Requests()), "us-cpu/request")
		all := s.All()
		b.ReportMetric(1000*all.Quantile(0.99), "ms-p99")
	}
}

// A weigher is a sink that looks at the memory every now and then.
type weigher struct {
	n    atomic.Int64
	most uint64
}

func (w *weigher) Observe(int, *probes.Sample) {
	if n := w.n.Add(1); n == 500 || n == 900 || n == 12_000 {
		w.most = max(w.most, live())
	}
}

func (w *weigher) SetUsers(int) {}
