package main

import (
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/perfwatch/perfwatch/internal/browser"
	"github.com/perfwatch/perfwatch/internal/truth"
)

// loaded is a page that was loaded ten times, each by so much off its truth.
func loaded(off time.Duration, shift float64, cost time.Duration) []*result {
	const ms = time.Millisecond
	want := truth.Truth{FirstByte: 300 * ms, FirstPaint: 320 * ms, Interactive: 2 * time.Second, Blocking: 500 * ms}
	r := &result{page: truth.Page{Name: "p", Quiet: true}}
	for range 10 {
		f := browser.Figures{
			FirstByte: 300*ms + 8*off, FirstPaint: 320*ms + 25*off, Interactive: 2*time.Second + off, Blocking: 500*ms - off, Shift: shift,
		}
		r.loads = append(r.loads, load{f, want, f.Interactive + quietWindow + cost})
	}
	return []*result{r}
}

func TestFiguresAreJudged(t *testing.T) {
	for _, tt := range []struct {
		name  string
		all   []*result
		wrong []string
	}{
		{"as good as they have to be", loaded(time.Millisecond, 0, 150*time.Millisecond), nil},
		{"late", loaded(2*time.Millisecond, 0, 100*time.Millisecond), []string{"first byte", "first paint", "interactive", "blocking"}},
		{"costly and shifted", loaded(0, 1e-5, 151*time.Millisecond), []string{"shift", "cost"}},
	} {
		var got []string
		for _, m := range writeErrors(io.Discard, tt.all) {
			got = append(got, strings.TrimPrefix(m, "p: "))
		}
		if !slices.EqualFunc(got, tt.wrong, strings.HasPrefix) {
			t.Errorf("%s: got %q, want %q", tt.name, got, tt.wrong)
		}
	}
}

func TestFiguresAreHeldAgainstLighthouse(t *testing.T) {
	for _, tt := range []struct {
		theirs finding
		wrong  int
	}{
		{finding{2000, 500, 320, 25_000}, 0},
		{finding{2019, 504, 369, 25_000}, 0},
		{finding{2021, 506, 371, 25_000}, 3},
		{finding{2000, 0, 320, 25_000}, 1},
	} {
		if got := writeBeside(io.Discard, loaded(0, 0, 0), map[string]finding{"p": tt.theirs}); len(got) != tt.wrong {
			t.Errorf("beside %+v: %q, want %d that differ by too much", tt.theirs, got, tt.wrong)
		}
	}
}

func TestQuantile(t *testing.T) {
	for _, tt := range []struct {
		values  []float64
		q, want float64
	}{
		{[]float64{3, 1, 2}, 0.5, 2}, {[]float64{4, 1, 2, 3}, 0.5, 2.5}, {[]float64{1, 2, 3, 4, 5, 6, 7, 8, 9, 10}, 0.95, 10}, {[]float64{7}, 0.95, 7},
	} {
		if got := quantile(tt.values, tt.q); got != tt.want {
			t.Errorf("quantile %v of %v is %v, want %v", tt.q, tt.values, got, tt.want)
		}
	}
}
