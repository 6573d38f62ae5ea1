//go:build !linux

package collector

import (
	"errors"

	"github.com/prometheus/procfs"
)

// cpuClock is Linux's.
func cpuClock(int) (seconds float64, ok bool) { return 0, false }

func hasCPUClocks() bool { return false }

// proportionalMemory is Linux's.
func proportionalMemory(procfs.Proc) (uint64, error) { return 0, errors.ErrUnsupported }
