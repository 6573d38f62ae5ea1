package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/perfwatch/perfwatch/internal/peer"
)

const pipelineConfig = `
pipelines:
  - name: daily
    budget: 1h
    stages: [{name: fetch}, {name: predict}]
objectives:
  - {name: daily, measure: pipeline_duration, pipeline: daily, target: 1h}
`

// A pipelineRun is what the API says of a run.
type pipelineRun struct {
	ID, State string
	Stages    []struct {
		Name, State string
		Items       int64
		Exit        *int  `json:"exit_code"`
		Memory      int64 `json:"memory_peak_bytes"`
	}
}

func writeFile(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// fetch asks a server and reads its whole answer; the status is 0 if there is none.
func fetch(t *testing.T, method, url string) (status int, text []byte) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := (&http.Client{}).Do(req)
	if err != nil {
		return 0, nil
	}
	defer func() { _ = resp.Body.Close() }()
	if text, err = io.ReadAll(resp.Body); err != nil {
		return 0, nil
	}
	return resp.StatusCode, text
}

func getText(t *testing.T, url string) string {
	t.Helper()
	_, text := fetch(t, http.MethodGet, url)
	return string(text)
}

func pipelineRuns(t *testing.T, base string) (open, ended []pipelineRun) {
	t.Helper()
	var answer struct{ Open, Ended []pipelineRun }
	if err := json.Unmarshal([]byte(getText(t, base+"/api/v1/pipelines/daily")), &answer); err != nil {
		t.Fatal(err)
	}
	return answer.Open, answer.Ended
}

// serveProcess runs perfwatch as a process until the test kills it, and waits until it is ready.
func serveProcess(t *testing.T, dir string) (cmd *exec.Cmd, base string) {
	t.Helper()
	address := peer.FreeAddress(t)
	p := startLogged(t, "--config.file", filepath.Join(dir, "perfwatch.yml"), "serve",
		"--storage.path", filepath.Join(dir, "data"), "--web.enable-lifecycle", "--web.listen-address", address)
	p.logs(t, "Listening on")
	return p.Cmd, "http://" + address
}

// Whatever the instant at which the daemon is killed, each event that it has acknowledged is there when it runs again,
// and it starts whatever it finds.
func TestAKilledDaemonForgetsNoPipelineEvent(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	writeFile(t, filepath.Join(dir, "perfwatch.yml"), pipelineConfig)
	acknowledged := int64(0)
	for round := range 6 {
		cmd, base := serveProcess(t, dir)
		if round == 0 {
			if status, answer := fetch(t, http.MethodPost, base+"/api/v1/pipelines/daily/fetch/start?run=a"); status != http.StatusOK {
				t.Fatalf("start: %d %s", status, answer)
			}
		}
		open, _ := pipelineRuns(t, base)
		if len(open) != 1 || open[0].ID != "a" || max(open[0].Stages[0].Items, 0) < acknowledged {
			t.Fatalf("round %d: %+v, want run a with %d items at least", round, open, acknowledged)
		}
		killed := make(chan struct{})
		for i := 0; ; i++ {
			if i == 5+3*round {
				go func() { _ = cmd.Process.Kill(); close(killed) }()
			}
			n := acknowledged + 1
			event := fmt.Sprintf("%s/api/v1/pipelines/daily/fetch/progress?run=a&items=%d", base, n)
			if status, _ := fetch(t, http.MethodPost, event); status != http.StatusOK {
				break
			}
			acknowledged = n
		}
		<-killed
		_ = cmd.Wait()
	}
	if acknowledged < 30 {
		t.Errorf("%d events, want more", acknowledged)
	}
	writeFile(t, filepath.Join(dir, "data", "pipelines", "daily.json"), `{"version":1,"runs":[{`)
	_, base := serveProcess(t, dir)
	if open, ended := pipelineRuns(t, base); len(open)+len(ended) != 0 {
		t.Errorf("%v, %v from a file that is none", open, ended)
	}
	if _, err := os.Stat(filepath.Join(dir, "data", "pipelines", "daily.json.corrupt")); err != nil {
		t.Error(err)
	}
	if text := getText(t, base+"/metrics"); !strings.Contains(text, "perfwatch_storage_corrupt_files_total 1\n") {
		t.Error("the file is not counted")
	}
}

// execStage runs perfwatch pipeline exec and returns its exit code and what it printed.
func execStage(ctx context.Context, t *testing.T, base string, args ...string) (int, string) {
	t.Helper()
	cmd := exec.CommandContext(ctx, "perfwatch", append([]string{"pipeline", "exec", "--url", base, "--pipeline", "daily"}, args...)...)
	out, err := cmd.CombinedOutput()
	if cmd.ProcessState == nil {
		t.Fatal(err)
	}
	return cmd.ProcessState.ExitCode(), string(out)
}

