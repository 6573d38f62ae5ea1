package report

import (
	"fmt"

	"github.com/perfwatch/perfwatch/internal/load"
	"github.com/perfwatch/perfwatch/internal/objective"
)

// NotFired says that a burst could not begin, and why.
func (r *Report) NotFired(probe, why string) {
	r.wrong(Missed, "burst %s was not fired: %s", probe, why)
}

// Judge sets the verdict and says why it is not good. It is called once, when everything is filled in.
func (r *Report) Judge() {
	if r.Verdict == "" {
		r.Verdict = Met
	}
	if r.Source == FromRun {
		r.judgeProbes()
	}
	judged := 0
	for i := range r.Objectives {
		o := &r.Objectives[i]
		switch {
		case o.Skipped, o.State == objective.Elsewhere:
			continue
		case o.State == objective.Missed:
			r.wrong(Missed, "%s is missed: %s, want %s", o.Title, o.Current(), o.Wanted())
		case o.State == objective.NoData:
			r.wrong(Undecided, "%s could not be judged: nothing was measured", o.Title)
		case o.State == objective.NotEnough:
			r.wrong(Undecided, "%s could not be judged: %d samples, want %d", o.Title, o.Samples, o.Floor)
		}
		judged++
	}
	if judged == 0 && r.Verdict == Met {
		r.Notes = append(r.Notes, "no objective is about what was run")
	}
}

// judgeProbes finds what failed though no objective may be about it.
func (r *Report) judgeProbes() {
	for i := range r.Probes {
		p := &r.Probes[i]
		switch {
		case p.Requests == 0:
			r.wrong(Undecided, "probe %s did not run", p.Name)
		case p.Failures == p.Requests:
			r.wrong(Missed, "probe %s failed all of its %d runs: %s", p.Name, p.Requests, p.Error)
		}
	}
	for i := range r.Bursts {
		b := &r.Bursts[i]
		switch {
		case b.Result == load.Aborted && r.Interrupted && b.Cause == load.ByStop:
			r.wrong(Undecided, "burst %s was interrupted", b.Probe)
		case b.Result == load.Aborted:
			r.wrong(Missed, "burst %s was aborted: %s", b.Probe, b.Reason)
		case b.Result == load.Invalid:
			r.wrong(Undecided, "burst %s is invalid: %s", b.Probe, b.Reason)
		case b.All.Requests == 0:
			r.wrong(Undecided, "burst %s sent nothing", b.Probe)
		case b.All.Failures == b.All.Requests:
			r.wrong(Missed, "burst %s failed with all of its %d requests: %s", b.Probe, b.All.Requests, b.All.outcomes())
		}
	}
}

// wrong adds a sentence and keeps the worst verdict.
func (r *Report) wrong(v Verdict, format string, args ...any) {
	r.Problems = append(r.Problems, fmt.Sprintf(format, args...))
	if r.Verdict != Missed {
		r.Verdict = v
	}
}

// Current is the value for people.
func (o *Objective) Current() string {
	if o.Value == nil {
		return "–"
	}
	return o.Unit.Format(*o.Value)
}

// Wanted is what the value is held to, for people: "< 500ms".
func (o *Objective) Wanted() string {
	sign := "≤ "
	if o.Higher {
		sign = "≥ "
	}
	for _, t := range []*float64{o.Target, o.Warning, o.Critical} {
		if t != nil {
			return sign + o.Unit.Format(*t)
		}
	}
	return "–"
}

// Status is the state in words.
func (o *Objective) Status() string {
	switch {
	case o.Skipped:
		return "not run"
	case o.State == objective.Elsewhere:
		return "judged by Prometheus"
	case o.State == objective.NoData:
		return "no data"
	case o.State == objective.NotEnough:
		return fmt.Sprintf("not enough data (%d of %d)", o.Samples, o.Floor)
	case o.State == objective.Missed && o.Level == objective.Critical:
		return "missed, critical"
	case o.Level == objective.Warning && o.State == objective.Met:
		return "met, past its warning"
	case o.State == objective.Missed:
		return "missed"
	}
	return "met"
}
