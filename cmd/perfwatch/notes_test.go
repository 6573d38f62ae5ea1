package main

import (
	"bytes"
	"encoding/json"
	"path/filepath"
	"testing"
	"time"

	"github.com/perfwatch/perfwatch/internal/load"
	"github.com/perfwatch/perfwatch/internal/objective"
	"github.com/perfwatch/perfwatch/internal/report"
)

// TestTheReportKnowsWhatTheDaemonDid reads the folder of a daemon that runs: the burst, and objectives over a window as
// the daemon valued them. What the configuration means something else by now is not shown in its place.
func TestTheReportKnowsWhatTheDaemonDid(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	d := startIn(t, dir, burstYAML(target(t), "users: 1, iterations: 20, think_time: 1ms")+`
host: {}
objectives:
  - {name: users, measure: load_users, probe: burst, target: 1}
  - {name: memory, measure: memory_usage, window: 5m, target: 100%}
`)
	d.begin(t)
	waitFor(t, "the burst", func() bool { return d.bursts(t, load.Completed) == 1 })
	waitFor(t, "a sample of the host", func() bool { return d.objectiveRows()[1].Samples > 0 })
	waitFor(t, "the burst in the folder", func() bool {
		for range d.archive.Bursts("burst") {
			return true
		}
		return false
	})
	d.note()
	said := func(args ...string) *report.Report {
		t.Helper()
		var stdout, stderr bytes.Buffer
		code := run(t.Context(), append([]string{"--config.file", d.file, "report", "--storage.path", dir, "--format", "json"}, args...),
			&stdout, &stderr)
		var r report.Report
		if err := json.Unmarshal(stdout.Bytes(), &r); err != nil || code != exitOK {
			t.Fatalf("exit code %d, %v: %s%s", code, err, stdout.String(), stderr.String())
		}
		return &r
	}
	r := said()
	users, memory := r.Objectives[0], r.Objectives[1]
	if len(r.Bursts) != 1 || r.Bursts[0].All.Requests != 20 || users.State != objective.Met || *users.Value != 1 {
		t.Errorf("%+v, %+v, want the burst of 20 requests and its user", r.Bursts, users)
	}
	if memory.Value == nil || *memory.Value <= 0 || memory.Samples == 0 || len(r.Notes) != 1 || time.Since(r.End) > time.Minute {
		t.Errorf("%+v, %q, want the memory as the daemon noted it", memory, r.Notes)
	}
	if own := said("burst"); len(own.Objectives) != 1 || len(own.Notes) != 0 {
		t.Errorf("%+v, want only what the burst is about", own.Objectives)
	}
	live, err := d.report("")
	if err != nil || live.Source != report.FromDaemon || len(live.Bursts) != 1 || len(live.Objectives) != 2 {
		t.Errorf("%+v, %v: want the same of the daemon itself", live, err)
	}
	changed := memory
	changed.Target = new(float64)
	if got := (&notes{Objectives: []report.Objective{memory}}).objective(changed); got.Wanted() == memory.Wanted() {
		t.Errorf("%+v, want no value that was held to another target", got)
	}
}
