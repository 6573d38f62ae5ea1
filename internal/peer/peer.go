// Package peer starts real servers for tests: each on a free port of the loopback, with a folder of its own, ended by
// the test that started it. A server that is not installed fails the test; it is never skipped.
package peer

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// startTimeout bounds how long a server may take until it answers; the machine of a test may be slow.
const startTimeout = 60 * time.Second

// stopTimeout is how long a server may take to end after SIGTERM before it is killed.
const stopTimeout = 10 * time.Second

// A Process is a server that a test started.
type Process struct {
	Cmd    *exec.Cmd
	Dir    string // its working directory, removed after the test
	output *tail
	done   chan struct{}
}

// Start runs a program until the test ends. A path without a slash is looked up; if it is missing the test fails with
// the name of the Debian package that has it.
func Start(t testing.TB, debianPackage, program string, args ...string) *Process {
	t.Helper()
	return start(t, t.TempDir(), nil, exec.Command(Find(t, debianPackage, program), args...))
}

// StartWith does the same with more variables of the environment, written NAME=value.
func StartWith(t testing.TB, environment []string, debianPackage, program string, args ...string) *Process {
	t.Helper()
	cmd := exec.Command(Find(t, debianPackage, program), args...)
	cmd.Env = append(os.Environ(), environment...)
	return start(t, t.TempDir(), nil, cmd)
}

// start runs a command in a folder, as another user if one is given.
func start(t testing.TB, dir string, as *syscall.Credential, cmd *exec.Cmd) *Process {
	t.Helper()
	p := &Process{Dir: dir, Cmd: cmd, output: &tail{}, done: make(chan struct{})}
	p.Cmd.Dir, p.Cmd.Stdout, p.Cmd.Stderr = p.Dir, p.output, p.output
	p.Cmd.WaitDelay = stopTimeout // of what it left behind that holds its output
	p.Cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Credential: as}
	if err := p.Cmd.Start(); err != nil {
		t.Fatalf("starting %s: %v", filepath.Base(cmd.Path), err)
	}
	go func() {
		defer close(p.done)
		_ = p.Cmd.Wait()
	}()
	t.Cleanup(func() { p.Stop(t) })
	return p
}

// Find returns the path of a program, or fails the test with the name of the Debian package that has it.
func Find(t testing.TB, debianPackage, program string) string {
	t.Helper()
	path, err := exec.LookPath(program)
	if err != nil {
		t.Fatalf("%s is not installed: apt-get install %s", program, debianPackage)
	}
	return path
}

// Built returns the path of a program that `make peers` builds into .tools/peers of the repository, in which the test's
// package lies, or fails the test.
func Built(t testing.TB, program string) string {
	t.Helper()
	root, err := exec.CommandContext(t.Context(), "go", "env", "GOMOD").Output()
	if err != nil {
		t.Fatalf("finding the repository: %v", err)
	}
	path := filepath.Join(filepath.Dir(string(bytes.TrimSpace(root))), ".tools", "peers", program)
	if _, err := os.Stat(path); err != nil {
		t.Fatalf("%s is not installed: make peers builds it into .tools/peers", program)
	}
	return path
}

// Stop ends the process and waits for it. It may be called more than once. What was frozen must go on to end, and children
// that do not would outlive a server that is killed, with its output in their hands.
func (p *Process) Stop(t testing.TB) {
	t.Helper()
	_ = p.Cmd.Process.Signal(syscall.SIGTERM)
	_, _ = p.signal(syscall.SIGCONT)
	select {
	case <-p.done:
	case <-time.After(stopTimeout):
		_, _ = p.signal(syscall.SIGKILL)
		<-p.done
	}
	if t.Failed() {
		t.Logf("last output of %s:\n%s", filepath.Base(p.Cmd.Path), p.output)
	}
}

// stands matches the state of a thread that runs no more: stopped, or dead and not yet reaped by a parent that is.
var stands = regexp.MustCompile(`\) [TZX] `)

