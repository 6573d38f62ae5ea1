package probes

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// shellScript writes a shell script and returns its name beside dir.
func shellScript(t *testing.T, text string) (dir, name string) {
	t.Helper()
	dir = t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "check.sh"), []byte("#!/bin/sh\n"+text+"\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	return dir, "./check.sh"
}

func TestExec(t *testing.T) {
	t.Setenv("PERFWATCH_TEST_TOKEN", "hunter2")
	for _, tt := range []struct {
		name, text string
		expect     ExecExpect
		want       Outcome
		reason     string
		bytes      int64
	}{
		{"succeeds", "exit 0", ExecExpect{}, OK, "", 0},
		{"fails", "echo no; echo disk is full >&2; exit 3", ExecExpect{}, InvalidResponse,
			`exit status 3, want exit status 0: it says "disk is full"`, 3},
		{"fails as expected", "exit 3", ExecExpect{ExitCode: []int{0, 3}}, OK, "", 0},
		{"succeeds where it should not", "exit 0", ExecExpect{ExitCode: []int{3}}, InvalidResponse, "want exit status 3", 0},
		{"kills itself", "kill -9 $$", ExecExpect{ExitCode: []int{137}}, InvalidResponse, "signal: killed", 0},
		{"prints", "echo queue: 12", ExecExpect{Matches: "queue: [0-9]+"}, OK, "", 10},
		{"prints something else", "echo queue: none", ExecExpect{Matches: "queue: [0-9]+"}, InvalidResponse, "no match", 12},
		{"prints JSON", `echo '{"ok": true}'`, ExecExpect{JSON: ".ok"}, OK, "", 13},
		{"prints JSON that is not well", `echo '{"ok": false}'`, ExecExpect{JSON: ".ok"}, InvalidResponse, "gave false", 14},
		{"prints no JSON", "echo no", ExecExpect{JSON: ".ok"}, InvalidResponse, "parsing", 3},
		{"has its argument, folder and no secrets of ours",
			`[ "$1" = 'a b; c' ] && [ -x check.sh ] && [ -z "$PERFWATCH_TEST_TOKEN" ] && [ -n "$PATH" ] && [ "$LEVEL" = high ]`,
			ExecExpect{}, OK, "", 0},
		{"reads nothing", "cat", ExecExpect{}, OK, "", 0},
		{"hangs", "sleep 60", ExecExpect{}, Timeout, "", 0},
		{"hangs and minds no signals", "trap '' TERM INT HUP; while :; do sleep 1; done", ExecExpect{}, Timeout, "", 0},
		{"prints for ever", "while :; do echo xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx; done", ExecExpect{}, BodyTooLarge, "over 64KiB", -1},
		{"prints a little too much", "echo 1234567890", ExecExpect{MaxOutput: 10}, BodyTooLarge, "over 10B", 11},
		{"complains for ever", "while :; do echo xxxxxxxxxxxxxxxxxxxxxxxxxx >&2; done", ExecExpect{}, Timeout, "it says", 0},
		{"leaves something behind", "sleep 60 & echo done", ExecExpect{Matches: "done"}, OK, "", 5},
		{"lets something escape with its output", "setsid sleep 1 & sleep 0.05; echo done", ExecExpect{Matches: "done"}, OK, "", 5},
	} {
		t.Run(tt.name, func(t *testing.T) {
			before := runtime.NumGoroutine()
			dir, name := shellScript(t, tt.text)
			p := mustBuild(t, &Exec{Command: []string{name, "a b; c"}, Env: map[string]string{"LEVEL": "high"}, Expect: tt.expect}, Env{Dir: dir})
			s := takeWithin(t, p, tt.want)
			if s.Outcome != tt.want || s.Err != nil && !strings.Contains(s.Err.Error(), tt.reason) {
				t.Errorf("outcome %v, want %v with %q: %v", s.Outcome, tt.want, tt.reason, s.Err)
			}
			if s.Err != nil && len(s.Err.Error()) > 700 || s.Duration > 30*time.Second {
				t.Errorf("error of %d bytes after %v", len(s.Err.Error()), s.Duration)
			}
			if tt.bytes >= 0 && s.Bytes != tt.bytes {
				t.Errorf("%d bytes, want %d", s.Bytes, tt.bytes)
			}
			wantGoroutines(t, before)
		})
	}
}

