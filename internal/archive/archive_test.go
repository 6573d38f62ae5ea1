package archive

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
	"github.com/google/go-cmp/cmp"

	"github.com/perfwatch/perfwatch/internal/load"
	"github.com/perfwatch/perfwatch/probes"
)

// open opens an archive until the test ends.
func open(t *testing.T, dir string) *Archive {
	t.Helper()
	a, err := Open(dir, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = a.Close() })
	return a
}

func noon() time.Time { return time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC) }

// burstAt is a small burst that began some minutes after noon.
func burstAt(minute int) *Burst {
	start := noon().Add(time.Duration(minute) * time.Minute)
	return &Burst{
		Format: format, Probe: "journey", Hash: "h", Version: "1.2.3", Seed: 1<<64 - 1, Start: start, End: start.Add(30 * time.Second),
		Result: load.Completed, UsersPeak: 7, InFlightPeak: 6, Dropped: 5, Late: 4, Lag: Counts{{Value: 3, N: 2}},
		Leaves: []Leaf{{
			Task: "dashboard", Endpoint: "view", Outcomes: map[string]uint64{"ok": 3, "timeout": 1, "canceled": 9}, Bytes: 123,
			Response: Counts{{Value: 1, N: 1}, {Value: 1200, N: 3}}, Service: Counts{{Value: 1, N: 4}},
		}},
	}
}

func put(t *testing.T, a *Archive, bursts ...*Burst) {
	t.Helper()
	for _, b := range bursts {
		if err := a.Put(b); err != nil {
			t.Fatal(err)
		}
	}
}

// minutes are when the bursts of an archive began, the newest first.
func minutes(a *Archive, probe string) []int {
	all := []int{}
	for b := range a.Bursts(probe) {
		all = append(all, int(b.Start.Sub(noon()).Minutes()))
	}
	return all
}

func TestABurstComesBackAsItWasKept(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "a", "b")
	a := open(t, dir)
	aborted := burstAt(2)
	aborted.Runs = []load.RunSummary{{Name: "batch=1", Items: 1, Result: load.Completed, Requests: 7, P95: 0.25, Noise: -1}}
	aborted.Best, aborted.Capacity = []int{0}, &load.Capacity{Rate: 40, Wanted: 20, Why: "why"}
	aborted.Result, aborted.Reason, aborted.Reduced, aborted.Changed = load.Aborted, "why", true, map[string]string{"": slower, "view": faster}
	aborted.Cause, aborted.Doubts, aborted.Asked, aborted.Items = load.ByErrors, []load.Doubt{load.OfMix}, 100, 32
	aborted.Timeline = &load.Timeline{Step: 0.25, Cells: []load.Cell{{}, {Requests: 3, Failures: 1, Users: 7, InFlight: 6, P50: 0.1, P95: 0.2}}}
	slow := Request{
		Task: "dashboard", Endpoint: "view", Due: noon(), Start: noon(), Response: 1.5, Service: 1.25, TraceID: "abc",
		Phases: map[string]float64{"first_byte": 1}, Status: 503, Outcome: "http_5xx", Error: "status 503",
	}
	aborted.Slowest, aborted.Failed = []Request{slow}, []Request{slow, slow}
	aborted.Leaves[0].Phases, aborted.Leaves[0].Cache = map[string]Phase{"dns": {1, 0.1, 0.2}}, map[string]uint64{"hit": 3}
	put(t, a, burstAt(1), aborted)
	if err := a.Close(); err != nil {
		t.Fatal(err)
	}
	var got []*Burst
	for b := range open(t, dir).Bursts("journey") {
		got = append(got, b)
	}
	if diff := cmp.Diff([]*Burst{aborted, burstAt(1)}, got); diff != "" {
		t.Error(diff)
	}
	if aborted.Valid() || !burstAt(1).Valid() {
		t.Error("a burst is valid when it was completed at full size")
	}
	text, err := os.ReadFile(filepath.Join(dir, "bursts", "journey", "20261124T120100.000000000Z.json"))
	if err != nil || !strings.Contains(string(text), `"response_us": "1 1200:3"`) {
		t.Errorf("%s, %v: want the counts to read", text, err)
	}
}

