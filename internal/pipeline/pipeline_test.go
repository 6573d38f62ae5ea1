package pipeline

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/perfwatch/perfwatch/internal/schedule"
)

// evening is 18:00 in New York on a Tuesday.
func evening() time.Time { return time.Date(2026, 11, 24, 23, 0, 0, 0, time.UTC) }

func scheduled(t *testing.T, text string) schedule.Spec {
	t.Helper()
	spec, err := schedule.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return spec
}

// daily is the plan's pipeline with two stages.
func daily(t *testing.T) Spec {
	t.Helper()
	return Spec{
		Name: "daily", Schedule: scheduled(t, "CRON_TZ=America/New_York 0 0 18 * * 1-5"), Grace: 15 * time.Minute,
		Budget: time.Hour, StuckAfter: 30 * time.Minute, Items: 6000,
		Stages: []Stage{{"fetch", 5 * time.Minute}, {"predict", 10 * time.Minute}},
	}
}

// A tester drives one pipeline by a clock of its own.
type tester struct {
	*testing.T
	p     *Pipeline
	now   time.Time
	saved []byte
}

func begin(t *testing.T, spec Spec, at time.Time) *tester {
	t.Helper()
	x := &tester{T: t, now: at}
	p, err := New(spec, nil, func(state []byte) error { x.saved = state; return nil }, at)
	if err != nil {
		t.Fatal(err)
	}
	x.p = p
	return x
}

// report sends "fetch start", "fetch finish 10" or "fetch start run=a key=k" some time later, and returns what it says:
// the outcome of the run or "open", with "again" for what was known.
func (x *tester) report(later time.Duration, text string) string {
	x.Helper()
	x.now = x.now.Add(later)
	e := Event{Items: -1}
	for i, word := range strings.Fields(text) {
		name, value, named := strings.Cut(word, "=")
		switch {
		case i == 0:
			e.Stage = word
		case i == 1:
			e.Verb = Verb(word)
		case named && name == "run":
			e.Run = value
		case named && name == "key":
			e.Key = value
		default:
			if _, err := fmt.Sscan(word, &e.Items); err != nil {
				x.Fatal(err)
			}
		}
	}
	receipt, err := x.p.Report(e, x.now)
	said := string(receipt.Outcome)
	switch {
	case errors.Is(err, ErrConflict):
		return "conflict"
	case err != nil:
		return err.Error()
	case said == "":
		said = "open"
	}
	if !receipt.Changed {
		said += " again"
	}
	return said
}

// expect fails unless each of pairs of an event and what it says holds, a minute apart.
func (x *tester) expect(pairs ...string) {
	x.Helper()
	for i := 0; i < len(pairs); i += 2 {
		if got := x.report(time.Minute, pairs[i]); got != pairs[i+1] {
			x.Fatalf("%s: %s, want %s", pairs[i], got, pairs[i+1])
		}
	}
}

func (x *tester) status() Status { return x.p.Status(x.now) }

