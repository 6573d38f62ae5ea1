package alerts

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/common/model"

	"github.com/perfwatch/perfwatch/internal/objective"
)

// healthTests are the promtool tests of healthRules.
func healthTests(opts Options) []testCase {
	h := newHealthTester(opts)
	return slices.Concat(h.kindTests(), h.daemonTests(), h.sourceTests(), h.certificateTests(), h.burstTests(), h.pipelineTests())
}

// daemonTests are the promtool tests of daemonRules.
func (h healthTester) daemonTests() []testCase {
	opts, step := h.opts, h.step
	n := int(opts.For/step) + 4 // samples until everything that waits has waited
	late := time.Duration(n-1) * step
	const failures = `perfwatch_probe_consecutive_failures{instance="a:1",job="perfwatch",probe="dashboard"}`
	const info = `perfwatch_probe_info{instance="a:1",job="perfwatch",probe="dashboard",`
	const overdue = `perfwatch_probe_overdue_timestamp_seconds{instance="a:1",job="perfwatch",probe="dashboard"}`
	const reload = `perfwatch_config_last_reload_successful{instance="a:1",job="perfwatch"}`
	const pause = `perfwatch_browser_back_off_seconds{instance="a:1",job="perfwatch"}`
	const build = `perfwatch_build_info{instance="a:1",job="perfwatch",version="1"}`
	return []testCase{
		h.test("one failure", failures, fmt.Sprintf("0 1x%d", n), h.check(probeDown, late, nil)),
		h.test("two failures in a row", failures, fmt.Sprintf("0 1 2x%d", n),
			h.check(probeDown, step, nil),
			h.check(probeDown, 2*step, map[string]string{"probe": "dashboard"}, "warning"),
			h.check(probeDown, 2*step+opts.For, map[string]string{"probe": "dashboard"}, "warning", "critical")),
		h.several("failures of a burst", []inputSeries{
			{failures, fmt.Sprintf("0 1 2x%d", n)}, {info + `kind="load"}`, fmt.Sprintf("1x%d", n+2)},
		}, h.check(probeDown, late, nil)),
		h.several("failures of what is no burst", []inputSeries{
			{failures, fmt.Sprintf("0 1 2x%d", n)}, {info + `kind="http"}`, fmt.Sprintf("1x%d", n+2)},
		}, h.check(probeDown, 2*step+opts.For, map[string]string{"probe": "dashboard"}, "warning", "critical")),
		h.test("failures with a success between", failures, fmt.Sprintf("1 0 1 0 1x%d", n), h.check(probeDown, late, nil)),
		h.test("perfwatch answers", build, fmt.Sprintf("1x%d", n), h.check(perfwatchDown, late, nil)),
		h.test("perfwatch goes away", build, fmt.Sprintf("1 1 stale _x%d", n),
			h.check(perfwatchDown, 2*step, nil),
			h.check(perfwatchDown, 2*step+opts.For, map[string]string{}, "critical")),
		h.test("a probe that runs", overdue, fmt.Sprintf("60+%dx%d", int(step.Seconds()), n), h.check(probeMissing, late, nil)),
		h.test("a probe whose next run is far away", overdue, fmt.Sprintf("259200x%d", n), h.check(probeMissing, late, nil)),
		h.test("a probe that comes late", overdue, fmt.Sprintf("0 0 900x%d", n), h.check(probeMissing, late, nil)),
		h.test("a probe that has stopped", overdue, fmt.Sprintf("%dx%d", int(step.Seconds()), n),
			h.check(probeMissing, step+opts.For, nil),
			h.check(probeMissing, 2*step+opts.For, map[string]string{"probe": "dashboard"}, "warning")),
		h.several("a probe that has stopped in one perfwatch of two", []inputSeries{
			{overdue, fmt.Sprintf("%dx%d", int(step.Seconds()), n)},
			{strings.Replace(overdue, "a:1", "b:1", 1), fmt.Sprintf("9000x%d", n)},
		}, h.check(probeMissing, 2*step+opts.For, map[string]string{"probe": "dashboard"}, "warning")),
		h.test("a probe that is gone", overdue, fmt.Sprintf("0 0 stale _x%d", n), h.check(probeMissing, late, nil)),
		h.test("a browser that died once", pause, fmt.Sprintf("0 1x%d", n), h.check(browserMissing, late, nil)),
		h.test("no browser", pause, fmt.Sprintf("0 1 2 4x%d", n),
			h.check(browserMissing, 2*step, nil),
			h.check(browserMissing, 2*step+opts.For, map[string]string{"instance": "a:1"}, "warning")),
		h.test("configuration taken", reload, fmt.Sprintf("1x%d", n), h.check(reloadFailed, late, nil)),
		h.test("configuration refused", reload, fmt.Sprintf("1 0x%d", n),
			h.check(reloadFailed, step, map[string]string{"instance": "a:1", "job": "perfwatch"}, "warning")),
		h.several("nothing at all", []inputSeries{}, h.check(watchdog, 0, map[string]string{}, "none"),
			h.check(watchdog, late, map[string]string{}, "none")),
	}
}

// A healthTester makes the tests of alerts that belong to no objective.
type healthTester struct {
	opts  Options
	step  time.Duration
	value float64 // of the alerts that name theirs
}

func newHealthTester(opts Options) healthTester {
	return healthTester{opts: opts, step: evaluation(opts), value: failuresInRow}
}

func (h healthTester) test(name, series, values string, checks ...alertCheck) testCase {
	return testCase{
		Name:     name,
		Interval: model.Duration(h.step),
		Series:   []inputSeries{{series, values}},
		Alerts:   checks,
	}
}

// check expects an alert at some severities, with the labels of its series and the texts of its rule.
func (h healthTester) check(alert string, at time.Duration, labels map[string]string, severities ...string) alertCheck {
	c := alertCheck{At: model.Duration(at), Alert: alert}
	for _, severity := range severities {
		want := map[string]string{"severity": severity}
		maps.Copy(want, labels)
		c.Firing = append(c.Firing, firing{want, h.texts(alert, severity, labels)})
	}
	return c
}

// rule is that of an alert at a severity.
func (h healthTester) rule(alert, severity string) rule {
	all := append(healthRules(h.opts), trendRules(h.opts)...)
	i := slices.IndexFunc(all, func(r rule) bool { return r.Alert == alert && r.Labels[0].value == severity })
	return all[i]
}

// texts are the annotations of a rule as Prometheus prints them.
func (h healthTester) texts(alert, severity string, labels map[string]string) map[string]string {
	m := asMap(h.rule(alert, severity).Annotations)
	for name, text := range m {
		m[name] = fill(text, labels, h.value)
	}
	return m
}

// fill prints the templates of a health rule.
func fill(text string, labels map[string]string, value float64) string {
	text = strings.ReplaceAll(text, "{{ $value }}", number(value))
	text = strings.ReplaceAll(text, valueTemplate(objective.Seconds), printed(objective.Seconds, value))
	for name, label := range labels {
		text = strings.ReplaceAll(text, "{{ $labels."+name+" }}", label)
	}
	return text
}
