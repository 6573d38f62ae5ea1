package report

import (
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"html/template"
	"io"

	"github.com/perfwatch/perfwatch/internal/chart"
	"github.com/perfwatch/perfwatch/internal/objective"
)

// style is the stylesheet of the page, which stands in it.
func style() (string, error) {
	own, err := files.ReadFile("report.css")
	return string(own) + string(chart.CSS()), err
}

// Policy is the Content-Security-Policy under which the page is whole: it loads nothing, runs nothing, and has this one
// stylesheet.
func Policy() (string, error) {
	css, err := style()
	sum := sha256.Sum256([]byte(css))
	return "default-src 'none'; img-src data:; base-uri 'none'; form-action 'none'; style-src 'sha256-" +
		base64.StdEncoding.EncodeToString(sum[:]) + "'", err
}

// writeHTML writes one file that needs nothing else.
func (r *Report) writeHTML(w io.Writer) error {
	t, err := template.New("report.html.tmpl").Funcs(template.FuncMap{
		"ms": ms, "rate": rate, "took": took, "ratio": objective.Ratio.Format, "count": count, "date": timeLayoutOf,
		"outcomes": func(f Figures) string { return f.outcomes() }, "at": instant,
		"phases": phasesOf,
	}).ParseFS(files, "report.html.tmpl")
	if err != nil {
		return fmt.Errorf("parsing the template: %w", err)
	}
	css, err := style()
	if err != nil {
		return err
	}
	policy, err := Policy()
	if err != nil {
		return err
	}
	return t.Execute(w, struct {
		*Report
		CSS    template.CSS
		Policy string
	}{r, template.CSS(css), policy}) //nolint:gosec // it is our own
}

// Class is the class of a row: ok, warn, bad or idle.
func (o *Objective) Class() string {
	switch {
	case o.Skipped || o.State == objective.Elsewhere || o.State == objective.NoData || o.State == objective.NotEnough:
		return "idle"
	case o.State == objective.Missed:
		return "bad"
	case o.Level != "":
		return "warn"
	}
	return "ok"
}

// Class is the class of the headline.
func (v Verdict) Class() string {
	return map[Verdict]string{Met: "ok", Undecided: "warn", Missed: "bad"}[v]
}

// Class is the class of a change.
func (c *Change) Class() string {
	return map[string]string{Slower: "bad", Faster: "ok", NoChange: "idle"}[c.Verdict]
}

// Class is the class of a burst's result.
func (u *Burst) Class() string {
	return map[string]string{"completed": "ok", "aborted": "bad"}[string(u.Result)]
}
