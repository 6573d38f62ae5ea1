package demo

import (
	"fmt"
	"math"
	"os"
	"strconv"
	"strings"
	"syscall"
)

// lowerPriority gives the calling thread the lowest priority. It is a help, not a need: an error changes nothing.
func lowerPriority() { _ = syscall.Setpriority(syscall.PRIO_PROCESS, syscall.Gettid(), 19) }

func onMainThread() bool { return syscall.Gettid() == syscall.Getpid() }

// newGrinder returns what keeps a processor busy for about half a millisecond: the kernel drawing random bytes. A
// thread inside a system call holds up neither Go's scheduler nor its collector, as a loop in Go would.
func newGrinder() (grind, release func()) {
	fd, err := syscall.Open("/dev/urandom", syscall.O_RDONLY|syscall.O_CLOEXEC, 0)
	if err != nil {
		return newHashGrinder(), func() {}
	}
	buf, hash := make([]byte, 64<<10), newHashGrinder()
	return func() {
		if _, err := syscall.Read(fd, buf); err != nil {
			hash()
		}
	}, func() { _ = syscall.Close(fd) }
}

func mapMemory(size int) ([]byte, error) {
	b, err := syscall.Mmap(-1, 0, size, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_ANON|syscall.MAP_PRIVATE)
	if err != nil {
		return nil, fmt.Errorf("mapping %d bytes: %w", size, err)
	}
	return b, nil
}

func unmapMemory(b []byte) error {
	if err := syscall.Munmap(b); err != nil {
		return fmt.Errorf("unmapping %d bytes: %w", len(b), err)
	}
	return nil
}

// endWithParent makes a child process end when the thread that started it ends.
func endWithParent() *syscall.SysProcAttr { return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL} }

// groupAvailable is what the container's memory limit leaves, in bytes; no bound without a limit.
func groupAvailable() uint64 {
	limit, err := readBytes("/sys/fs/cgroup/memory.max")
	if err != nil {
		return math.MaxUint64
	}
	used, err := readBytes("/sys/fs/cgroup/memory.current")
	if err != nil || used > limit {
		return 0
	}
	return limit - used
}

func readBytes(path string) (uint64, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return 0, err
	}
	return strconv.ParseUint(strings.TrimSpace(string(text)), 10, 64) // "max" is an error, and no limit
}
