package chart

import (
	"fmt"
	"html"
	"slices"
	"strings"
)

// drawAxes writes the grid, the ticks and their words.
func drawAxes(b *strings.Builder, f *frame, x, y *Axis) {
	for _, t := range f.y.ticks {
		py := f.py(t)
		fmt.Fprintf(b, `<path class="grid" d="M%.1f %.1fH%.1f"/>`, f.x0, py, f.x1)
		drawTick(b, f.x0-6, py+4, "end", y.word(t, f.y.step))
	}
	for _, t := range f.x.ticks {
		px := f.px(t)
		fmt.Fprintf(b, `<path class="grid" d="M%.1f %.1fV%.1f"/>`, px, f.y0, f.y1)
		drawTick(b, px, f.y1+16, "middle", x.word(t, f.x.step))
	}
}

// drawTick writes a word beside an axis, which ends or is centred at the point.
func drawTick(b *strings.Builder, x, y float64, anchor, word string) {
	fmt.Fprintf(b, `<text class="tick" x="%.1f" y="%.1f" text-anchor="%s">%s</text>`, x, y, anchor, html.EscapeString(word))
}

// drawLine writes a line in as many pieces as its gaps leave. A point that stands alone is a dot.
func drawLine(b *strings.Builder, f *frame, l layer) {
	class := "line " + l.Color
	if l.Dashed {
		class += " dashed"
	}
	for start := 0; start < len(l.Points); {
		end := start
		for end < len(l.Points) && finite(l.Points[end]) {
			end++
		}
		switch piece := l.Points[start:end]; {
		case len(piece) == 1 && !l.Dashed:
			fmt.Fprintf(b, `<circle class="dot %s" cx="%.1f" cy="%.1f" r="2"><title>%s</title></circle>`, l.Color,
				f.px(piece[0].X), f.py(piece[0].Y), html.EscapeString(l.Name))
		case len(piece) > 1:
			if l.Fill && !l.Dashed {
				fmt.Fprintf(b, `<path class="area %s" d="%s"/>`, l.Color, area(f, piece, lower(l, start, end)))
			}
			fmt.Fprintf(b, `<path class="%s" d="%s"><title>%s</title></path>`, class, path(f, piece), html.EscapeString(l.Name))
		}
		start = max(end, start+1)
	}
}

// lower is the edge below a piece of a line: that of the stack, or nil for the axis.
func lower(l layer, start, end int) []Point {
	if l.base == nil {
		return nil
	}
	return l.base[start:end]
}

func path(f *frame, points []Point) string {
	var d strings.Builder
	for i, p := range points {
		fmt.Fprintf(&d, "%c%.1f %.1f", "ML"[min(i, 1)], f.px(p.X), f.py(p.Y))
	}
	return d.String()
}

// area goes along the points and back along the edge below them.
func area(f *frame, points, below []Point) string {
	if below == nil {
		floor := max(f.y.min, min(0, f.y.max))
		below = []Point{{points[0].X, floor}, {points[len(points)-1].X, floor}}
	}
	back := slices.Clone(below)
	slices.Reverse(back)
	return path(f, points) + "L" + path(f, back)[1:] + "Z"
}

// drawLegend names the lines below the picture, as text that a reader can copy and a narrow screen can wrap.
func drawLegend(b *strings.Builder, lines []layer) {
	b.WriteString(`<ul class="legend">`)
	for _, l := range lines {
		class := l.Color
		if l.Dashed {
			class += " dashed"
		}
		fmt.Fprintf(b, `<li><i class="key %s"></i>%s</li>`, class, html.EscapeString(l.Name))
	}
	b.WriteString(`</ul>`)
}