// Freeze stops the process and its children, and returns once none of their threads runs any more.
func (p *Process) Freeze(t testing.TB) {
	t.Helper()
	frozen := p.Signal(t, syscall.SIGSTOP)
	p.WaitFor(t, func() error {
		for _, pid := range frozen {
			states, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/stat", pid))
			for _, file := range states {
				if state, err := os.ReadFile(file); err == nil && !stands.Match(state) {
					return fmt.Errorf("freezing: %.100s", state)
				}
			}
		}
		return nil
	})
}

// Signal sends a signal to the process and to its children, and returns the numbers of those who got it.
func (p *Process) Signal(t testing.TB, sig syscall.Signal) []int {
	t.Helper()
	sent, err := p.signal(sig)
	if err != nil {
		t.Fatalf("sending %v to %s: %v", sig, filepath.Base(p.Cmd.Path), err)
	}
	return sent
}

// signal sends one to the children first, all of them. It fails if the process has ended.
func (p *Process) signal(sig syscall.Signal) (sent []int, err error) {
	if err := p.Cmd.Process.Signal(syscall.Signal(0)); err != nil { // its number may be another's by now
		return nil, err
	}
	pid := p.Cmd.Process.Pid
	children, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/children", pid, pid))
	if err != nil {
		return nil, fmt.Errorf("listing its children: %w", err)
	}
	for _, field := range append(strings.Fields(string(children)), strconv.Itoa(pid)) {
		n, failed := strconv.Atoi(field)
		if failed == nil {
			failed = syscall.Kill(n, sig)
		}
		switch {
		case failed == nil:
			sent = append(sent, n)
		case !errors.Is(failed, syscall.ESRCH):
			err = errors.Join(err, fmt.Errorf("to %s: %w", field, failed))
		}
	}
	return sent, err
}

// WaitFor calls ready until it returns nil. It fails the test if that takes too long or the process ends before.
func (p *Process) WaitFor(t testing.TB, ready func() error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), startTimeout)
	defer cancel()
	for tick := time.NewTicker(20 * time.Millisecond); ; {
		err := ready()
		if err == nil {
			tick.Stop()
			return
		}
		select {
		case <-tick.C:
		case <-p.done:
			t.Fatalf("%s ended before it was ready: %v\n%s", filepath.Base(p.Cmd.Path), err, p.output)
		case <-ctx.Done():
			t.Fatalf("%s is not ready: %v\n%s", filepath.Base(p.Cmd.Path), err, p.output)
		}
	}
}

// FreeAddress returns a loopback address whose port was free a moment ago.
func FreeAddress(t testing.TB) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatalf("finding a free port: %v", err)
	}
	defer func() { _ = l.Close() }()
	return l.Addr().String()
}

// Answers returns a readiness check: a GET of url is answered with 200.
func Answers(url string) func() error {
	client := &http.Client{Timeout: time.Second}
	return func() error {
		resp, err := client.Get(url)
		if err != nil {
			return err
		}
		_ = resp.Body.Close()
		if resp.StatusCode != http.StatusOK {
			return fmt.Errorf("asking %s: status %d, want 200", url, resp.StatusCode)
		}
		return nil
	}
}

// WriteFile writes a file for a server to read and returns its path.
func WriteFile(t testing.TB, dir, name, text string) string {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatalf("writing %s: %v", path, err)
	}
	return path
}

// tail keeps the last 16 KiB that were written to it.
type tail struct {
	mu  sync.Mutex
	buf []byte // guarded by mu
}

const tailSize = 16 << 10

func (w *tail) Write(b []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.buf = append(w.buf, b...)
	if extra := len(w.buf) - tailSize; extra > 0 {
		w.buf = append(w.buf[:0], w.buf[extra:]...)
	}
	return len(b), nil
}

func (w *tail) String() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return string(bytes.TrimSpace(w.buf))
}
