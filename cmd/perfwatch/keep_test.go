package main

import (
	"fmt"
	"log/slog"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/perfwatch/perfwatch/internal/load"
)

func TestBurstsAndTheirBudgetOutliveTheDaemon(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	text := burstYAML(target(t), "users: 1, iterations: 20, think_time: 1ms")
	first := startIn(t, dir, text)
	first.begin(t)
	waitFor(t, "the burst", func() bool { return first.bursts(t, load.Completed) == 1 })
	first.cancel()
	waitFor(t, "the end of the daemon", func() bool { return !first.running.Load() })
	second := startIn(t, dir, text)
	if left := second.guard.Left(time.Now()); left != 2_000_000-20 {
		t.Errorf("%d requests left today, want 20 less than 2,000,000", left)
	}
	kept := 0
	for b := range second.archive.Bursts("burst") {
		kept++
		if b.Hash != second.current.Load().probes[0].hash || b.Leaves[0].Outcomes["ok"] != 20 || b.Seed == 0 {
			t.Errorf("%+v, want the burst of 20 requests, with its hash and its seed", b)
		}
	}
	if kept != 1 {
		t.Errorf("%d bursts kept, want 1", kept)
	}
	if got := second.value(t, "perfwatch_load_regression", map[string]string{"probe": "burst", "endpoint": ""}); got != -1 {
		t.Errorf("regression %g of one burst, want no series", got)
	}
}

func TestTwoDaemonsDoNotShareAFolder(t *testing.T) {
	dir := t.TempDir()
	first := startIn(t, dir, burstYAML(target(t), "users: 1, iterations: 1"))
	_, err := newDaemon(daemonOptions{configFile: &first.file, storage: dir}, slog.New(slog.DiscardHandler))
	if err == nil || !strings.Contains(err.Error(), fmt.Sprintf("opening storage %q: another perfwatch uses it", dir)) {
		t.Errorf("%v, want that the folder is in use", err)
	}
}
