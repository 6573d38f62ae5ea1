//go:build unix

package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"unicode/utf8"

	"github.com/creack/pty"
)

// A terminal has a program that somebody started in it, whose report goes to a file.
type terminal struct {
	keys   *os.File
	cmd    *exec.Cmd
	report bytes.Buffer
	done   chan struct{} // closed when nothing more is shown

	mu    sync.Mutex
	shown bytes.Buffer
}

// inTerminal starts perfwatch run in a terminal of so many columns.
func inTerminal(t *testing.T, columns uint16, config string, args ...string) *terminal {
	t.Helper()
	file := filepath.Join(t.TempDir(), "perfwatch.yml")
	writeFile(t, file, config)
	w := &terminal{done: make(chan struct{})}
	w.cmd = exec.CommandContext(t.Context(), "perfwatch", append([]string{"--config.file", file, "run"}, args...)...)
	w.cmd.Stdout = &w.report
	var err error
	w.keys, err = pty.StartWithAttrs(w.cmd, &pty.Winsize{Rows: 24, Cols: columns}, &syscall.SysProcAttr{Setsid: true, Setctty: true, Ctty: 0})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = w.cmd.Process.Kill(); _ = w.keys.Close(); <-w.done })
	go func() {
		defer close(w.done)
		piece := make([]byte, 4096)
		for {
			n, err := w.keys.Read(piece)
			w.mu.Lock()
			w.shown.Write(piece[:n])
			w.mu.Unlock()
			if err != nil { // the program has ended
				return
			}
		}
	}()
	return w
}

// screen is all that was written to the terminal so far.
func (w *terminal) screen() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.shown.String()
}

// end waits for the program and is its exit code.
func (w *terminal) end() int {
	_ = w.cmd.Wait()
	<-w.done
	return w.cmd.ProcessState.ExitCode()
}

// twoBursts are a burst of some seconds and one without an end.
func twoBursts(base string) string {
	return fmt.Sprintf(`
global: {base_url: %q}
probes:
  - {name: journey, load: {users: 2, iterations: 200, think_time: 50ms, tasks: [{name: a, http: {url: /}}]}}
  - {name: endless, load: {users: 3, iterations: 1000000, think_time: 20ms, tasks: [{name: a, http: {url: /}}]}}
`, base)
}

// redrawn matches what takes lines away that are drawn anew.
var redrawn = regexp.MustCompile("^\x1b\\[([0-9]+)A\x1b\\[J")

// stays are the lines that are on the screen in the end, and drawn all that ever were.
func stays(t *testing.T, screen string) (lines, drawn []string) {
	t.Helper()
	for screen != "" {
		if up := redrawn.FindStringSubmatch(screen); up != nil {
			n, _ := strconv.Atoi(up[1])
			if n > len(lines) {
				t.Fatalf("%d lines of %d are taken away", n, len(lines))
			}
			lines, screen = lines[:len(lines)-n], screen[len(up[0]):]
			continue
		}
		var line string
		line, screen, _ = strings.Cut(screen, "\n")
		line = strings.TrimRight(line, "\r")
		lines, drawn = append(lines, line), append(drawn, line)
	}
	return lines, drawn
}

// bars match the first column of what is drawn on a terminal of so many.
func bars() map[uint16]string {
	return map[uint16]string{
		80:  `^journey +█+░+ +2 users +[0-9.]+ req/s p95 [0-9.]+(µs|ms|s) no errors [0-9ms]+ left$`,
		140: `^journey +█+░+ +2 users +[0-9.]+ req/s  p95 [0-9.]+(µs|ms|s)  no errors  at most [0-9ms]+ left$`,
	}
}

func TestARunOnATerminalShowsBars(t *testing.T) {
	t.Parallel()
	for columns, bar := range bars() {
		t.Run(fmt.Sprint(columns), func(t *testing.T) {
			t.Parallel()
			w := inTerminal(t, columns, twoBursts(target(t)), "journey")
			code := w.end() // on a machine that is too busy the burst is invalid, and the bar the same
			lines, drawn := stays(t, w.screen())
			if !slices.ContainsFunc(drawn, regexp.MustCompile(bar).MatchString) {
				t.Errorf("%q, want a line like %s", drawn, bar)
			}
			for _, line := range drawn {
				if utf8.RuneCountInString(line) > int(columns) {
					t.Errorf("%q is broken over two lines", line)
				}
			}
			if len(lines) != 1 || !regexp.MustCompile(`^journey +.*200 requests +(completed|invalid)$`).MatchString(lines[0]) {
				t.Errorf("what stays is %q", lines)
			}
			if report := w.report.String(); code > exitError || strings.Contains(report, "\x1b") || !strings.Contains(report, "BURST journey") {
				t.Errorf("exit code %d, the report is %s", code, report)
			}
		})
	}
}

func TestCtrlCOnATerminalKeepsWhatWasMeasured(t *testing.T) {
	t.Parallel()
	w := inTerminal(t, 140, twoBursts(target(t)), "endless")
	shows := regexp.MustCompile(`endless .*[1-9][0-9.]* req/s  p95 [0-9]`)
	waitFor(t, "figures", func() bool { return shows.MatchString(w.screen()) })
	if _, err := w.keys.Write([]byte{3}); err != nil { // Ctrl-C
		t.Fatal(err)
	}
	if code := w.end(); code != exitError {
		t.Errorf("exit code %d, want %d", code, exitError)
	}
	if !regexp.MustCompile(`(?s)BURST endless .*aborted.*All +[1-9][0-9]* +0 `).MatchString(w.report.String()) {
		t.Errorf("the report is %s", w.report.String())
	}
}

func TestAQuietRunOnATerminalShowsNothing(t *testing.T) {
	t.Parallel()
	w := inTerminal(t, 140, twoBursts(target(t)), "journey", "--quiet")
	if code := w.end(); code > exitError || w.screen() != "" {
		t.Errorf("exit code %d, %q shown, want nothing", code, w.screen())
	}
}
