package alerts

import (
	"fmt"
	"strings"

	"github.com/perfwatch/perfwatch/internal/objective"
)

// valueTemplate prints an alert's value in its unit. The functions are Prometheus's own.
func valueTemplate(u objective.Unit) string {
	switch u {
	case objective.Seconds:
		return "{{ $value | humanizeDuration }}"
	case objective.Ratio:
		return "{{ $value | humanizePercentage }}"
	case objective.PerSecond:
		return `{{ $value | printf "%.4g" }}/s`
	case objective.Bytes:
		return "{{ $value | humanize1024 }}B"
	case objective.BytesPerSecond:
		return "{{ $value | humanize1024 }}B/s"
	default:
		return `{{ $value | printf "%.4g" }}`
	}
}

// templated writes a text of the configuration so that Prometheus prints it as it stands: a title with {{ in it must
// not become a template.
func templated(text string) string { return strings.ReplaceAll(text, "{{", `{{"{{"}}`) }

// verbatim is the text as Prometheus prints it.
func verbatim(text string) string { return text }

// annotations say what happened. The value is the template of a rule or, in the rule's test, what the template prints;
// quote writes the texts of the configuration accordingly.
func annotations(o *objective.Objective, t objective.Threshold, value string, opts Options,
	quote func(string) string,
) []pair {
	crossed := side(o) + " its " + thresholdText(o, t)
	summary := quote(title(o)) + " " + crossed
	description := quote(title(o)) + ": " + value + " " + quote(span(o)) + ", " + crossed + aim(o, t) + ". " + certainty(o)
	return append([]pair{
		{"summary", summary}, {"description", description}, {"value", value}, {"threshold", o.Unit().Format(t.Value)},
	}, links(o.AlertName(), panelOf(o, opts), opts)...)
}

// links lead from an alert to its page and to the panel that shows it.
func links(alert, panel string, opts Options) []pair {
	return []pair{
		{"runbook_url", opts.ExternalURL + "/runbooks/" + alert},
		{"dashboard_url", opts.GrafanaURL + panel},
	}
}

func title(o *objective.Objective) string {
	if o.Title == "" {
		return o.Name
	}
	return o.Title
}

// side is where a bad value lies.
func side(o *objective.Objective) string {
	if o.HigherIsBetter() {
		return "under"
	}
	return "over"
}

func thresholdText(o *objective.Objective, t objective.Threshold) string {
	if t.Level == objective.Target {
		return "target of " + o.Unit().Format(t.Value)
	}
	return string(t.Level) + " threshold of " + o.Unit().Format(t.Value)
}

// aim adds the target to a text about another threshold.
func aim(o *objective.Objective, t objective.Threshold) string {
	if o.Target == nil || t.Level == objective.Target {
		return ""
	}
	return " (target " + o.Unit().Format(*o.Target) + ")"
}

// span is the time that a value stands for.
func span(o *objective.Objective) string {
	if o.Measure.OfBurst() {
		return "in the last valid burst" + of(o.Probe)
	}
	if o.Measure == objective.PromQL {
		return "by its query"
	}
	if o.Measure == objective.PipelineDuration {
		return "in the last run" + of(o.Pipeline) + " that succeeded"
	}
	return "over the last " + short(o.Window)
}

// certainty says how much was measured before the value was judged.
func certainty(o *objective.Objective) string {
	if o.Measure.OfBurst() && o.Floor() == 1 {
		return "It stands until the next burst."
	}
	if o.Measure == objective.PipelineDuration {
		return "It stands until the next run."
	}
	if o.Measure == objective.PromQL {
		return "Judged by Prometheus alone."
	}
	what := "runs"
	switch o.Measure {
	case objective.LoadErrorRatio, objective.LoadLatency, objective.LoadLatencyMean, objective.LoadMemoryPerRequest:
		what = "requests"
	case objective.LoadMemoryLeak:
		what = "medians of its memory"
	case objective.CacheHitRatio, objective.LoadCacheHitRatio:
		what = "lookups"
	case objective.PageFCP, objective.PageTTI:
		what = "page loads"
	case objective.CPUUsage, objective.MemoryUsage:
		what = "samples of the host"
	default:
	}
	judged := fmt.Sprintf("Judged from %d %s or more.", o.Floor(), what)
	if o.Measure.OfBurst() {
		judged += " It stands until the next burst."
	}
	return judged
}

func of(name string) string {
	if name == "" {
		return ""
	}
	return " of " + name
}

// comment says above a pair of rules what was declared.
func comment(o *objective.Objective) string {
	set := make([]string, 0, 3)
	for _, t := range o.Thresholds() {
		set = append(set, string(t.Level)+" "+o.Unit().Format(t.Value))
	}
	return title(o) + ": " + strings.Join(set, ", ") + " " + span(o) + ". " + certainty(o)
}
