package preview

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// These types are the part of Grafana's classic dashboard JSON that a preview draws.

type dashboard struct {
	UID         string
	Title       string
	Description string
	Time        struct{ From, To string }
	Templating  struct{ List []variable }
	Panels      []panel
}

type variable struct {
	Name, Type string
	Definition string // label_values(SELECTOR, LABEL) where Prometheus is asked
	Current    struct{ Value any }
}

type panel struct {
	ID              int
	Type            string
	Title           string
	Description     string
	GridPos         position
	Targets         []target
	FieldConfig     fieldConfig
	Options         options
	Transformations []transformation
	Panels          []panel
}

type position struct{ H, W, X, Y int }

type target struct {
	RefID        string
	Expr         string
	LegendFormat string
	Format       string
	Instant      bool
}

type fieldConfig struct {
	Defaults  field
	Overrides []struct {
		Matcher    struct{ ID, Options string }
		Properties []struct {
			ID    string
			Value json.RawMessage
		}
	}
}

type field struct {
	Unit       string
	Min, Max   *float64
	NoValue    string
	Thresholds thresholds
	Mappings   []mapping
	Custom     struct {
		FillOpacity float64
		AxisSoftMin *float64
		Stacking    struct{ Mode string }
		LineStyle   struct{ Fill string }
	}

	color string // a fixed colour of an override; empty for none
}

type thresholds struct {
	Steps []struct {
		Color string
		Value *float64
	}
}

type mapping struct {
	Type    string
	Options json.RawMessage
}

type options struct {
	Content  string // of a text panel
	TextMode string
}

type transformation struct {
	ID      string
	Options struct {
		ExcludeByName map[string]bool
		RenameByName  map[string]string
		IndexByName   map[string]int
	}
}

// parse reads a dashboard. Rows that are collapsed give up their panels, so that all are seen.
func parse(text []byte) (*dashboard, error) {
	var d dashboard
	if err := json.Unmarshal(text, &d); err != nil {
		return nil, fmt.Errorf("parsing dashboard: %w", err)
	}
	if d.Title == "" || len(d.Panels) == 0 {
		return nil, fmt.Errorf("parsing dashboard %q: want a title and panels", d.UID)
	}
	var all []panel
	for _, p := range d.Panels {
		inner := p.Panels
		p.Panels = nil
		all = append(append(all, p), inner...)
	}
	d.Panels = all
	return &d, nil
}

// of gives a series the settings of its panel, with those overrides that are for its name.
func (c *fieldConfig) of(name string) field {
	f := c.Defaults
	for _, o := range c.Overrides {
		if !matches(o.Matcher.ID, o.Matcher.Options, name) {
			continue
		}
		for _, p := range o.Properties {
			f.set(p.ID, p.Value)
		}
	}
	return f
}

// set takes one property of an override. A property that a preview does not draw, or a value of another shape, is left.
func (f *field) set(id string, value json.RawMessage) {
	into := map[string]any{
		"unit": &f.Unit, "min": &f.Min, "max": &f.Max, "thresholds": &f.Thresholds, "mappings": &f.Mappings, "noValue": &f.NoValue,
		"custom.lineStyle": &f.Custom.LineStyle, "custom.fillOpacity": &f.Custom.FillOpacity, "custom.stacking": &f.Custom.Stacking,
	}[id]
	if into != nil {
		_ = json.Unmarshal(value, into) // as said: what is not understood is left as it was
		return
	}
	var fixed struct{ FixedColor string }
	if id == "color" && json.Unmarshal(value, &fixed) == nil {
		f.color = fixed.FixedColor
	}
}

// colorAt is the colour of the highest step that a value reaches.
func (t *thresholds) colorAt(v float64) string {
	color := ""
	for _, s := range t.Steps {
		if s.Value == nil || v >= *s.Value {
			color = s.Color
		}
	}
	return color
}

// An answer is what a mapping writes for a value.
type answer struct{ Text, Color string }

// mapped finds the words that stand for a value.
func (f *field) mapped(v string) (answer, bool) {
	for _, m := range f.Mappings {
		var words map[string]answer
		if m.Type == "value" && json.Unmarshal(m.Options, &words) == nil {
			if a, ok := words[v]; ok {
				return a, true
			}
		}
	}
	return answer{}, false
}

// columns are the settings of a table: which are left out, what they are called, where they stand.
func (p *panel) columns() (exclude map[string]bool, rename map[string]string, index map[string]int) {
	i := slices.IndexFunc(p.Transformations, func(t transformation) bool { return t.ID == "organize" })
	if i < 0 {
		return map[string]bool{"Time": true}, nil, nil
	}
	o := p.Transformations[i].Options
	return o.ExcludeByName, o.RenameByName, o.IndexByName
}

// values are what a dashboard's variables stand for: everything, unless the dashboard says something else.
func (d *dashboard) values() map[string]string {
	values := map[string]string{}
	for _, v := range d.Templating.List {
		text, ok := v.Current.Value.(string)
		if !ok || text == "" || strings.HasPrefix(text, "$__all") {
			text = ".*"
		}
		values[v.Name] = text
	}
	return values
}
