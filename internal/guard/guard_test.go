package guard

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/perfwatch/perfwatch/internal/schedule"
)

var errDisk = errors.New("disk full")

// A shelf keeps what was stored last.
type shelf struct {
	state []byte
	err   error
}

func (s *shelf) store(state []byte) error {
	if s.err == nil {
		s.state = state
	}
	return s.err
}

func noon() time.Time { return time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC) }

// restarted is a guard that begins with what a shelf holds.
func restarted(t *testing.T, s *shelf, daily uint64) *Guard {
	t.Helper()
	g, err := New(s.state, s.store)
	if err != nil {
		t.Fatal(err)
	}
	g.SetRules(Rules{DailyRequests: daily})
	return g
}

func TestAfterAnAbortBurstsAreSkippedThenHalfThenWhole(t *testing.T) {
	disk := &shelf{}
	steps := []struct {
		ends Ending
		want string // of the burst before it ends
	}{
		{Fine, "whole"},
		{Harmful, "whole"},
		{0, "1 aborted in a row, 0 more to skip, then one of half the size"},
		{Unproven, "half"},
		{Harmful, "half"},
		{0, "2 aborted in a row, 1 more to skip, then one of half the size"},
		{0, "2 aborted in a row, 0 more to skip, then one of half the size"},
		{Fine, "half"},
		{Fine, "whole"},
		{Harmful, "whole"},
		{0, "1 aborted in a row, 0 more to skip, then one of half the size"},
		{Fine, "half"},
		{Fine, "whole"},
	}
	for i, step := range steps {
		g := restarted(t, disk, 100) // every step in a daemon of its own
		if half, err := g.Admit(noon(), "other"); half || err != nil {
			t.Errorf("step %d: another burst is half %v, %v", i, half, err)
		}
		half, err := g.Admit(noon(), "journey")
		got := map[bool]string{true: "half", false: "whole"}[half]
		if err != nil {
			got = err.Error()
		}
		if got != step.want {
			t.Errorf("step %d: %s, want %s", i, got, step.want)
		}
		var refusal *RefusedError
		if errors.As(err, &refusal) {
			if refusal.Reason != Guarded {
				t.Errorf("step %d: reason %s, want guard", i, refusal.Reason)
			}
			continue
		}
		if err := g.Ended("journey", step.ends); err != nil {
			t.Fatal(err)
		}
	}
}

func TestSkipsAfterManyAbortsAreBounded(t *testing.T) {
	g := restarted(t, &shelf{}, 100)
	for range 100 {
		if err := g.Ended("journey", Harmful); err != nil {
			t.Fatal(err)
		}
	}
	for i := range 8 {
		if _, err := g.Admit(noon(), "journey"); err == nil {
			t.Fatalf("burst %d is admitted, want 8 skipped", i)
		}
	}
	if half, err := g.Admit(noon(), "journey"); !half || err != nil {
		t.Errorf("half %v, %v, want half", half, err)
	}
}

func TestTheBudgetOfADayOutlivesTheDaemon(t *testing.T) {
	disk := &shelf{}
	reserve := func(g *Guard, now time.Time, n, want uint64) {
		t.Helper()
		if got, err := g.Reserve(now, n); got != want || err != nil {
			t.Errorf("reserved %d, %v, want %d", got, err, want)
		}
	}
	g := restarted(t, disk, 1000)
	reserve(g, noon(), 600, 600)
	g = restarted(t, disk, 1000) // killed: nothing was returned
	reserve(g, noon(), 600, 400)
	reserve(g, noon(), 1, 0)
	if _, err := g.Admit(noon(), "journey"); err == nil || err.Error() != "the day's 1000 requests of all bursts are used up" {
		t.Errorf("admitted with %v", err)
	}
	if err := g.Return(noon(), 150); err != nil {
		t.Fatal(err)
	}
	if g = restarted(t, disk, 1000); g.Left(noon()) != 150 {
		t.Errorf("%d left, want 150", g.Left(noon()))
	}
	g.SetRules(Rules{DailyRequests: 100}) // less than what was sent
	reserve(g, noon(), 1, 0)
	g.SetRules(Rules{DailyRequests: 1000})
	reserve(g, noon().Add(12*time.Hour-1), 200, 150)
	reserve(g, noon().Add(12*time.Hour), 2000, 1000)
}

func TestABurstThatCannotBeRememberedDoesNotBegin(t *testing.T) {
	disk := &shelf{}
	g := restarted(t, disk, 1000)
	if err := g.Ended("journey", Harmful); err != nil {
		t.Fatal(err)
	}
	disk.err = errDisk
	if _, err := g.Admit(noon(), "journey"); !errors.Is(err, errDisk) {
		t.Errorf("admitted with %v, want disk full", err)
	}
	if n, err := g.Reserve(noon(), 10); n != 0 || !errors.Is(err, errDisk) || g.Left(noon()) != 1000 {
		t.Errorf("reserved %d, %v, %d left, want none of 1000", n, err, g.Left(noon()))
	}
}

func TestNoBurstBeginsInABlackout(t *testing.T) {
	nine, err := schedule.Parse("CRON_TZ=UTC 0 9 * * 1-5")
	if err != nil {
		t.Fatal(err)
	}
	g := restarted(t, &shelf{}, 10)
	g.SetRules(Rules{DailyRequests: 10, Blackouts: []Window{{Begin: nine, Length: 4 * time.Hour}}})
	_, err = g.Admit(noon(), "journey")
	var refusal *RefusedError
	if !errors.As(err, &refusal) || refusal.Reason != InWindow || refusal.Detail != `blackout of 4h0m0s from "CRON_TZ=UTC 0 9 * * 1-5"` {
		t.Errorf("%v, want a blackout", err)
	}
	if _, err := g.Admit(noon().Add(time.Hour), "journey"); err != nil {
		t.Errorf("after the blackout: %v", err)
	}
}

func TestAStateThatCannotBeReadBeginsAnew(t *testing.T) {
	for _, text := range []string{
		"x", `{"version":2}`, `{"version":1,"requests":-1}`, `{"version":1,"backoff":{"a":{"skips":"x"}}}`, `[]`, `{}`,
		`{"version":1,` + strings.Repeat(" ", 1<<16),
	} {
		g, err := New([]byte(text), nil)
		if err == nil {
			t.Errorf("%.40s: no error", text)
		}
		g.SetRules(Rules{DailyRequests: 5})
		if n, err := g.Reserve(noon(), 9); n != 5 || err != nil {
			t.Errorf("%.40s: reserved %d, %v, want 5", text, n, err)
		}
	}
	g, err := New([]byte(`{"version":1,"backoff":{"a":{"aborts":1,"skips":1000000}}}`), nil)
	if err != nil || g.state.Backoff["a"].Skips != mostSkips {
		t.Errorf("%v, %+v, want %d skips", err, g.state, mostSkips)
	}
}
