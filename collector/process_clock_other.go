//go:build !linux

package collector

// cpuClock is Linux's.
func cpuClock(int) (seconds float64, ok bool) { return 0, false }

func hasCPUClocks() bool { return false }
