//go:build !linux

package demo

import (
	"math"
	"runtime/debug"
	"syscall"
)

func lowerPriority() {}

func onMainThread() bool { return false }

func newGrinder() (grind, release func()) { return newHashGrinder(), func() {} }

func mapMemory(size int) ([]byte, error) { return make([]byte, size), nil }

// unmapMemory leaves the memory to the collector and hurries it. The caller forgets its slice a moment later, so that
// it is the next collection that frees it.
func unmapMemory([]byte) error {
	debug.FreeOSMemory()
	return nil
}

func endWithParent() *syscall.SysProcAttr { return nil }

func groupAvailable() uint64 { return math.MaxUint64 }