func TestNewBurstTakesAllOfASummary(t *testing.T) {
	response, service, lag := hdrhistogram.New(1, highest, 3), hdrhistogram.New(1, highest, 3), hdrhistogram.New(1, highest, 3)
	for _, err := range []error{response.RecordValues(1500, 2), response.RecordValue(highest), service.RecordValues(900, 3), lag.RecordValue(1)} {
		if err != nil {
			t.Fatal(err)
		}
	}
	leaf := load.LeafSummary{Task: "a", Endpoint: "b", Bytes: 5, Response: response, Service: service}
	leaf.Outcomes[probes.OK], leaf.Outcomes[probes.Timeout] = 2, 1
	leaf.Phases[probes.TLS] = load.PhaseSummary{Count: 2, Sum: 3 * time.Second, Max: 2 * time.Second}
	leaf.Cache[probes.CacheHit], leaf.Cache[probes.NumCacheVerdicts-1], leaf.Cache[0] = 2, 1, 7
	closed := leaf
	slow := load.Request{
		Leaf: 1, Due: noon(), Start: noon().Add(time.Second), Response: 3 * time.Second, Service: 2 * time.Second,
		TraceID: probes.TraceID{15: 1}, Status: 504, Outcome: probes.HTTP5xx, Err: strings.Repeat("é", maxText),
	}
	slow.Phases.Set(probes.Connect, time.Second)
	closed.Response = closed.Service
	s := &load.Summary{
		Probe: "p", Seed: 9, Start: noon(), End: noon().Add(time.Minute), Result: load.Invalid, Reason: "r", Reduced: true,
		UsersPeak: 3, InFlightPeak: 2, Dropped: 1, Late: 8, Lag: lag, Leaves: []load.LeafSummary{leaf, closed}, Fairness: 0.9,
		Runs: []load.RunSummary{{Name: "batch=1", Throughput: 5, Noise: -1}}, Best: []int{0}, Capacity: &load.Capacity{Rate: 3},
		Cause: load.ByErrors, Doubts: []load.Doubt{load.OfLag}, Asked: 7, Items: 2, Slowest: []load.Request{slow}, Failed: []load.Request{slow},
		Timeline: load.Timeline{Step: 1, Cells: []load.Cell{{Requests: 3}}},
	}
	phases, cache := map[string]Phase{"tls": {2, 1.5, 2}}, map[string]uint64{"hit": 2, "unknown": 1}
	request := Request{
		Task: "a", Endpoint: "b", Due: noon(), Start: noon().Add(time.Second), Response: 3, Service: 2,
		TraceID: "00000000000000000000000000000001", Phases: map[string]float64{"connect": 1}, Status: 504, Outcome: "http_5xx",
		Error: strings.Repeat("é", maxText/2-1),
	}
	outcomes := map[string]uint64{"ok": 2, "timeout": 1}
	service3 := Counts{{Value: 900, N: 3}}
	want := &Burst{
		Format: 1, Probe: "p", Hash: "hash", Version: "v", Seed: 9, Start: noon(), End: noon().Add(time.Minute), Result: load.Invalid,
		Reason: "r", Reduced: true, UsersPeak: 3, InFlightPeak: 2, Dropped: 1, Late: 8, Lag: Counts{{Value: 1, N: 1}},
		Leaves: []Leaf{
			{Task: "a", Endpoint: "b", Bytes: 5, Outcomes: outcomes, Phases: phases, Cache: cache, Service: service3,
				Response: Counts{{Value: 1500, N: 2}, {Value: 3_598_712_832, N: 1}}},
			{Task: "a", Endpoint: "b", Bytes: 5, Outcomes: outcomes, Phases: phases, Cache: cache, Response: service3},
		},
		Fairness: 0.9, Runs: []load.RunSummary{{Name: "batch=1", Throughput: 5, Noise: -1}}, Best: []int{0},
		Capacity: &load.Capacity{Rate: 3}, Cause: load.ByErrors, Doubts: []load.Doubt{load.OfLag}, Asked: 7, Items: 2,
		Slowest: []Request{request}, Failed: []Request{request}, Timeline: &load.Timeline{Step: 1, Cells: []load.Cell{{Requests: 3}}},
	}
	got := NewBurst(s, "hash", "v")
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	put(t, open(t, t.TempDir()), got)
	if got.Leaves[0].Failures() != 1 {
		t.Errorf("%d failures, want 1", got.Leaves[0].Failures())
	}
}

