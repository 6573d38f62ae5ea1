package alerts

import (
	"time"

	"github.com/prometheus/common/model"
)

const (
	// burstNews is how long an aborted or invalid burst is news, unless it happens again.
	burstNews = time.Hour
	// burstDoubt is how long bursts may all be invalid before somebody is told, and what two of them must fall into. It
	// holds two of a schedule of once an hour, whatever their phase.
	burstDoubt = 3 * time.Hour
	// harmful are the causes of aborts that lie with the target.
	harmful = "error_ratio|latency_p95|setup"
)

// burstRules are about bursts that tell nothing, or harm. One that was aborted or invalid is in no other rule.
func burstRules(opts Options) []rule {
	return []rule{
		health(opts, burstAborted, "warning", 0,
			"max by (probe, reason) (increase(perfwatch_load_aborts_total{reason=~\""+harmful+"\"}["+short(burstNews)+"])) > 0",
			"Burst {{ $labels.probe }} was aborted",
			"Burst {{ $labels.probe }} was ended early ({{ $labels.reason }}): the platform did not bear it."),
		health(opts, burstInvalid, "info", 0,
			"max by (probe, reason) (increase(perfwatch_load_invalid_total["+short(burstNews)+"])) > 0",
			"Burst {{ $labels.probe }} was invalid",
			"Burst {{ $labels.probe }} could not keep its own plan ({{ $labels.reason }}): its figures count for nothing."),
		// 1.5 is two that increase() did not quite see whole.
		health(opts, burstInvalid, "warning", 0,
			"max by (probe) ("+ended("invalid")+") > 1.5\nunless\nmax by (probe) ("+ended("completed")+") > 0",
			"No burst {{ $labels.probe }} is valid",
			"All bursts {{ $labels.probe }} of the last "+short(burstDoubt)+" were invalid: its objectives are not judged."),
		health(opts, burstMissing, "warning", 0,
			// Of two perfwatch one may be told to send none.
			"time() - max by (probe) (perfwatch_load_overdue_timestamp_seconds) > 0",
			"Burst {{ $labels.probe }} does not come",
			"Burst {{ $labels.probe }} was due three times and did not run: its objectives are not judged."),
		health(opts, regression, "warning", 0,
			"max by (probe, endpoint) (perfwatch_load_regression) > 0",
			"Burst {{ $labels.probe }} became slower",
			"The newest bursts {{ $labels.probe }} are slower than the earlier ones of the same load, more than chance would do: "+
				"at the endpoint of the label, or as a whole if there is none."),
	}
}

// ended counts bursts by their result.
func ended(result string) string {
	return "increase(perfwatch_load_bursts_total{result=\"" + result + "\"}[" + short(burstDoubt) + "])"
}

// burstHealthTests are the promtool tests of burstRules. A burst ends every ten minutes.
func (h healthTester) burstTests() []testCase {
	const every = 10 * time.Minute
	h.step = every
	aborts := func(reason string) string {
		return `perfwatch_load_aborts_total{instance="a:1",job="perfwatch",probe="journey",reason="` + reason + `"}`
	}
	bursts := func(result, values string) inputSeries {
		series := `perfwatch_load_bursts_total{instance="a:1",job="perfwatch",probe="journey",result="` + result + `"}`
		return inputSeries{series, values}
	}
	change := func(endpoint, values string) inputSeries {
		series := `perfwatch_load_regression{endpoint="` + endpoint + `",instance="a:1",job="perfwatch",probe="journey"}`
		return inputSeries{series, values}
	}
	const invalid = `perfwatch_load_invalid_total{instance="a:1",job="perfwatch",probe="journey",reason="lag"}`
	const overdue = `perfwatch_load_overdue_timestamp_seconds{instance="a:1",job="perfwatch",probe="journey"}`
	byReason := func(reason string) map[string]string { return map[string]string{"probe": "journey", "reason": reason} }
	journey := map[string]string{"probe": "journey"}
	return []testCase{
		h.test("no burst aborted", aborts("error_ratio"), "0x9", h.check(burstAborted, 2*every, nil)),
		h.test("a burst aborted by errors", aborts("error_ratio"), "0 1x9",
			h.check(burstAborted, every, byReason("error_ratio"), "warning"),
			h.check(burstAborted, 5*every, byReason("error_ratio"), "warning"),
			h.check(burstAborted, 8*every, nil)),
		h.test("a burst aborted by its latency", aborts("latency_p95"), "0 1x12",
			h.check(burstAborted, 2*every, byReason("latency_p95"), "warning")),
		h.test("a burst whose users could not begin", aborts("setup"), "0 1x12",
			h.check(burstAborted, 2*every, byReason("setup"), "warning")),
		h.test("a burst that somebody stopped", aborts("stop"), "0 1x12", h.check(burstAborted, 2*every, nil)),
		h.test("an invalid burst", invalid, "0 1x9",
			h.check(burstInvalid, every, byReason("lag"), "info"),
			h.check(burstInvalid, 5*every, byReason("lag"), "info"),
			h.check(burstInvalid, 8*every, nil)),
		h.several("one invalid burst alone",
			[]inputSeries{bursts("invalid", "0 1x20"), bursts("completed", "0x20"), bursts("aborted", "0+1x20")},
			h.check(burstInvalid, 3*every, nil)),
		h.several("only invalid bursts", []inputSeries{bursts("invalid", "0 1 2x40"), bursts("completed", "0x40")},
			h.check(burstInvalid, every, nil),
			h.check(burstInvalid, 3*every, journey, "warning"),
			h.check(burstInvalid, 17*every, journey, "warning"),
			h.check(burstInvalid, 21*every, nil)),
		h.several("valid bursts between", []inputSeries{bursts("invalid", "0+1x40"), bursts("completed", "0 0 0 0 1x40")},
			h.check(burstInvalid, 3*every, journey, "warning"),
			h.check(burstInvalid, 5*every, nil),
			h.check(burstInvalid, 20*every, nil),
			h.check(burstInvalid, 24*every, journey, "warning")),
		h.test("a burst on its way", overdue, "1200 1200 2400x12",
			h.check(burstMissing, every, nil), h.check(burstMissing, 2*every, nil), h.check(burstMissing, 4*every, nil)),
		h.several("faster, and no change shown", []inputSeries{change("", "-1x12"), change("list", "0x12")},
			h.check(regression, 2*every, nil)),
		h.several("slower at one endpoint", []inputSeries{change("", "0x12"), change("list", "0 1 1 0x9")},
			h.check(regression, 2*every, map[string]string{"probe": "journey", "endpoint": "list"}, "warning"),
			h.check(regression, 3*every, nil)),
		h.several("slower as a whole", []inputSeries{change("", "1x12")}, h.check(regression, every, journey, "warning")),
		h.test("a burst that does not come", overdue, "1200x12",
			h.check(burstMissing, 2*every, nil),
			h.check(burstMissing, 2*every+evaluation(h.opts), journey, "warning")),
	}
}

// several is a test with more than one series.
func (h healthTester) several(name string, series []inputSeries, checks ...alertCheck) testCase {
	return testCase{Name: name, Interval: model.Duration(h.step), Series: series, Alerts: checks}
}
