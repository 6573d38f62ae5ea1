// Package preview draws Grafana dashboards without Grafana: it reads a dashboard's JSON, asks a Prometheus for what its
// panels show, and writes one static page in the layout of the JSON. It is good enough to judge layout, thresholds and
// data by, and nothing is loaded from anywhere when the page is opened.
package preview

import (
	"context"
	"embed"
	"fmt"
	"html/template"
	"io"
	"time"

	"github.com/prometheus/common/model"

	"github.com/perfwatch/perfwatch/internal/chart"
)

//go:embed page.html page.css
var assets embed.FS

// columns is how many points a range is drawn with.
const columns = 240

// A View says which data a preview shows.
type View struct {
	From         Querier
	End          time.Time
	Range        time.Duration     // how far back from End; 3h where 0
	RateInterval time.Duration     // what $__rate_interval is, at the least; a minute where 0
	Variables    map[string]string // values of the dashboards' variables, as regular expressions; all that there are where left out
}

// renderer draws one dashboard.
type renderer struct {
	from   Querier
	end    time.Time
	span   time.Duration
	step   time.Duration
	values map[string]string
}

// A box is one panel in its place.
type box struct {
	panel
	Figures []figure
	Table   *grid
	Drawing template.HTML
	Problem string
}

// Pane is the style that puts a panel into the grid of the page.
func (b *box) Pane() template.CSS {
	p := b.GridPos
	//nolint:gosec // numbers only
	return template.CSS(fmt.Sprintf("grid-column:%d/span %d;grid-row:%d/span %d", p.X+1, max(p.W, 1), p.Y+1, max(p.H, 1)))
}

// Write draws a dashboard from its JSON. A panel whose query fails says so in its place, and the names of such panels
// are returned; an error is a dashboard that cannot be read or a page that cannot be written.
func Write(ctx context.Context, w io.Writer, dashboard []byte, v View) (broken []string, err error) {
	d, err := parse(dashboard)
	if err != nil {
		return nil, err
	}
	r := newRenderer(d, v)
	r.choose(ctx, d, v.Variables)
	boxes := make([]box, 0, len(d.Panels))
	for i := range d.Panels {
		b := box{panel: d.Panels[i]}
		r.fill(ctx, &b)
		if b.Problem != "" {
			broken = append(broken, b.Title+": "+b.Problem)
		}
		boxes = append(boxes, b)
	}
	page, err := template.ParseFS(assets, "page.html")
	if err != nil {
		return nil, fmt.Errorf("parsing page: %w", err)
	}
	css, err := assets.ReadFile("page.css")
	if err != nil {
		return nil, fmt.Errorf("reading stylesheet: %w", err)
	}
	err = page.Execute(w, map[string]any{
		"Dashboard": d, "Boxes": boxes, "From": r.end.Add(-r.span).UTC(), "To": r.end.UTC(),
		"CSS": chart.CSS() + template.CSS(css), //nolint:gosec // embedded
	})
	if err != nil {
		return nil, fmt.Errorf("writing preview of %q: %w", d.Title, err)
	}
	return broken, nil
}

func newRenderer(d *dashboard, v View) *renderer {
	r := &renderer{from: v.From, end: v.End, span: v.Range}
	if r.span <= 0 {
		r.span = 3 * time.Hour
	}
	r.step = max(r.span/columns, time.Second).Round(time.Second)
	rate := v.RateInterval
	if rate <= 0 {
		rate = time.Minute
	}
	r.values = d.values()
	r.values["__rate_interval"] = model.Duration(max(rate, r.step)).String()
	r.values["__interval"] = model.Duration(r.step).String()
	r.values["__range"] = model.Duration(r.span).String()
	for name, value := range v.Variables {
		r.values[name] = value
	}
	return r
}

// fill asks for a panel's data and draws it.
func (r *renderer) fill(ctx context.Context, b *box) {
	if b.Type == "row" || b.Type == "text" {
		return
	}
	found, err := r.ask(ctx, &b.panel)
	if err != nil {
		b.Problem = err.Error()
		return
	}
	switch b.Type {
	case "stat", "gauge", "bargauge":
		b.Figures = r.figures(&b.panel, found)
	case "table":
		g := r.table(&b.panel, found)
		b.Table = &g
	case "timeseries":
		b.Drawing = r.lines(&b.panel, found)
	case "state-timeline":
		b.Drawing = r.states(&b.panel, found)
	case "heatmap":
		b.Drawing = r.heat(&b.panel, found)
	default:
		b.Problem = fmt.Sprintf("a panel of type %q is not drawn here", b.Type)
	}
}
