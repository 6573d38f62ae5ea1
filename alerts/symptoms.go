package alerts

import (
	"fmt"
	"slices"
	"time"
)

// symptoms are those of all alerts that belong to no objective and need no days of records.
func (h healthTester) symptoms() []symptom {
	return slices.Concat(h.daemonSymptoms(), h.certificateSymptoms(), sourceSymptoms(), h.burstSymptoms(), h.pipelineSymptoms())
}

// one is a label that an alert keeps.
func one(name, value string) map[string]string { return map[string]string{name: value} }

// upOrDown completes a symptom of a series that is 1, or 0 while something is wrong.
func upOrDown(s symptom) symptom {
	s.healthy, s.short, s.at, s.past, s.firesAt = "1", "1", "0", "0", s.fires
	return s
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

func (h healthTester) daemonSymptoms() []symptom {
	warns, both := []string{"warning"}, []string{"warning", "critical"}
	missing := h.overdue(symptom{
		alert: probeMissing, metric: "perfwatch_probe_overdue_timestamp_seconds", told: one("probe", "stopped"), fires: warns,
	}, 0)
	missing.past = h.instant(-h.opts.For - time.Second)
	return []symptom{
		{
			alert: probeDown, metric: "perfwatch_probe_consecutive_failures", told: one("probe", "down"),
			healthy: "0", short: "1", at: "2", past: "3", fires: both, firesAt: both,
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
		upOrDown(symptom{
			alert: reloadFailed, metric: "perfwatch_config_last_reload_successful", more: one("job", "perfwatch"), forEach: true,
			fires: warns,
		}),
		upOrDown(symptom{
			alert: targetFileBad, metric: "perfwatch_target_file_read_success", told: one("file", "/etc/shops.json"), fires: warns,
		}),
		upOrDown(symptom{alert: watchdog, metric: "up", always: true, fires: []string{"none"}}),
	}
}

func (h healthTester) certificateSymptoms() []symptom {
	warns := []string{"warning"}
	symptomOf := func(probe string, left time.Duration, fires, until []string) symptom {
		return symptom{
			alert: certificateExpiry, metric: "perfwatch_tls_certificate_not_after_timestamp_seconds", told: one("probe", probe),
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

func sourceSymptoms() []symptom {
	var all []symptom
	for _, s := range sources() {
		told := upOrDown(symptom{alert: s.alert, metric: s.metric, told: s.told, fires: []string{s.severity}})
		if _, told.forEach = s.told["instance"]; told.forEach {
			told.told, told.labels = nil, s.labels
		}
		all = append(all, told)
	}
	all = append(all, symptom{
		alert: businessStale, metric: "perfwatch_business_age_seconds", told: one("name", "orders"),
		healthy: "0", short: "0", at: "0", past: "1", fires: []string{"warning"}, best: true,
	})
	return append(all, upOrDown(symptom{
		alert: businessStale, metric: "perfwatch_scrape_success", labels: `collector="business/sessions"`,
		more: one("name", "sessions"), fires: []string{"warning"},
	}))
}

func (h healthTester) burstSymptoms() []symptom {
	warns, journey := []string{"warning"}, one("probe", "journey")
	byReason := func(reason string) map[string]string { return map[string]string{"probe": "journey", "reason": reason} }
	return []symptom{
		{
			alert: burstAborted, metric: "perfwatch_load_aborts_total", told: byReason("setup"), counter: true,
			healthy: "5", short: "5", at: "5", past: "6", fires: warns,
		},
		{
			alert: burstInvalid, metric: "perfwatch_load_invalid_total", told: byReason("lag"), counter: true,
			healthy: "5", short: "5", at: "5", past: "6", fires: []string{"info"},
		},
		{
			alert: burstInvalid, metric: "perfwatch_load_bursts_total", told: journey, labels: `result="invalid"`, counter: true,
			healthy: "5", short: "6", at: "7", past: "8", fires: warns, firesAt: warns,
			beside: []inputSeries{{`perfwatch_load_bursts_total{probe="journey",result="completed"}`, "9"}},
		},
		{
			alert: burstInvalid, metric: "perfwatch_load_bursts_total", told: one("probe", "elsewhere"), labels: `result="invalid"`,
			counter: true, healthy: "5", short: "6", at: "7", past: "8", fires: warns, firesAt: warns, best: true,
			beside: []inputSeries{{`perfwatch_load_bursts_total{probe="elsewhere",result="completed"}`, "9"}},
			well:   []inputSeries{{`perfwatch_load_bursts_total{probe="elsewhere",result="completed"}`, "9+1"}},
		},
		h.overdue(symptom{
			alert: burstMissing, metric: "perfwatch_load_overdue_timestamp_seconds", told: journey, fires: warns, best: true,
		}, 0),
		{
			alert: regression, metric: "perfwatch_load_regression", told: map[string]string{"endpoint": "list", "probe": "journey"},
			healthy: "0", short: "-1", at: "0", past: "1", fires: warns,
		},
	}
}

func (h healthTester) pipelineSymptoms() []symptom {
	const ofStage = `perfwatch_pipeline_budget_seconds{pipeline=%q,stage="fetch"}`
	warns, both := []string{"warning"}, []string{"warning", "critical"}
	happens := func(alert, metric string, told map[string]string, fires ...string) symptom {
		return symptom{
			alert: alert, metric: "perfwatch_pipeline_" + metric, told: told, fires: fires, healthy: "0", short: "0", at: "0", past: "1",
		}
	}
	budgeted := func(s symptom) symptom {
		s.short, s.at, s.past = "59.999", "60", "60.001"
		s.beside = []inputSeries{{"perfwatch_pipeline_budget_seconds" + braced(matching(s.told)), "60"}}
		return s
	}
	late := h.overdue(happens(pipelineLate, "overdue_timestamp_seconds", one("pipeline", "late"), warns...), 0)
	never := budgeted(happens(pipelineLate, "overdue_timestamp_seconds", one("pipeline", "never"), both...))
	never = h.overdue(never, time.Minute)
	late.best, never.best = true, true
	never.firesShort, never.firesAt = warns, warns
	never.beside = append(never.beside, inputSeries{fmt.Sprintf(ofStage, "never"), "9999"})
	behind := budgeted(happens(pipelinePredicted, "predicted_duration_seconds", one("pipeline", "behind"), warns...))
	behind.beside = append(behind.beside, inputSeries{fmt.Sprintf(ofStage, "behind"), "9999"},
		inputSeries{`perfwatch_pipeline_elapsed_seconds{pipeline="behind"}`, "60"})
	slow := budgeted(happens(pipelineOverBudget, "elapsed_seconds", one("pipeline", "slow"), "critical"))
	// What is late already is not predicted any more, whoever still predicts it.
	slow.well = append(slices.Clone(slow.beside),
		inputSeries{`perfwatch_pipeline_predicted_duration_seconds{pipeline="slow"}`, "61"})
	overlap := happens(pipelineOverlap, "overlaps_total", one("pipeline", "twice"), "info")
	overlap.counter = true
	fetch := map[string]string{"pipeline": "slow", "stage": "fetch"}
	return []symptom{
		late, never, overlap, behind, slow,
		happens(pipelineFailed, "consecutive_failures", one("pipeline", "failed"), warns...),
		happens(pipelineStuck, "stuck_runs", one("pipeline", "stuck"), warns...),
		budgeted(happens(pipelineOverBudget, "elapsed_seconds", fetch, warns...)),
	}
}
