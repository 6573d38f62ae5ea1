package web

import (
	"errors"
	"io"
	"strings"
	"sync"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/perfwatch/perfwatch/probes"
)

func TestBoardKeepsTheLastFiftyInOrder(t *testing.T) {
	var b Board
	for i := range 120 {
		s := probes.Sample{Start: now().Add(time.Duration(i) * time.Second), Duration: time.Duration(i) * time.Millisecond, Outcome: probes.OK}
		if i >= 110 {
			s.Outcome, s.Err = probes.HTTP5xx, &probes.StatusError{Code: 500 + i, Want: "2xx"}
		}
		b.Observe("p", &s)
	}
	h := b.History("p")
	if h.Runs != 120 || h.Failed != 10 || len(h.Results) != 50 || h.Kept != 50 || h.KeptFailed != 10 || len(h.Failures) != 10 {
		t.Fatalf("runs %d, failed %d, kept %d, failed of them %d", h.Runs, h.Failed, h.Kept, h.KeptFailed)
	}
	for i := range h.Results {
		if got := h.Results[i].Duration; got != time.Duration(70+i)*time.Millisecond {
			t.Errorf("result %d took %d, want %d", i, got, 70+i)
		}
	}
	want := Result{At: now().Add(119 * time.Second), Duration: 119 * time.Millisecond, Outcome: probes.HTTP5xx, Error: "status 619, want 2xx"}
	if got := *h.Last; got != want {
		t.Errorf("last %+v, want %+v", got, want)
	}
}

func TestBoardLeavesOutWhatWeStopped(t *testing.T) {
	var b Board
	b.Observe("p", &probes.Sample{Outcome: probes.Timeout, Err: errors.New("late")})
	b.Observe("p", &probes.Sample{Outcome: probes.Canceled, Err: errors.New("stopped")})
	if h := b.History("p"); h.Runs != 1 || h.Last.Outcome != probes.Timeout {
		t.Errorf("history %+v, want the timeout alone", h)
	}
}

func TestBoardForgetsWhatIsRemoved(t *testing.T) {
	var b Board
	b.Observe("p", &probes.Sample{})
	b.Observe("q", &probes.Sample{})
	b.Remove("p")
	b.Remove("nonsense")
	p, q := b.History("p"), b.History("q")
	if p.Runs != 0 || p.Last != nil || q.Runs != 1 {
		t.Errorf("p %+v, q %+v", p, q)
	}
}

func TestBoardBoundsTheErrorsOfTargets(t *testing.T) {
	for _, c := range []struct {
		name, text, want string
	}{
		{"short", "gone", "gone"},
		{"just fits", strings.Repeat("x", maxErrorText), strings.Repeat("x", maxErrorText)},
		{"one too long", strings.Repeat("x", maxErrorText+1), strings.Repeat("x", maxErrorText-3) + "…"},
		{"cut between characters", strings.Repeat("é", maxErrorText), strings.Repeat("é", (maxErrorText-3)/2) + "…"},
		{"not a text", strings.Repeat("\xbf", 1<<20), "…"},
	} {
		var b Board
		b.Observe("p", &probes.Sample{Outcome: probes.Error, Err: errors.New(c.text)})
		h := b.History("p")
		if got := h.Last.Error; got != c.want || !utf8.ValidString(got) {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
}

func TestBoardHistoryIsACopy(t *testing.T) {
	var b Board
	b.Observe("p", &probes.Sample{Duration: time.Second})
	h := b.History("p")
	for range ringSize {
		b.Observe("p", &probes.Sample{Duration: 2 * time.Second})
	}
	if h.Last.Duration != time.Second {
		t.Errorf("the copy changed to %v", h.Last.Duration)
	}
}

func TestBoardIsSafeForConcurrentUse(t *testing.T) {
	var b Board
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for range 500 {
				b.Observe("p", &probes.Sample{Outcome: probes.Timeout, Err: errors.New("late")})
				h := b.History("p")
				_ = h.Last
			}
		})
	}
	wg.Wait()
	if h := b.History("p"); h.Runs != 2000 || h.Failed != 2000 {
		t.Errorf("runs %d, failed %d, want 2000 each", h.Runs, h.Failed)
	}
}

func TestRecordingASuccessDoesNotAllocate(t *testing.T) {
	var b Board
	s := &probes.Sample{Duration: time.Millisecond}
	b.Observe("p", s)
	if got := testing.AllocsPerRun(100, func() { b.Observe("p", s) }); got != 0 {
		t.Errorf("%v allocations a run, want 0", got)
	}
}

func BenchmarkBoardObserve(b *testing.B) {
	var board Board
	s := &probes.Sample{Duration: time.Millisecond}
	b.ReportAllocs()
	for b.Loop() {
		board.Observe("p", s)
	}
}

func BenchmarkStatusPage(b *testing.B) {
	page := nightPage()
	for range 95 {
		page.Probes = append(page.Probes, page.Probes[0])
	}
	p := newPages(&Options{})
	b.ReportAllocs()
	for b.Loop() {
		if err := p.template.ExecuteTemplate(io.Discard, "page.html", newView(p.options, page)); err != nil {
			b.Fatal(err)
		}
	}
}
