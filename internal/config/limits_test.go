package config

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestHugeFileIsRefusedUnread(t *testing.T) {
	file := filepath.Join(t.TempDir(), "huge.yml")
	if err := os.WriteFile(file, bytes.Repeat([]byte("#\n"), 4<<20), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := Load(file)
	if want := file + ": the file has more than 4194304 bytes, want fewer"; err == nil || err.Error() != want {
		t.Errorf("Load: %v, want %s", err, want)
	}
}

func TestLongestFileIsRead(t *testing.T) {
	text := []byte("host: {}\n")
	text = append(text, bytes.Repeat([]byte("#\n"), (maxSize-len(text))/2)...)
	if cfg, err := Parse(text, ""); err != nil || !cfg.Host.Enabled {
		t.Errorf("Parse of %d bytes: %v", len(text), err)
	}
}

// A file of nothing but mistakes tells the first hundred and how many more there are.
func TestMistakesAreBounded(t *testing.T) {
	var text strings.Builder
	for i := range 50_000 {
		fmt.Fprintf(&text, "unknown_key_of_some_length_%d: 1\n", i)
	}
	_, err := Parse([]byte(text.String()), "")
	var mistakes Mistakes
	if !errors.As(err, &mistakes) || len(mistakes) != 101 {
		t.Fatalf("Parse: %d mistakes, want 101", len(mistakes))
	}
	if got, want := mistakes[100].Message, "and 49900 more mistakes"; got != want {
		t.Errorf("the last is %q, want %q", got, want)
	}
}

func TestValuesAreShortened(t *testing.T) {
	_, err := Parse([]byte("global: {timeout: "+strings.Repeat("é", 1<<20)+"}\n"), "")
	want := `line 1: global.timeout: "` + strings.Repeat("é", 50) + `…", want a duration such as 15s`
	if err == nil || err.Error() != want {
		t.Errorf("Parse: %.300v, want %s", err, want)
	}
}

// Aliases are a convenience, and cost nothing until they multiply.
func TestAliasesWithinTheirBound(t *testing.T) {
	var text strings.Builder
	text.WriteString("probes:\n  - &p {name: p, group: api, http: {url: \"http://127.0.0.1/\"}}\n")
	for i := range 500 {
		fmt.Fprintf(&text, "  - {<<: *p, name: p%d}\n", i)
	}
	cfg := mustParse(t, text.String())
	if p := cfg.Probes[500]; len(cfg.Probes) != 501 || p.Name != "p499" || p.Group != "api" || p.HTTP.URL != "http://127.0.0.1/" {
		t.Errorf("%d probes, the last %+v", len(cfg.Probes), p)
	}
}

func TestFirstOfMergedMappingsWins(t *testing.T) {
	cfg := mustParse(t, `probes:
  - &a {name: a, group: one, timeout: 1s, http: {url: "http://127.0.0.1/"}}
  - &b {name: b, group: two, schedule: "@every 1m", http: {url: "http://127.0.0.2/"}}
  - {name: c, <<: [*a, *b], timeout: 3s}
`)
	got := cfg.Probes[2]
	if got.Group != "one" || got.Schedule != "@every 1m" || got.Timeout != 3*time.Second || got.HTTP.URL != "http://127.0.0.1/" {
		t.Errorf("merged: %+v", got)
	}
}

func TestDurations(t *testing.T) {
	for _, tt := range []struct {
		text string
		want time.Duration
		err  string
	}{
		{text: "15s", want: 15 * time.Second},
		{text: "1.5s", want: 1500 * time.Millisecond},
		{text: "1h30m", want: 90 * time.Minute},
		{text: "1d", want: 24 * time.Hour},
		{text: "1w", want: 168 * time.Hour},
		{text: "1d12h", want: 36 * time.Hour},
		{text: "0s", want: 0},
		{text: "15", err: "a duration such as 15s with its unit"},
		{text: "0", err: "a duration such as 15s with its unit"},
		{text: "-1s", err: "a duration such as 15s, not below zero"},
		{text: "1.5d", err: "a duration such as 15s"},
		{text: "300y", err: "a duration such as 15s"},
		{text: "9999999999h", err: "a duration such as 15s"},
		{text: "soon", err: "a duration such as 15s"},
		{text: "", err: "a duration such as 15s"},
	} {
		got, err := parseDuration(tt.text)
		if got != tt.want || (err == nil) != (tt.err == "") || err != nil && err.Error() != tt.err {
			t.Errorf("parseDuration(%q) = %v, %v, want %v, %s", tt.text, got, err, tt.want, tt.err)
		}
	}
}

func TestWrittenDurations(t *testing.T) {
	for d, want := range map[time.Duration]string{
		5 * time.Minute: "5m", time.Hour: "1h", 90 * time.Minute: "1h30m", 24 * time.Hour: "1d", 36 * time.Hour: "36h",
		1500 * time.Millisecond: "1.5s", 0: "0s", 90 * time.Second: "1m30s", 10 * time.Minute: "10m",
	} {
		if got := written(d); got != want {
			t.Errorf("written(%v) = %s, want %s", d, got, want)
		}
	}
}

func TestSuggestions(t *testing.T) {
	keys := []string{"base_url", "schedule", "timeout", "url", "http", "load"}
	for _, tt := range []struct{ word, want string }{
		{"shcedule", "schedule"}, {"timeuot", "timeout"}, {"uri", "url"}, {"Url", "url"}, {"baseurl", "base_url"}, {"htttp", "http"},
		{"colour", ""}, {"x", ""}, {"", ""}, {strings.Repeat("url", 30), ""},
	} {
		if got, _ := nearest(tt.word, keys); got != tt.want {
			t.Errorf("nearest(%q) = %q, want %q", tt.word, got, tt.want)
		}
	}
}

func TestDistanceCountsSwappedNeighboursOnce(t *testing.T) {
	for _, tt := range []struct {
		a, b string
		want int
	}{{"shcedule", "schedule", 1}, {"url", "url", 0}, {"", "url", 3}, {"uri", "url", 1}, {"timeouts", "timeout", 1}} {
		if got := distance(tt.a, tt.b); got != tt.want {
			t.Errorf("distance(%q, %q) = %d, want %d", tt.a, tt.b, got, tt.want)
		}
	}
}

// FuzzParse holds that no text makes Parse panic, that it answers with a Config or Mistakes and never both, and that
// every mistake has a message.
func FuzzParse(f *testing.F) {
	for _, pattern := range []string{"testdata/bad/*.yml", "testdata/good/*.yml", "testdata/plan.yml", "../../perfwatch.yml"} {
		addSeeds(f, pattern)
	}
	f.Add([]byte("\r {"))
	f.Fuzz(func(t *testing.T, text []byte) {
		cfg, err := Parse(text, "testdata/good")
		var mistakes Mistakes
		if (cfg == nil) == (err == nil) || err != nil && !errors.As(err, &mistakes) {
			t.Fatalf("Parse: %v, %T %v", cfg, err, err)
		}
		if err != nil && len(mistakes) == 0 {
			t.Fatal("no Config and no mistakes")
		}
		lines := bytes.Count(text, []byte("\n")) + 1
		for _, m := range mistakes {
			if m.Message == "" || m.Line < 0 || m.Line > lines+1 {
				t.Errorf("%+v in a file of %d lines", m, lines)
			}
		}
	})
}

func addSeeds(f *testing.F, pattern string) {
	f.Helper()
	files, err := filepath.Glob(pattern)
	if err != nil || len(files) == 0 {
		f.Fatal(pattern, err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(text)
	}
}
