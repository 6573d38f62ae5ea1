package archive

import (
	"bytes"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// What is found in the folder and is no burst of ours does no harm: it is set aside, and the rest is read.
func TestWhatIsNoBurstIsSetAside(t *testing.T) {
	good, err := burstAt(1).encode()
	if err != nil {
		t.Fatal(err)
	}
	replaced := func(old, by string) []byte {
		if !bytes.Contains(good, []byte(old)) {
			t.Fatalf("no %s in a burst", old)
		}
		return bytes.Replace(good, []byte(old), []byte(by), 1)
	}
	for _, tt := range []struct {
		name string
		text []byte
	}{
		{"empty", nil},
		{"half", good[:len(good)/2]},
		{"one byte short", good[:len(good)-3]},
		{"two in one", append(bytes.Clone(good), good...)},
		{"zeros", make([]byte, 4096)},
		{"another program's", []byte(`{"name": "x"}`)},
		{"null", []byte("null")},
		{"a list", []byte("[]")},
		{"deep", bytes.Repeat([]byte("["), 100_000)},
		{"huge", make([]byte, maxBurst+1)},
		{"of another probe", replaced(`"journey"`, `"other"`)},
		{"no format", replaced(`"format": 1`, `"format": 0`)},
		{"ends first", replaced(`"end": "2026`, `"end": "2025`)},
		{"no start", replaced(`"start": "2026-11-24T12:01:00Z"`, `"start": "0001-01-01T00:00:00Z"`)},
		{"a best run that is none", replaced(`"users_peak"`, `"best": [0], "users_peak"`)},
		{"unknown result", replaced(`"completed"`, `"great"`)},
		{"unknown outcome", replaced(`"timeout"`, `"bad luck"`)},
		{"fewer times than requests", replaced(`"ok": 3`, `"ok": 4`)},
		{"negative count", replaced(`1200:3`, `1200:-3`)},
		{"count overflows", replaced(`1200:3`, `1200:9223372036854775807`)},
		{"descending", replaced(`"1 1200:3"`, `"1200:3 1"`)},
		{"over an hour", replaced(`1200:3`, `3600000001:3`)},
		{"no number", replaced(`1200:3`, `12x:3`)},
		{"no count", replaced(`1200:3`, `1200:`)},
		{"a long reason", replaced(`"result"`, `"reason": "`+strings.Repeat("x", maxText+1)+`", "result"`)},
		{"a long error", replaced(`"result"`, `"failed": [{"error": "`+strings.Repeat("x", maxText+1)+`"}], "result"`)},
		{"a time below zero", replaced(`"result"`, `"slowest": [{"response": -1}], "result"`)},
		{"a time line without a step", replaced(`"result"`, `"timeline": {"step": 0, "cells": []}, "result"`)},
		{"a time line too long", replaced(`"result"`, `"timeline": {"step": 1, "cells": [{}`+strings.Repeat(",{}", maxLeaves)+`]}, "result"`)},
		{"a long name", replaced(`"dashboard"`, `"`+strings.Repeat("x", maxText+1)+`"`)},
	} {
		t.Run(tt.name, func(t *testing.T) { setsAside(t, tt.text) })
	}
}

// setsAside puts a text in the place of the second of three bursts.
func setsAside(t *testing.T, text []byte) {
	t.Helper()
	dir := t.TempDir()
	a := open(t, dir)
	put(t, a, burstAt(1), burstAt(2), burstAt(3))
	bad := filepath.Join(dir, "bursts", "journey", a.bursts["journey"][1].name)
	if err := os.WriteFile(bad, text, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := a.Close(); err != nil {
		t.Fatal(err)
	}
	var log bytes.Buffer
	a, err := Open(dir, slog.New(slog.NewTextHandler(&log, nil)))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = a.Close() })
	if diff := cmp.Diff([]int{3, 1}, minutes(a, "journey")); diff != "" || a.Corrupt() != 1 {
		t.Errorf("%d set aside, %s", a.Corrupt(), diff)
	}
	if _, err := os.Stat(bad + ".corrupt"); err != nil || !strings.Contains(log.String(), filepath.Base(bad)) {
		t.Errorf("%v; the log says %s", err, log.String())
	}
	put(t, a, burstAt(4))
	if diff := cmp.Diff([]int{4, 3, 1}, minutes(a, "journey")); diff != "" || a.Corrupt() != 1 {
		t.Errorf("%d set aside in the end, %s", a.Corrupt(), diff)
	}
}
