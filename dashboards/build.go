package dashboards

// gridWidth is how many columns Grafana's grid has.
const gridWidth = 24

// source is the data source that the reader chooses at the top of the dashboard.
func source() *datasource { return &datasource{Type: "prometheus", UID: "${datasource}"} }

// A grid places panels from left to right and from top to bottom.
type grid struct {
	panels  []panel
	x, y, h int // the next free column, the top of the line and the height of its tallest panel
}

// row starts a titled row.
func (g *grid) row(id int, title string) {
	g.newline()
	open := false
	g.panels = append(g.panels, panel{ID: id, Type: "row", Title: title, GridPos: gridPos{H: 1, W: gridWidth, Y: g.y},
		Collapsed: &open})
	g.y++
}

// add places a panel beside the one before, or below it where the line is full.
func (g *grid) add(w, h int, p panel) {
	if g.x+w > gridWidth {
		g.newline()
	}
	p.GridPos = gridPos{H: h, W: w, X: g.x, Y: g.y}
	g.panels = append(g.panels, p)
	g.x, g.h = g.x+w, max(g.h, h)
}

func (g *grid) newline() { g.x, g.y, g.h = 0, g.y+g.h, 0 }

// A query is an expression and the name of its series.
type query struct{ expr, legend string }

// refID names the queries of a panel A, B, C and so on.
func refID(i int) string { return string(rune('A' + i)) }

// series is a panel that draws queries over time.
func series(id int, title, description, unit string, queries ...query) panel {
	p := base(id, "timeseries", title, description, unit)
	for i, q := range queries {
		p.Targets = append(p.Targets, target{
			RefID: refID(i), Datasource: source(), Expr: scoped(q.expr), LegendFormat: q.legend, Format: "time_series", Range: true,
		})
	}
	p.FieldConfig.Defaults.Custom = map[string]any{
		"lineWidth": 1, "fillOpacity": 5, "showPoints": "never", "spanNulls": false, "axisSoftMin": 0,
	}
	p.FieldConfig.Defaults.Color = map[string]any{"mode": "palette-classic"}
	p.FieldConfig.Overrides = levelLines()
	p.Options = map[string]any{
		"legend":  map[string]any{"displayMode": "list", "placement": "bottom", "showLegend": true, "calcs": []string{}},
		"tooltip": map[string]any{"mode": "multi", "sort": "desc"},
	}
	return p
}

// exemplars shows the traces of single requests as dots over a latency. A dot leads to its trace in the data source that
// the reader chooses as traces.
func (p panel) exemplars() panel {
	p.Targets[0].Exemplar = true
	p.Links = append(p.Links, panelLink{
		Title: "Find traces", TargetBlank: true,
		URL: `/explore?left={"datasource":"${traces}","queries":[{"refId":"A"}],"range":{"from":"${__from}","to":"${__to}"}}`,
	})
	return p
}

// heatmap draws how many observations of a histogram fell into each of its buckets.
func heatmap(id int, title, description, unit, expr string) panel {
	p := base(id, "heatmap", title, description, unit)
	p.Targets = []target{{
		RefID: "A", Datasource: source(), Expr: scoped(expr), LegendFormat: "{{le}}", Format: "heatmap", Range: true,
	}}
	p.Options = map[string]any{
		"calculate": false, "yAxis": map[string]any{"unit": unit, "axisPlacement": "left"}, "cellGap": 1,
		"color": map[string]any{"mode": "scheme", "scheme": "Oranges", "steps": 64, "exponent": 0.5, "fill": "dark-orange",
			"reverse": false},
		"tooltip": map[string]any{"mode": "single", "yHistogram": true}, "legend": map[string]any{"show": true},
		"rowsFrame": map[string]any{"layout": "auto"}, "exemplars": map[string]any{"color": "rgba(255,0,255,0.7)"},
		"filterValues": map[string]any{"le": 1e-9}, "showValue": "never",
	}
	return p
}

