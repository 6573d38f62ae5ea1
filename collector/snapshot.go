package collector

import (
	"math"
	"time"
)

// A RedisSnapshot is what the last reading of one Redis, or of one of its nodes, said, for people; the metrics say more.
type RedisSnapshot struct {
	Name                  string
	Up                    bool
	Error                 string // why it is not up
	Version, Role         string
	HitRatio              float64 // since the first reading; NaN without lookups
	MemoryUsed, MemoryMax int64   // bytes; a maximum of 0 is none
	Clients               int64
	Evicted               int64 // keys since the first reading
}

// Snapshots are what the last readings said, one for each node. Before nodes are found there is one without any.
func (r *Redis) Snapshots() []RedisSnapshot {
	nodes := r.all()
	if len(nodes) == 0 {
		return []RedisSnapshot{{Name: r.name, HitRatio: math.NaN(), Error: "no node is found"}}
	}
	all := make([]RedisSnapshot, len(nodes))
	for i, n := range nodes {
		all[i] = n.snapshot()
	}
	return all
}

func (r *redisNode) snapshot() RedisSnapshot {
	r.mu.Lock()
	defer r.mu.Unlock()
	found := r.counters.totals
	s := RedisSnapshot{
		Name: r.title(" "), Up: r.state != nil, HitRatio: math.NaN(), Evicted: int64(found[evicted]),
	}
	if r.err != nil {
		s.Error = r.err.Error()
	}
	if lookups := found[hits] + found[misses]; lookups > 0 {
		s.HitRatio = found[hits] / lookups
	}
	if r.state != nil {
		s.Version, s.Role = r.state.version, r.state.role
		s.MemoryUsed, s.MemoryMax = int64(r.state.memoryUsed.n), int64(r.state.memoryMax.n)
		s.Clients = int64(r.state.connected.n)
	}
	return s
}

// A HostSnapshot is the machine's load now, for people. Ratios are means of the last second, peaks of the last minute.
type HostSnapshot struct {
	CPU, CPUPeak       float64
	Memory, MemoryPeak float64
	MemoryTotal        int64 // bytes
	CPUs               float64
	Load1              float64
}

// Snapshot is what the last samples said; zero before the first.
func (h *Host) Snapshot() HostSnapshot {
	h.mu.Lock()
	defer h.mu.Unlock()
	now := time.Now()
	s := HostSnapshot{MemoryTotal: int64(h.state.memory), CPUs: h.state.cpus, Load1: h.state.load1}
	s.CPU, _ = h.cpu.recent.mean(now)
	s.CPUPeak, _ = h.cpu.peak.highest(now)
	s.Memory, _ = h.memory.recent.mean(now)
	s.MemoryPeak, _ = h.memory.peak.highest(now)
	return s
}

// A ProcessSnapshot is what the last reading of one process said, for people.
type ProcessSnapshot struct {
	Name               string
	Up                 bool
	Error              string  // why it is not up
	CPU, CPUPeak       float64 // cores, mean of the last second and highest of the last minute; 0 if not known
	Memory, MemoryPeak int64   // bytes resident, and their highest of the last minute
	Restarts           int
}

// Snapshot is what the last reading said.
func (p *Process) Snapshot() ProcessSnapshot {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := time.Now()
	s := ProcessSnapshot{Name: p.name, Up: p.state != nil, Restarts: int(p.restarts)}
	if p.err != nil {
		s.Error = p.err.Error()
	}
	if p.state != nil {
		s.Memory = p.state.resident
	}
	s.CPU, _ = p.usage.mean(now)
	s.CPUPeak, _ = p.peak.highest(now)
	memory, _ := p.memory.highest(now)
	s.MemoryPeak = int64(memory)
	return s
}
