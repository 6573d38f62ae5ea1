package collector

import (
	"context"
	"time"
)

// limitsInterval is how often the limits of cgroups are looked for.
const limitsInterval = 10 * time.Second

// limitedHost is a machine of which a cgroup may have only a part: then it is that part that is judged, and what the
// group uses of it.
type limitedHost struct {
	machine func(context.Context) (hostState, error)
	tree    cgroupTree
	began   time.Time

	looked      time.Time // for the limits
	memory, cpu cgroupLimit
	hasMemory   bool
	hasCPU      bool
}

// newLimitedHost judges the least of the machine and a group; "" is the group of this process.
func newLimitedHost(group string, machine func(context.Context) (hostState, error)) *limitedHost {
	return &limitedHost{machine: machine, tree: newCgroupTree(group), began: time.Now()}
}

func (l *limitedHost) read(ctx context.Context) (hostState, error) {
	state, err := l.machine(ctx)
	if err != nil {
		return state, err
	}
	now := time.Now()
	if l.looked.IsZero() || now.Sub(l.looked) >= limitsInterval {
		l.memory, l.hasMemory = l.tree.least("memory")
		l.cpu, l.hasCPU = l.tree.least("cpu")
		l.looked = now
	}
	if l.hasMemory && l.memory.most < float64(state.memory) {
		used, err := l.memory.memoryUsed()
		if err != nil {
			l.looked = time.Time{} // the group may be gone
			return state, err
		}
		state.memory, state.memoryLimited = uint64(l.memory.most), true
		state.available = state.memory - min(state.memory, uint64(used))
	}
	if l.hasCPU && l.cpu.most < state.cpus {
		if state.busy, err = l.cpu.cpuUsed(); err != nil {
			l.looked = time.Time{}
			return state, err
		}
		state.throttled.v, state.throttled.known = l.cpu.throttled()
		state.cpus, state.quota = l.cpu.most, l.cpu.most
		state.total = now.Sub(l.began).Seconds() * l.cpu.most
	}
	return state, nil
}
