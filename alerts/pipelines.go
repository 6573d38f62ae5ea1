package alerts

import (
	"cmp"
	"fmt"

	"github.com/perfwatch/perfwatch/internal/objective"
)

// The alerts of pipelines that belong to no objective.
const (
	pipelineLate       = "PerfwatchPipelineLate"
	pipelineFailed     = "PerfwatchPipelineFailed"
	pipelineStuck      = "PerfwatchPipelineStuck"
	pipelineOverBudget = "PerfwatchPipelineOverBudget"
	pipelinePredicted  = "PerfwatchPipelinePredictedMiss"
	pipelineOverlap    = "PerfwatchPipelineOverlap"
)

const (
	pipelineDuration = "perfwatch_pipeline_last_duration_seconds"
	overdueBy        = "time() - max by (pipeline) (perfwatch_pipeline_overdue_timestamp_seconds)"
	runBudget        = `max by (pipeline) (perfwatch_pipeline_budget_seconds{stage=""})`
)

// pipelineRules are about runs that do not come, do not end, or will end too late. Budgets are compared as series, summed
// up by pipeline, since every pipeline has its own; whoever is gone with them is told of by PerfwatchDown.
func pipelineRules(opts Options) []rule {
	return []rule{
		health(opts, pipelineLate, "warning", 0, overdueBy+" > 0",
			"Pipeline {{ $labels.pipeline }} did not start",
			"A run of pipeline {{ $labels.pipeline }} was due, and its grace is over."),
		health(opts, pipelineLate, "critical", 0, overdueBy+" > "+runBudget,
			"Pipeline {{ $labels.pipeline }} did not run",
			"A run of pipeline {{ $labels.pipeline }} did not start, and by now it should have ended."),
		health(opts, pipelineFailed, "warning", opts.For,
			"max by (pipeline) (perfwatch_pipeline_consecutive_failures) > 0",
			"Pipeline {{ $labels.pipeline }} failed",
			"The last run of pipeline {{ $labels.pipeline }} failed or was given up, and none has succeeded since."),
		health(opts, pipelineStuck, "warning", 0,
			"max by (pipeline) (perfwatch_pipeline_stuck_runs) > 0",
			"Pipeline {{ $labels.pipeline }} is stuck",
			"A run of pipeline {{ $labels.pipeline }} has reported nothing for longer than its stuck_after."),
		health(opts, pipelineOverBudget, "warning", 0,
			`max by (pipeline, stage) (perfwatch_pipeline_elapsed_seconds{stage!=""})`+
				"\n> max by (pipeline, stage) (perfwatch_pipeline_budget_seconds{stage!=\"\"})",
			"Stage {{ $labels.stage }} of pipeline {{ $labels.pipeline }} takes too long",
			"Stage {{ $labels.stage }} of pipeline {{ $labels.pipeline }} goes on beyond its budget."),
		health(opts, pipelineOverBudget, "critical", 0, elapsed+"\n> "+runBudget,
			"Pipeline {{ $labels.pipeline }} takes too long",
			"The run of pipeline {{ $labels.pipeline }} goes on beyond its budget."),
		health(opts, pipelinePredicted, "warning", opts.For,
			"(max by (pipeline) (perfwatch_pipeline_predicted_duration_seconds) > "+runBudget+")\nunless "+elapsed+" > "+runBudget,
			"Pipeline {{ $labels.pipeline }} will take too long",
			"The run of pipeline {{ $labels.pipeline }} will end beyond its budget, by the items that it has done and by earlier runs."),
		health(opts, pipelineOverlap, "info", 0,
			"max by (pipeline) (increase(perfwatch_pipeline_overlaps_total["+short(burstNews)+"])) > 0",
			"Runs of pipeline {{ $labels.pipeline }} overlap",
			"A run of pipeline {{ $labels.pipeline }} began while the one before was still at work."),
	}
}

const elapsed = `max by (pipeline) (perfwatch_pipeline_elapsed_seconds{stage=""})`

