package alerts

import (
	"slices"
	"time"
)

// failuresInRow is how many failed runs of a probe warn; one may be chance.
const failuresInRow = 2

// healthRules need no statistics and no objective: they are what pages while the floors of a small configuration still
// fill, and when perfwatch itself has nothing to say.
func healthRules(opts Options) []rule {
	return slices.Concat(daemonRules(opts), sourceRules(opts), certificateRules(opts), burstRules(opts), pipelineRules(opts))
}

// daemonRules are about perfwatch, and probes that fail or do not run.
func daemonRules(opts Options) []rule {
	// Not of bursts, which have alerts of their own: who is aborted twice at a hundred requests a second is not down.
	down := "max by (probe) (perfwatch_probe_consecutive_failures) >= " + number(failuresInRow) +
		"\nunless on (probe) perfwatch_probe_info{kind=\"load\"}"
	return []rule{
		health(opts, probeDown, "warning", 0, down,
			"Probe {{ $labels.probe }} fails",
			"The last {{ $value }} runs of probe {{ $labels.probe }} all failed."),
		health(opts, probeDown, "critical", opts.For, down,
			"Probe {{ $labels.probe }} is down",
			"The last {{ $value }} runs of probe {{ $labels.probe }} all failed, for at least "+short(opts.For)+"."),
		// The instant is computed from the schedule, and each run moves it on: neither a start nor a long schedule comes near it.
		health(opts, probeMissing, "warning", opts.For,
			"max by (probe) (time() - perfwatch_probe_overdue_timestamp_seconds) > 0",
			"Probe {{ $labels.probe }} has stopped running",
			"Probe {{ $labels.probe }} was due three times or more and did not run: nothing is known of what it asks."),
		// Not up == 0: a job's name is for whoever writes the scrape configuration, and an absent target has no up at all.
		health(opts, perfwatchDown, "critical", opts.For, "absent(perfwatch_build_info)",
			"perfwatch is gone",
			"Prometheus has scraped no perfwatch for at least "+short(opts.For)+": nothing watches the platform."),
		// The probes of the pages fail too; this says that it is not for the pages. The pause is a second after one failure.
		health(opts, browserMissing, "warning", opts.For, "max by (instance) (perfwatch_browser_back_off_seconds) > 1",
			"perfwatch has no browser for its pages",
			"The browsers of {{ $labels.instance }} did not start or died, twice or more in a row: its pages are not measured."),
		health(opts, reloadFailed, "warning", 0, "perfwatch_config_last_reload_successful == 0",
			"perfwatch runs with an old configuration",
			"The last reload of {{ $labels.instance }} was refused: it goes on with the configuration before."),
		health(opts, targetFileBad, "warning", opts.For, "min by (file) (perfwatch_target_file_read_success) == 0",
			"Targets of {{ $labels.file }} are those of before",
			"File {{ $labels.file }} has not been readable for at least "+short(opts.For)+": its targets are asked as it last gave them."),
		// What hears nothing of this one any more raises the alarm: the only word of a Prometheus or an Alertmanager that is gone.
		health(opts, watchdog, "none", 0, "vector(1)",
			"Alerts reach you",
			"This alert always fires. When it stops coming, no other alert can come either."),
	}
}

// The alerts that belong to no objective.
const (
	probeDown      = "PerfwatchProbeDown"
	probeMissing   = "PerfwatchProbeMissing"
	perfwatchDown  = "PerfwatchDown"
	reloadFailed   = "PerfwatchConfigReloadFailed"
	browserMissing = "PerfwatchBrowserMissing"
	targetFileBad  = "PerfwatchTargetFileUnreadable"
	burstAborted   = "PerfwatchBurstAborted"
	burstInvalid   = "PerfwatchBurstInvalid"
	burstMissing   = "PerfwatchBurstMissing"
	regression     = "PerfwatchLoadRegression"
	watchdog       = "PerfwatchWatchdog"
)

// health makes one rule that belongs to no objective. Alerts of lasting state resolve as soon as it has passed.
func health(opts Options, name, severity string, wait time.Duration, expr, summary, description string) rule {
	return rule{
		Alert:  name,
		Expr:   expr,
		For:    wait,
		Labels: []pair{{"severity", severity}},
		Annotations: append([]pair{
			{"summary", summary},
			{"description", description},
		}, links(name, panelOfHealth(name), opts)...),
	}
}
