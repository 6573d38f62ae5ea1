package collector

import (
	"context"
	"errors"
	"fmt"
	"runtime"

	"github.com/shirou/gopsutil/v3/cpu"
	"github.com/shirou/gopsutil/v3/load"
	"github.com/shirou/gopsutil/v3/mem"
)

// hostState is what the machine says of itself at one instant.
type hostState struct {
	busy, total float64 // CPU seconds of all CPUs since boot
	available   uint64  // bytes that can be had without swapping
	memory      uint64  // bytes of the machine
	load1       float64
	cpus        float64

	memoryLimited bool    // these are bytes of a cgroup's limit
	quota         float64 // these are CPUs of a cgroup's quota, as many; 0 of the machine
	throttled     maybe   // seconds for which that has kept it from running
}

// newHostSource reads this machine. The CPUs are counted once: that needs a long file.
func newHostSource() func(context.Context) (hostState, error) {
	cpus, err := cpu.Counts(true)
	if err != nil || cpus < 1 {
		cpus = runtime.NumCPU()
	}
	return func(ctx context.Context) (hostState, error) {
		state := hostState{cpus: float64(cpus)}
		times, err := cpu.TimesWithContext(ctx, false)
		if err != nil {
			return state, fmt.Errorf("reading CPU times: %w", err)
		}
		if len(times) != 1 {
			return state, errors.New("reading CPU times: the system gives none")
		}
		state.busy, state.total = cpuSeconds(&times[0])
		memory, err := mem.VirtualMemoryWithContext(ctx)
		if err != nil {
			return state, fmt.Errorf("reading memory: %w", err)
		}
		state.available, state.memory = memory.Available, memory.Total
		average, err := load.AvgWithContext(ctx)
		if err != nil {
			return state, fmt.Errorf("reading the load average: %w", err)
		}
		state.load1 = average.Load1
		return state, nil
	}
}

// cpuSeconds sums the modes of the CPU. Linux counts the time of guests in user and nice already.
func cpuSeconds(t *cpu.TimesStat) (busy, total float64) {
	busy = t.User + t.Nice + t.System + t.Irq + t.Softirq + t.Steal
	return busy, busy + t.Idle + t.Iowait
}