func TestACommandIsAStage(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	writeFile(t, filepath.Join(dir, "perfwatch.yml"), pipelineConfig)
	_, base := serveProcess(t, dir)
	for _, tt := range []struct {
		args []string
		code int
		out  string
	}{
		{[]string{"--stage", "fetch", "--items", "7", "--", "sh", "-c", "echo hello; exit 0"}, 0, "hello\n"},
		{[]string{"--stage", "predict", "--", "sh", "-c", "exit 3"}, 3, ""},
		{[]string{"--stage", "predict", "--", "sh", "-c", "kill -TERM $$"}, 143, ""},
		{[]string{"--stage", "predict", "--items-file", "n", "--", "sh", "-c", "echo 5 > n"}, 0, ""},
	} {
		args := tt.args
		for i := range args {
			if args[i] == "n" {
				args[i] = filepath.Join(dir, "n")
			}
			args[i] = strings.ReplaceAll(args[i], "> n", "> "+filepath.Join(dir, "n"))
		}
		if code, out := execStage(t.Context(), t, base, args...); code != tt.code || out != tt.out {
			t.Errorf("%v: exit code %d and %q, want %d and %q", args, code, out, tt.code, tt.out)
		}
	}
	_, ended := pipelineRuns(t, base)
	if len(ended) != 1 || ended[0].State != "success" {
		t.Fatalf("%+v, want one run that succeeded", ended)
	}
	fetch, predict := ended[0].Stages[0], ended[0].Stages[1]
	if fetch.Items != 7 || *fetch.Exit != 0 || fetch.Memory < 100<<10 || predict.Items != 5 {
		t.Errorf("%+v, %+v", fetch, predict)
	}
	if code, out := execStage(t.Context(), t, base, "--stage", "fetch", "--", filepath.Join(dir, "missing")); code != 127 ||
		!strings.Contains(out, "command not started") {
		t.Errorf("a command that is not there: %d, %s", code, out)
	}
	if code, out := execStage(t.Context(), t, base, "--stage", "other", "--", "true"); code != 0 || !strings.Contains(out, "no such stage") {
		t.Errorf("a stage that is not there: %d, %s", code, out)
	}
	if _, ended := pipelineRuns(t, base); len(ended) != 2 || ended[0].State != "failed" || *ended[0].Stages[0].Exit != 127 {
		t.Errorf("%+v, want a failed run", ended)
	}
}

// While perfwatch is away the command runs, and when it is back it hears of all of it, the start before the end.
func TestACommandRunsWhilePerfwatchIsAway(t *testing.T) {
	t.Parallel()
	if code, out := execStage(t.Context(), t, "http://"+peer.FreeAddress(t), "--stage", "fetch", "--patience", "100ms", "--", "sh", "-c",
		"echo done; exit 4"); code != 4 || !strings.HasPrefix(out, "done\n") || !strings.Contains(out, "stage not reported") {
		t.Errorf("%d, %s", code, out)
	}
	var asked atomic.Int64
	var got []string
	flaky := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if asked.Add(1) < 3 {
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		at, err := time.Parse(time.RFC3339Nano, r.URL.Query().Get("at"))
		if err != nil || time.Since(at) > time.Minute || r.Header.Get("Idempotency-Key") == "" {
			t.Errorf("%s at %v, %v", r.URL, at, err)
		}
		got = append(got, filepath.Base(r.URL.Path)+" "+r.URL.Query().Get("run"))
		_, _ = w.Write([]byte(`{"run": "r1"}`))
	}))
	defer flaky.Close()
	if code, out := execStage(t.Context(), t, flaky.URL, "--stage", "fetch", "--", "true"); code != 0 || out != "" {
		t.Errorf("%d, %s", code, out)
	}
	if want := "start ,finish r1"; strings.Join(got, ",") != want {
		t.Errorf("reported %q, want %q", got, want)
	}
}

// A signal to the wrapper reaches the command, which may end as it likes.
func TestSignalsReachTheCommand(t *testing.T) {
	t.Parallel()
	cmd := exec.CommandContext(t.Context(), "perfwatch", "pipeline", "exec", "--url", "http://"+peer.FreeAddress(t), "--pipeline", "daily",
		"--stage", "fetch", "--patience", "0s", "--", "sh", "-c", `trap 'exit 9' TERM; echo ready; while :; do read -r x || sleep 0.05; done`)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if line, err := bufio.NewReader(out).ReadString('\n'); line != "ready\n" {
		t.Fatal(line, err)
	}
	if err := cmd.Process.Signal(os.Interrupt); err != nil { // sh has no trap for it and would end with 130
		t.Fatal(err)
	}
	_ = cmd.Wait()
	if code := cmd.ProcessState.ExitCode(); code != 130 {
		t.Errorf("exit code %d, want 130", code)
	}
}
