package alerts

import (
	"fmt"
	"time"

	"github.com/prometheus/common/model"
)

// ofShop selects the records of the probe of the tests.
const ofShop = `{group="api",probe="shop"}`

// trendTests are the promtool tests of what trendRules records of counters: of two perfwatch, of one that starts anew, and of
// one that does nothing.
func trendTests() []testCase {
	const end = 30 * time.Minute
	rising := scenario{samples: steps}
	anew := rising.but("", startsAnew, nil).trend("rates of a probe that starts anew")
	anew.Exprs = []exprCheck{
		near(recentMean+ofShop, 0.12, end), near(quietMean+ofShop, 0.12, end), near(smoothMean+ofShop, 0.12, end),
	}
	still := scenario{kind: noTraffic}.trend("no rates of a probe that does nothing")
	still.Exprs = []exprCheck{absent(recentMean, end), absent(smoothMean, end), absent(upperBand, end)}
	return []testCase{rising.but("", areTwo, nil).trend("rates and trends of a probe"), anew, still}
}

// trend has two perfwatch count a run a second each, nine of ten in up to 0.1 s, the others in up to 0.5 s.
func (s scenario) trend(name string) testCase {
	const n, end, step = 120, 30 * time.Minute, 15 * time.Second
	counter := func(metric, labels string, perRun float64) []inputSeries {
		series := s.counter(fmt.Sprintf(`%s{probe="shop"%s}`, metric, labels), perRun*step.Seconds(), n)
		return scraped([]inputSeries{series}, "a:1", "b:1")
	}
	const seconds, group = "perfwatch_probe_duration_seconds", `,group="api"`
	var all []inputSeries
	for _, more := range [][]inputSeries{
		counter(seconds+"_bucket", group+`,le="0.1"`, 0.9), counter(seconds+"_bucket", group+`,le="0.5"`, 1),
		counter(seconds+"_bucket", group+`,le="+Inf"`, 1), counter(seconds+"_count", group, 1), counter(seconds+"_sum", group, 0.12),
		counter("perfwatch_probe_runs_total", `,outcome="ok"`, 0.8), counter("perfwatch_probe_runs_total", `,outcome="timeout"`, 0.2),
	} {
		all = append(all, more...)
	}
	return testCase{
		Name: name, kind: s.kind, about: latencyAnomaly, Interval: model.Duration(step), Series: all,
		Exprs: append(rateChecks(end),
			near(bucketRates+`{group="api",probe="shop",le="0.1"}`, 1.8, end),
			near(runRates+`{probe="shop",outcome="timeout"}`, 0.4, end)),
	}
}

// rateChecks expect what is recorded of those durations.
func rateChecks(end time.Duration) []exprCheck {
	return []exprCheck{
		near(countRates+ofShop, 2, end), near(sumRates+ofShop, 0.24, end), near(recentMean+ofShop, 0.12, end),
		near(probeSeconds+":p95_1d"+ofShop, 0.3, end), near(probeSeconds+":p99_1d"+ofShop, 0.46, end),
		near(`group:perfwatch_probe_duration_seconds:p95_1d{group="api"}`, 0.3, end),
		near(`group:perfwatch_probe_duration_seconds:p99_1d{group="api"}`, 0.46, end),
		near(hourlyP95+ofShop, 0.3, end),
		near(quietMean+ofShop, 0.12, end), near(smoothMean+ofShop, 0.12, end),
	}
}

