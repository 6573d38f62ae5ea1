// Package stage runs a command as one stage of a pipeline and reports it to perfwatch: when it starts and ends, how it
// ends, how many items it has done and how much memory it took. The command comes first: it runs, and ends with its own
// exit code, whether perfwatch can be reached or not.
package stage

import (
	"context"
	"errors"
	"io/fs"
	"log/slog"
	"net/http"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// What a shell says of commands that cannot be run, and of those that a signal ended.
const (
	cannotRun  = 126
	notFound   = 127
	signalBase = 128
)

const (
	itemsEvery = 2 * time.Second // between two looks at the file of items
	maxCount   = 64              // bytes of that file
)

// A Stage is a command and what is reported of it. All but Run, Items, ItemsFile and what is standard is required.
type Stage struct {
	URL       string // of perfwatch, without a slash at its end
	Pipeline  string
	Name      string
	Run       string // "" lets perfwatch choose
	Items     int64  // that the command handles if it succeeds; negative if unknown
	ItemsFile string // where the command writes how many items it has done; "" for none
	Command   []string
	Patience  time.Duration // how long to go on reporting after the command has ended
	Client    *http.Client
	Logger    *slog.Logger

	Stdin, Stdout, Stderr *os.File
}

// Exec runs the command to its end, passes signals on to it, and returns its exit code as a shell would.
func (s *Stage) Exec(ctx context.Context, signals <-chan os.Signal) int {
	report := s.reporter(ctx)
	defer report.close()
	cmd := exec.Command(s.Command[0], s.Command[1:]...) //nolint:noctx // it is what the caller wants run, to its end
	cmd.Stdin, cmd.Stdout, cmd.Stderr = s.Stdin, s.Stdout, s.Stderr
	report.send(event{verb: "start", at: time.Now(), items: -1})
	if err := cmd.Start(); err != nil {
		code := cannotRun
		if errors.Is(err, exec.ErrNotFound) || errors.Is(err, fs.ErrNotExist) {
			code = notFound
		}
		s.Logger.Error("command not started", "err", err)
		report.send(event{verb: "fail", at: time.Now(), items: -1, exit: code})
		return code
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = cmd.Wait() // what it says is in ProcessState
	}()
	s.accompany(cmd, ended, signals, report)
	return s.end(cmd.ProcessState, report)
}

// accompany passes signals on and reports items until the command has ended.
func (s *Stage) accompany(cmd *exec.Cmd, ended <-chan struct{}, signals <-chan os.Signal, report *reporter) {
	var look <-chan time.Time
	if s.ItemsFile != "" {
		ticker := time.NewTicker(itemsEvery)
		defer ticker.Stop()
		look = ticker.C
	}
	done := int64(-1)
	for {
		select {
		case sig := <-signals:
			_ = cmd.Process.Signal(sig) // it has ended if this fails
		case <-look:
			if n := s.count(); n > done {
				done = n
				report.send(event{verb: "progress", at: time.Now(), items: n})
			}
		case <-ended:
			return
		}
	}
}

// end reports how the command ended, and says its exit code.
func (s *Stage) end(state *os.ProcessState, report *reporter) int {
	e := event{verb: "finish", at: time.Now(), items: s.Items, exit: state.ExitCode(), memory: peakMemory(state)}
	if status, ok := state.Sys().(syscall.WaitStatus); ok && status.Signaled() {
		e.exit = signalBase + int(status.Signal())
	}
	if e.exit != 0 {
		e.verb, e.items = "fail", -1
	}
	e.items = max(e.items, s.count())
	report.send(e)
	return e.exit
}

// count is how many items the command says it has done; -1 if it says nothing.
func (s *Stage) count() int64 {
	if s.ItemsFile == "" {
		return -1
	}
	text, err := os.ReadFile(s.ItemsFile)
	if err != nil || len(text) > maxCount {
		return -1
	}
	n, err := strconv.ParseInt(strings.TrimSpace(string(text)), 10, 64)
	if err != nil || n < 0 {
		return -1
	}
	return n
}