// TestFilesOfEarlierVersionsAreRead reads what was written before time lines and whole requests were kept.
func TestFilesOfEarlierVersionsAreRead(t *testing.T) {
	const text = `{"format": 1, "probe": "journey", "hash": "h", "version": "0.1", "seed": 7, "start": "2026-11-24T12:01:00Z",
		"end": "2026-11-24T12:01:30Z", "result": "completed", "users_peak": 2, "in_flight_peak": 1, "dropped": 0, "late": 0,
		"leaves": [{"task": "a", "endpoint": "b", "outcomes": {"ok": 2}, "bytes": 10, "response_us": "1200:2"}]}`
	got, err := decode([]byte(text), "journey")
	want := &Burst{
		Format: 1, Probe: "journey", Hash: "h", Version: "0.1", Seed: 7, Start: noon().Add(time.Minute),
		End: noon().Add(90 * time.Second), Result: load.Completed, UsersPeak: 2, InFlightPeak: 1,
		Leaves: []Leaf{{Task: "a", Endpoint: "b", Outcomes: map[string]uint64{"ok": 2}, Bytes: 10, Response: Counts{{Value: 1200, N: 2}}}},
	}
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Error(err, diff)
	}
}

func TestTheOldestGoFirst(t *testing.T) {
	dir := t.TempDir()
	a := open(t, dir)
	a.perProbe = 3
	other := burstAt(0)
	other.Probe = "other"
	put(t, a, other, burstAt(5), burstAt(1), burstAt(3), burstAt(4), burstAt(2))
	if diff := cmp.Diff([]int{5, 4, 3}, minutes(a, "journey")); diff != "" {
		t.Errorf("three of a probe: %s", diff)
	}
	a.bytes = 2 * a.bursts["journey"][0].size
	put(t, a, burstAt(6))
	if diff := cmp.Diff([]int{6, 5}, minutes(a, "journey")); diff != "" || len(minutes(a, "other")) != 0 {
		t.Errorf("two of all: %s, and %v of the other", diff, minutes(a, "other"))
	}
	a.bytes = 1
	put(t, a, burstAt(7))
	if diff := cmp.Diff([]int{7}, minutes(a, "journey")); diff != "" {
		t.Errorf("the newest stays: %s", diff)
	}
	files, err := filepath.Glob(filepath.Join(dir, "bursts", "*", "*"))
	if err != nil || len(files) != 1 {
		t.Errorf("%d files, %v, want those that are known", len(files), err)
	}
}

func TestBurstsOfOneInstantAreBothKept(t *testing.T) {
	a := open(t, t.TempDir())
	put(t, a, burstAt(1), burstAt(1), burstAt(1))
	if diff := cmp.Diff([]int{1, 1, 1}, minutes(a, "journey")); diff != "" {
		t.Error(diff)
	}
}

func TestFilesOfANewerVersionAreLeftAlone(t *testing.T) {
	a := open(t, t.TempDir())
	put(t, a, burstAt(1), burstAt(2))
	name := filepath.Join(a.dir, "bursts", "journey", a.bursts["journey"][0].name)
	if err := os.WriteFile(name, []byte(`{"format": 2, "leaves": "elsewhere"}`), 0o600); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]int{2}, minutes(a, "journey")); diff != "" || a.Corrupt() != 0 {
		t.Errorf("%d set aside, %s", a.Corrupt(), diff)
	}
	if _, err := os.Stat(name); err != nil {
		t.Error(err)
	}
}

