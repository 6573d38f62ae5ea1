package collector

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"runtime/debug"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// childEnv makes this test binary a process to be watched, in place of running tests.
const childEnv = "PERFWATCH_TEST_CHILD"

func TestMain(m *testing.M) {
	if os.Getenv(childEnv) != "" {
		beChild()
		return
	}
	m.Run()
}

// A child is a process that a test started and that does what it is told.
type child struct {
	t   testing.TB
	cmd *exec.Cmd
	in  io.WriteCloser
	out *bufio.Reader
}

// startChild starts this binary again. Args stand in its command line and mean nothing.
func startChild(t testing.TB, args ...string) *child {
	t.Helper()
	c := &child{t: t, cmd: exec.Command(os.Args[0], args...)}
	c.cmd.Env = append(os.Environ(), childEnv+"=1")
	c.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	c.cmd.Stderr = os.Stderr
	var err error
	if c.in, err = c.cmd.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	out, err := c.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	c.out = bufio.NewReader(out)
	if err := c.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.kill)
	c.do("ready")
	return c
}

func (c *child) pid() int { return c.cmd.Process.Pid }

// do waits until the child has done something, and returns what it says of it.
func (c *child) do(command string, args ...any) (seconds, more float64) {
	c.t.Helper()
	if _, err := fmt.Fprintln(c.in, append([]any{command}, args...)...); err != nil {
		c.t.Fatalf("telling the child to %s: %v", command, err)
	}
	if _, err := fmt.Fscanln(c.out, &seconds, &more); err != nil {
		c.t.Fatalf("waiting for the child to %s: %v", command, err)
	}
	return seconds, more
}

// kill ends the child as no process can prevent, and waits for it. It may be called more than once.
func (c *child) kill() {
	_ = c.cmd.Process.Kill()
	_ = c.cmd.Wait()
}

// raced says that the race detector is built in. It takes memory of its own, in each process that it is in.
func raced() bool {
	info, ok := debug.ReadBuildInfo()
	return ok && slices.ContainsFunc(info.Settings, func(s debug.BuildSetting) bool { return s.Key == "-race" && s.Value == "true" })
}

// beChild obeys one line after the other until its input ends, and answers each with two numbers.
func beChild() {
	debug.SetGCPercent(-1) // its memory is what it was told to take
	var kept struct {
		children []*exec.Cmd
		inputs   []io.Closer
		files    []*os.File
		memory   [][]byte

		listeners []net.Listener
	}
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		var first, second float64
		words := strings.Fields(lines.Text())
		arg := func(i int) (v float64) {
			_, _ = fmt.Sscan(words[i], &v)
			return v
		}
		switch words[0] {
		case "burn": // a share of a core, for so long: says what it spent and how long it took
			first, second = burn(arg(1), time.Duration(arg(2)*1e9))
		case "grow": // by so many bytes
			kept.memory = append(kept.memory, touched(int(arg(1)), 0))
		case "leak": // so many bytes within so many seconds, evenly
			kept.memory = append(kept.memory, touched(int(arg(1)), time.Duration(arg(2)*1e9)))
		case "open": // so many files
			for range int(arg(1)) {
				f, _ := os.Open(os.DevNull)
				kept.files = append(kept.files, f)
			}
		case "listen": // says on which port
			l, _ := net.Listen("tcp", "127.0.0.1:0")
			kept.listeners = append(kept.listeners, l)
			_, port, _ := net.SplitHostPort(l.Addr().String())
			_, _ = fmt.Sscan(port, &first)
		case "fork": // one that stays
			cmd := exec.Command(os.Args[0])
			cmd.Env = append(os.Environ(), childEnv+"=1")
			cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
			in, _ := cmd.StdinPipe()
			_ = cmd.Start()
			kept.children, kept.inputs = append(kept.children, cmd), append(kept.inputs, in)
			first = float64(cmd.Process.Pid)
		case "run": // one that burns all of a core for so long and ends: says what it spent
			first = runToEnd(words[1])
		}
		fmt.Println(first, second) //nolint:forbidigo // it is a program of its own
	}
}

// runToEnd has a child of the child work for so many seconds, and waits for it.
func runToEnd(seconds string) (spent float64) {
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), childEnv+"=1")
	cmd.Stdin = strings.NewReader("burn 1 " + seconds + "\n")
	_ = cmd.Run()
	return (cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()).Seconds()
}

// burn spends a share of each 10 ms on the CPU, and says what it spent and how long that took. What a busy machine takes
// from it, it does not catch up on.
func burn(share float64, d time.Duration) (spent, took float64) {
	const period = 10 * time.Millisecond
	start, timer := time.Now(), time.NewTimer(0) // one for all, for its collector of garbage is off
	began, _ := cpuClock(os.Getpid())
	now := began
	for range d / period {
		from, next := now, time.Now().Add(period)
		for now-from < share*period.Seconds() {
			now, _ = cpuClock(os.Getpid())
		}
		timer.Reset(time.Until(next))
		<-timer.C
	}
	now, _ = cpuClock(os.Getpid())
	return now - began, time.Since(start).Seconds()
}

// touched is so much memory of which every page is in use, taken evenly over a while.
func touched(size int, over time.Duration) []byte {
	memory, err := unix.Mmap(-1, 0, size, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_ANON|unix.MAP_PRIVATE)
	if err != nil {
		panic(err)
	}
	_ = unix.Madvise(memory, unix.MADV_NOHUGEPAGE)
	start, page := time.Now(), os.Getpagesize()
	for at := 0; at < size; at += page {
		due := start.Add(time.Duration(float64(over) * float64(at) / float64(size)))
		if wait := time.Until(due); wait > 5*time.Millisecond {
			<-time.After(wait)
		}
		memory[at] = 1
	}
	return memory
}

// walked is the memory of a process in bytes as the kernel finds it by walking its pages, which is not how the collector
// reads it.
func walked(t testing.TB, pid int) (bytes float64) {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/smaps_rollup", pid))
	if err != nil {
		t.Fatal(err)
	}
	_, after, _ := strings.Cut(string(text), "Rss:")
	if _, err := fmt.Sscan(after, &bytes); err != nil {
		t.Fatal(err)
	}
	return bytes * 1024
}
