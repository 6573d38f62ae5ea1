package chart

import (
	"fmt"
	"html"
	"html/template"
	"math"
	"strings"
)

// shades is how many steps of intensity the stylesheet has: h1 (least) to h8.
const shades = 8

// Heat is a map of counts: columns over X, one row for each bucket.
type Heat struct {
	Title         string
	Width, Height int // of the view box; 600x200 where 0
	X             Axis
	Rows          []HeatRow // from the lowest bucket up
	Step          float64   // the width of a column, in the units of X
}

// A HeatRow is one bucket: its name, and how much fell into it in each column.
type HeatRow struct {
	Name  string
	Cells []Point // X is where a column begins
}

// SVG draws the map; a cell's shade is the logarithm of its value against the greatest. Empty cells are left out.
func (c *Heat) SVG() template.HTML {
	width, height := orDefault(c.Width, 600), orDefault(c.Height, 200)
	greatest := 0.0
	for _, r := range c.Rows {
		for _, p := range r.Cells {
			if finite(p) {
				greatest = max(greatest, p.Y)
			}
		}
	}
	var b strings.Builder
	fmt.Fprintf(&b, `<svg class="chart" viewBox="0 0 %d %d" role="img" aria-label="%s">`, width, height, html.EscapeString(c.Title))
	if greatest == 0 {
		fmt.Fprintf(&b, `<text class="empty" x="%d" y="%d" text-anchor="middle">no data</text></svg>`, width/2, height/2)
		return template.HTML(b.String()) //nolint:gosec // every text in it has been escaped
	}
	f := frame{x0: marginLeft, y0: marginTop, x1: float64(width - marginRight), y1: float64(height - marginBottom)}
	f.x, f.y = c.X.fit(c.X.Min, c.X.Max, f.instants()), scale{max: 1}
	drawAxes(&b, &f, &c.X, &Axis{})
	c.cells(&b, &f, greatest)
	b.WriteString(`</svg>`)
	return template.HTML(b.String()) //nolint:gosec // every text in it has been escaped
}

func (c *Heat) cells(b *strings.Builder, f *frame, greatest float64) {
	each := (f.y1 - f.y0) / float64(len(c.Rows))
	label := max(1, len(c.Rows)/8) // so many names fit
	for i, r := range c.Rows {
		top := f.y1 - float64(i+1)*each
		if i%label == 0 {
			drawTick(b, f.x0-6, top+each/2+4, "end", r.Name)
		}
		for _, p := range r.Cells {
			if !finite(p) || p.Y <= 0 {
				continue
			}
			shade := 1 + int(float64(shades-1)*math.Log1p(p.Y/greatest*100)/math.Log1p(100))
			from, to := f.px(p.X), f.px(p.X+c.Step)
			fmt.Fprintf(b, `<rect class="heat h%d" x="%.1f" y="%.1f" width="%.1f" height="%.1f"/>`,
				shade, from, top, max(to-from, 1), each)
		}
	}
}