// burstShadowTest has a burst of a minute, which is over before two scrapes of its gauge, and another that asks nothing for
// two minutes: a probe has no quiet mean then, nor for as long as its rates hold the burst.
func burstShadowTest() testCase {
	const m, step = time.Minute, 15 * time.Second
	probe := func(metric, values string) inputSeries {
		return inputSeries{"perfwatch_probe_duration_seconds" + metric + ofShop, values}
	}
	at := func(minute int) time.Duration { return time.Duration(minute) * m }
	return testCase{
		Name: "bursts are not quiet", Interval: model.Duration(step),
		Series: []inputSeries{
			probe("_count", "100000+15x200"), probe("_sum", "100000+1.5x200"),
			{`perfwatch_load_requests_total{outcome="ok",probe="journey"}`, "5x39 105x161"}, // at 10m
			{`perfwatch_load_active{probe="journey"}`, "0x119 1x7 0x73"},                    // from 30m to 32m
			{`perfwatch_load_active{instance="b:1",probe="journey"}`, "0x200"},
		},
		Exprs: []exprCheck{
			near(quietMean+ofShop, 0.1, at(9)),
			absent(quietMean, at(10)), absent(quietMean, at(15)),
			near(recentMean+ofShop, 0.1, at(15)), near(smoothMean+ofShop, 0.1, at(15)),
			near(quietMean+ofShop, 0.1, at(17)), near(quietMean+ofShop, 0.1, at(29)),
			absent(quietMean, at(30)), absent(quietMean, at(37)),
			near(quietMean+ofShop, 0.1, at(39)),
		},
	}
}

// bandTests are the promtool tests of what trendRules makes of eight days of means, a minute each. The day that the band is
// of ends half an hour before the end.
func bandTests(opts Options) []testCase {
	const end, minutes = 8 * day, int(8 * day / time.Minute)
	h := newHealthTester(opts)
	h.step, h.value = time.Minute, 0.2
	fires := h.check(latencyAnomaly, end, map[string]string{"group": "api", "probe": "shop"}, "info")
	quiet := h.check(latencyAnomaly, end, nil)
	test := func(name string, k kind, check alertCheck, values string, exprs ...exprCheck) testCase {
		t := h.test("band: "+name, smoothMean+ofShop, values, check)
		t.kind, t.Exprs = k, exprs
		return t
	}
	edges := func(low, mean, high float64) []exprCheck {
		return []exprCheck{near(lowerBand+ofShop, low, end), near(usualMean+ofShop, mean, end), near(upperBand+ofShop, high, end)}
	}
	return []testCase{
		test("as ever", "", quiet, fmt.Sprintf("0.1x%d", minutes), edges(0.075, 0.1, 0.125)...),
		test("near its edge", justShort, quiet, fmt.Sprintf("0.1x%d 0.1249x20", minutes-21)),
		test("at its edge", atIt, quiet, fmt.Sprintf("0.1x%d 0.125x20", minutes-21)),
		test("past its edge", justPast, fires, fmt.Sprintf("0.1x%d 0.2x20", minutes-21)),
		test("wide after a day of two halves", "", quiet, "_x10051 0.05x719 0.15x719 0.2499x29", edges(0, 0.1, 0.25)...),
		test("of a day that varies a little more", "", quiet, "_x10051 0.09x719 0.11x719 0.1x29", edges(0.07, 0.1, 0.13)...),
		test("narrow after a steady day", "", fires, "_x10051 0.1x719 0.1x719 0.2x29"),
		test("half a day is known", "", fires, "_x10771 0.1x719 0.2x29"),
		test("less than half a day is known", tooFew, quiet, "_x10772 0.1x718 0.2x29", absent(usualMean, end), absent(upperBand, end)),
		test("as slow at this time a week ago", "", quiet, fmt.Sprintf("0.1x1439 0.17x19 0.1x%d 0.2x20", minutes-1482)),
		test("just not as slow a week ago", "", fires, fmt.Sprintf("0.1x1439 0.16x19 0.1x%d 0.2x20", minutes-1482)),
		test("as slow at another time", "", fires, fmt.Sprintf("0.1x1399 0.2x19 0.1x%d 0.2x20", minutes-1442)),
		test("the probe is not there", isMissing, quiet, "_"),
		test("the probe is gone", isStale, quiet, fmt.Sprintf("0.1x%d 0.2x9 stale", minutes-21)),
		{
			Name: "baselines of a day and a week ago", Interval: model.Duration(day),
			Series: []inputSeries{{hourlyP95 + ofShop, "0.1 0.4 0.1 0.1 0.1 0.1 0.1 0.3 0.1"}},
			Exprs: []exprCheck{
				near(hourlyP95+"_offset1d"+ofShop, 0.3, end), near(hourlyP95+"_offset1w"+ofShop, 0.4, end),
			},
		},
	}
}
