package nap

import (
	"os"
	"sync"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// A precise sleeper has a file that can be read when the time has come. Go's timers wait together with its sockets, by a
// call that counts whole milliseconds: a process with nothing else to do wakes once too early, and then up to a millisecond
// late, and each time the runtime's monitor wakes with it.
type precise struct {
	file *os.File
	raw  syscall.RawConn
	wait func(fd uintptr) bool // sets the timer, and is called again when it has rung

	d      time.Duration // to sleep
	asleep bool          // the timer is set

	mu    sync.Mutex
	woken bool            // guarded by mu
	spec  unix.ItimerSpec // guarded by mu
}

func newPrecise() (Sleeper, error) {
	fd, err := unix.TimerfdCreate(unix.CLOCK_MONOTONIC, unix.TFD_NONBLOCK|unix.TFD_CLOEXEC)
	if err != nil {
		return nil, os.NewSyscallError("timerfd_create", err)
	}
	p := &precise{file: os.NewFile(uintptr(fd), "timer")}
	p.wait = p.set
	if err = p.file.SetReadDeadline(time.Time{}); err == nil { // it can be waited for
		p.raw, err = p.file.SyscallConn()
	}
	if err != nil {
		p.Close()
		return nil, err
	}
	return p, nil
}

func (p *precise) Sleep(d time.Duration) {
	p.asleep, p.d = false, d
	_ = p.raw.Read(p.wait) // which fails only once it is closed
	p.mu.Lock()
	p.woken = false
	p.mu.Unlock()
}

// set is true when there is nothing to wait for any more. A ring is not missed before somebody waits for it: the runtime
// notes it from before the first call on.
func (p *precise) set(fd uintptr) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.asleep || p.woken {
		return true
	}
	p.asleep = true
	p.arm(fd, p.d)
	return false
}

func (p *precise) Wake() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.woken = true
	_ = p.raw.Control(func(fd uintptr) { p.arm(fd, 0) }) // which fails only once it is closed
}

// arm lets the timer ring after d. The call never blocks, so that the runtime need not know of it, whose monitor it would
// wake.
func (p *precise) arm(fd uintptr, d time.Duration) {
	p.spec.Value = unix.NsecToTimespec(max(1, d.Nanoseconds())) // zero would be never
	at := unsafe.Pointer(&p.spec)                               //nolint:gosec // the kernel reads it within the call
	_, _, _ = syscall.RawSyscall6(unix.SYS_TIMERFD_SETTIME, fd, 0, uintptr(at), 0, 0, 0)
}

func (p *precise) Close() { _ = p.file.Close() }
