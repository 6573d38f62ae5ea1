package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// copied is what a daemon that is killed now leaves of its folder.
func copied(t *testing.T, dir string) string {
	t.Helper()
	left := filepath.Join(t.TempDir(), "left")
	if err := os.CopyFS(left, os.DirFS(dir)); err != nil {
		t.Fatal(err)
	}
	return left
}

func TestTheDrawingsOutliveTheDaemon(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	text := strings.Replace(burstYAML(target(t), "users: 1, iterations: 20, think_time: 1ms"), "probes:", `
objectives: [{name: count, title: "Errors of the burst", measure: load_error_ratio, probe: burst, target: 50%}]
probes:`, 1)
	first := startIn(t, dir, text)
	first.begin(t)
	waitFor(t, "a value", func() bool {
		return first.value(t, "perfwatch_objective_met", map[string]string{"objective": "count"}) == 1
	})
	drawing := regexp.MustCompile(`<svg class="trend".*</svg>`)
	first.drawObjectives(time.Now())
	first.drawObjectives(time.Now())
	_, page := first.ask("GET", "/")
	want := drawing.FindString(page)
	if !strings.Contains(want, "from 0% to 0%") {
		t.Fatalf("the drawing is %q", want)
	}

	left := copied(t, dir)
	second := startIn(t, left, text)
	if _, page := second.ask("GET", "/"); drawing.FindString(page) != want || second.corrupt() != 0 {
		t.Errorf("after a kill the drawing is %q, %d files set aside, want %q", drawing.FindString(page), second.corrupt(), want)
	}

	broken := copied(t, dir)
	names := []string{trendsState, guardState}
	for _, name := range names {
		writeFile(t, filepath.Join(broken, "state", name+".json"), `{"at": "2026-`)
	}
	third := startIn(t, broken, text)
	if _, page := third.ask("GET", "/"); drawing.FindString(page) != "" || third.corrupt() != 2 {
		t.Errorf("of broken files the drawing is %q, %d files set aside, want none and 2", drawing.FindString(page), third.corrupt())
	}
	for _, name := range names {
		if _, err := os.Stat(filepath.Join(broken, "state", name+".json.corrupt")); err != nil {
			t.Error(err)
		}
	}
}
