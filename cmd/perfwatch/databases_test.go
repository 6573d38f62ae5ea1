package main

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/perfwatch/perfwatch/internal/peer"
)

func TestADatabaseIsRead(t *testing.T) {
	server := peer.StartPostgres(t)
	dsn := filepath.Join(t.TempDir(), "dsn")
	text := fmt.Sprintf("postgres://watcher:hunter2@%s/postgres?sslmode=disable\n", server.Address)
	if err := os.WriteFile(dsn, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	config := fmt.Sprintf("postgres: [{name: main, dsn_file: %q}]\n", dsn)
	r := start(t, config)
	of := map[string]string{"postgres": "main"}
	waitFor(t, "the first reading", func() bool { return r.value(t, "perfwatch_postgres_up", of) == 1 })
	if got := r.value(t, "perfwatch_postgres_max_connections", of); got != 20 {
		t.Errorf("%g connections at most, want 20", got)
	}
	r.write(t, fmt.Sprintf("postgres: [{name: renamed, dsn_file: %q}]\n", dsn))
	if status, body := r.ask("POST", "/-/reload"); status != 200 {
		t.Fatalf("reloading: %d %s", status, body)
	}
	waitFor(t, "the other name", func() bool {
		return r.value(t, "perfwatch_postgres_up", map[string]string{"postgres": "renamed"}) == 1
	})
	if got := r.value(t, "perfwatch_postgres_up", of); got != -1 {
		t.Errorf("the old name is still there: %g", got)
	}
}
