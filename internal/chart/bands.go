package chart

import (
	"fmt"
	"html"
	"html/template"
	"strings"
)

// A Span is a time in which a state held, in the units of the axis.
type Span struct {
	From, To float64
	Color    string // a class of the stylesheet
	Word     string // what the state is called
}

// A Band is one named row of states.
type Band struct {
	Name  string
	Spans []Span
}

// Bands are rows of states over one axis: when something was met and when it was not.
type Bands struct {
	Title         string
	Width, Height int // of the view box; 600 and 22 for each row where 0
	X             Axis
	Rows          []Band
}

// SVG draws the rows. Names and words are escaped; without a row it says "no data".
func (c *Bands) SVG() template.HTML {
	const left, rowHeight = 180, 22
	width, height := orDefault(c.Width, 600), orDefault(c.Height, len(c.Rows)*rowHeight+marginTop+marginBottom)
	var b strings.Builder
	fmt.Fprintf(&b, `<svg class="chart" viewBox="0 0 %d %d" role="img" aria-label="%s">`, width, height, html.EscapeString(c.Title))
	if len(c.Rows) == 0 {
		fmt.Fprintf(&b, `<text class="empty" x="%d" y="%d" text-anchor="middle">no data</text></svg>`, width/2, height/2)
		return template.HTML(b.String()) //nolint:gosec // every text in it has been escaped
	}
	f := frame{x0: left, y0: marginTop, x1: float64(width - marginRight), y1: float64(height - marginBottom)}
	f.x = c.X.fit(c.X.Min, c.X.Max, f.instants())
	f.y = scale{max: 1}
	drawAxes(&b, &f, &c.X, &Axis{})
	each := (f.y1 - f.y0) / float64(len(c.Rows))
	for i, row := range c.Rows {
		top := f.y0 + float64(i)*each
		drawTick(&b, left-6, top+each/2+4, "end", row.Name)
		for _, s := range row.Spans {
			from, to := f.px(s.From), f.px(s.To)
			fmt.Fprintf(&b, `<rect class="band %s" x="%.1f" y="%.1f" width="%.1f" height="%.1f"><title>%s</title></rect>`,
				s.Color, from, top+each*0.12, max(to-from, 1), each*0.76, html.EscapeString(row.Name+": "+s.Word))
		}
	}
	b.WriteString(`</svg>`)
	return template.HTML(b.String()) //nolint:gosec // every text in it has been escaped
}
