package main

import (
	"encoding/json"
	"log/slog"
	"net/http"
	"path/filepath"
	"testing"
	"time"

	"github.com/perfwatch/perfwatch/internal/archive"
)

// lastKept is when the newest burst began that the daemon shows; "" if it shows none.
func lastKept(t *testing.T, base string) string {
	t.Helper()
	var b struct{ Start string }
	if status, text := fetch(t, http.MethodGet, base+"/api/v1/bursts/burst"); status == http.StatusOK {
		if err := json.Unmarshal(text, &b); err != nil {
			t.Fatalf("a burst that is shown: %v", err)
		}
	}
	return b.Start
}

// The daemon is killed while one burst follows the other. Each that it has shown is kept, none is kept by half, and it
// starts whatever it finds.
func TestADaemonThatIsKilledInABurstKeepsTheOnesBefore(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	writeFile(t, filepath.Join(dir, "perfwatch.yml"), burstYAML(target(t), "users: 2, iterations: 40, think_time: 1ms"))
	shown := map[string]bool{}
	for round := range 5 {
		cmd, base := serveProcess(t, dir)
		last := lastKept(t, base)
		if round > 0 && last == "" {
			t.Fatalf("round %d: no burst is shown any more", round)
		}
		seen := 0
		killed := make(chan struct{})
		for end := time.Now().Add(time.Minute); time.Now().Before(end); {
			if status, _ := fetch(t, http.MethodPost, base+"/api/v1/bursts/burst/start"); status == 0 {
				break // it is dead
			}
			if now := lastKept(t, base); now != "" && now != last {
				last, shown[now] = now, true
				if seen++; seen == 2 { // the next one begins, or has begun
					time.AfterFunc(time.Duration(7*round)*time.Millisecond, func() { _ = cmd.Process.Kill(); close(killed) })
				}
			}
		}
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		if seen < 2 {
			t.Fatalf("round %d: %d bursts in a minute, want 2", round, seen)
		}
		<-killed
	}
	a, err := archive.Open(filepath.Join(dir, "data"), slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = a.Close() }()
	for b := range a.Bursts("burst") {
		if b.Leaves[0].Outcomes["ok"] != 40 {
			t.Errorf("a burst of %v, want 40 requests", b.Leaves[0].Outcomes)
		}
		delete(shown, b.Start.Format(time.RFC3339Nano))
	}
	if len(shown) > 0 || a.Corrupt() != 0 {
		t.Errorf("%v were shown and are gone, %d files set aside", shown, a.Corrupt())
	}
}
