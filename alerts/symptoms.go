package alerts

import (
	"fmt"
	"slices"
	"time"
)

// symptoms are those of all alerts that belong to no objective and need no days of records.
func (h healthTester) symptoms() []symptom {
	return slices.Concat(h.daemonSymptoms(), h.certificateSymptoms(), h.sourceSymptoms(), h.burstSymptoms(), h.pipelineSymptoms())
}

func (h healthTester) daemonSymptoms() []symptom {
	warns := []string{"warning"}
	missing := h.overdue(symptom{
		alert: probeMissing, metric: "perfwatch_probe_overdue_timestamp_seconds", labels: `probe="stopped"`,
		told: []string{"probe=stopped"}, fires: warns,
	}, 0)
	missing.past = h.instant(-h.opts.For - time.Second)
	return []symptom{
		{
			alert: probeDown, metric: "perfwatch_probe_consecutive_failures", labels: `probe="down"`, told: []string{"probe=down"},
			healthy: "0", short: "1", at: "2", past: "3", fires: []string{"warning", "critical"}, firesAt: []string{"warning", "critical"},
		},
		missing,
		{
			alert: perfwatchDown, metric: "perfwatch_build_info", labels: `version="1"`, healthy: "1", short: "1", at: "_", past: "_",
			absence: true, fires: []string{"critical"}, firesAt: []string{"critical"},
		},
		{
			alert: browserMissing, metric: "perfwatch_browser_back_off_seconds", healthy: "0", short: "0.999", at: "1", past: "1.001",
			forEach: true, fires: warns,
		},
		// Its alert keeps every label.
		{
			alert: reloadFailed, metric: "perfwatch_config_last_reload_successful", told: []string{"job=perfwatch"},
			healthy: "1", short: "1", at: "0", past: "0", forEach: true, fires: warns, firesAt: warns,
		},
		{alert: watchdog, metric: "up", healthy: "1", short: "1", at: "0", past: "0", always: true, fires: []string{"none"}},
	}
}

func (h healthTester) certificateSymptoms() []symptom {
	const metric = "perfwatch_tls_certificate_not_after_timestamp_seconds"
	warns := []string{"warning"}
	symptomOf := func(probe string, left time.Duration, fires, until []string) symptom {
		return symptom{
			alert: certificateExpiry, metric: metric, labels: fmt.Sprintf("probe=%q", probe), told: []string{"probe=" + probe},
			healthy: h.instant(2 * certificateWarning), short: h.instant(left + time.Second),
			at: h.instant(left), past: h.instant(left - time.Second), fires: fires, firesAt: until, firesShort: until,
			value: func(end float64) float64 { return end - h.until().Seconds() },
		}
	}
	return []symptom{
		symptomOf("renewed_late", certificateWarning, warns, nil),
		symptomOf("ends", certificateCritical, []string{"warning", "critical"}, warns),
	}
}

// instant is a time so long after the scenarios are judged.
func (h healthTester) instant(after time.Duration) string {
	return number((h.until() + after).Seconds())
}

// overdue completes a symptom that is told by an instant that has passed for longer than a time.
func (h healthTester) overdue(s symptom, longer time.Duration) symptom {
	s.healthy, s.short = h.instant(certificateWarning), h.instant(-longer+time.Second)
	s.at, s.past = h.instant(-longer), h.instant(-longer-time.Second)
	return s
}

func (h healthTester) sourceSymptoms() []symptom {
	var all []symptom
	for _, s := range []struct{ alert, severity, metric, label, value string }{
		{redisDown, "critical", "perfwatch_redis_up", "redis", "cache"},
		{postgresDown, "critical", "perfwatch_postgres_up", "postgres", "main"},
		{pgbouncerDown, "critical", "perfwatch_pgbouncer_up", "pgbouncer", "pool"},
		{processDown, "warning", "perfwatch_process_up", "process", "api"},
	} {
		all = append(all, symptom{
			alert: s.alert, metric: s.metric, labels: fmt.Sprintf("%s=%q", s.label, s.value), told: []string{s.label + "=" + s.value},
			healthy: "1", short: "1", at: "0", past: "0", fires: []string{s.severity}, firesAt: []string{s.severity},
		})
	}
	warns := []string{"warning"}
	const targets = "/etc/shops.json"
	return append(all, symptom{
		alert: targetFileBad, metric: "perfwatch_target_file_read_success", labels: fmt.Sprintf("file=%q", targets),
		told: []string{"file=" + targets}, healthy: "1", short: "1", at: "0", past: "0", fires: warns, firesAt: warns,
	}, symptom{
		alert: hostUnreadable, metric: "perfwatch_scrape_success", labels: `collector="host"`, forEach: true,
		healthy: "1", short: "1", at: "0", past: "0", fires: warns, firesAt: warns,
	}, symptom{
		alert: businessStale, metric: "perfwatch_scrape_success", labels: `collector="business/sessions"`,
		told: []string{"name=sessions"}, healthy: "1", short: "1", at: "0", past: "0", fires: warns, firesAt: warns,
	})
}

