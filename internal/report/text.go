package report

import (
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/perfwatch/perfwatch/internal/objective"
)

// timeLayout is how instants are written for people.
const timeLayout = "2006-01-02 15:04:05 MST"

// maxName bounds a name in a table of text.
const maxName = 44

// writeText writes the report for a terminal.
func (r *Report) writeText(w io.Writer) error {
	var b strings.Builder
	fmt.Fprintf(&b, "perfwatch %s · %s · %s · %s\n", r.Version, r.Target, r.Start.Format(timeLayout), took(r.Duration().Seconds()))
	if r.Interrupted {
		fmt.Fprintln(&b, "Interrupted: these are the figures until then.")
	}
	r.textObjectives(&b)
	r.textProbes(&b)
	for i := range r.Bursts {
		r.Bursts[i].text(&b)
	}
	r.textReadings(&b)
	r.textComparison(&b)
	for _, n := range r.Notes {
		fmt.Fprintf(&b, "\nNote: %s.\n", n)
	}
	fmt.Fprintf(&b, "\n%s\n", r.Headline())
	for _, p := range r.Problems {
		fmt.Fprintf(&b, "  - %s\n", p)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// Headline is the verdict in a sentence.
func (r *Report) Headline() string {
	met, judged := 0, 0
	for i := range r.Objectives {
		if o := &r.Objectives[i]; !o.Skipped {
			judged++
			if o.State == objective.Met {
				met++
			}
		}
	}
	of := fmt.Sprintf("%d of %d objectives met", met, judged)
	if r.Verdict != Met && met == judged { // what is wrong is beside them
		of = fmt.Sprintf("%d problems", len(r.Problems))
		if len(r.Problems) == 1 {
			of = "1 problem"
		}
	}
	switch {
	case judged == 0 && r.Verdict == Met:
		return "Nothing failed."
	case judged == 1 && r.Verdict == Met:
		return "The objective is met."
	case r.Verdict == Met:
		return fmt.Sprintf("All %d objectives met.", met)
	case r.Verdict == Missed:
		return "Not met: " + of + "."
	}
	return "Undecided: " + of + "."
}

func (r *Report) textObjectives(b *strings.Builder) {
	if len(r.Objectives) == 0 {
		return
	}
	t := table{head: []string{"Objective", "Target", "Current", "Samples", "Status"}, left: []bool{true, false, false, false, true}}
	for i := range r.Objectives {
		o := &r.Objectives[i]
		t.row(o.Title, o.Wanted(), o.Current(), strconv.Itoa(o.Samples), o.Status())
	}
	fmt.Fprintf(b, "\nOBJECTIVES\n")
	t.write(b)
}

func (r *Report) textProbes(b *strings.Builder) {
	if len(r.Probes) == 0 {
		return
	}
	t := table{
		head: []string{"Probe", "Runs", "Fails", "Min", "Avg", "Med", "p95", "p99", "Max", "Outcomes"},
		left: []bool{true, 9: true},
	}
	for i := range r.Probes {
		p := &r.Probes[i]
		t.row(append(p.cells(p.Name), p.outcomes())...)
	}
	fmt.Fprintf(b, "\nPROBES\n")
	t.write(b)
}

// cells are the first cells of a row of figures.
func (f *Figures) cells(name string) []string {
	l := &f.Latency
	return []string{
		name, strconv.FormatUint(f.Requests, 10), strconv.FormatUint(f.Failures, 10),
		ms(l.Min), ms(l.Mean), ms(l.P50), ms(l.P95), ms(l.P99), ms(l.Max),
	}
}

// outcomes are those other than ok.
func (f *Figures) outcomes() string {
	var parts []string
	for _, name := range sortedKeys(f.Outcomes) {
		if name != "ok" {
			parts = append(parts, fmt.Sprintf("%s %d", name, f.Outcomes[name]))
		}
	}
	return strings.Join(parts, ", ")
}

// text writes a burst as Locust ends its runs: a row an endpoint, and one for all.
func (u *Burst) text(b *strings.Builder) {
	fmt.Fprintf(b, "\nBURST %s · %s\n", u.Probe, u.Summary())
	t := table{
		head: []string{"Name", "Requests", "Fails", "Min", "Avg", "Med", "p95", "p99", "Max", "req/s", "fails/s"},
		left: []bool{true},
	}
	add := func(name string, f *Figures) {
		t.row(append(f.cells(name), rate(f.Throughput), rate(float64(f.Failures)/max(u.Duration, 1e-9)))...)
	}
	for i := range u.Endpoints {
		add(u.Endpoints[i].Label(), &u.Endpoints[i].Figures)
	}
	add("All", &u.All)
	t.write(b)
	if len(u.Runs) > 0 {
		t := table{
			head: []string{"Run", "Requests", "Errors", "Med", "p95", "p99", "req/s", "items/s", "Result"},
			left: []bool{true, 8: true},
		}
		for i := range u.Runs {
			run := &u.Runs[i]
			t.row(run.Name, strconv.FormatUint(run.Requests, 10), objective.Ratio.Format(run.ErrorRatio), ms(run.P50), ms(run.P95),
				ms(run.P99), rate(run.Throughput), rate(run.ItemsRate()), string(run.Result))
		}
		t.write(b)
	}
	if len(u.Earlier) > 0 {
		t := table{head: []string{"Earlier", "Requests", "Errors", "Med", "p95", "p99", "req/s", "Result"}, left: []bool{true, 7: true}}
		for i := range u.Earlier {
			e := &u.Earlier[i]
			result := e.Result
			if !e.Same {
				result += ", other load"
			}
			t.row(instant(e.Start), strconv.FormatUint(e.Requests, 10), objective.Ratio.Format(e.ErrorRatio), ms(e.P50), ms(e.P95),
				ms(e.P99), rate(e.Throughput), result)
		}
		t.write(b)
	}
	for _, line := range u.Facts() {
		fmt.Fprintf(b, "%s: %s\n", line.Name, line.Value)
	}
}

// Label is the endpoint with the task that it belongs to.
func (e *Endpoint) Label() string {
	if e.Task == e.Name || e.Task == "" {
		return e.Name
	}
	return e.Task + " / " + e.Name
}

// Summary is the burst in a line.
func (u *Burst) Summary() string {
	parts := []string{string(u.Result), took(u.Duration)}
	if u.Plan != "" {
		parts = append([]string{u.Plan}, parts...)
	}
	if u.Reason != "" {
		parts = append(parts, u.Reason)
	}
	return strings.Join(parts, ", ")
}

func (r *Report) textReadings(b *strings.Builder) {
	if facts := r.Readings(); len(facts) > 0 {
		fmt.Fprintf(b, "\nPLATFORM\n")
		for _, f := range facts {
			fmt.Fprintf(b, "%s: %s\n", f.Name, f.Value)
		}
	}
}

func (r *Report) textComparison(b *strings.Builder) {
	c := r.Comparison
	if c == nil {
		return
	}
	fmt.Fprintf(b, "\nCOMPARED WITH %s\n", c.With)
	if len(c.Changes) > 0 {
		t := table{
			head: []string{"Name", "Med before", "now", "p95 before", "now", "p95 change", "Verdict"},
			left: []bool{true, 6: true},
		}
		for i := range c.Changes {
			h := &c.Changes[i]
			t.row(h.Label(), ms(h.P50.Before), ms(h.P50.After), ms(h.P95.Before), ms(h.P95.After), h.P95.Percent(), h.Verdict)
		}
		t.write(b)
		fmt.Fprintf(b, "%s.\n", c.Method)
	}
	if len(c.Missing) > 0 {
		fmt.Fprintf(b, "Nothing to compare with: %s.\n", strings.Join(c.Missing, ", "))
	}
}

// Label names what changed.
func (c *Change) Label() string {
	if c.Endpoint == "" {
		return c.Probe
	}
	return c.Probe + " / " + c.Endpoint
}

// Percent is the change in percent, with its sign.
func (s *Shift) Percent() string {
	if s.Before <= 0 {
		return "–"
	}
	return fmt.Sprintf("%+.0f%%", 100*s.Change())
}

// A table is columns of text, aligned to the right unless left.
type table struct {
	head []string
	left []bool
	rows [][]string
}

func (t *table) row(cells ...string) {
	for i, c := range cells {
		cells[i] = short(c, maxName*2)
	}
	cells[0] = short(cells[0], maxName)
	t.rows = append(t.rows, cells)
}

// short cuts a text to a number of characters, and keeps control characters out of a terminal.
func short(text string, most int) string {
	text = strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f || r >= 0x80 && r < 0xa0 {
			return ' '
		}
		return r
	}, text)
	if utf8.RuneCountInString(text) <= most {
		return text
	}
	return string([]rune(text)[:most-1]) + "…"
}

