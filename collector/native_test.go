package collector

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
	"google.golang.org/protobuf/testing/protocmp"

	"github.com/perfwatch/perfwatch/probes"
)

// A histogram says the same as one of client_golang's that has seen the same.
func TestHistogramsAreThoseOfTheLibrary(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	bounds := secondsBounds(observedBook())
	for _, row := range []struct {
		name string
		n    int
		draw func() time.Duration
	}{
		{"nothing", 0, nil},
		{"zero", 3, func() time.Duration { return 0 }},
		{"one", 1, func() time.Duration { return 240 * time.Millisecond }},
		{"bounds", 40, func() time.Duration { return time.Duration(bounds[rng.IntN(len(bounds))] * 1e9) }},
		{"powers of two", 40, func() time.Duration { return time.Second << rng.IntN(8) }},
		{"answers", 2000, func() time.Duration { return time.Duration(math.Exp(rng.NormFloat64()/3) * 1e8) }},
		{"sparse", 30, func() time.Duration { return time.Duration(math.Exp(rng.Float64()*20) * 1e3) }},
		{"more than a hundred buckets", 5000, func() time.Duration { return time.Duration(math.Exp(rng.Float64()*25) * 10) }},
		{"far more", 5000, func() time.Duration { return time.Duration(math.Exp(rng.Float64() * 40)) }},
	} {
		t.Run(row.name, func(t *testing.T) {
			theirs := newHistogramVec(probeDuration, bounds).WithLabelValues("home", "api")
			ours := newLatencyVec(probeDuration, bounds).of("home", "api")
			for range row.n {
				d := row.draw()
				theirs.Observe(d.Seconds())
				ours.observe(d, probes.TraceID{}, time.Time{})
			}
			metric, _ := theirs.(prometheus.Metric)
			want, got := written(t, metric), written(t, ours)
			if diff := cmp.Diff(want, got, protocmp.Transform(), protocmp.IgnoreFields(&dto.Histogram{}, "created_timestamp")); diff != "" {
				t.Errorf("(-client_golang +ours):\n%s", diff)
			}
		})
	}
}

func written(t *testing.T, m prometheus.Metric) *dto.Metric {
	t.Helper()
	out := &dto.Metric{}
	if err := m.Write(out); err != nil {
		t.Fatal(err)
	}
	return out
}

// A new bound counts from now on, an old one that goes leaves its count to the next, and nothing is lost.
func TestBoundsChangeUnderTheCounts(t *testing.T) {
	v := newLatencyVec(probeDuration, []float64{0.1, 0.2, 0.4})
	l := v.of("home", "api")
	fresh := v.of("new", "api")
	see := func(list ...float64) {
		for i, f := range list {
			l.observe(time.Duration(f*1e9), probes.TraceID{15: byte(i + 1)}, time.Now())
		}
	}
	counts := func(l *latency) (list []uint64) {
		h := written(t, l).GetHistogram()
		for _, b := range h.GetBucket() {
			list = append(list, b.GetCumulativeCount())
		}
		return append(list, h.GetSampleCount())
	}
	see(0.05, 0.15, 0.25, 0.35, 9)
	v.rebound([]float64{0.1, 0.3, 0.4})
	if diff := cmp.Diff([]uint64{1, 2, 4, 5, 5}, counts(l)); diff != "" { // the last bucket is shown for its exemplar
		t.Errorf("0.2 became 0.3 (-want +got):\n%s", diff)
	}
	see(0.25)
	if diff := cmp.Diff([]uint64{1, 3, 5, 6, 6}, counts(l)); diff != "" {
		t.Errorf("after 0.25 (-want +got):\n%s", diff)
	}
	h := written(t, l).GetHistogram()
	if got := h.GetBucket()[1].GetExemplar().GetValue(); got != 0.25 {
		t.Errorf("the exemplar up to 0.3 is of %g, want 0.25", got)
	}
	if math.Abs(h.GetSampleSum()-10.05) > 1e-9 {
		t.Errorf("sum %g, want 10.05", h.GetSampleSum())
	}
	v.rebound([]float64{10})
	if diff := cmp.Diff([]uint64{5, 6}, counts(l)); diff != "" {
		t.Errorf("one bound (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]uint64{0, 0}, counts(fresh)); diff != "" {
		t.Errorf("one that saw nothing (-want +got):\n%s", diff)
	}
	fresh.observe(time.Minute, probes.TraceID{}, time.Time{})
	if diff := cmp.Diff([]uint64{0, 1}, counts(fresh)); diff != "" {
		t.Errorf("and then something (-want +got):\n%s", diff)
	}
}
