// Package chart draws lines, areas and bars as SVG, on the server and for a page without scripts. It knows shapes,
// scales and legends; what a figure means and how it is written is its caller's. Colours are classes of the stylesheet
// that it brings, so that a page can be light or dark and needs no inline style.
package chart

import (
	"embed"
	"fmt"
	"html"
	"html/template"
	"math"
	"strings"
	"unicode/utf8"
)

//go:embed chart.css
var stylesheet embed.FS

// CSS is the stylesheet of every drawing; a page includes it once.
func CSS() template.CSS {
	text, _ := stylesheet.ReadFile("chart.css") // it is embedded
	return template.CSS(text)                   //nolint:gosec // and nobody else's
}

// palette is how many colours the stylesheet has for lines that ask for none: c0, c1 and so on.
const palette = 8

// A Point is one value of a line. A Y that is not a number breaks the line.
type Point struct{ X, Y float64 }

// A Line is a named row of points, in the order of X.
type Line struct {
	Name   string
	Points []Point
	Color  string // a class of the stylesheet: good, fair, warn, bad, note; empty for the next of the palette
	Dashed bool   // a threshold rather than a measurement: dashed, and never filled
	Fill   bool   // the area below it is tinted
}

// An Axis maps values to the edge of a chart. Its zero value fits what is drawn.
type Axis struct {
	Min, Max float64              // fixed ends where Min < Max; otherwise they fit what is drawn
	Zero     bool                 // fitted ends include zero
	Time     bool                 // values are seconds since 1970
	Binary   bool                 // ticks at powers of two, for bytes
	Format   func(float64) string // writes a tick; plain digits without it. A time axis writes clock times without it
}

// A Chart is lines over one pair of axes.
type Chart struct {
	Title         string // read out in place of the picture
	Width, Height int    // of the view box, in pixels at scale 1; 600x200 where 0
	X, Y          Axis
	Lines         []Line
	Stacked       bool // lines that are not dashed stand on top of each other
	NoLegend      bool
}

// The margins around what is drawn.
const (
	marginLeft   = 56
	marginRight  = 12
	marginTop    = 8
	marginBottom = 22
	letter       = 6.5 // of a tick's word, as wide as it may be
	instant      = 80  // of a time of day and the room beside it
)

// frame is where a chart's values lie in its picture.
type frame struct {
	x0, y0, x1, y1 float64 // left, top, right, bottom in pixels
	x, y           scale
}

func (f *frame) px(x float64) float64 { return f.x0 + f.x.share(x)*(f.x1-f.x0) }
func (f *frame) py(y float64) float64 { return f.y1 - f.y.share(y)*(f.y1-f.y0) }

// instants is how many ticks a time axis has about, so that their words stand apart.
func (f *frame) instants() int { return max(1, min(6, int(f.x1-f.x0)/instant)) }

// SVG draws the chart. Names and ticks are escaped. A chart without points says "no data".
func (c *Chart) SVG() template.HTML {
	width, height := orDefault(c.Width, 600), orDefault(c.Height, 200)
	var b strings.Builder
	fmt.Fprintf(&b, `<svg class="chart" viewBox="0 0 %d %d" role="img" aria-label="%s">`, width, height, html.EscapeString(c.Title))
	lines := c.drawn()
	if points(lines) == 0 {
		fmt.Fprintf(&b, `<text class="empty" x="%d" y="%d" text-anchor="middle">no data</text></svg>`, width/2, height/2)
		return template.HTML(b.String()) //nolint:gosec // every text in it has been escaped
	}
	f := frame{x0: marginLeft, y0: marginTop, x1: float64(width - marginRight), y1: float64(height - marginBottom)}
	low, high := extent(lines, func(p Point) float64 { return p.X })
	f.x = c.X.fit(low, high, f.instants())
	low, high = extent(lines, func(p Point) float64 { return p.Y })
	f.y = c.Y.fit(low, high, 4)
	for _, t := range f.y.ticks {
		f.x0 = max(f.x0, 8+letter*float64(utf8.RuneCountInString(c.Y.word(t, f.y.step))))
	}
	drawAxes(&b, &f, &c.X, &c.Y)
	for _, l := range lines {
		drawLine(&b, &f, l)
	}
	b.WriteString(`</svg>`)
	if !c.NoLegend {
		drawLegend(&b, lines)
	}
	return template.HTML(b.String()) //nolint:gosec // every text in it has been escaped
}

// A layer is a line as it is drawn: its colour chosen, and, in a stack, on top of those below.
type layer struct {
	Line
	base []Point // the lower edge of its area; nil for the axis
}

// drawn gives every line its colour and stacks what is to be stacked.
func (c *Chart) drawn() []layer {
	layers := make([]layer, 0, len(c.Lines))
	next, below := 0, map[float64]float64{}
	for _, l := range c.Lines {
		if l.Color == "" {
			l.Color = fmt.Sprintf("c%d", next%palette)
			next++
		}
		drawn := layer{Line: l}
		if c.Stacked && !l.Dashed {
			drawn.Points, drawn.base = stack(l.Points, below)
			drawn.Fill = true
		}
		layers = append(layers, drawn)
	}
	return layers
}

// stack lifts points by what lies below them, and adds them to it.
func stack(points []Point, below map[float64]float64) (top, base []Point) {
	top, base = make([]Point, 0, len(points)), make([]Point, 0, len(points))
	for _, p := range points {
		if math.IsNaN(p.Y) {
			continue // nothing of this line stands here
		}
		base = append(base, Point{p.X, below[p.X]})
		below[p.X] += p.Y
		top = append(top, Point{p.X, below[p.X]})
	}
	return top, base
}

func points(lines []layer) int {
	n := 0
	for _, l := range lines {
		for _, p := range l.Points {
			if finite(p) {
				n++
			}
		}
	}
	return n
}

// finite says that a point can be drawn.
func finite(p Point) bool {
	return !math.IsNaN(p.X) && !math.IsInf(p.X, 0) && !math.IsNaN(p.Y) && !math.IsInf(p.Y, 0)
}

// extent is the least and the greatest of a coordinate over everything that can be drawn.
func extent(lines []layer, of func(Point) float64) (low, high float64) {
	low, high = math.Inf(1), math.Inf(-1)
	for _, l := range lines {
		for _, p := range l.Points {
			if finite(p) {
				low, high = min(low, of(p)), max(high, of(p))
			}
		}
	}
	return low, high
}

func orDefault(n, otherwise int) int {
	if n > 0 {
		return n
	}
	return otherwise
}
