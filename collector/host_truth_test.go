package collector

import (
	"fmt"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/perfwatch/perfwatch/internal/objective"
)

// TestAHostSeesThirtyPercentOfACoreForThreeTenthsOfASecond has a helper burn just that on a machine of four cores that is
// otherwise nearly idle.
func TestAHostSeesThirtyPercentOfACoreForThreeTenthsOfASecond(t *testing.T) {
	book := objective.NewBook([]objective.Objective{
		{Name: "cpu", Measure: objective.CPUUsage, Window: time.Minute, Warning: new(0.08), Critical: new(0.09)},
	})
	const idle, burns = 0.01, 0.3 / 4
	source := busyHost(func(sample int) float64 {
		if sample >= 10 && sample < 13 {
			return idle + burns
		}
		return idle
	})
	runHost(t, source, book, func(t *testing.T, reg *prometheus.Registry) {
		pass(5 * time.Second)
		wantNear(t, reg, hostCPUUsagePeak, idle+burns)
		wantNear(t, reg, hostCPUUsage, idle)
		wantNear(t, reg, hostCPUUsageSample+"_sum", 50*idle+3*burns)
		wantSeries(t, reg, map[string]string{
			hostCPUUsageSample + `_count`:             "50",
			hostCPUUsageSample + `_bucket{le="0.08"}`: "47",
			hostCPUUsageSample + `_bucket{le="0.09"}`: "50",
		})
		wantNear(t, reg, `perfwatch_host_above_threshold_seconds_total{level="warning",objective="cpu"}`, 0.3)
	})
}

// TestThisHostSeesWhatAChildBurns compares with the child's own account. Whatever else runs here is seen too, and ticks of the
// kernel are a hundredth of a second, so that the child's part is a least.
func TestThisHostSeesWhatAChildBurns(t *testing.T) {
	c := startChild(t)
	host := newHost(newHostSource(), emptyBook(), quiet())
	reg := prometheus.NewPedanticRegistry()
	reg.MustRegister(host)
	go host.Run(t.Context())
	eventually(t, "a reading", func() bool { return series(t, reg)[hostCPUUsagePeak] != "" })
	const share, tick = 0.3, 0.01
	var said string
	for range 20 { // a busy machine may hold the child or the sampler up
		cpus, before := number(t, reg, hostCPUs), number(t, reg, hostCPUUsageSample+"_sum")
		samples := number(t, reg, hostCPUUsageSample+"_count")
		spent, took := c.do("burn", share, 0.3)
		eventually(t, "the samples of the time", func() bool { return number(t, reg, hostCPUUsageSample+"_count") >= samples+5 })
		seen := (number(t, reg, hostCPUUsageSample+"_sum") - before) * cpus * 0.1 // core seconds, of samples of 100 ms
		peak := number(t, reg, hostCPUUsagePeak) * cpus
		if peak >= share-tick/0.1 && seen >= spent-2*tick && seen <= cpus*(took+0.4) {
			return
		}
		said = fmt.Sprintf("the child spent %g s in %g s on %g cores: a peak of %g cores, want %g at least; %g s seen", spent, took, cpus, peak,
			share, seen)
	}
	t.Error(said)
}