func (h healthTester) burstSymptoms() []symptom {
	warns := []string{"warning"}
	journey := []string{"probe=journey"}
	return []symptom{
		{
			alert: burstAborted, metric: "perfwatch_load_aborts_total", labels: `probe="journey",reason="setup"`, counter: true,
			told: []string{"probe=journey", "reason=setup"}, healthy: "5", short: "5", at: "5", past: "6", fires: warns,
		},
		{
			alert: burstInvalid, metric: "perfwatch_load_invalid_total", labels: `probe="journey",reason="lag"`, counter: true,
			told: []string{"probe=journey", "reason=lag"}, healthy: "5", short: "5", at: "5", past: "6", fires: []string{"info"},
		},
		{
			alert: burstInvalid, metric: "perfwatch_load_bursts_total", labels: `probe="journey",result="invalid"`, counter: true,
			told: journey, healthy: "5", short: "6", at: "7", past: "8", fires: warns, firesAt: warns,
			beside: []inputSeries{{`perfwatch_load_bursts_total{probe="journey",result="completed"}`, "9"}},
		},
		h.overdue(symptom{
			alert: burstMissing, metric: "perfwatch_load_overdue_timestamp_seconds", labels: `probe="journey"`,
			told: journey, fires: warns,
		}, 0),
		{
			alert: regression, metric: "perfwatch_load_regression", labels: `endpoint="list",probe="journey"`,
			told: []string{"probe=journey", "endpoint=list"}, healthy: "0", short: "-1", at: "0", past: "1", fires: warns,
		},
	}
}

func (h healthTester) pipelineSymptoms() []symptom {
	const budget = time.Minute
	warns, both := []string{"warning"}, []string{"warning", "critical"}
	of := func(pipeline, stage string) (labels string, told []string) {
		labels, told = fmt.Sprintf("pipeline=%q", pipeline), []string{"pipeline=" + pipeline}
		if stage != "" {
			labels, told = labels+fmt.Sprintf(",stage=%q", stage), append(told, "stage="+stage)
		}
		return labels, told
	}
	symptomOf := func(alert, metric, pipeline, stage string, budgeted bool, fires ...string) symptom {
		labels, told := of(pipeline, stage)
		s := symptom{alert: alert, metric: "perfwatch_pipeline_" + metric, labels: labels, told: told, fires: fires}
		s.healthy, s.short, s.at, s.past = "0", "0", "0", "1"
		if budgeted {
			s.short, s.at, s.past = "59.999", "60", "60.001"
			s.beside = []inputSeries{{"perfwatch_pipeline_budget_seconds{" + labels + "}", number(budget.Seconds())}}
		}
		return s
	}
	late := h.overdue(symptomOf(pipelineLate, "overdue_timestamp_seconds", "late", "", false, warns...), 0)
	never := h.overdue(symptomOf(pipelineLate, "overdue_timestamp_seconds", "never", "", true, both...), budget)
	never.firesShort, never.firesAt = warns, warns
	const ofStage = `perfwatch_pipeline_budget_seconds{pipeline=%q,stage="fetch"}`
	never.beside = append(never.beside, inputSeries{fmt.Sprintf(ofStage, "never"), "9999"})
	behind := symptomOf(pipelinePredicted, "predicted_duration_seconds", "behind", "", true, warns...)
	behind.beside = append(behind.beside, inputSeries{fmt.Sprintf(ofStage, "behind"), "9999"},
		inputSeries{`perfwatch_pipeline_elapsed_seconds{pipeline="behind"}`, "60"})
	overlap := symptomOf(pipelineOverlap, "overlaps_total", "twice", "", false, "info")
	overlap.counter = true
	return []symptom{
		late, never, overlap, behind,
		symptomOf(pipelineFailed, "consecutive_failures", "failed", "", false, warns...),
		symptomOf(pipelineStuck, "stuck_runs", "stuck", "", false, warns...),
		symptomOf(pipelineOverBudget, "elapsed_seconds", "slow", "fetch", true, warns...),
		symptomOf(pipelineOverBudget, "elapsed_seconds", "slow", "", true, "critical"),
	}
}
