package report

import (
	"html/template"
	"math"
	"time"

	"github.com/perfwatch/perfwatch/internal/archive"
	"github.com/perfwatch/perfwatch/internal/chart"
	"github.com/perfwatch/perfwatch/internal/objective"
)

// Charts are drawn at this size, and scale to the page.
const (
	chartWidth  = 560
	chartHeight = 190
)

// Distribution draws how many requests took how long. The axis of time is logarithmic, as latencies are.
func (f *Figures) Distribution() template.HTML {
	c := chart.Chart{
		Title: "Latency distribution", Width: chartWidth, Height: chartHeight, NoLegend: true,
		X: chart.Axis{Format: func(v float64) string { return objective.Seconds.Format(round2(math.Pow(10, v))) }},
		Y: chart.Axis{Zero: true, Format: objective.Ratio.Format},
	}
	if line, ok := steps(f.Counts); ok {
		c.Lines = []chart.Line{{Name: "requests", Points: line, Fill: true}}
		top := 0.0
		for _, p := range line {
			top = max(top, p.Y)
		}
		for _, q := range []struct {
			name, color string
			at          float64
		}{{"p50", "good", f.Latency.P50}, {"p95", "warn", f.Latency.P95}, {"p99", "bad", f.Latency.P99}} {
			x := math.Log10(max(q.at, 1e-6))
			c.Lines = append(c.Lines, chart.Line{
				Name: q.name, Color: q.color, Dashed: true, Points: []chart.Point{{X: x}, {X: x, Y: top}},
			})
		}
		c.NoLegend = false
	}
	return c.SVG()
}

// round2 keeps two digits.
func round2(v float64) float64 {
	if v <= 0 {
		return 0
	}
	unit := math.Pow(10, math.Floor(math.Log10(v))-1)
	return math.Round(v/unit) * unit
}

// bins is how many columns a distribution is drawn in.
const bins = 60

// steps are the columns of a distribution over the logarithm of seconds, as shares of all.
func steps(counts archive.Counts) ([]chart.Point, bool) {
	total := counts.Total()
	if total == 0 {
		return nil, false
	}
	low := math.Log10(float64(counts[0].Value) / 1e6)
	high := math.Log10(float64(counts[len(counts)-1].Value)/1e6) + 1e-9
	if high-low < 0.2 { // a needle is drawn as one
		low, high = low-0.1, high+0.1
	}
	shares := make([]float64, bins)
	for _, c := range counts {
		i := int((math.Log10(float64(c.Value)/1e6) - low) / (high - low) * bins)
		shares[min(max(i, 0), bins-1)] += float64(c.N) / float64(total)
	}
	width := (high - low) / bins
	points := []chart.Point{{X: low}}
	for i, share := range shares {
		x := low + float64(i)*width
		points = append(points, chart.Point{X: x, Y: share}, chart.Point{X: x + width, Y: share})
	}
	return append(points, chart.Point{X: high}), true
}

// over draws lines over the time since the burst began.
func (u *Burst) over(title string, format func(float64) string, lines ...chart.Line) template.HTML {
	c := chart.Chart{
		Title: title, Width: chartWidth, Height: chartHeight, Lines: lines,
		X: chart.Axis{Zero: true, Format: func(v float64) string { return time.Duration(v * float64(time.Second)).String() }},
		Y: chart.Axis{Zero: true, Format: format},
	}
	return c.SVG()
}

// line is a row of the burst's time line. A cell without a value breaks it.
func (u *Burst) line(name, color string, fill bool, value func(i int, seconds float64) float64) chart.Line {
	l := chart.Line{Name: name, Color: color, Fill: fill}
	if u.Timeline == nil {
		return l
	}
	t := u.Timeline
	for i := range t.Cells {
		length := t.Step
		if rest := u.Duration - float64(i)*t.Step; rest < length {
			if length = rest; length < t.Step/3 { // too short for a rate
				break
			}
		}
		l.Points = append(l.Points, chart.Point{X: (float64(i) + 0.5) * t.Step, Y: value(i, length)})
	}
	return l
}