// A child that starts children leaves none of them, neither at its deadline nor when it is done before.
func TestExecLeavesNothingBehind(t *testing.T) {
	for _, tt := range []struct {
		name, end string
		want      Outcome
	}{{"at the deadline", "wait", Timeout}, {"after its end", "exit 0", OK}} {
		t.Run(tt.name, func(t *testing.T) {
			dir, name := shellScript(t, "sleep 61 & echo $! > a\n(sleep 62 & echo $! > b; wait) &\nwhile [ ! -s b ]; do sleep 0.01; done\n"+tt.end)
			p := mustBuild(t, &Exec{Command: []string{name}}, Env{Dir: dir})
			timeout := plenty
			if tt.want == Timeout {
				timeout = time.Second
			}
			if s := takeFor(t, p, timeout); s.Outcome != tt.want || s.Duration > 20*time.Second {
				t.Errorf("%v after %v, want %v: %v", s.Outcome, s.Duration, tt.want, s.Err)
			}
			for _, file := range []string{"a", "b"} {
				wantGone(t, filepath.Join(dir, file))
			}
		})
	}
}

// wantGone waits until the process whose number is in a file is gone; a killed one may take a moment to be reaped.
func wantGone(t *testing.T, file string) {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	for tick := time.NewTicker(5 * time.Millisecond); ; <-tick.C {
		state, _ := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
		if errors.Is(syscall.Kill(pid, 0), syscall.ESRCH) || strings.Contains(string(state), ") Z ") {
			return
		}
		if ctx.Err() != nil {
			t.Fatalf("process %d of %s still runs", pid, filepath.Base(file))
		}
	}
}

func TestExecOfWhatIsGone(t *testing.T) {
	dir, name := shellScript(t, "exit 0")
	p := mustBuild(t, &Exec{Command: []string{name}}, Env{Dir: dir})
	if err := os.Remove(filepath.Join(dir, name)); err != nil {
		t.Fatal(err)
	}
	if s := takeWithin(t, p, Error); s.Outcome != Error || !strings.Contains(s.Err.Error(), "no such file") {
		t.Errorf("%v, want error: %v", s.Outcome, s.Err)
	}
}

func TestMistakesOfExec(t *testing.T) {
	echo := func(e ExecExpect) *Exec { return &Exec{Command: []string{"echo"}, Expect: e} }
	const program = "a program that can be run, on the PATH or from the configuration's folder on"
	wantMistakes(t, []specMistake{
		{"no command", &Exec{}, "command: missing, want a program and its arguments, as a list"},
		{"empty program", &Exec{Command: []string{"", "x"}}, "command: missing, want a program and its arguments, as a list"},
		{"no such program", &Exec{Command: []string{"no-such-program"}}, `command[0]: "no-such-program", want ` + program},
		{"not a program", &Exec{Command: []string{"./exec_test.go"}}, `command[0]: "./exec_test.go", want ` + program},
		{"zero byte", &Exec{Command: []string{"echo", "a\x00b"}}, "command[1]: \"a\\x00b\", want text without zero bytes"},
		{"variable", &Exec{Command: []string{"echo"}, Env: map[string]string{"A=B": "x"}},
			`env.A=B: "<secret>", want a name without = and text without zero bytes`},
		{"exit code", echo(ExecExpect{ExitCode: []int{0, 256}}), `expect.exit_code[1]: "256", want an exit code from 0 to 255`},
		{"output", echo(ExecExpect{MaxOutput: 1 << 30}), `expect.max_output: "1GiB", want a size above 0 and up to 10MiB`},
		{"query", echo(ExecExpect{JSON: ".["}), `expect.json: ".[", want a gojq query: unexpected EOF`},
	})
}
