package collector

import (
	"context"
	"time"

	"github.com/perfwatch/perfwatch/internal/cgroup"
)

// limitsInterval is how often the limits of cgroups are looked for.
const limitsInterval = 10 * time.Second

// limitedHost is a machine of which a cgroup may have only a part: then it is that part that is judged, and what the
// group uses of it.
type limitedHost struct {
	machine func(context.Context) (hostState, error)
	tree    cgroup.Tree
	began   time.Time

	looked      time.Time // for the limits
	memory, cpu cgroup.Limit
	hasMemory   bool
	hasCPU      bool
}

// newLimitedHost judges the least of the machine and a group; "" is the group of this process.
func newLimitedHost(group string, machine func(context.Context) (hostState, error)) *limitedHost {
	return &limitedHost{machine: machine, tree: cgroup.Of(group), began: time.Now()}
}

func (l *limitedHost) read(ctx context.Context) (hostState, error) {
	state, err := l.machine(ctx)
	if err != nil {
		return state, err
	}
	now := time.Now()
	if l.looked.IsZero() || now.Sub(l.looked) >= limitsInterval {
		l.memory, l.hasMemory = l.tree.Least(cgroup.Memory)
		l.cpu, l.hasCPU = l.tree.Least(cgroup.CPU)
		l.looked = now
	}
	if l.hasMemory && l.memory.Most < float64(state.memory) {
		used, err := l.memory.MemoryUsed()
		if err != nil {
			l.looked = time.Time{} // the group may be gone
			return state, err
		}
		state.memory, state.memoryLimited = uint64(l.memory.Most), true
		state.available = state.memory - min(state.memory, uint64(used))
	}
	if l.hasCPU && l.cpu.Most < state.cpus {
		if state.busy, err = l.cpu.CPUUsed(); err != nil {
			l.looked = time.Time{}
			return state, err
		}
		throttled, known := l.cpu.Throttled()
		state.throttled = maybe{throttled.Seconds(), known}
		state.cpus, state.quota = l.cpu.Most, l.cpu.Most
		state.total = now.Sub(l.began).Seconds() * l.cpu.Most
	}
	return state, nil
}
