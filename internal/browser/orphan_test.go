package browser

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// asDaemon is the variable that makes the test's program a daemon to be killed.
const asDaemon = "PERFWATCH_TEST_BROWSER_DAEMON"

// TestADaemonToBeKilled is no test: TestNoProcessOutlivesTheDaemon starts it. It tells of its browser and waits.
func TestADaemonToBeKilled(t *testing.T) {
	if os.Getenv(asDaemon) == "" {
		return
	}
	b := New(Settings{NoSandbox: true}, slog.New(slog.DiscardHandler))
	if err := b.start(t.Context()); err != nil {
		t.Fatal(err)
	}
	fmt.Fprintf(os.Stdout, "browser %d %s\n", b.current.pid, b.current.profile.dir)
	_, _ = io.Copy(io.Discard, os.Stdin) // until it is killed
}

// startDaemon starts it, and says which process group its browser is and where its profile.
func startDaemon(t *testing.T, temporary string) (daemon *exec.Cmd, group int, profile string) {
	t.Helper()
	daemon = exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestADaemonToBeKilled$")
	daemon.Env = append(os.Environ(), asDaemon+"=1", "TMPDIR="+temporary)
	if _, err := daemon.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	out, err := daemon.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := daemon.Start(); err != nil {
		t.Fatal(err)
	}
	for s := bufio.NewScanner(out); s.Scan(); {
		if rest, ok := strings.CutPrefix(s.Text(), "browser "); ok {
			number, dir, _ := strings.Cut(rest, " ")
			if group, err = strconv.Atoi(number); err != nil {
				t.Fatal(err)
			}
			return daemon, group, dir
		}
	}
	t.Fatal("the daemon says nothing of its browser")
	return nil, 0, ""
}

// allEnd waits until no process of a group is left: what is killed takes a moment to die.
func allEnd(t *testing.T, group int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 15*time.Second)
	defer cancel()
	for left := children(t, group, ""); len(left) > 0; left = children(t, group, "") {
		select {
		case <-time.After(50 * time.Millisecond):
		case <-ctx.Done():
			for _, pid := range left {
				_ = syscall.Kill(pid, syscall.SIGKILL)
			}
			t.Fatalf("%d processes are left", len(left))
		}
	}
}

// hasStopped waits until all threads of a process have: one that stops only after its group was orphaned is not woken.
func hasStopped(t *testing.T, pid int) {
	t.Helper()
	stopped := func() bool {
		threads, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/stat", pid))
		return !slices.ContainsFunc(threads, func(path string) bool {
			text, err := os.ReadFile(path)
			_, rest, _ := strings.Cut(string(text), ") ")
			return err == nil && !strings.ContainsAny(rest[:min(1, len(rest))], "TZX") // a thread that is gone does not run
		})
	}
	ctx, cancel := context.WithTimeout(t.Context(), 15*time.Second)
	defer cancel()
	for !stopped() {
		select {
		case <-time.After(10 * time.Millisecond):
		case <-ctx.Done():
			t.Fatalf("process %d does not stop", pid)
		}
	}
}

func TestNoProcessOutlivesTheDaemon(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, stopped string // the processes with this word in their command line are stopped before
	}{
		{"while all is well", "nothing of the kind"},
		{"while a renderer is stopped", "--type=renderer"},
		{"while the whole browser is stopped", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			temporary := t.TempDir()
			daemon, group, dir := startDaemon(t, temporary)
			for _, pid := range children(t, group, tt.stopped) {
				_ = syscall.Kill(pid, syscall.SIGSTOP)
				hasStopped(t, pid)
			}
			if len(children(t, group, "")) < 3 {
				t.Fatal("there is no browser to be left behind")
			}
			_ = daemon.Process.Kill()
			_ = daemon.Wait()
			allEnd(t, group)
			if _, err := os.Stat(dir); err != nil {
				t.Fatalf("the profile is gone already: %v", err)
			}
			sweep(temporary)
			if _, err := os.Stat(dir); !os.IsNotExist(err) {
				t.Errorf("%s is still there: %v", dir, err)
			}
		})
	}
}

func TestOnlyStaleProfilesAreSwept(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	used, err := newProfile()
	if err != nil {
		t.Fatal(err)
	}
	defer used.remove()
	foreign := filepath.Join(os.TempDir(), profilePrefix+"mine")
	if err := os.Mkdir(foreign, 0o700); err != nil {
		t.Fatal(err)
	}
	elsewhere := t.TempDir()
	if err := os.WriteFile(filepath.Join(elsewhere, lockName), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(elsewhere, filepath.Join(os.TempDir(), profilePrefix+"link")); err != nil {
		t.Fatal(err)
	}
	stale, err := newProfile()
	if err != nil {
		t.Fatal(err)
	}
	_ = stale.lock.Close() // as the end of its process does
	sweep(os.TempDir())
	for path, want := range map[string]bool{used.dir: true, foreign: true, elsewhere: true, stale.dir: false} {
		if _, err := os.Stat(path); (err == nil) != want {
			t.Errorf("%s: %v, want it to be there: %v", path, err, want)
		}
	}
}

// TestAProfileIsNotSweptWhileItIsMade sweeps all the time, as another perfwatch that starts may do.
func TestAProfileIsNotSweptWhileItIsMade(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	done := make(chan struct{})
	var sweeping sync.WaitGroup
	sweeping.Go(func() {
		for {
			select {
			case <-done:
				return
			default:
				sweep(os.TempDir())
			}
		}
	})
	for range 300 {
		p, err := newProfile()
		if err != nil {
			t.Error(err)
			break
		}
		if _, err := os.Stat(filepath.Join(p.dir, lockName)); err != nil {
			t.Error(err)
		}
		p.remove()
	}
	close(done)
	sweeping.Wait()
}
