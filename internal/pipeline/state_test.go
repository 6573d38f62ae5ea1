package pipeline

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// stored is the state of a pipeline with an open run and one that failed.
func stored(t *testing.T) []byte {
	t.Helper()
	x := begin(t, daily(t), evening())
	x.expect("fetch start run=a", "open", "fetch fail 7 run=a", "failed", "fetch start run=b key=k", "open", "fetch progress 9 run=b", "open")
	return x.saved
}

func TestAStateComesBackAsItWasStored(t *testing.T) {
	text := stored(t)
	x := begin(t, daily(t), evening())
	again, err := New(daily(t), text, nil, evening())
	if err != nil {
		t.Fatal(err)
	}
	if err := x.p.state.decode(text); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(x.status(), again.Status(evening()), cmp.AllowUnexported(Spec{}), cmp.Comparer(sameSchedule)); diff != "" {
		t.Error(diff)
	}
	s := again.Status(evening())
	if len(s.Open) != 1 || s.Open[0].ID != "b" || s.Open[0].Stages[0].Items != 9 || s.Ended[0].Stages[0].Items != 7 || s.Counts[Failed] != 1 {
		t.Errorf("%+v", s)
	}
}

func TestWhatIsNoStateIsRefused(t *testing.T) {
	good := string(stored(t))
	replaced := func(old, by string) string {
		if !strings.Contains(good, old) {
			t.Fatalf("no %s in %s", old, good)
		}
		return strings.Replace(good, old, by, 1)
	}
	for name, text := range map[string]string{
		"half":                     good[:len(good)/2],
		"null":                     "null",
		"a list":                   "[]",
		"two in one":               good + good,
		"deep":                     strings.Repeat("[", 100_000),
		"no version":               replaced(`"version":1`, `"version":0`),
		"another outcome":          replaced(`"failed":1`, `"great":1`),
		"a count below none":       replaced(`"failed":1`, `"failed":-1`),
		"an open run that ended":   replaced(`"outcome":"failed"`, `"outcome":""`),
		"a run that never started": replaced(`"start":"2026-11-24T23:01:00Z"`, `"start":"0001-01-01T00:00:00Z"`),
		"a run twice":              replaced(`"id":"b"`, `"id":"a"`),
		"markup":                   replaced(`"id":"b"`, `"id":"<b>"`),
		"another state":            replaced(`"state":"running"`, `"state":"great"`),
		"an end too early":         replaced(`"state":"failed"`, `"state":"running"`),
		"items below none":         replaced(`"items":9`, `"items":-2`),
		"no attempt":               replaced(`"attempts":1`, `"attempts":0`),
		"failures below none":      replaced(`"failures":1`, `"failures":-1`),
	} {
		p, err := New(daily(t), []byte(text), nil, evening())
		if err == nil {
			t.Errorf("%s: taken", name)
		}
		if s := p.Status(evening()); len(s.Open)+len(s.Ended)+len(s.Counts) != 0 {
			t.Errorf("%s: it left something: %+v", name, s)
		}
	}
	if _, err := New(daily(t), []byte(replaced(`"version":1`, `"version":2`)), nil, evening()); !errors.Is(err, ErrNewer) {
		t.Errorf("%v, want a newer version", err)
	}
}

// Whatever is stored and whatever is reported, what is stored next can be read again.
func FuzzEvents(f *testing.F) {
	f.Add([]byte("\x00\x01\x02\x10\x21\x32\x43"))
	f.Fuzz(func(t *testing.T, script []byte) {
		x := begin(t, daily(t), evening())
		for _, b := range script {
			x.now = x.now.Add(7 * time.Minute)
			e := Event{Stage: []string{"fetch", "predict"}[b&1], Verb: Verbs()[b>>1&3], Run: []string{"", "a", "b", "c"}[b>>3&3],
				Key: []string{"", "k"}[b>>5&1], Items: int64(b >> 6)}
			_, err := x.p.Report(e, x.now)
			if err != nil && !errors.Is(err, ErrConflict) {
				t.Fatal(err)
			}
			twice, err2 := x.p.Report(e, x.now)
			if e.Run != "" && err == nil && (err2 != nil || twice.Changed && e.Verb != Start) {
				t.Fatalf("%+v: the second time %+v, %v", e, twice, err2)
			}
			if _, err := New(daily(t), x.saved, nil, x.now); err != nil {
				t.Fatal(err)
			}
		}
	})
}