// pipelineTests are the promtool tests of pipelineRules, with a sample each minute.
func (h healthTester) pipelineTests() []testCase {
	series := func(metric, labels, values string) inputSeries {
		return inputSeries{metric + `{instance="a:1",job="perfwatch",pipeline="daily"` + labels + `}`, values}
	}
	daily := map[string]string{"pipeline": "daily"}
	fetch := map[string]string{"pipeline": "daily", "stage": "fetch"}
	h.step = evaluation(h.opts)
	wait := h.opts.For
	budget := series("perfwatch_pipeline_budget_seconds", "", "3600x600")
	overdue := series("perfwatch_pipeline_overdue_timestamp_seconds", "", "600x600")
	whole := func(values string) inputSeries { return series("perfwatch_pipeline_elapsed_seconds", "", values) }
	predicted := func(values string) inputSeries {
		return series("perfwatch_pipeline_predicted_duration_seconds", "", values)
	}
	failures := func(values string) inputSeries {
		return series("perfwatch_pipeline_consecutive_failures", "", values)
	}
	stage := func(values string) []inputSeries {
		return []inputSeries{
			series("perfwatch_pipeline_budget_seconds", `,stage="fetch"`, "300x600"),
			series("perfwatch_pipeline_elapsed_seconds", `,stage="fetch"`, values),
		}
	}
	const at = 600_000_000_000 // when the run is overdue
	return []testCase{
		h.several("a pipeline that is not due", []inputSeries{overdue, budget}, h.check(pipelineLate, at, nil)),
		h.several("a pipeline that is late", []inputSeries{overdue, budget},
			h.check(pipelineLate, at+h.step, daily, "warning"),
			h.check(pipelineLate, at+3600e9, daily, "warning"),
			h.check(pipelineLate, at+3600e9+h.step, daily, "warning", "critical")),
		h.several("a late pipeline that another perfwatch saw start",
			[]inputSeries{overdue, {`perfwatch_pipeline_overdue_timestamp_seconds{instance="b:1",pipeline="daily"}`, "90000x600"}},
			h.check(pipelineLate, 2*at, nil)),
		h.several("a run that succeeded", []inputSeries{failures("0x600")}, h.check(pipelineFailed, 2*at, nil)),
		h.several("a run that failed", []inputSeries{failures("0 1x600")},
			h.check(pipelineFailed, wait, nil), h.check(pipelineFailed, wait+h.step, daily, "warning")),
		h.several("a run that succeeded after all", []inputSeries{failures("0 1 0x600")}, h.check(pipelineFailed, 2*wait, nil)),
		h.several("a stuck run", []inputSeries{series("perfwatch_pipeline_stuck_runs", "", "0 1 0x600")},
			h.check(pipelineStuck, 0, nil), h.check(pipelineStuck, h.step, daily, "warning"), h.check(pipelineStuck, 2*h.step, nil)),
		h.several("a stage at its budget", stage("300x600"), h.check(pipelineOverBudget, h.step, nil)),
		h.several("a stage over its budget", stage("300 300.1x600"), h.check(pipelineOverBudget, h.step, fetch, "warning")),
		h.several("a run at its budget", []inputSeries{budget, whole("3600x600")}, h.check(pipelineOverBudget, h.step, nil)),
		h.several("a run over its budget", []inputSeries{budget, whole("3600.1x600"), predicted("3601x600")},
			h.check(pipelineOverBudget, h.step, daily, "critical"), h.check(pipelinePredicted, 2*wait, nil)),
		h.several("a run that will do", []inputSeries{budget, whole("60x600"), predicted("3600x600")},
			h.check(pipelinePredicted, 2*wait, nil)),
		h.several("a run that will take too long", []inputSeries{budget, whole("60x600"), predicted("3600.1x600")},
			h.check(pipelinePredicted, wait-h.step, nil), h.check(pipelinePredicted, wait, daily, "warning")),
		h.several("runs at once", []inputSeries{series("perfwatch_pipeline_overlaps_total", "", "0 1x600")},
			h.check(pipelineOverlap, 0, nil), h.check(pipelineOverlap, 4*h.step, daily, "info"),
			h.check(pipelineOverlap, 3000e9, daily, "info"), h.check(pipelineOverlap, 4000e9, nil)),
	}
}

// pipelineValue is how long the last run that succeeded took, as the perfwatch says that saw it take longest.
func pipelineValue(o *objective.Objective) string {
	return "max(" + pipelineDuration + braced(joined(label("pipeline", o.Pipeline), `stage=""`)) + ")"
}

// pipelineScenarios are what an objective on a pipeline is tried in beside its thresholds.
func pipelineScenarios(worst scenario) []scenario {
	return []scenario{worst.but("no run yet", isMissing, func(s *scenario) { s.samples = 0 })}
}

// run gives the last run of a pipeline, beside a stage of it and another pipeline that took longer.
func (s scenario) run(o *objective.Objective, n int) []inputSeries {
	name := cmp.Or(o.Pipeline, "one")
	all := []inputSeries{
		{fmt.Sprintf("%s{pipeline=%q,stage=\"fetch\"}", pipelineDuration, name), fmt.Sprintf("%sx%d", number(worstFigure(o)), n)},
		{fmt.Sprintf("%s{pipeline=%q}", pipelineDuration, other(name)), fmt.Sprintf("%sx%d", number(worstFigure(o)), n)},
	}
	if s.samples > 0 {
		value := fmt.Sprintf("%sx%d", number(exact(s.value)), n)
		all = append(all, inputSeries{fmt.Sprintf("%s{pipeline=%q}", pipelineDuration, name), value})
	}
	return all
}
