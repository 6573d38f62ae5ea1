package web

import (
	"cmp"
	"fmt"
	"html/template"
	"slices"

	"github.com/perfwatch/perfwatch/internal/load"
	"github.com/perfwatch/perfwatch/internal/objective"
)

// A view is a page made ready for its template: judged, worded and with the worst first.
type view struct {
	Page
	Version string
	Refresh int // seconds; 0 for never
	Verdict verdict
	Targets []target
	Checks  []check // all of them
	Shown   []check // those that are asked for
	Select  selection
	Pipes   []pipelineView
	Last    []burst
	Faults  []Fault
}

// newView judges a page.
func newView(o *Options, p Page) *view {
	v := &view{Page: p, Version: o.Version}
	for _, row := range p.Objectives {
		t := newTarget(row)
		if o.Trends != nil {
			t.Trend = drawTrend(o.Trends.of(row.Name), row.Limit, row.Unit)
		}
		v.Targets = append(v.Targets, t)
	}
	slices.SortStableFunc(v.Targets, func(a, b target) int { return cmp.Compare(b.Severity, a.Severity) })
	for _, row := range p.Probes {
		v.Checks = append(v.Checks, newCheck(row))
	}
	slices.SortStableFunc(v.Checks, func(a, b check) int { return cmp.Compare(b.Severity, a.Severity) })
	for _, row := range p.Bursts {
		v.Last = append(v.Last, burst{
			Burst: row, Badge: burstBadge(&row), Control: o.Lifecycle && o.StartBurst != nil, Reported: o.Report != nil,
		})
	}
	for _, s := range p.Pipelines {
		v.Pipes = append(v.Pipes, newPipelineView(s, p.Now))
	}
	v.Shown, v.Select = selectChecks(v.Checks, "", 1)
	if o.Faults != nil {
		v.Faults = o.Faults()
	}
	v.Verdict = judge(v)
	return v
}

// A severity orders rows, the worst highest.
type severity int

const (
	fine severity = iota
	unknown
	noticed
	missed
	broken
)

// A badge is a state in a word and a symbol. Its class gives it a colour, which is never all that tells it.
type badge struct{ Class, Symbol, Word string }

func newBadge(s severity, word string) badge {
	switch s {
	case broken:
		return badge{"bad", "✕", word}
	case missed, noticed:
		return badge{"warn", "▲", word}
	case unknown:
		return badge{"idle", "…", word}
	default:
		return badge{"ok", "✓", word}
	}
}

// A target is one row of the targets table.
type target struct {
	Objective
	Severity severity
	Badge    badge
	Trend    template.HTML // of the last hour; "" before there is one
	Why      string        // the samples behind the judgement, or those that are missing
}

func newTarget(o Objective) target {
	s, word := judgeObjective(&o)
	t := target{Objective: o, Severity: s, Badge: newBadge(s, word)}
	switch {
	case o.State == objective.Elsewhere:
		t.Why = "by its query"
	case o.Window == 0 && o.State == objective.NoData && o.Evidence == pipelinesAnchor:
		t.Why = "no run yet"
	case o.Window == 0 && o.State == objective.NoData:
		t.Why = "no burst yet"
	case o.State == objective.NotEnough || o.State == objective.NoData:
		t.Why = fmt.Sprintf("%d/%d samples", o.Samples, o.Floor)
	case o.Evidence == pipelinesAnchor:
		t.Why = "last run"
	case o.Window == 0:
		t.Why = "last burst"
	default:
		t.Why = fmt.Sprintf("%d samples", o.Samples)
	}
	return t
}

func judgeObjective(o *Objective) (severity, string) {
	switch {
	case o.State == objective.Elsewhere:
		return unknown, "judged by Prometheus"
	case o.State == objective.NoData:
		return unknown, "no data"
	case o.State == objective.NotEnough:
		return unknown, "not enough data"
	case o.Level == objective.Critical:
		return broken, "critical"
	case o.State == objective.Missed:
		return missed, "missed"
	case o.Level == objective.Warning:
		return noticed, "warning"
	}
	return fine, "met"
}

// A check is one row of the table of probes.
type check struct {
	Probe
	Older    bool // more runs happened than those kept
	Severity severity
	Badge    badge
}

func newCheck(p Probe) check {
	c := check{Probe: p, Severity: unknown}
	word := "not run yet"
	if last := p.Last; last != nil {
		word, c.Severity = last.Outcome.String(), fine
		c.Older = p.Runs > uint64(p.Kept)
		if last.Failed() {
			c.Severity = broken
		}
	}
	c.Badge = newBadge(c.Severity, word)
	return c
}

// A burst is one row of the table of bursts.
type burst struct {
	Burst
	Badge   badge
	Control bool // it can be started and stopped from the page

	Reported bool // there are reports of bursts
}

func burstBadge(b *Burst) badge {
	switch {
	case b.Running:
		return badge{"run", "▶", "running"}
	case b.Result == load.Completed:
		return newBadge(fine, string(b.Result))
	case b.Result == "":
		return newBadge(unknown, "not run yet")
	}
	return newBadge(noticed, string(b.Result))
}
