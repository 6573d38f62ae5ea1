package preview

import (
	"cmp"
	"html/template"
	"math"
	"slices"
	"strconv"

	"github.com/perfwatch/perfwatch/internal/chart"
)

// The size of one unit of the grid in a chart's pixels, of a page about 1,400 wide.
const (
	unitWidth  = 56
	unitHeight = 36
	chrome     = 64 // the title and the legend take this much of a panel's height
	visible    = 10 // percent: a fainter area would be seen only where many overlap
)

// time axis of every drawing of the dashboard.
func (r *renderer) axis() chart.Axis {
	return chart.Axis{Min: float64(r.end.Add(-r.span).Unix()), Max: float64(r.end.Unix()), Time: true}
}

// lines draws series over time.
func (r *renderer) lines(p *panel, found []series) template.HTML {
	d := &p.FieldConfig.Defaults
	c := chart.Chart{
		Title: p.Title, Width: p.GridPos.W * unitWidth, Height: max(90, p.GridPos.H*unitHeight-chrome), X: r.axis(),
		Y: chart.Axis{
			Zero: d.Custom.AxisSoftMin != nil && *d.Custom.AxisSoftMin == 0, Binary: binary(d.Unit),
			Format: func(v float64) string { return write(d.Unit, v, r.end) },
		},
		Stacked: d.Custom.Stacking.Mode == "normal",
	}
	if d.Max != nil {
		c.Y.Min, c.Y.Max = deref(d.Min), *d.Max
	}
	for i := range found {
		f := p.FieldConfig.of(found[i].name)
		c.Lines = append(c.Lines, chart.Line{
			Name: found[i].name, Points: found[i].points, Color: shade(f.color), Dashed: f.Custom.LineStyle.Fill == "dash",
			Fill: f.Custom.FillOpacity >= visible,
		})
	}
	return c.SVG()
}

func deref(v *float64) float64 {
	if v == nil {
		return 0
	}
	return *v
}

// A figure is one large value.
type figure struct {
	Name string
	cell
	Share float64 // of the way from the least to the greatest value, for a gauge
}

// figures are the newest values of a stat or a gauge. Without any it is the panel's word for that.
func (r *renderer) figures(p *panel, found []series) []figure {
	if len(found) == 0 {
		return []figure{{cell: cell{Text: cmp.Or(p.FieldConfig.Defaults.NoValue, "no data")}}}
	}
	list := make([]figure, 0, len(found))
	for i := range found {
		v := found[i].last()
		f := figure{cell: r.cell(p, found[i].name, v)}
		if len(found) > 1 || p.Options.TextMode == "value_and_name" {
			f.Name = found[i].name
		}
		low, high := deref(p.FieldConfig.Defaults.Min), 1.0
		if p.FieldConfig.Defaults.Max != nil {
			high = *p.FieldConfig.Defaults.Max
		}
		f.Share = max(0, min(1, (v-low)/(high-low)))
		list = append(list, f)
	}
	return list
}

// states draws the states of series over time. Runs of one value are one span; a gap ends it.
func (r *renderer) states(p *panel, found []series) template.HTML {
	c := chart.Bands{Title: p.Title, Width: p.GridPos.W * unitWidth, Height: max(90, p.GridPos.H*unitHeight-chrome/2), X: r.axis()}
	for i := range found {
		band := chart.Band{Name: found[i].name}
		var open *chart.Span
		for _, point := range found[i].points {
			if math.IsNaN(point.Y) {
				open = nil
				continue
			}
			shown := r.cell(p, found[i].name, point.Y)
			if open == nil || open.Word != shown.Text {
				band.Spans = append(band.Spans, chart.Span{From: point.X, Color: shown.Class, Word: shown.Text})
				open = &band.Spans[len(band.Spans)-1]
			}
			open.To = point.X + r.step.Seconds()
		}
		c.Rows = append(c.Rows, band)
	}
	return c.SVG()
}

// heat draws the rates of a classic histogram's buckets; each bucket holds those below it too, which are taken off.
func (r *renderer) heat(p *panel, found []series) template.HTML {
	type bucket struct {
		bound float64
		rates map[float64]float64
	}
	var buckets []bucket
	for i := range found {
		bound, err := strconv.ParseFloat(found[i].labels["le"], 64)
		if err != nil {
			continue
		}
		b := bucket{bound, map[float64]float64{}}
		for _, point := range found[i].points {
			b.rates[point.X] = point.Y
		}
		buckets = append(buckets, b)
	}
	slices.SortFunc(buckets, func(a, b bucket) int { return cmp.Compare(a.bound, b.bound) })
	unit := p.FieldConfig.Defaults.Unit
	c := chart.Heat{Title: p.Title, Width: p.GridPos.W * unitWidth, Height: max(90, p.GridPos.H*unitHeight-chrome), X: r.axis(),
		Step: r.step.Seconds()}
	below := map[float64]float64{}
	for _, b := range buckets {
		row := chart.HeatRow{Name: write(cmp.Or(unit, "s"), b.bound, r.end)}
		for at, rate := range b.rates {
			row.Cells = append(row.Cells, chart.Point{X: at, Y: rate - below[at]})
		}
		slices.SortFunc(row.Cells, func(a, b chart.Point) int { return cmp.Compare(a.X, b.X) })
		below = b.rates
		c.Rows = append(c.Rows, row)
	}
	return c.SVG()
}
