package alerts

import (
	"fmt"
	"slices"
	"time"

	"github.com/perfwatch/perfwatch/internal/objective"
)

// budgetBurn is the alert of every budget, told apart by its label objective.
const budgetBurn = "PerfwatchErrorBudgetBurn"

// What is recorded of an objective with a budget. Windows beyond five minutes sum up these rates, which is what makes the
// thirty days affordable.
const (
	events    = "objective:perfwatch_events:rate5m"
	badEvents = "objective:perfwatch_bad_events:rate5m"
	badRatio  = "objective:perfwatch_bad_events:ratio_rate" // and a window
	remaining = "objective:perfwatch_error_budget:remaining_ratio"
)

const (
	rateWindow = 5 * time.Minute
	// recording is how often records are made. Sums of them count on it.
	recording = time.Minute
)

// A burn tells that a budget is spent so many times as fast as it may be, seen in a long window and, so that it ends soon
// after its cause, in a short one.
type burn struct {
	factor      float64
	long, short time.Duration
	severity    string
}

// burns are those of the Site Reliability Workbook, chapter 5: of a budget for 30 days they spend 2 % in an hour, 5 % in six
// hours, 10 % in three days. One that would take more bad events than there are events cannot be, and is left out.
func burns(allowance float64) []burn {
	var possible []burn
	for _, b := range []burn{
		{14.4, time.Hour, rateWindow, "critical"},
		{6, 6 * time.Hour, 30 * time.Minute, "critical"},
		{1, 72 * time.Hour, 6 * time.Hour, "warning"},
	} {
		if b.threshold(allowance) < 1 {
			possible = append(possible, b)
		}
	}
	return possible
}

// threshold is the part of bad events at which a budget burns so fast.
func (b burn) threshold(allowance float64) float64 { return exact(b.factor * allowance) }

// budgetRules are the records and alerts of an objective with a budget.
func budgetRules(o *objective.Objective, opts Options) []rule {
	named := pair{"objective", o.Name}
	bad, all := eventRates(o)
	rules := make([]rule, 0, 12)
	rules = append(rules,
		record(badEvents, bad, named),
		record(events, all, named),
		record(badRatio+short(rateWindow), ratio(badEvents+ofObjective(o), events+ofObjective(o)), named))
	rules[0].comment = budgetComment(o)
	for _, w := range budgetWindows(o) {
		rules = append(rules, record(badRatio+short(w), ratio(summed(badEvents, o, w), summed(events, o, w)), named))
	}
	spent := fmt.Sprintf("1 - %s / %s", badRatio+short(o.Budget)+ofObjective(o), number(exact(o.Allowance())))
	rules = append(rules, record(remaining, spent, named, pair{"period", short(o.Budget)}))
	for _, severity := range []string{"critical", "warning"} {
		rules = append(rules, burnRule(o, severity, opts)...)
	}
	return rules
}

// eventRates are the rates of bad events and of all, over five minutes.
func eventRates(o *objective.Objective) (bad, all string) {
	recent := *o
	recent.Window = rateWindow
	switch o.Measure {
	case objective.ErrorRatio:
		return runs(&recent, "rate", failed), runs(&recent, "rate", notCanceled)
	case objective.CacheHitRatio:
		hits, misses := lookups(&recent, rate)
		return misses, hits + "\n + " + misses
	default:
		h := runsOf(&recent)
		return h.beyond(*o.Target), h.count("rate")
	}
}

// budgetWindows are the windows over which an objective needs the part of bad events, but for the shortest.
func budgetWindows(o *objective.Objective) []time.Duration {
	var windows []time.Duration
	for _, b := range burns(o.Allowance()) {
		if b.short != rateWindow {
			windows = append(windows, b.short)
		}
		windows = append(windows, b.long)
	}
	windows = append(windows, o.Budget)
	slices.Sort(windows)
	return slices.Compact(windows)
}

// burnRule is the alert of a severity; none if no burn of it is possible. It takes as many events in the long window as
// the objective takes to be judged.
func burnRule(o *objective.Objective, severity string, opts Options) []rule {
	expr := ""
	for _, b := range burns(o.Allowance()) {
		if b.severity != severity {
			continue
		}
		if expr != "" {
			expr += "\nor\n"
		}
		threshold := number(b.threshold(o.Allowance()))
		expr += fmt.Sprintf("(\n  %s > %s + %s\n  and %s > %s + %s\n  and %s * %s >= %d\n)",
			badRatio+short(b.long)+ofObjective(o), threshold, tolerance,
			badRatio+short(b.short)+ofObjective(o), threshold, tolerance,
			summed(events, o, b.long), number(recording.Seconds()), o.Floor())
	}
	if expr == "" {
		return nil
	}
	return []rule{{
		Alert: budgetBurn, Expr: expr, KeepFiringFor: opts.KeepFiringFor,
		Labels:      []pair{{"severity", severity}, {"objective", o.Name}},
		Annotations: burnAnnotations(o, slowest(o, severity), opts, templated),
	}}
}

// slowest is the least factor of the burns of a severity.
func slowest(o *objective.Objective, severity string) float64 {
	factor := 0.0
	for _, b := range burns(o.Allowance()) {
		if b.severity == severity {
			factor = b.factor
		}
	}
	return factor
}

// burnAnnotations say what a burn of at least a factor means; quote is that of annotations.
func burnAnnotations(o *objective.Objective, factor float64, opts Options, quote func(string) string) []pair {
	budget := objective.Ratio.Format(o.Allowance()) + " of " + short(o.Budget)
	gone := short(time.Duration(float64(o.Budget) / factor).Round(time.Hour))
	return append([]pair{
		{"summary", quote(title(o)) + " spends its error budget"},
		{"description", quote(title(o)) + ": its error budget, " + budget + ", is spent more than " + number(factor) +
			" times as fast as it may be. Like this all of it is gone within " + gone + "."},
	}, links(budgetBurn, boardOfBudgets, opts)...)
}

func budgetComment(o *objective.Objective) string {
	return fmt.Sprintf("%s: an error budget of %s for %s.", title(o), objective.Ratio.Format(o.Allowance()), short(o.Budget))
}

func ofObjective(o *objective.Objective) string { return braced(label("objective", o.Name)) }

// summed is the sum of the samples of a record in a window.
func summed(metric string, o *objective.Objective, w time.Duration) string {
	return "sum_over_time(" + metric + ofObjective(o) + "[" + short(w) + "])"
}
