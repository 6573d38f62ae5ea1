//go:build unix

package stage

import (
	"os"
	"runtime"
	"syscall"
)

// peakMemory is the highest resident memory of a command that has ended, of the largest process among it and those of
// its children that it waited for; bytes, 0 if unknown.
func peakMemory(state *os.ProcessState) int64 {
	usage, ok := state.SysUsage().(*syscall.Rusage)
	if !ok {
		return 0
	}
	size := int64(usage.Maxrss) //nolint:unconvert // it is 32 bits wide on some platforms
	if runtime.GOOS == "darwin" {
		return size
	}
	return size * 1024
}