// Strangers are everything that other programs and people leave in folders, pipes that would block a reader included.
func TestStrangersInTheFolder(t *testing.T) {
	dir := t.TempDir()
	a := open(t, dir)
	put(t, a, burstAt(1))
	if err := a.Close(); err != nil {
		t.Fatal(err)
	}
	journey := filepath.Join(dir, "bursts", "journey")
	outside := filepath.Join(t.TempDir(), "outside.json")
	for _, err := range []error{
		os.WriteFile(outside, []byte("secret"), 0o600),
		os.WriteFile(filepath.Join(dir, "bursts", "notes"), nil, 0o600),
		os.Mkdir(filepath.Join(dir, "bursts", "Not A Probe"), 0o700),
		os.Mkdir(filepath.Join(journey, "20261124T120200.000000000Z.json"), 0o700),
		os.WriteFile(filepath.Join(journey, ".tmp-20261124T120300.000000000Z.json"), []byte("{"), 0o600),
		os.WriteFile(filepath.Join(journey, "readme.txt"), nil, 0o600),
		os.Symlink(outside, filepath.Join(journey, "20261124T120400.000000000Z.json")),
		syscall.Mkfifo(filepath.Join(journey, "20261124T120500.000000000Z.json"), 0o600),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	a = open(t, dir)
	if diff := cmp.Diff([]int{1}, minutes(a, "journey")); diff != "" || a.Corrupt() != 6 {
		t.Errorf("%d set aside, want 6; %s", a.Corrupt(), diff)
	}
	if left, _ := filepath.Glob(filepath.Join(journey, ".tmp-*")); len(left) != 0 {
		t.Errorf("%v is left of a kill", left)
	}
	if text, err := os.ReadFile(outside); string(text) != "secret" {
		t.Errorf("a file outside: %q, %v", text, err)
	}
	if err := a.Close(); err != nil {
		t.Fatal(err)
	}
	if again := open(t, dir); again.Corrupt() != 0 {
		t.Errorf("%d set aside a second time, want 0", again.Corrupt())
	}
}

func TestFilesSetAsideAreBounded(t *testing.T) {
	dir := t.TempDir()
	a := open(t, dir)
	put(t, a, burstAt(0))
	for i := range 3 * maxCorrupt {
		name := filepath.Join(dir, "bursts", "journey", fmt.Sprintf("stranger-%02d", i))
		if err := os.WriteFile(name, nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := a.scanProbe("journey"); err != nil {
		t.Fatal(err)
	}
	left, err := filepath.Glob(filepath.Join(dir, "bursts", "journey", "*.corrupt"))
	if err != nil || len(left) != maxCorrupt || filepath.Base(left[0]) != "stranger-20.corrupt" {
		t.Errorf("%v, %v, want the last ten", left, err)
	}
}

func TestTwoDaemonsOnOneFolder(t *testing.T) {
	dir := t.TempDir()
	a := open(t, dir)
	_, err := Open(dir, slog.New(slog.DiscardHandler))
	want := fmt.Sprintf("opening storage %q: another perfwatch uses it: give each a --storage.path of its own", dir)
	if err == nil || err.Error() != want {
		t.Errorf("opened twice: %v, want %s", err, want)
	}
	if err := a.Close(); err != nil {
		t.Fatal(err)
	}
	open(t, dir)
}

func TestAFolderThatCannotBeWrittenTo(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(filepath.Join(file, "data"), slog.New(slog.DiscardHandler)); !errors.Is(err, syscall.ENOTDIR) {
		t.Errorf("below a file: %v", err)
	}
	dir := t.TempDir()
	if err := os.Chmod(dir, 0o500); err != nil {
		t.Fatal(err)
	}
	_, err := Open(dir, slog.New(slog.DiscardHandler))
	if os.Geteuid() != 0 && !errors.Is(err, os.ErrPermission) { // root may write anywhere
		t.Errorf("read only: %v", err)
	}
}

func TestStateIsReplacedAsAWhole(t *testing.T) {
	dir := t.TempDir()
	a := open(t, dir)
	if got, err := a.State("budget"); got != nil || err != nil {
		t.Errorf("before anything is stored: %q, %v", got, err)
	}
	for _, want := range []string{"a longer text", "short", ""} {
		if err := a.SetState("budget", []byte(want)); err != nil {
			t.Fatal(err)
		}
		if got, err := a.State("budget"); string(got) != want || err != nil {
			t.Errorf("%q, %v, want %q", got, err, want)
		}
	}
	for _, name := range []string{"", "../x", "a/b", "UP", ".tmp"} {
		if err := a.SetState(name, nil); err == nil {
			t.Errorf("stored under %q", name)
		}
		if _, err := a.State(name); err == nil {
			t.Errorf("read under %q", name)
		}
	}
	if err := a.SetState("budget", make([]byte, maxState+1)); err == nil {
		t.Error("stored more than 1 MiB")
	}
	if err := os.WriteFile(filepath.Join(dir, "state", "budget.json"), make([]byte, maxState+1), 0o600); err != nil {
		t.Fatal(err)
	}
	if got, err := a.State("budget"); got != nil || err != nil || a.Corrupt() != 1 {
		t.Errorf("reading more than 1 MiB: %d bytes, %v, %d set aside, want none, no error and 1", len(got), err, a.Corrupt())
	}
	if err := a.SetState("budget", []byte("understood by nobody")); err != nil {
		t.Fatal(err)
	}
	a.RejectState("budget", errors.New("no state"))
	if got, err := a.State("budget"); got != nil || err != nil || a.Corrupt() != 2 {
		t.Errorf("%q, %v, %d set aside, want none, no error and 2", got, err, a.Corrupt())
	}
}

func TestProbesThatAreNoFolders(t *testing.T) {
	a := open(t, t.TempDir())
	for _, probe := range []string{"", "..", "a/b", "/etc", "Upper"} {
		b := burstAt(1)
		b.Probe = probe
		if err := a.Put(b); err == nil {
			t.Errorf("kept a burst of probe %q", probe)
		}
	}
}
