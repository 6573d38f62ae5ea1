package dashboards

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/prometheus/common/model"

	"github.com/perfwatch/perfwatch/alerts"
	"github.com/perfwatch/perfwatch/internal/config"
	"github.com/perfwatch/perfwatch/internal/objective"
)

// figureBelow is how far the id of an objective's figure lies below that of its graph, which links lead to.
const figureBelow = 1 << 20

// longTitle is how much of a title a figure of a sixth of the width can show.
const longTitle = 22

// addObjectives draws each objective twice: as a figure, and over time against its thresholds.
func addObjectives(g *grid, cfg *config.Config) {
	if len(cfg.Objectives) == 0 {
		return
	}
	g.row(100, "Objectives")
	graphs := alerts.PanelIDs(cfg.Objectives)
	width := 4
	if slices.ContainsFunc(cfg.Objectives, func(o objective.Objective) bool { return len(o.Title) > longTitle }) {
		width = 6
	}
	for i := range cfg.Objectives {
		o := &cfg.Objectives[i]
		g.add(width, 4, figure(o, graphs[o.Name]-figureBelow, cfg.Global.ExternalURL))
	}
	g.newline()
	g.add(gridWidth, 2+len(cfg.Objectives), history())
	g.row(110, "Objectives against their thresholds")
	for i := range cfg.Objectives {
		o := &cfg.Objectives[i]
		g.add(8, 7, graph(o, graphs[o.Name], cfg.Global.ExternalURL))
	}
}

// figure shows an objective's value only while it is judged: with too few samples it says so.
func figure(o *objective.Objective, id int, externalURL string) panel {
	query := fmt.Sprintf(`max by (objective) (perfwatch_objective_value{objective=%q}`+
		` and on (instance, job, objective) perfwatch_objective_met)`, o.Name)
	if o.Measure == objective.PromQL {
		query = alerts.Value(o)
	}
	p := stat(id, o.Title, describe(o), unit(o), query)
	p.FieldConfig.Defaults.NoValue = "not enough data"
	p.FieldConfig.Defaults.Thresholds = colours(o)
	p.Links = []panelLink{runbook(o, externalURL)}
	return p
}

// graph shows an objective's value with whatever samples there are, against the thresholds that perfwatch itself uses.
func graph(o *objective.Objective, id int, externalURL string) panel {
	value := query{fmt.Sprintf(`max by (objective) (perfwatch_objective_value{objective=%q})`, o.Name), "now"}
	if o.Measure == objective.PromQL {
		value.expr = alerts.Value(o)
	}
	p := series(id, o.Title+" over time", describe(o), unit(o), value, lines(o, ""))
	p.Links = []panelLink{runbook(o, externalURL)}
	return p
}

// lines draws the thresholds of an objective; their names are a prefix and the level.
func lines(o *objective.Objective, prefix string) query {
	return query{fmt.Sprintf(`max by (level) (perfwatch_objective_threshold{objective=%q})`, o.Name), prefix + "{{level}}"}
}

// linesOf draws the thresholds of every objective of one measure.
func linesOf(cfg *config.Config, m objective.Measure, quantile float64) []query {
	var list []query
	for i := range cfg.Objectives {
		if o := &cfg.Objectives[i]; o.Measure == m && o.Quantile == quantile {
			list = append(list, lines(o, o.Title+" "))
		}
	}
	return list
}

// concerning is a configuration with those objectives alone that are about some of its probes, so that a dashboard draws no
// threshold of what it does not show.
func concerning(cfg *config.Config, mine func(*config.Probe) bool) *config.Config {
	about := func(o objective.Objective) bool {
		return slices.ContainsFunc(cfg.Probes, func(p config.Probe) bool {
			return mine(&p) && (o.Group == "" || o.Group == p.Group) && (o.Probe == "" || o.Probe == p.Name)
		})
	}
	narrowed := *cfg
	narrowed.Objectives = slices.DeleteFunc(slices.Clone(cfg.Objectives), func(o objective.Objective) bool { return !about(o) })
	return &narrowed
}