func (t *table) write(b *strings.Builder) {
	all := append([][]string{t.head}, t.rows...)
	widths := make([]int, len(t.head))
	for _, row := range all {
		for i, c := range row {
			widths[i] = max(widths[i], utf8.RuneCountInString(c))
		}
	}
	for _, row := range all {
		var line strings.Builder
		for i, c := range row {
			pad := strings.Repeat(" ", widths[i]-utf8.RuneCountInString(c))
			if i < len(t.left) && t.left[i] {
				line.WriteString(c + pad + "  ")
			} else {
				line.WriteString(pad + c + "  ")
			}
		}
		b.WriteString(strings.TrimRight(line.String(), " ") + "\n")
	}
}

// ms writes seconds of a latency.
func ms(seconds float64) string {
	if seconds <= 0 {
		return "–"
	}
	return objective.Seconds.Format(seconds)
}

// rate writes a number a second, with more digits the smaller it is.
func rate(v float64) string {
	switch {
	case math.IsNaN(v) || math.IsInf(v, 0):
		return "–"
	case v >= 100:
		return strconv.FormatFloat(v, 'f', 0, 64)
	case v >= 10:
		return strconv.FormatFloat(v, 'f', 1, 64)
	}
	return strconv.FormatFloat(v, 'f', 2, 64)
}

// took writes how long something took.
func took(seconds float64) string {
	d := time.Duration(seconds * float64(time.Second))
	switch {
	case d < time.Second:
		return d.Round(time.Millisecond).String()
	case d < time.Minute:
		return d.Round(100 * time.Millisecond).String()
	}
	return d.Round(time.Second).String()
}