// RateOverTime draws requests and failures a second.
func (u *Burst) RateOverTime() template.HTML {
	ok := u.line("succeeded", "good", true, func(i int, s float64) float64 {
		return float64(u.Timeline.Cells[i].Requests-u.Timeline.Cells[i].Failures) / s
	})
	failed := u.line("failed", "bad", true, func(i int, s float64) float64 { return float64(u.Timeline.Cells[i].Failures) / s })
	return u.over("Requests a second over time", rate, ok, failed)
}

// UsersOverTime draws users and requests in flight.
func (u *Burst) UsersOverTime() template.HTML {
	return u.over("Users over time", objective.Count.Format,
		u.line("users", "note", false, func(i int, _ float64) float64 { return float64(u.Timeline.Cells[i].Users) }),
		u.line("requests in flight", "fair", false, func(i int, _ float64) float64 { return float64(u.Timeline.Cells[i].InFlight) }))
}

// LatencyOverTime draws the median and p95.
func (u *Burst) LatencyOverTime() template.HTML {
	at := func(of func(i int) float64) func(int, float64) float64 {
		return func(i int, _ float64) float64 {
			if u.Timeline.Cells[i].Requests == 0 {
				return math.NaN()
			}
			return of(i)
		}
	}
	return u.over("Response times over time", objective.Seconds.Format,
		u.line("median", "good", false, at(func(i int) float64 { return u.Timeline.Cells[i].P50 })),
		u.line("p95", "warn", false, at(func(i int) float64 { return u.Timeline.Cells[i].P95 })))
}

// ByEndpoint draws how far the median, p95 and p99 of each endpoint reach.
func (u *Burst) ByEndpoint() template.HTML {
	c := chart.Bands{
		Title: "Percentiles by endpoint", Width: chartWidth,
		X: chart.Axis{Zero: true, Format: objective.Seconds.Format},
	}
	for i := range u.Endpoints {
		e := &u.Endpoints[i]
		l := &e.Latency
		if e.Requests == 0 {
			continue
		}
		c.X.Max = max(c.X.Max, l.P99)
		c.Rows = append(c.Rows, chart.Band{Name: short(e.Name, 28), Spans: []chart.Span{
			{From: 0, To: l.P50, Color: "c0", Word: "p50 " + ms(l.P50)},
			{From: l.P50, To: l.P95, Color: "c5", Word: "p95 " + ms(l.P95)},
			{From: l.P95, To: l.P99, Color: "c6", Word: "p99 " + ms(l.P99)},
		}})
	}
	return c.SVG()
}

// RunsChart draws the items a second of the runs of a matrix, or what each step of a search answered.
func (u *Burst) RunsChart() template.HTML {
	c := chart.Bands{Title: "Throughput by run", Width: chartWidth, X: chart.Axis{Zero: true, Format: rate}}
	for i := range u.Runs {
		r := &u.Runs[i]
		v := r.ItemsRate()
		if v == 0 {
			v = r.Throughput
		}
		c.X.Max = max(c.X.Max, v)
		c.Rows = append(c.Rows, chart.Band{
			Name: short(r.Name, 28), Spans: []chart.Span{{From: 0, To: v, Color: "note", Word: rate(v) + "/s"}},
		})
	}
	return c.SVG()
}

// TrendOverTime draws the quantiles of this burst and the earlier ones of the same load.
func (u *Burst) TrendOverTime() template.HTML {
	c := chart.Chart{
		Title: "Response times of this burst and those before it", Width: chartWidth, Height: chartHeight,
		X: chart.Axis{Time: true}, Y: chart.Axis{Zero: true, Format: objective.Seconds.Format},
	}
	for _, q := range []struct {
		name, color string
		of          func(e *Earlier) float64
	}{
		{"median", "good", func(e *Earlier) float64 { return e.P50 }},
		{"p95", "warn", func(e *Earlier) float64 { return e.P95 }},
		{"p99", "bad", func(e *Earlier) float64 { return e.P99 }},
	} {
		line := chart.Line{Name: q.name, Color: q.color}
		for _, e := range u.Trend() {
			line.Points = append(line.Points, chart.Point{X: float64(e.Start.UnixMilli()) / 1e3, Y: q.of(&e)})
		}
		c.Lines = append(c.Lines, line)
	}
	return c.SVG()
}
