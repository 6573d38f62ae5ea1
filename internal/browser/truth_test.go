package browser

import (
	"math"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/perfwatch/perfwatch/internal/truth"
)

// TestPagesWithATruth loads them all at once. A busy machine is late for everything, and the pages' marks are as late.
func TestPagesWithATruth(t *testing.T) {
	t.Parallel()
	s := httptest.NewServer(truth.Handler())
	t.Cleanup(s.Close)
	b := browserFor(t)
	b.slots = make(chan struct{}, len(truth.Pages())) // most of the time they wait
	for _, page := range truth.Pages() {
		t.Run(page.Name, func(t *testing.T) {
			t.Parallel()
			p := pageAt(t, s.URL, "/"+page.Name)
			p.Width, p.Height, p.Marks = truth.Width, truth.Height, page.Marks
			if !page.Quiet {
				load(t, b, p, 10*time.Second, CPUBusy)
				return
			}
			f := load(t, b, p, 40*time.Second, "").Figures
			if len(f.Marks) != len(page.Marks) {
				t.Fatalf("marks %v, want %v", f.Marks, page.Marks)
			}
			compare(t, &f, page.Truth(f.Marks))
		})
	}
}

func compare(t *testing.T, f *Figures, want truth.Truth) {
	t.Helper()
	const near, order = 30 * time.Millisecond, 4 * time.Millisecond // paint entries come in steps of 4 ms
	if f.FirstByte < want.FirstByte || f.FirstPaint < want.FirstPaint-order {
		t.Errorf("first byte %v, first paint %v, want them not before %v and %v", f.FirstByte, f.FirstPaint, want.FirstByte, want.FirstPaint)
	}
	if got := f.Interactive; want.Interactive > 0 && (got-want.Interactive).Abs() > near || got < f.FirstPaint || got < f.Parsed {
		t.Errorf("interactive %v, want %v or so, and not before the first paint %v and the document %v", got, want.Interactive,
			f.FirstPaint, f.Parsed)
	}
	if want.Interactive > 0 && (f.Blocking-want.Blocking).Abs() > near {
		t.Errorf("blocking %v, want %v or so", f.Blocking, want.Blocking)
	}
	if math.Abs(f.Shift-want.Shift) > 1e-6 {
		t.Errorf("shift %.7f, want %.7f", f.Shift, want.Shift)
	}
}
