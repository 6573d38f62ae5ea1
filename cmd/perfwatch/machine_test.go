package main

import (
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/perfwatch/perfwatch/internal/peer"
)

// What the machine has, and what its other programs take of it.
const (
	machineCPUs   = 2
	machineTicks  = 100 // a second, of each CPU
	machineMemory = 1024 << 20
	otherMemory   = 410 << 20
	otherCPU      = 0.2
)

// A machine is what perfwatch takes for its host: a /proc in which only the platform runs beside some idle programs. So
// whatever else the real machine does, it crosses no threshold. Its memory is what the platform really holds. Its CPU is as
// busy as the platform's fault says; that the fault keeps a real machine so is shown where the fault is tested.
type machine struct {
	dir  string
	pid  atomic.Int64  // of the platform; 0 before there is one
	busy atomic.Uint64 // ratio of the CPUs, as float64 bits
}

// newMachine keeps the files up to date until the test ends.
func newMachine(t *testing.T) *machine {
	t.Helper()
	m := &machine{dir: t.TempDir()}
	for name, text := range map[string]string{ // what stays as it is
		"diskstats":       "   8 0 sda 10 0 2048 5 20 0 4096 7 0 1500 12\n",
		"net/dev":         "Inter-| Receive | Transmit\n face |bytes\n  eth0: 111 1 2 3 0 0 0 0 222 1 4 5 0 0 0 0\n",
		"pressure/cpu":    "some avg10=0.00 avg60=0.00 avg300=0.00 total=1500000\n",
		"pressure/memory": "some avg10=0.00 avg60=0.00 avg300=0.00 total=0\n",
		"pressure/io":     "some avg10=0.00 avg60=0.00 avg300=0.00 total=0\n",
	} {
		if err := os.MkdirAll(filepath.Join(m.dir, filepath.Dir(name)), 0o750); err != nil {
			t.Fatal(err)
		}
		peer.WriteFile(t, m.dir, name, text)
	}
	m.setBusy(0)
	var state cpuTicks
	last := time.Now()
	if err := m.write(&state); err != nil {
		t.Fatalf("making a machine: %v", err)
	}
	done := make(chan error, 1)
	go func() {
		ticker := time.NewTicker(50 * time.Millisecond)
		defer ticker.Stop()
		for {
			select {
			case now := <-ticker.C:
				state.add(now.Sub(last), math.Float64frombits(m.busy.Load()))
				last = now
				if err := m.write(&state); err != nil && t.Context().Err() == nil {
					done <- err
					return
				}
			case <-t.Context().Done():
				done <- nil
				return
			}
		}
	}()
	t.Cleanup(func() {
		if err := <-done; err != nil {
			t.Errorf("the machine ended before the test: %v", err)
		}
	})
	return m
}

// environment shows the machine to a program.
func (m *machine) environment() string { return "HOST_PROC=" + m.dir }

// setBusy has the CPUs as busy as a fault keeps them, or as they are without it.
func (m *machine) setBusy(ratio float64) { m.busy.Store(math.Float64bits(max(otherCPU, ratio))) }

// cpuTicks are those since the machine was started.
type cpuTicks struct{ busy, idle float64 }

func (c *cpuTicks) add(d time.Duration, busy float64) {
	ticks := d.Seconds() * machineTicks * machineCPUs
	c.busy += ticks * busy
	c.idle += ticks * (1 - busy)
}

func (m *machine) write(c *cpuTicks) error {
	held := 0
	if pid := m.pid.Load(); pid != 0 {
		var err error
		if held, err = residentMemory(pid); err != nil {
			return err
		}
	}
	available := max(0, machineMemory-otherMemory-held)
	for name, text := range map[string]string{
		"stat":    fmt.Sprintf("cpu  %.3f 0 0 %.3f 0 0 0 0 0 0\n", c.busy, c.idle),
		"meminfo": fmt.Sprintf("MemTotal: %d kB\nMemFree: %d kB\nMemAvailable: %d kB\n", machineMemory>>10, available>>10, available>>10),
		"loadavg": "0.50 0.40 0.30 1/100 1000\n",
	} {
		path := filepath.Join(m.dir, name)
		if err := os.WriteFile(path+".new", []byte(text), 0o600); err != nil {
			return err
		}
		if err := os.Rename(path+".new", path); err != nil {
			return err
		}
	}
	return nil
}

// residentMemory of a process in bytes.
func residentMemory(pid int64) (int, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/statm", pid))
	if err != nil {
		return 0, err
	}
	fields := strings.Fields(string(text))
	if len(fields) < 2 {
		return 0, fmt.Errorf("reading memory of process %d: %q", pid, text)
	}
	pages, err := strconv.Atoi(fields[1])
	return pages * os.Getpagesize(), err
}
