package archive

import (
	"bufio"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

var errPower = errors.New("power cut")

// At each step of a write the power goes: what was kept before is whole, and the burst is there whole or not at all.
func TestAPowerCutAtEachStep(t *testing.T) {
	for _, step := range []string{stepCreate, stepWrite, stepSync, stepRename, stepSyncDir} {
		t.Run(step, func(t *testing.T) {
			dir := t.TempDir()
			a := open(t, dir)
			put(t, a, burstAt(1))
			if err := a.SetState("budget", []byte("1")); err != nil {
				t.Fatal(err)
			}
			a.before = func(s string) error {
				if s == step {
					panic(errPower) // unlike an error it leaves everything lying as it is
				}
				return nil
			}
			cut := func(do func()) {
				defer func() {
					if recover() == nil {
						t.Error("the step was not reached")
					}
				}()
				do()
			}
			cut(func() { _ = a.SetState("budget", []byte("2")) })
			cut(func() { _ = a.Put(burstAt(2)) })
			_ = a.lock.Close() // as the kernel does
			again := open(t, dir)
			want := []int{1}
			state := "1"
			if step == stepSyncDir { // renamed, and not yet acknowledged: either is right
				want, state = []int{2, 1}, "2"
			}
			if diff := cmp.Diff(want, minutes(again, "journey")); diff != "" || again.Corrupt() != 0 {
				t.Errorf("%d set aside, %s", again.Corrupt(), diff)
			}
			if got, err := again.State("budget"); string(got) != state || err != nil {
				t.Errorf("state %q, %v, want %q", got, err, state)
			}
		})
	}
}

func TestAWriteThatFailsLeavesNothing(t *testing.T) {
	for _, step := range []string{stepCreate, stepWrite, stepSync, stepRename} {
		dir := t.TempDir()
		a := open(t, dir)
		put(t, a, burstAt(1))
		a.before = func(s string) error {
			if s == step {
				return errPower
			}
			return nil
		}
		if err := a.Put(burstAt(2)); !errors.Is(err, errPower) {
			t.Errorf("%s: %v, want its error", step, err)
		}
		a.before = func(string) error { return nil }
		put(t, a, burstAt(3))
		if diff := cmp.Diff([]int{3, 1}, minutes(a, "journey")); diff != "" {
			t.Errorf("%s: %s", step, diff)
		}
		if files, _ := filepath.Glob(filepath.Join(dir, "bursts", "journey", ".*")); len(files) != 0 {
			t.Errorf("%s: %v is left", step, files)
		}
	}
}

// childDir names the folder in the environment of the process that is killed.
const childDir = "PERFWATCH_ARCHIVE_CHILD"

// TestChild is no test: it keeps bursts until it is killed, and says each that is kept.
func TestChild(t *testing.T) {
	dir := os.Getenv(childDir)
	if dir == "" {
		t.Skip("it is run by another test")
	}
	a, err := Open(dir, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	first := 1
	if kept := minutes(a, "journey"); len(kept) > 0 {
		first = kept[0] + 1
	}
	for i := first; ; i++ {
		if err := errors.Join(a.Put(burstAt(i)), a.SetState("last", []byte(strconv.Itoa(i)))); err != nil {
			t.Fatal(err)
		}
		fmt.Fprintln(os.Stdout, "kept", i)
	}
}

func TestAKilledProcessLosesNothingThatItKept(t *testing.T) {
	dir := t.TempDir()
	last := 0
	for round := range 8 {
		child := exec.CommandContext(t.Context(), os.Args[0], "-test.run", "^TestChild$")
		child.Env = append(os.Environ(), childDir+"="+dir)
		out, err := child.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := child.Start(); err != nil {
			t.Fatal(err)
		}
		timer := time.AfterFunc(time.Minute, func() { _ = child.Process.Kill() })
		seen := 0
		for lines := bufio.NewScanner(out); lines.Scan(); {
			if text, ok := strings.CutPrefix(lines.Text(), "kept "); ok {
				if last, err = strconv.Atoi(text); err != nil {
					t.Fatal(err)
				}
				if seen++; seen == 5+round { // and those that it says until the signal is there
					_ = child.Process.Kill()
				}
			}
		}
		timer.Stop()
		_ = child.Wait()
		if seen < 5 {
			t.Fatalf("the child kept %d bursts before it ended", seen)
		}
		a, err := Open(dir, slog.New(slog.DiscardHandler))
		if err != nil {
			t.Fatal(err)
		}
		kept := minutes(a, "journey")
		state, err := a.State("last")
		if n, _ := strconv.Atoi(string(state)); n < last || n > last+1 || err != nil {
			t.Errorf("round %d: the state says %q, %v, the process %d", round, state, err, last)
		}
		if len(kept) < last || len(kept) > last+1 || kept[len(kept)-1] != 1 || kept[0] != len(kept) || a.Corrupt() != 0 {
			t.Errorf("round %d: %d bursts from %v on, %d set aside, want all %d", round, len(kept), kept[0], a.Corrupt(), last)
		}
		if err := a.Close(); err != nil {
			t.Fatal(err)
		}
	}
}