func TestEvents(t *testing.T) {
	for _, tt := range []struct {
		name   string
		events []string
		counts map[Outcome]uint64
	}{
		{"a run", []string{"fetch start", "open", "fetch finish", "open", "predict start", "open", "predict finish", "success"},
			map[Outcome]uint64{Success: 1}},
		{"each said twice", []string{
			"fetch start run=a", "open", "fetch start run=a", "open again", "fetch finish 5 run=a", "open", "fetch finish 6 run=a", "open again",
			"predict start run=a", "open", "predict finish run=a", "success", "predict finish run=a", "success again",
			"fetch start run=a", "success again",
		}, map[Outcome]uint64{Success: 1}},
		{"said twice without a run", []string{
			"fetch start key=1", "open", "fetch start key=1", "open again", "fetch finish", "open", "fetch finish", "open again",
			"predict start", "open", "predict start", "open again", "predict finish", "success", "predict finish", "success again",
			"fetch start key=1", "success again", "fetch start key=2", "open",
		}, map[Outcome]uint64{Success: 1}},
		{"stages in another order", []string{"predict start run=a", "open", "predict finish run=a", "open", "fetch finish run=a", "success"},
			map[Outcome]uint64{Success: 1}},
		{"a stage fails", []string{"fetch start", "open", "fetch fail", "failed", "fetch fail", "failed again", "fetch finish", "conflict"},
			map[Outcome]uint64{Failed: 1}},
		{"a stage is done and then fails", []string{"fetch start run=a", "open", "fetch finish run=a", "open", "fetch fail run=a", "conflict"},
			map[Outcome]uint64{}},
		{"a failed stage again", []string{
			"fetch start run=a key=1", "open", "fetch fail run=a", "failed", "fetch start run=a key=1", "failed again",
			"fetch start run=a key=2", "open", "fetch finish run=a", "open", "predict start run=a", "open", "predict finish run=a", "success",
		}, map[Outcome]uint64{Failed: 1, Success: 1}},
		{"a later stage again without a run", []string{
			"fetch start", "open", "fetch finish", "open", "predict start", "open", "predict fail", "failed", "predict start", "open",
			"predict finish", "success",
		}, map[Outcome]uint64{Failed: 1, Success: 1}},
		{"the first stage again without a run is a new run", []string{
			"fetch start", "open", "fetch fail", "failed", "fetch start", "open", "fetch finish", "open",
		}, map[Outcome]uint64{Failed: 1}},
		{"a run in the place of another", []string{"fetch start", "open", "fetch start", "open"}, map[Outcome]uint64{Abandoned: 1}},
		{"two named runs at once", []string{
			"fetch start run=a", "open", "fetch start run=b", "open", "fetch finish run=a", "open", "predict finish run=a", "success",
			"fetch finish run=b", "open", "predict finish run=b", "success",
		}, map[Outcome]uint64{Success: 2}},
		{"progress", []string{
			"fetch progress 1", "conflict", "fetch progress 1 run=a", "conflict", "fetch start", "open", "fetch progress 10", "open",
			"fetch progress 10", "open again", "fetch progress 9", "open again", "predict progress 1", "conflict", "fetch finish", "open",
			"fetch progress 11", "open again",
		}, map[Outcome]uint64{}},
		{"an end without a start", []string{"fetch finish", "conflict", "fetch finish run=a", "open", "predict finish run=a", "success"},
			map[Outcome]uint64{Success: 1}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			x := begin(t, daily(t), evening())
			x.expect(tt.events...)
			if diff := cmp.Diff(tt.counts, x.status().Counts); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestFigures(t *testing.T) {
	x := begin(t, daily(t), evening())
	exit := 3
	x.expect("fetch start", "open", "fetch progress 10", "open", "fetch finish 6000", "open", "predict start", "open")
	if _, err := x.p.Report(Event{Stage: "predict", Verb: Fail, Items: 5, Exit: &exit, Memory: 4096}, x.now.Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	x.expect("predict start", "open", "predict finish 5900", "success")
	run := x.status().Ended[0]
	type figures struct {
		took            time.Duration
		items, memory   int64
		attempts, stage int
	}
	got := figures{run.Duration(x.now), run.Items(), run.Stages[1].Memory, run.Stages[1].Attempts, len(run.Stages)}
	if diff := cmp.Diff(figures{5 * time.Minute, 6000, 0, 2, 2}, got, cmp.AllowUnexported(figures{})); diff != "" {
		t.Error(diff)
	}
}

func TestWhatCannotBeTakenIsRefused(t *testing.T) {
	now := evening()
	for _, tt := range []struct {
		name  string
		event Event
		want  error
	}{
		{"another stage", Event{Stage: "other", Verb: Start}, ErrNoStage},
		{"another verb", Event{Stage: "fetch", Verb: "begin"}, ErrInvalid},
		{"a long run", Event{Stage: "fetch", Verb: Start, Run: strings.Repeat("a", 129)}, ErrInvalid},
		{"markup in a run", Event{Stage: "fetch", Verb: Start, Run: "<b>"}, ErrInvalid},
		{"a key with a line", Event{Stage: "fetch", Verb: Start, Key: "a\nb"}, ErrInvalid},
		{"items past counting", Event{Stage: "fetch", Verb: Start, Items: 1<<53 + 1}, ErrInvalid},
		{"progress of nothing", Event{Stage: "fetch", Verb: Progress, Items: -1}, ErrInvalid},
		{"the future", Event{Stage: "fetch", Verb: Start, At: now.Add(2 * time.Minute)}, ErrInvalid},
		{"long ago", Event{Stage: "fetch", Verb: Start, At: now.Add(-8 * 24 * time.Hour)}, ErrInvalid},
		{"memory below none", Event{Stage: "fetch", Verb: Finish, Run: "a", Memory: -1}, ErrInvalid},
	} {
		x := begin(t, daily(t), now)
		if _, err := x.p.Report(tt.event, now); !errors.Is(err, tt.want) {
			t.Errorf("%s: %v, want %v", tt.name, err, tt.want)
		}
		if s := x.status(); len(s.Open)+len(s.Ended) != 0 || x.saved != nil {
			t.Errorf("%s: it left a run", tt.name)
		}
	}
}

// What could not be stored did not happen, and may be sent again.
func TestAnEventThatIsNotStoredIsNotTaken(t *testing.T) {
	full := errors.New("disk full")
	fails := true
	p, err := New(daily(t), nil, func([]byte) error {
		if fails {
			return full
		}
		return nil
	}, evening())
	if err != nil {
		t.Fatal(err)
	}
	start := Event{Stage: "fetch", Verb: Start, Items: -1}
	if _, err := p.Report(start, evening()); !errors.Is(err, full) {
		t.Errorf("%v, want that of the storage", err)
	}
	if s := p.Status(evening()); len(s.Open) != 0 {
		t.Error("a run is open that was not stored")
	}
	fails = false
	if r, err := p.Report(start, evening()); err != nil || !r.Changed {
		t.Errorf("%+v, %v", r, err)
	}
}

func TestStuckAndOverlapping(t *testing.T) {
	x := begin(t, daily(t), evening())
	x.expect("fetch start", "open")
	x.now = x.now.Add(30 * time.Minute)
	if s := x.status(); s.Open[0].Stuck {
		t.Error("stuck after just half an hour")
	}
	x.now = x.now.Add(time.Second)
	if s := x.status(); !s.Open[0].Stuck || !cmp.Equal(s.Open[0].OverBudget, []string{"fetch"}) {
		t.Errorf("%+v, want stuck, and its stage over its budget", s.Open[0])
	}
	x.now = x.now.Add(30 * time.Minute)
	if s := x.status(); !cmp.Equal(s.Open[0].OverBudget, []string{"", "fetch"}) {
		t.Errorf("over budget: %q, want the run too", s.Open[0].OverBudget)
	}
	x.expect("fetch start run=b", "open")
	if s := x.status(); s.Overlaps != 0 || s.Failures != 1 || len(s.Open) != 1 || s.Ended[0].Outcome != Abandoned {
		t.Errorf("%+v, want a stuck run abandoned and no overlap", s)
	}
	x.expect("fetch start run=c", "open")
	if s := x.status(); s.Overlaps != 1 || len(s.Open) != 2 {
		t.Errorf("%d overlaps, %d open, want 1 and 2", s.Overlaps, len(s.Open))
	}
	for i := range 20 {
		x.expect(fmt.Sprintf("fetch start run=r%d", i), "open")
	}
	if s := x.status(); len(s.Open) != maxOpen {
		t.Errorf("%d open, want %d", len(s.Open), maxOpen)
	}
}

// The last run that succeeded is what earlier runs are compared with: no number of failures pushes it out.
func TestOldRunsGoAndTheLastSuccessStays(t *testing.T) {
	x := begin(t, daily(t), evening())
	x.expect("fetch start run=good", "open", "fetch finish run=good", "open", "predict finish run=good", "success")
	for i := range 3 * maxRuns {
		x.expect(fmt.Sprintf("fetch start run=r%d", i), "open", fmt.Sprintf("fetch fail run=r%d", i), "failed")
	}
	s := x.status()
	if last := s.LastSuccess(); len(s.Ended) != maxRuns || last == nil || last.ID != "good" || s.Failures != 3*maxRuns {
		t.Errorf("%d runs, last success %v, %d failures", len(s.Ended), last, s.Failures)
	}
}

func sameSchedule(a, b schedule.Spec) bool { return a.String() == b.String() }