// history shows when each objective was met and when it was not.
func history() panel {
	return timeline(101, "Met and missed",
		"Whether each objective met its target. A gap means that there were too few samples to judge it.",
		query{`min by (objective) (perfwatch_objective_met)`, "{{objective}}"},
		words(word{"0", "missed", "orange"}, word{"1", "met", "green"}))
}

// timeline draws a state for each series as a bar over time.
func timeline(id int, title, description string, q query, mappings []any) panel {
	p := base(id, "state-timeline", title, description, "none")
	p.Targets = []target{{
		RefID: "A", Datasource: source(), Expr: scoped(q.expr), LegendFormat: q.legend, Format: "time_series", Range: true,
	}}
	p.FieldConfig.Defaults.Mappings = mappings
	p.FieldConfig.Defaults.Custom = map[string]any{"fillOpacity": 70, "lineWidth": 0}
	p.Options = map[string]any{
		"mergeValues": true, "showValue": "never", "alignValue": "left", "rowHeight": 0.8,
		"legend":  map[string]any{"displayMode": "list", "placement": "bottom", "showLegend": false, "calcs": []string{}},
		"tooltip": map[string]any{"mode": "single", "sort": "none"},
	}
	return p
}

// A word is what stands for a value.
type word struct{ value, text, color string }

// words write values as words.
func words(all ...word) []any {
	options := map[string]any{}
	for i, w := range all {
		options[w.value] = map[string]any{"text": w.text, "color": w.color, "index": i}
	}
	return []any{map[string]any{"type": "value", "options": options}}
}

// describe says what an objective is about and what its lines are.
func describe(o *objective.Objective) string {
	set, format := o.Thresholds(), o.Unit().Format
	parts := make([]string, len(set))
	for i, t := range set {
		parts[i] = string(t.Level) + " " + format(t.Value)
	}
	text := fmt.Sprintf("Objective %s: %s.", o.Name, strings.Join(parts, ", "))
	if o.Window > 0 {
		return fmt.Sprintf("%s Judged over %s with at least %d samples.", text, model.Duration(o.Window), o.Floor())
	}
	if o.Measure == objective.PromQL {
		return text + " Judged by Prometheus alone, by its own query."
	}
	return text + " Judged on the last valid burst."
}

// runbook links to the page of the objective's alert.
func runbook(o *objective.Objective, externalURL string) panelLink {
	return panelLink{Title: "Runbook", URL: externalURL + "/runbooks/" + o.AlertName(), TargetBlank: true}
}

// unit is Grafana's word for the unit of a measure.
func unit(o *objective.Objective) string {
	if o.Measure == objective.LoadItemsRate { // items, not requests
		return "ops"
	}
	switch o.Unit() {
	case objective.Seconds:
		return "s"
	case objective.Ratio:
		return "percentunit"
	case objective.PerSecond:
		return "reqps"
	case objective.Bytes:
		return "bytes"
	case objective.BytesPerSecond:
		return "binBps"
	default:
		return "short"
	}
}

// colours gives every value the colour of the worst level that it crosses. Grafana counts a value at a step to the
// step, whereas at a threshold exactly nothing is crossed yet; on a screen the difference does not show.
func colours(o *objective.Objective) *thresholds {
	set := o.Thresholds()
	slices.SortStableFunc(set, func(a, b objective.Threshold) int { return cmp.Compare(a.Value, b.Value) })
	list := &thresholds{Mode: "absolute", Steps: []step{{Color: "green"}}}
	if o.HigherIsBetter() {
		list.Steps[0].Color = colour(set)
		for i, t := range set {
			list.Steps = append(list.Steps, from(t.Value, colour(set[i+1:])))
		}
		return list
	}
	for i, t := range set {
		list.Steps = append(list.Steps, from(t.Value, colour(set[:i+1])))
	}
	return list
}

// colour is that of the worst of the crossed thresholds.
func colour(crossed []objective.Threshold) string {
	has := func(l objective.Level) bool {
		return slices.ContainsFunc(crossed, func(t objective.Threshold) bool { return t.Level == l })
	}
	switch {
	case has(objective.Critical):
		return "red"
	case has(objective.Warning):
		return "orange"
	case has(objective.Target):
		return "yellow"
	}
	return "green"
}
