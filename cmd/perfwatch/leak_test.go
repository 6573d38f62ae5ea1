package main

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/perfwatch/perfwatch/internal/config"
	"github.com/perfwatch/perfwatch/internal/peer"
)

// manyKinds has probes whose probers hold something, and none that runs during a test.
const manyKinds = `
global: {base_url: "http://127.0.0.1:1", schedule: "@every 24h", user_agent: agent0}
probes:
  - {name: web, http: {url: /}}
  - {name: port, targets: ["127.0.0.1:1", "127.0.0.1:2"], tcp: {}}
  - {name: rpc, grpc: {address: "127.0.0.1:1"}}
  - {name: shake, tls: {address: "127.0.0.1:1"}}
  - {name: names, dns: {server: "127.0.0.1:1", name: example.com}}
  - {name: walk, journey: {steps: [{name: home, http: {url: /}}]}}
  - {name: workers, consistency: {urls: [/a, /b]}}
  - {name: cached, canary: {redis: cache}}
  - {name: page, page: {url: /}}
  - {name: burst, load: {users: 1, duration: 1s, tasks: [{name: home, http: {url: /}}]}}
  - {name: first, sql: {dsn_file: first, queries: [{name: one, query: SELECT 1}]}}
  - {name: second, sql: {dsn_file: second, queries: [{name: one, query: SELECT 1}]}}
redis: [{name: cache, url: "redis://127.0.0.1:1", interval: 10m}]
`

// No goroutine is left of what was built: to see that it can be, for a configuration that was refused or could not be
// built, or in the place of what another one has now.
func TestReloadsLeaveNothingBehind(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"first", "second"} {
		peer.WriteFile(t, dir, name, "mysql://u:p@127.0.0.1:1/x")
	}
	text := strings.NewReplacer("dsn_file: first", "dsn_file: "+filepath.Join(dir, "first"),
		"dsn_file: second", "dsn_file: "+filepath.Join(dir, "second")).Replace(manyKinds)
	r := start(t, text)
	reload := func(text string, want int) {
		t.Helper()
		r.write(t, text)
		if status, body := r.ask(http.MethodPost, "/-/reload"); status != want {
			t.Fatalf("reloading: status %d, want %d: %s", status, want, body)
		}
	}
	reload(text, http.StatusOK)
	for _, tt := range []struct {
		name   string
		reload func(i int)
	}{
		{"the same", func(int) { reload(text, http.StatusOK) }},
		{"everything changed", func(i int) { reload(strings.ReplaceAll(text, "agent0", fmt.Sprint("agent", i)), http.StatusOK) }},
		{"with a mistake", func(int) { reload(text+"surprise: 1\n", http.StatusInternalServerError) }},
		{"not built", func(i int) {
			r.cannotBuild(t, strings.ReplaceAll(text, "agent0", fmt.Sprint("other", i)), filepath.Join(dir, "second"))
		}},
	} {
		before := runtime.NumGoroutine()
		for i := range 20 {
			tt.reload(i)
		}
		waitFor(t, "the goroutines of 20 reloads to end: "+tt.name, func() bool {
			return runtime.NumGoroutine() <= before+4 // some may be of a connection that is being made
		})
	}
}

// cannotBuild builds a configuration of which a file is gone since it was checked.
func (r *running) cannotBuild(t *testing.T, text, file string) {
	t.Helper()
	r.write(t, text)
	cfg, err := config.Load(r.file)
	if err != nil {
		t.Fatal(err)
	}
	kept, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	if _, err := r.build(cfg, r.current.Load()); err == nil || !strings.Contains(err.Error(), `building probe "second"`) {
		t.Errorf("building without a file: %v, want that the probe cannot be built", err)
	}
	peer.WriteFile(t, filepath.Dir(file), filepath.Base(file), string(kept))
}