// stacked draws the series of a panel on top of each other.
func (p panel) stacked() panel {
	p.FieldConfig.Defaults.Custom["stacking"] = map[string]any{"mode": "normal", "group": "A"}
	p.FieldConfig.Defaults.Custom["fillOpacity"] = 40
	return p
}

// ofOne fixes the top of a panel's axis at 1: what it draws is a part of a whole.
func (p panel) ofOne() panel {
	top := 1.0
	p.FieldConfig.Defaults.Max = &top
	return p
}

// levelLines draws the series that are thresholds as dashed lines of the colour of their level. Their names end in the
// level, which is how they are told from the values.
func levelLines() []override {
	levels := []struct{ level, color string }{{"target", "blue"}, {"warning", "orange"}, {"critical", "red"}}
	list := make([]override, 0, len(levels))
	for _, l := range levels {
		list = append(list, override{
			Matcher: matcher{ID: "byRegexp", Options: "/(^| )" + l.level + "$/"},
			Properties: []property{
				{ID: "color", Value: map[string]any{"mode": "fixed", "fixedColor": l.color}},
				{ID: "custom.lineStyle", Value: map[string]any{"fill": "dash", "dash": []int{8, 6}}},
				{ID: "custom.fillOpacity", Value: 0},
			},
		})
	}
	return list
}

// stat is a panel with one large figure. Its query is asked for this instant only: over a range Grafana would show the
// last value that there was, however old.
func stat(id int, title, description, unit, expr string) panel {
	p := base(id, "stat", title, description, unit)
	p.Targets = []target{{RefID: "A", Datasource: source(), Expr: scoped(expr), LegendFormat: title, Format: "time_series",
		Instant: true}}
	p.Options = map[string]any{
		"graphMode": "none", "colorMode": "background", "textMode": "value", "justifyMode": "auto", "wideLayout": true,
		"reduceOptions": map[string]any{"calcs": []string{"last"}, "fields": "", "values": false},
	}
	p.FieldConfig.Defaults.Color = map[string]any{"mode": "thresholds"}
	return p
}

// A column is one figure of a table.
type column struct {
	title, unit, expr string
	thresholds        *thresholds // colours the text; nil for none
}

// table is a panel with a row for each value of a label and a column for each query. The queries must keep that label
// and no other.
func table(id int, title, description, label string, columns ...column) panel {
	p := base(id, "table", title, description, "short")
	rename, order := map[string]string{}, map[string]int{label: 0}
	for i, c := range columns {
		p.Targets = append(p.Targets, target{
			RefID: refID(i), Datasource: source(), Expr: scoped(c.expr), Format: "table", Instant: true,
		})
		rename["Value #"+refID(i)], order["Value #"+refID(i)] = c.title, i+1
		properties := []property{{ID: "unit", Value: c.unit}}
		if c.thresholds != nil {
			properties = append(properties,
				property{ID: "thresholds", Value: c.thresholds},
				property{ID: "custom.cellOptions", Value: map[string]any{"type": "color-text"}})
		}
		p.FieldConfig.Overrides = append(p.FieldConfig.Overrides,
			override{Matcher: matcher{ID: "byName", Options: c.title}, Properties: properties})
	}
	p.Transformations = []transformation{
		{ID: "merge", Options: map[string]any{}},
		{ID: "organize", Options: map[string]any{
			"excludeByName": map[string]bool{"Time": true}, "renameByName": rename, "indexByName": order,
		}},
	}
	p.Options = map[string]any{"showHeader": true, "cellHeight": "sm", "sortBy": []any{}}
	return p
}

func base(id int, kind, title, description, unit string) panel {
	return panel{
		ID: id, Type: kind, Title: title, Description: description, Datasource: source(),
		FieldConfig: &fieldConfig{Defaults: field{Unit: unit}, Overrides: []override{}},
	}
}

// steps colours values: base below them all, then a colour from each value up.
func steps(base string, from ...step) *thresholds {
	return &thresholds{Mode: "absolute", Steps: append([]step{{Color: base}}, from...)}
}

// from colours the values from v up.
func from(v float64, color string) step { return step{Color: color, Value: &v} }
