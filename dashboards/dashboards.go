// Package dashboards renders Grafana dashboards from a configuration, so that a dashboard draws the very targets that
// the rules judge. The JSON shipped beside it is this rendering of the shipped perfwatch.yml. Every expression works
// with classic histograms, with native ones and with both, and with Prometheus 2 and 3.
package dashboards

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/perfwatch/perfwatch/internal/config"
)

// OverviewUID is the fixed identity of the overview: alerts link to /d/perfwatch-overview.
const OverviewUID = "perfwatch-overview"

// A Dashboard is one Grafana dashboard.
type Dashboard struct{ model dashboard }

// Render makes the dashboards of a configuration: the overview first, and one for each topic that it has anything of.
func Render(cfg *config.Config) []Dashboard {
	var list []Dashboard
	for _, t := range topics() {
		if t.wanted == nil || t.wanted(cfg) {
			list = append(list, Dashboard{t.render(cfg)})
		}
	}
	return list
}

// File is the name that the dashboard's file should have.
func (d *Dashboard) File() string { return d.model.UID + ".json" }

// Encode writes the dashboard as Grafana reads it. The same dashboard always gives the same bytes.
func (d *Dashboard) Encode() ([]byte, error) {
	var out bytes.Buffer
	e := json.NewEncoder(&out)
	e.SetEscapeHTML(false) // a reviewer reads these expressions
	e.SetIndent("", "  ")
	if err := e.Encode(&d.model); err != nil {
		return nil, fmt.Errorf("encoding dashboard %q: %w", d.model.UID, err)
	}
	return out.Bytes(), nil
}

// An Expression is one query of a dashboard.
type Expression struct {
	Panel string // title of its panel
	Expr  string // PromQL
}

// Expressions lists every query with its variables replaced. Values are those of the dashboard's variables and of
// Grafana's own, by name without the dollar sign: "probe" and "group" as regular expressions, "__rate_interval" and
// "__range" as durations. A variable of the dashboard that is left out matches everything.
func (d *Dashboard) Expressions(values map[string]string) []Expression {
	all := map[string]string{}
	for _, v := range d.model.Templating.List {
		all[v.Name] = ".*"
		if v.Type == "custom" {
			all[v.Name] = fmt.Sprint(v.Current.Value)
		}
	}
	maps.Copy(all, values)
	replace := strings.NewReplacer(variables(all)...)
	var list []Expression
	for _, p := range d.model.Panels {
		for _, t := range p.Targets {
			list = append(list, Expression{Panel: p.Title, Expr: replace.Replace(t.Expr)})
		}
	}
	return list
}

// variables lists each name with its dollar sign before its value, longer names first: a replacer takes the first that
// fits, and one name may start another.
func variables(values map[string]string) []string {
	names := slices.Collect(maps.Keys(values))
	slices.SortFunc(names, func(a, b string) int { return len(b) - len(a) })
	pairs := make([]string, 0, 2*len(names))
	for _, name := range names {
		pairs = append(pairs, "$"+name, values[name])
	}
	return pairs
}
