package browser

import (
	"fmt"
	"math"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/perfwatch/perfwatch/internal/truth"
)

// TestPagesWithATruth loads them all at once. A busy machine is late for everything, and the pages' marks are as late; but it
// may also make a long task of a short one that has no mark, and so a page is loaded again if its figures are not right.
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
			const loads = 5
			for n := range loads {
				f := load(t, b, p, 40*time.Second, "").Figures
				if len(f.Marks) != len(page.Marks) {
					t.Fatalf("marks %v, want %v", f.Marks, page.Marks)
				}
				wrong := mistakes(&f, page.Truth(f.Marks))
				if len(wrong) == 0 {
					return
				}
				t.Logf("load %d: %s", n+1, strings.Join(wrong, "; "))
			}
			t.Errorf("none of %d loads is right", loads)
		})
	}
}

// mistakes are the figures that are off by more than 95 % may be.
func mistakes(f *Figures, want truth.Truth) (list []string) {
	const near, order = 5 * time.Millisecond, 4 * time.Millisecond // paint entries come in steps of 4 ms
	note := func(right bool, format string, args ...any) {
		if !right {
			list = append(list, fmt.Sprintf(format, args...))
		}
	}
	note(f.FirstByte >= want.FirstByte, "first byte %v, want it not before %v", f.FirstByte, want.FirstByte)
	note(f.FirstPaint >= want.FirstPaint-order, "first paint %v, want it not before %v", f.FirstPaint, want.FirstPaint)
	note(f.Interactive >= f.FirstPaint && f.Interactive >= f.Parsed, "interactive %v, want it not before the first paint %v and the document %v",
		f.Interactive, f.FirstPaint, f.Parsed)
	note(math.Abs(f.Shift-want.Shift) <= 1e-6, "shift %.7f, want %.7f", f.Shift, want.Shift)
	if want.Interactive > 0 {
		note((f.Interactive-want.Interactive).Abs() <= near, "interactive %v, want %v", f.Interactive, want.Interactive)
		note((f.Blocking-want.Blocking).Abs() <= near, "blocking %v, want %v", f.Blocking, want.Blocking)
	}
	return list
}
