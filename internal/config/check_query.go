package config

import (
	"slices"
	"strings"

	"github.com/prometheus/prometheus/promql/parser"

	"github.com/perfwatch/perfwatch/internal/objective"
)

// maxQuery bounds a query, in bytes.
const maxQuery = 4096

// ownQuery checks the query of an objective that brings its own, and what its values are. It is kept as Prometheus writes it:
// on one line, without comments.
func (c *checker) ownQuery(at string, in *objectiveSection, o *objective.Objective) {
	if o.Measure != objective.PromQL {
		for _, key := range []string{"query", "unit", "better"} {
			if c.has(at + "." + key) {
				c.refuse(at+"."+key, "%s of %s, want it only with %s", key, o.Measure, objective.PromQL)
			}
		}
		return
	}
	o.Query = c.promQL(at+".query", in.Query)
	units := objective.Units()
	switch path := at + ".unit"; {
	case !c.has(path):
		c.missing(path, "one of "+strings.Join(units, ", "))
	case !slices.Contains(units, in.Unit):
		c.refuse(path, "%s is not a unit, %s", quote(in.Unit), instead(in.Unit, units))
	default:
		o.QueryIn = objective.Unit(in.Unit)
	}
	o.Higher = in.Better == "higher"
	if path := at + ".better"; c.has(path) && in.Better != "higher" && in.Better != "lower" {
		c.refuse(path, "%s, want lower or higher", quote(in.Better))
	}
}

// promQL checks that a query parses and gives series that can be compared with a number.
func (c *checker) promQL(path, text string) string {
	switch {
	case !c.has(path):
		c.missing(path, "a query of Prometheus")
		return ""
	case len(text) > maxQuery:
		c.refuse(path, "%d bytes, want at most %d", len(text), maxQuery)
		return ""
	}
	expr, err := parser.NewParser(parser.Options{}).ParseExpr(text)
	switch {
	case err != nil:
		c.refuse(path, "%s, want PromQL: %s", quote(text), strings.Join(strings.Fields(err.Error()), " "))
		return ""
	case expr.Type() != parser.ValueTypeVector:
		c.refuse(path, "%s gives a %s, want an instant vector", quote(text), parser.DocumentedType(expr.Type()))
		return ""
	}
	return expr.String()
}
