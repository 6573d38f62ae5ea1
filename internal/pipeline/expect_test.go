package pipeline

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// at parses "24 18:00", a day of November 2026 and a time in New York, which is five hours behind.
func at(t *testing.T, text string) time.Time {
	t.Helper()
	zone, err := time.LoadLocation("America/New_York")
	if err != nil {
		t.Fatal(err)
	}
	when, err := time.ParseInLocation("2006-01 02 15:04", "2026-11 "+text, zone)
	if err != nil {
		t.Fatal(err)
	}
	return when
}

func TestARunThatDoesNotStartIsLateAndThenMissed(t *testing.T) {
	x := begin(t, daily(t), at(t, "24 12:00"))
	for _, tt := range []struct {
		when     string
		late     bool
		missed   uint64
		expected string
	}{
		{"24 12:01", false, 0, "24 18:00"},
		{"24 18:15", false, 0, "24 18:00"},
		{"24 18:16", true, 0, "24 18:00"},
		{"24 19:14", true, 0, "24 18:00"},
		{"24 19:15", true, 1, "24 18:00"},
		{"25 17:59", true, 1, "24 18:00"}, // it stays late until a run starts
		{"25 19:15", true, 2, "24 18:00"},
		{"30 12:00", true, 4, "24 18:00"}, // Saturday and Sunday are none
	} {
		x.now = at(t, tt.when)
		if err := x.p.Tick(x.now); err != nil {
			t.Fatal(err)
		}
		s := x.status()
		if s.Late != tt.late || s.Counts[Missed] != tt.missed || !s.Expected.Equal(at(t, tt.expected)) {
			t.Errorf("%s: late %t, missed %d, expected %s, want %t, %d, %s", tt.when, s.Late, s.Counts[Missed], s.Expected, tt.late,
				tt.missed, tt.expected)
		}
	}
	x.now = at(t, "30 13:00")
	x.expect("fetch start", "open")
	if s := x.status(); s.Late || !s.Expected.Equal(at(t, "30 18:00")) || s.Failures != 0 {
		t.Errorf("late %t, expected %s", s.Late, s.Expected)
	}
}

func TestWhichRunIsTheOneThatIsDue(t *testing.T) {
	for _, tt := range []struct{ started, expected string }{
		{"24 17:58", "24 18:00"}, // too early
		{"24 17:59", "25 18:00"}, // a clock that is a minute ahead
		{"24 18:00", "25 18:00"},
		{"24 18:20", "25 18:00"},
		{"27 18:00", "30 18:00"}, // of Friday, though that of Tuesday never came
	} {
		x := begin(t, daily(t), at(t, "24 12:00"))
		x.now = at(t, tt.started).Add(-time.Minute)
		x.expect("fetch start", "open")
		if s := x.status(); !s.Expected.Equal(at(t, tt.expected)) {
			t.Errorf("started %s: the next is expected %s, want %s", tt.started, s.Expected, tt.expected)
		}
	}
}

// 2:30 in New York does not happen on 8 March 2026 and happens twice on 1 November.
func TestExpectedStartsFollowDaylightSaving(t *testing.T) {
	spec := daily(t)
	spec.Schedule = scheduled(t, "CRON_TZ=America/New_York 0 30 2 * * *")
	zone, err := time.LoadLocation("America/New_York")
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		from time.Time
		want []string
	}{
		{time.Date(2026, 3, 6, 12, 0, 0, 0, zone), []string{"07T07:30Z", "09T06:30Z"}},
		{time.Date(2026, 10, 30, 12, 0, 0, 0, zone), []string{"31T06:30Z", "01T07:30Z"}},
	} {
		x := begin(t, spec, tt.from)
		var got []string
		for range tt.want {
			x.now = x.status().Expected.Add(-time.Minute)
			got = append(got, x.status().Expected.UTC().Format("02T15:04Z"))
			x.expect("fetch start", "open")
		}
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("from %s: %s", tt.from, diff)
		}
	}
}

func TestRunsThatWereDueWhileNobodyWatchedAreUnknown(t *testing.T) {
	again := func(x *tester, when string) *tester {
		y := &tester{T: x.T, now: at(x.T, when)}
		var err error
		if y.p, err = New(daily(t), x.saved, nil, y.now); err != nil {
			t.Fatal(err)
		}
		return y
	}
	x := begin(t, daily(t), at(t, "23 12:00"))
	x.now = at(t, "23 17:59")
	x.expect("fetch start", "open") // so that something is stored
	y := again(x, "26 18:10")
	if s := y.status(); s.Late || s.Counts[Unknown] != 2 || s.Counts[Missed] != 0 || !s.Expected.Equal(at(t, "26 18:00")) {
		t.Errorf("late %t, %v, expected %s, want two unknown, and that of now", s.Late, s.Counts, s.Expected)
	}
	x.now = at(t, "24 18:20")
	if err := x.p.Tick(x.now); err != nil {
		t.Fatal(err)
	}
	y = again(x, "25 12:00") // what was known to be late stays so
	if s := y.status(); !s.Late || s.Counts[Unknown] != 0 || s.Counts[Missed] != 1 || !s.Expected.Equal(at(t, "24 18:00")) {
		t.Errorf("late %t, %v, expected %s, want it late since the 24th", s.Late, s.Counts, s.Expected)
	}
	y = again(x, "24 18:05")
	if s := y.status(); !s.Expected.Equal(at(t, "24 18:00")) {
		t.Errorf("expected %s, want that of the 24th, whose grace is not over", s.Expected)
	}
}

// A reload changes when a run is expected only if it changes the schedule.
func TestRedeclared(t *testing.T) {
	x := begin(t, daily(t), at(t, "24 12:00"))
	x.now = at(t, "24 17:59")
	x.expect("fetch start", "open")
	spec := daily(t)
	spec.Budget = time.Minute
	x.now = at(t, "24 18:05")
	x.p.Redeclare(spec, x.now)
	if s := x.status(); !s.Expected.Equal(at(t, "25 18:00")) || len(s.Open) != 1 {
		t.Errorf("expected %s, %d open", s.Expected, len(s.Open))
	}
	spec.Schedule = scheduled(t, "CRON_TZ=America/New_York 0 0 20 * * *")
	spec.Stages = spec.Stages[:1]
	x.p.Redeclare(spec, x.now)
	if s := x.status(); !s.Expected.Equal(at(t, "24 20:00")) {
		t.Errorf("expected %s, want by the new schedule", s.Expected)
	}
	x.expect("fetch finish", "success") // the other stage is not waited for
}
