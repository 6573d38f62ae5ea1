package objective

import (
	"math"
	"testing"
)

func TestAllowanceIsWhatMayBeBad(t *testing.T) {
	for _, tt := range []struct {
		o    Objective
		want float64
	}{
		{Objective{Measure: ErrorRatio, Target: new(0.01)}, 0.01},
		{Objective{Measure: ErrorRatio, Warning: new(0.01)}, 0},
		{Objective{Measure: CacheHitRatio, Target: new(0.85)}, 0.15},
		{Objective{Measure: Latency, Quantile: 0.95, Target: new(0.5)}, 0.05},
		{Objective{Measure: PageFCP, Quantile: Median, Target: new(2.0)}, 0},
		{Objective{Measure: CPUUsage, Target: new(0.8)}, 0},
	} {
		if got := tt.o.Allowance(); math.Abs(got-tt.want) > 1e-12 {
			t.Errorf("%s %v: %v may be bad, want %v", tt.o.Measure, tt.o.Target, got, tt.want)
		}
	}
	for _, m := range Measures() {
		o := Objective{Measure: m, Quantile: 0.9, Target: new(0.5)}
		if m.TakesBudget() != (o.Allowance() > 0) {
			t.Errorf("%s takes a budget: %v, and allows for %v", m, m.TakesBudget(), o.Allowance())
		}
	}
}
