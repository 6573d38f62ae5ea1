package dashboards

import (
	"github.com/perfwatch/perfwatch/internal/config"
	"github.com/perfwatch/perfwatch/internal/objective"
)

// drawPipelines shows whether runs come, end and end in time.
func drawPipelines(g *grid, cfg *config.Config) {
	g.row(1000, "Now")
	g.add(24, 7, pipelineTable())
	g.row(1020, "Runs")
	const budget = `max by (pipeline) (perfwatch_pipeline_budget_seconds{stage=""})`
	g.add(12, 9, series(1021, "Time taken and predicted",
		"How long the oldest open run has taken, how long it will have taken when it ends, and its budget.", "s",
		query{`max by (pipeline) (perfwatch_pipeline_elapsed_seconds{stage=""})`, "{{pipeline}} so far"},
		query{`max by (pipeline) (perfwatch_pipeline_predicted_duration_seconds)`, "{{pipeline}} predicted"},
		query{budget, "{{pipeline}} critical"}))
	g.add(12, 9, series(1022, "Duration from run to run", "How long the last run that succeeded took, beside its objectives.", "s",
		append([]query{{`max by (pipeline) (perfwatch_pipeline_last_duration_seconds{stage=""})`, "{{pipeline}}"}},
			linesOf(cfg, objective.PipelineDuration, 0)...)...))
	g.add(12, 9, series(1023, "Runs by outcome",
		"How runs ended. missed did not start in time; unknown was due while perfwatch was away.", "short",
		query{`sum by (pipeline, outcome) (increase(perfwatch_pipeline_runs_total[$__rate_interval]))`,
			"{{pipeline}} {{outcome}}"}).stacked())
	g.add(12, 9, series(1024, "Runs at once", "Runs that go on now. More than one is an overlap.", "short",
		query{`max by (pipeline) (perfwatch_pipeline_running)`, "{{pipeline}}"},
		query{`max by (pipeline) (perfwatch_pipeline_stuck_runs)`, "{{pipeline}} stuck"}))
	g.row(1030, "Stages")
	g.add(12, 9, series(1031, "Duration of stages", "How long each stage took in the last run that succeeded.", "s",
		query{`max by (pipeline, stage) (perfwatch_pipeline_last_duration_seconds{stage!=""})`, "{{pipeline}} {{stage}}"}).stacked())
	g.add(12, 9, series(1032, "Stages at work", "How long the stages that go on now have taken.", "s",
		query{`max by (pipeline, stage) (perfwatch_pipeline_elapsed_seconds{stage!=""})`, "{{pipeline}} {{stage}}"}))
	g.add(12, 9, series(1033, "Items", "Items of each stage in the last run that succeeded, where it says.", "short",
		query{`max by (pipeline, stage) (perfwatch_pipeline_last_items{stage!=""})`, "{{pipeline}} {{stage}}"}))
	g.add(12, 9, series(1034, "Memory of stages",
		"Highest resident memory of each stage's command, of its largest process; where perfwatch pipeline exec ran it.", "bytes",
		query{`max by (pipeline, stage) (perfwatch_pipeline_last_memory_peak_bytes)`, "{{pipeline}} {{stage}}"}))
}

func pipelineTable() panel {
	of := func(metric string) string { return "max by (pipeline) (perfwatch_pipeline_" + metric + ")" }
	return table(1001, "Pipelines", "Each pipeline: its next run, the runs that go on, and the last that succeeded.", "pipeline",
		column{"due", "dateTimeFromNow", "1000 * " + of("expected_timestamp_seconds"), nil},
		column{"late after", "dateTimeFromNow", "1000 * " + of("overdue_timestamp_seconds"), nil},
		column{"running", "none", of("running"), steps("text", from(2, "orange"))},
		column{"stuck", "none", of("stuck_runs"), steps("text", from(1, "red"))},
		column{"failures in a row", "none", of("consecutive_failures"), steps("green", from(1, "red"))},
		column{"last took", "s", of(`last_duration_seconds{stage=""}`), nil},
		column{"last items", "none", of(`last_items{stage=""}`), nil},
		column{"last success", "dateTimeFromNow", "1000 * " + of("last_success_timestamp_seconds"), nil},
	)
}
