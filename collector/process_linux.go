package collector

import (
	"os"

	"github.com/prometheus/procfs"
	"golang.org/x/sys/unix"
)

// cpuClock asks the kernel's CPU clock of a process: to the nanosecond where stat counts ticks of 10 ms, with threads
// that have ended, and in a fifth of a microsecond. The id of such a clock is the complement of the pid above three bits
// that say which clock, as linux/posix-timers.h lays out. It is false for a process that has ended, and where the
// kernel has no such clock.
func cpuClock(pid int) (seconds float64, ok bool) {
	const scheduler = 2 // the clock that counts the time on a CPU, of a process and not of a thread
	var t unix.Timespec
	if err := unix.ClockGettime(int32(^pid<<3|scheduler), &t); err != nil {
		return 0, false
	}
	return float64(t.Sec) + float64(t.Nsec)/1e9, true
}

// hasCPUClocks says whether this kernel has them; imitations of Linux may not.
func hasCPUClocks() bool {
	v, ok := cpuClock(os.Getpid())
	return ok && v > 0
}

// proportionalMemory is the proportional set size of a process in bytes. The kernel walks all its pages for it.
func proportionalMemory(p procfs.Proc) (uint64, error) {
	rollup, err := p.ProcSMapsRollup()
	return rollup.Pss, err
}
