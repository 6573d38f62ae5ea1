package alerts

import (
	"embed"
	"fmt"
	"strings"
	"text/template"

	"github.com/perfwatch/perfwatch/internal/objective"
)

// Pages of objectives are one template a measure, so that an objective that a user adds has its page too and no page
// repeats a threshold by hand. The pages shipped in runbooks/ are their rendering of the shipped perfwatch.yml.
//
//go:embed runbooks/*.md
var pages embed.FS

//go:embed runbooks/measures/*.md
var measures embed.FS

// Runbook is the page of an alert in Markdown, as its runbook_url names it. The page of an objective's alert is
// rendered from the objective, with its thresholds and queries. A name that is neither an objective's nor shipped has
// no page.
func Runbook(name string, objectives []objective.Objective, opts Options) ([]byte, bool) {
	opts = opts.of(objectives)
	for i := range objectives {
		if objectives[i].AlertName() == name {
			text, err := objectivePage(&objectives[i], opts)
			return text, err == nil
		}
	}
	text, err := pages.ReadFile("runbooks/" + name + ".md")
	shipped := Options{}.withDefaults() // the pages have these
	here := strings.NewReplacer(shipped.ExternalURL, opts.ExternalURL, shipped.GrafanaURL, opts.GrafanaURL)
	return []byte(here.Replace(string(text))), err == nil
}

// References are the pages of the measures, rendered by make render.
//
//go:embed measures/*.md
var references embed.FS

// Measure is the page of the reference about a measure, in Markdown.
func Measure(name string) ([]byte, bool) {
	text, err := references.ReadFile("measures/" + name + ".md")
	return text, err == nil
}

// A page is what the template of a measure can print.
type page struct {
	Alert, Name, Title, Side, Span string
	Levels                         []level
	Floor                          int
	For, Window                    string
	ExternalURL, GrafanaURL        string
	Boards                         []board
	Quantile, Beyond               string // of a latency: 0.95, and the percent beyond it
	Group, Probe, Pipeline         string
	Query                          string // its own
	Runs, Bursts                   string // label matchers in braces, or empty
	OfProbe                        string // the label matcher of a probe and a comma, or empty
}

// A level is a row of a page's table.
type level struct{ Severity, Value, Means string }

// objectivePage fails only if a template is broken.
func objectivePage(o *objective.Objective, opts Options) ([]byte, error) {
	tmpl, err := template.ParseFS(measures, "runbooks/measures/page.md", "runbooks/measures/"+string(o.Measure)+".md")
	if err != nil {
		return nil, fmt.Errorf("reading the page of measure %q: %w", o.Measure, err)
	}
	p := page{
		Alert: o.AlertName(), Name: o.Name, Title: title(o), Side: side(o), Query: o.Query, Span: span(o),
		Levels: levels(o), Floor: o.Floor(),
		For: short(opts.For), Window: short(o.Window), ExternalURL: opts.ExternalURL,
		GrafanaURL: opts.GrafanaURL, Boards: boards(o, opts),
		Quantile: number(o.Quantile), Beyond: fmt.Sprintf("%.4g", 100*(1-o.Quantile)),
		Group: o.Group, Probe: o.Probe, Pipeline: o.Pipeline,
		Runs: braced(runSelector(o)), Bursts: burstSelector(o), OfProbe: following(probeMatcher(o)),
	}
	var text strings.Builder
	if err := tmpl.ExecuteTemplate(&text, string(o.Measure)+".md", p); err != nil {
		return nil, fmt.Errorf("writing the page of %q: %w", o.Name, err)
	}
	return []byte(strings.TrimSpace(text.String()) + "\n"), nil
}

// following ends a matcher so that another one may follow.
func following(matcher string) string {
	if matcher == "" {
		return ""
	}
	return matcher + ","
}

// levels are the rows of a page's table: what has an alert, and the target beside it.
func levels(o *objective.Objective) []level {
	means := map[objective.Level]string{
		objective.Target:   "the objective is missed",
		objective.Warning:  "look today",
		objective.Critical: "act now",
	}
	alerting := map[objective.Level]bool{}
	for _, t := range judged(o) {
		alerting[t.Level] = true
	}
	rows := make([]level, 0, 3)
	for _, t := range o.Thresholds() {
		name := severity(t.Level)
		if !alerting[t.Level] {
			name = "none (target)"
		}
		rows = append(rows, level{name, o.Unit().Format(t.Value), means[t.Level]})
	}
	return rows
}
