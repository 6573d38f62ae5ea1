//go:build unix

package load

import (
	"syscall"
	"time"
)

// processCPU is the user and system time that this process has used.
func processCPU() time.Duration {
	var u syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u) // fails only for another who or a bad address
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
