package main

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// put writes a file beside the configuration, at a time that no file before it has.
func (r *running) put(t *testing.T, name, text string) {
	t.Helper()
	path := filepath.Join(filepath.Dir(r.file), name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	r.changes++
	at := time.Now().Add(time.Duration(r.changes) * time.Second)
	if err := os.Chtimes(path, at, at); err != nil {
		t.Fatal(err)
	}
}

func TestAFileOfTwoKindsKeepsNoReloadFromWorking(t *testing.T) {
	r := start(t, `
probes:
  - {name: a, schedule: "@every 1h", file_sd: [s.yml], http: {url: /}}
  - {name: b, schedule: "@every 1h", file_sd: [s.yml], tcp: {}}
`)
	r.put(t, "s.yml", `- targets: ["http://127.0.0.1:1"]`)
	for i := range 3 {
		if status, body := r.ask(http.MethodPost, "/-/reload"); status != http.StatusOK {
			t.Fatalf("reload %d: status %d, want 200: %s", i, status, body)
		}
		if got := r.value(t, "perfwatch_target_file_read_success", nil); got != 0 {
			t.Errorf("reload %d: the file that one of its probes cannot take is read: %g", i, got)
		}
		if got := r.runs(t, "a/http://127.0.0.1:1"); got != 0 {
			t.Errorf("reload %d: %g runs of the probe that can take it, want a series", i, got)
		}
	}
}

func TestTheConfigurationIsReloadedWhenItChanges(t *testing.T) {
	r := start(t, fmt.Sprintf(twoProbes, target(t)))
	seen := r.filesNow()
	r.put(t, "perfwatch.yml", "probes: []")
	if r.reloadIfChanged(t.Context(), seen); len(r.current.Load().probes) != 2 {
		t.Error("the file was reloaded though nobody asked for it")
	}
	r.options.watchConfig = true
	r.reloadIfChanged(t.Context(), seen)
	if got := len(r.current.Load().probes); got != 0 {
		t.Errorf("%d probes, want the new file's none", got)
	}
}

// shops is a configuration whose targets stand in a file.
const shops = "probes:\n  - {name: shop, schedule: \"@every 24h\", file_sd: [%s], http: {url: /}}\n"

// has fails the test unless these are the probes, in their order.
func (r *running) has(t *testing.T, want ...string) {
	t.Helper()
	names := []string{}
	for _, w := range r.current.Load().probes {
		names = append(names, w.Name)
	}
	if !slices.Equal(names, want) {
		t.Errorf("probes %q, want %q", names, want)
	}
}

// Targets change on their own. What became of the configuration meanwhile waits for who asks for it, or watches it.
func TestTargetsBringNoChangeOfTheConfiguration(t *testing.T) {
	for name, edited := range map[string]string{
		"another": "probes: [{name: new, schedule: \"@every 24h\", tcp: {address: \"127.0.0.1:1\"}}]\n",
		"broken":  "probes: [",
		"away":    "",
	} {
		t.Run(name, func(t *testing.T) {
			r := start(t, fmt.Sprintf(shops, "shops.yml"))
			seen, hash := r.filesNow(), r.current.Load().config.Hash
			if r.put(t, "perfwatch.yml", edited); edited == "" {
				_ = os.Remove(r.file)
			}
			for _, host := range []string{"a", "b"} {
				r.put(t, "shops.yml", "- targets: ["+host+"]")
				seen = r.reloadIfChanged(t.Context(), seen)
				r.has(t, "shop/"+host)
			}
			if got := r.current.Load().config.Hash; got != hash {
				t.Errorf("hash %s, want that of the configuration that was loaded, %s", got, hash)
			}
			if got := r.value(t, "perfwatch_config_last_reload_successful", nil); got != 1 {
				t.Errorf("perfwatch_config_last_reload_successful: %g though nobody asked for one, want 1", got)
			}
		})
	}
}

// A configuration that was refused stays refused, whatever its targets do, until it is mended.
func TestTargetsChangeBesideARefusedConfiguration(t *testing.T) {
	text := fmt.Sprintf(shops, "shops.yml")
	r := start(t, text)
	r.options.watchConfig = true
	seen, loaded := r.filesNow(), r.current.Load().loaded
	good := func(want float64) {
		t.Helper()
		if got := r.value(t, "perfwatch_config_last_reload_successful", nil); got != want {
			t.Errorf("perfwatch_config_last_reload_successful: %g, want %g", got, want)
		}
	}
	r.put(t, "perfwatch.yml", text+"surprise: 1\n")
	r.put(t, "shops.yml", "- targets: [a]")
	seen = r.reloadIfChanged(t.Context(), seen) // both at once
	r.has(t, "shop/a")
	good(0)
	r.put(t, "shops.yml", "- targets: [b]")
	seen = r.reloadIfChanged(t.Context(), seen)
	r.has(t, "shop/b")
	good(0)
	if _, page := r.ask(http.MethodGet, "/"); !strings.Contains(page, "surprise") {
		t.Error("the status page does not say any more why the configuration was refused")
	}
	if got := r.current.Load().loaded; !got.Equal(loaded) {
		t.Errorf("loaded at %s, want %s as no configuration was", got, loaded)
	}
	r.put(t, "perfwatch.yml", text+"# mended\n")
	r.reloadIfChanged(t.Context(), seen)
	r.has(t, "shop/b")
	good(1)
}

// What changes after it was read, and before the reload is over, is seen by the next look. So is what changes in a file that
// only the new configuration names.
func TestNoChangeIsLostDuringAReload(t *testing.T) {
	r := start(t, fmt.Sprintf(shops, "a.yml"))
	r.options.watchConfig = true
	seen := r.filesNow()
	lookWhile := func(file string, read float64, change func()) {
		t.Helper()
		r.showing.RLock() // the reload has read everything when it waits for this
		done := make(chan struct{})
		go func() {
			defer close(done)
			seen = r.reloadIfChanged(t.Context(), seen)
		}()
		of := map[string]string{"file": filepath.Join(filepath.Dir(r.file), file)}
		waitFor(t, "the targets to be read", func() bool { return r.value(t, "perfwatch_target_file_targets", of) == read })
		change()
		r.showing.RUnlock()
		<-done
	}
	r.put(t, "a.yml", "- targets: [one]")
	lookWhile("a.yml", 1, func() { r.put(t, "a.yml", "- targets: [one, two]") })
	r.has(t, "shop/one")
	seen = r.reloadIfChanged(t.Context(), seen)
	r.has(t, "shop/one", "shop/two")

	r.put(t, "b.yml", "- targets: [three, four, five]")
	r.put(t, "perfwatch.yml", fmt.Sprintf(shops, "b.yml"))
	lookWhile("b.yml", 3, func() { r.put(t, "b.yml", "- targets: [six]") })
	r.has(t, "shop/three", "shop/four", "shop/five")
	r.reloadIfChanged(t.Context(), seen)
	r.has(t, "shop/six")
}
