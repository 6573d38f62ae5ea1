package main

import (
	"fmt"
	"io"
	"math"
	"slices"
	"time"
)

// What the figures of a page may miss its truth by, and Lighthouse's by, in milliseconds; a cost in milliseconds too.
const (
	mostMedian  = 1    // of interactive and blocking, the median
	mostError   = 5    // of the same, 95 % of the loads
	mostByte    = 10   // of the first byte
	mostPaint   = 30   // of the first paint, from when it could come
	mostShift   = 1e-6 // of the layout shift
	mostCost    = 150  // of a load beside the page's own time and the quiet window, the median
	mostBeside  = 0.01 // of Lighthouse's interactive and blocking, as a share
	paintBeside = 50   // of Lighthouse's first paint
)

// writeErrors shows by how much each figure misses the truth, and says what misses it by too much.
func writeErrors(out io.Writer, all []*result) (missed []string) {
	_, _ = fmt.Fprint(out, "Errors against the pages' own truth in ms: the median, and within which 95 % of the loads are.\n"+
		"First byte and first paint are counted from when they could come. The cost is beside the page's own time and 5 s;\n"+
		"its least is what a busy machine adds nothing to.\n\n"+
		"| page | loads | first byte | first paint | interactive | blocking | shift | cost of a load, and the least |\n"+
		"|---|---|---|---|---|---|---|---|\n")
	for _, r := range all {
		if r.unresolved > 0 {
			_, _ = fmt.Fprintf(out, "| %s | %d | | | never, cpu_busy | | | |\n", r.page.Name, r.unresolved)
			continue
		}
		costs := spreadOf(r.each((*load).cost))
		first := spreadOf(r.off(firstByte, func(l *load) time.Duration { return l.truth.FirstByte }))
		paint := spreadOf(r.off(firstPaint, func(l *load) time.Duration { return l.truth.FirstPaint }))
		ready := spreadOf(r.off(interactive, func(l *load) time.Duration { return l.truth.Interactive }))
		block := spreadOf(r.off(blocking, func(l *load) time.Duration { return l.truth.Blocking }))
		_, _ = fmt.Fprintf(out, "| %s | %d | %s | %s | %s | %s | %.0e | %s, %.1f |\n",
			r.page.Name, len(r.loads), first, paint, ready, block, r.shiftOff(), costs, slices.Min(r.each((*load).cost)))
		for _, judged := range []struct {
			what string
			good bool
		}{
			{fmt.Sprintf("first byte %v, want %d ms over at most", first, mostByte), first.within <= mostByte},
			{fmt.Sprintf("first paint %v, want %d ms over at most", paint, mostPaint), paint.within <= mostPaint},
			{fmt.Sprintf("interactive %v, want %d (%d)", ready, mostMedian, mostError), ready.exact()},
			{fmt.Sprintf("blocking %v, want %d (%d)", block, mostMedian, mostError), block.exact()},
			{fmt.Sprintf("shift off by %g, want %g at most", r.shiftOff(), mostShift), r.shiftOff() <= mostShift},
			{fmt.Sprintf("cost %v, want %d ms at most", costs, mostCost), costs.median <= mostCost},
		} {
			if !judged.good {
				missed = append(missed, r.page.Name+": "+judged.what)
			}
		}
	}
	return missed
}

func firstByte(l *load) time.Duration   { return l.FirstByte }
func firstPaint(l *load) time.Duration  { return l.FirstPaint }
func interactive(l *load) time.Duration { return l.Interactive }
func blocking(l *load) time.Duration    { return l.Blocking }

// A spread has the median of figures, and below which 95 % of them are without their sign. Its zero value is of none.
type spread struct {
	n              int
	median, within float64
}

func spreadOf(figures []float64) spread {
	if len(figures) == 0 {
		return spread{}
	}
	sizes := make([]float64, 0, len(figures))
	for _, e := range figures {
		sizes = append(sizes, math.Abs(e))
	}
	return spread{len(figures), quantile(figures, 0.5), quantile(sizes, 0.95)}
}

func (s spread) String() string {
	if s.n == 0 {
		return "-"
	}
	return fmt.Sprintf("%.1f (%.1f)", s.median, s.within)
}

// exact says that errors are as small as those of interactive and blocking may be.
func (s spread) exact() bool { return math.Abs(s.median) <= mostMedian && s.within <= mostError }

// writeBeside shows our medians and Lighthouse's, and says what differs by too much.
func writeBeside(out io.Writer, all []*result, theirs map[string]finding) (missed []string) {
	_, _ = fmt.Fprint(out, "\nMedians in ms, perfwatch / Lighthouse (provided throttling); a load in s.\n\n"+
		"| page | first paint | interactive | blocking | a load |\n|---|---|---|---|---|\n")
	for _, r := range all {
		f, ok := theirs[r.page.Name]
		if !ok {
			continue
		}
		paint, ready, block := quantile(r.each(firstPaint), 0.5), quantile(r.each(interactive), 0.5), quantile(r.each(blocking), 0.5)
		took := quantile(r.each(func(l *load) time.Duration { return l.took }), 0.5)
		_, _ = fmt.Fprintf(out, "| %s | %.0f / %.0f | %s | %s | %.1f / %.1f |\n", r.page.Name, paint, f.painted,
			beside(ready, f.interactive), beside(block, f.blocking), took/1000, f.took/1000)
		if math.Abs(paint-f.painted) > paintBeside {
			missed = append(missed, fmt.Sprintf("%s: first paint %.0f / %.0f, want %d ms between them at most", r.page.Name,
				paint, f.painted, paintBeside))
		}
		// A page without a long task is interactive with its first paint, or when it is parsed, and differs as that does.
		if tasks := r.loads[0].truth.Interactive > 0; tasks && apart(ready, f.interactive) > mostBeside ||
			!tasks && math.Abs(ready-f.interactive) > paintBeside {
			missed = append(missed, fmt.Sprintf("%s: interactive %s", r.page.Name, beside(ready, f.interactive)))
		}
		if apart(block, f.blocking) > mostBeside {
			missed = append(missed, fmt.Sprintf("%s: blocking %s", r.page.Name, beside(block, f.blocking)))
		}
	}
	return missed
}

// apart is by which share two figures differ; two that are 0 do not.
func apart(ours, theirs float64) float64 {
	if ours == theirs {
		return 0
	}
	return math.Abs(ours/theirs - 1)
}

// beside is our median, theirs, and by how much they differ.
func beside(ours, theirs float64) string {
	text := fmt.Sprintf("%.0f / %.0f", ours, theirs)
	if theirs > 0 {
		text += fmt.Sprintf(" (%+.1f %%)", 100*(ours/theirs-1))
	}
	return text
}

// quantile is the value at or below which so much of them is; the median of an even number is the mean of the middle ones.
func quantile(values []float64, q float64) float64 {
	sorted := slices.Sorted(slices.Values(values))
	if n := len(sorted); q == 0.5 && n%2 == 0 {
		return (sorted[n/2-1] + sorted[n/2]) / 2
	}
	return sorted[max(0, int(math.Ceil(q*float64(len(sorted))))-1)]
}
