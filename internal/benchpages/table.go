package main

import (
	"fmt"
	"io"
	"math"
	"slices"
	"text/tabwriter"
	"time"
)

// writeErrors shows by how much each figure misses the truth.
func writeErrors(out io.Writer, all []*result) error {
	_, _ = fmt.Fprintln(out, "Error against the pages' own truth in ms, median (95 % within; for the cost: the most)."+
		"\nFirst byte and first paint are counted from when they could come.")
	t := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	_, _ = fmt.Fprintln(t, "page\tloads\tfirst byte\tfirst paint\tinteractive\tblocking\tshift\tcost of a load")
	for _, r := range all {
		if r.unresolved > 0 {
			_, _ = fmt.Fprintf(t, "%s\t%d\t\t\tnever, cpu_busy\t\t\t\n", r.page.Name, r.unresolved)
			continue
		}
		costs := r.each((*load).cost)
		_, _ = fmt.Fprintf(t, "%s\t%d\t%s\t%s\t%s\t%s\t%.1e\t%.0f (%.0f)\n", r.page.Name, len(r.loads),
			missed(r.off(firstByte, func(l *load) time.Duration { return l.truth.FirstByte })),
			missed(r.off(firstPaint, func(l *load) time.Duration { return l.truth.FirstPaint })),
			missed(r.off(interactive, func(l *load) time.Duration { return l.truth.Interactive })),
			missed(r.off(blocking, func(l *load) time.Duration { return l.truth.Blocking })),
			r.shiftOff(), quantile(costs, 0.5), slices.Max(costs))
	}
	return t.Flush()
}

func firstByte(l *load) time.Duration   { return l.FirstByte }
func firstPaint(l *load) time.Duration  { return l.FirstPaint }
func interactive(l *load) time.Duration { return l.Interactive }
func blocking(l *load) time.Duration    { return l.Blocking }

// missed is the median of errors, and within which bound 95 % of them are.
func missed(errors []float64) string {
	if len(errors) == 0 {
		return "-"
	}
	sizes := make([]float64, 0, len(errors))
	for _, e := range errors {
		sizes = append(sizes, math.Abs(e))
	}
	return fmt.Sprintf("%+.1f (%.1f)", quantile(errors, 0.5), quantile(sizes, 0.95))
}

// writeBeside shows our medians and Lighthouse's.
func writeBeside(out io.Writer, all []*result, theirs map[string]finding) error {
	_, _ = fmt.Fprintln(out, "\nMedians in ms, perfwatch / Lighthouse (provided throttling); a load in s.")
	t := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	_, _ = fmt.Fprintln(t, "page\tfirst paint\tinteractive\tblocking\ta load")
	for _, r := range all {
		f, ok := theirs[r.page.Name]
		if !ok {
			continue
		}
		took := r.each(func(l *load) time.Duration { return l.took })
		_, _ = fmt.Fprintf(t, "%s\t%.0f / %.0f\t%s\t%s\t%.1f / %.1f\n", r.page.Name, quantile(r.each(firstPaint), 0.5), f.painted,
			beside(r.each(interactive), f.interactive), beside(r.each(blocking), f.blocking), quantile(took, 0.5)/1000, f.took/1000)
	}
	return t.Flush()
}

// beside is our median, theirs, and by how much they differ.
func beside(ours []float64, theirs float64) string {
	median := quantile(ours, 0.5)
	text := fmt.Sprintf("%.0f / %.0f", median, theirs)
	if theirs > 0 {
		text += fmt.Sprintf(" (%+.1f %%)", 100*(median/theirs-1))
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
