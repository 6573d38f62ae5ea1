package alerts

import (
	"fmt"
	"strings"
	"time"

	"github.com/prometheus/common/model"

	"github.com/perfwatch/perfwatch/internal/objective"
)

const nativeHeader = "Generated with perfwatch.rules.yml from the same objectives; run by `promtool test rules` of 3.x:\n" +
	"that of 2.42 reads no native histograms. Their buckets are the classic ones, so that a threshold is exact."

// RenderNativeTests makes the promtool tests of what Render makes of histograms, for a Prometheus that has them native and
// not as classic series.
func RenderNativeTests(objectives []objective.Objective, opts Options) ([]byte, error) {
	opts = opts.of(objectives)
	tests := nativeTrendTests()
	for i := range objectives {
		tests = append(tests, nativeTests(&objectives[i], opts)...)
	}
	return encode(nativeHeader, testFile{[]string{rulesFile}, model.Duration(evaluation(opts)), tests})
}

// nativeTests are the scenarios of an objective over a histogram.
func nativeTests(o *objective.Objective, opts Options) []testCase {
	if m := o.Measure; !m.OverDurations() && m != objective.CPUUsage && m != objective.MemoryUsage {
		return nil
	}
	var tests []testCase
	for _, s := range scenarios(o) {
		if s.le == "%s" {
			s.native = true
			tests = append(tests, s.test(o, opts))
		}
	}
	tests = append(tests, bothTest(o, opts))
	return append(tests, nativeEventTests(o)...)
}

// nativeEventTests are eventRateTest of native histograms, and without events, of which no part is bad.
func nativeEventTests(o *objective.Objective) []testCase {
	if o.Budget == 0 || !o.Measure.OverDurations() {
		return nil
	}
	s := scenario{value: *o.Target, near: *o.Target, samples: 600, slowElsewhere: true, native: true}
	none := s.but("", noTraffic, func(s *scenario) { s.samples = 0 }).eventRate(o)
	none.Name = "no " + none.Name
	end := time.Duration(none.Exprs[0].At)
	none.Exprs = []exprCheck{near(badEvents+ofObjective(o), 0, end), near(events+ofObjective(o), 0, end)}
	return []testCase{s.eventRate(o), none}
}

// bothTest has the classic series of a scenario in which nothing fires, and the native histogram of one in which all does.
func bothTest(o *objective.Objective, opts Options) testCase {
	all := nearThresholds(o)
	healthy, worst := all[0], all[len(all)-1]
	worst.native = true
	t := healthy.but("classic series count where there are both", "", nil).test(o, opts)
	t.Series = append(t.Series, worst.test(o, opts).Series...)
	return t
}

// buckets is a native histogram that takes the samples, of which a part is at most each bound.
func (s scenario) buckets(series string, mean float64, bounds, parts []float64, n int) inputSeries {
	of := func(samples float64, parts []float64) string {
		counts, before := make([]string, 0, len(parts)+1), 0.0
		for _, part := range append(parts, 1) {
			counts = append(counts, rounded(samples*(part-before)))
			before = part
		}
		return custom(rounded(samples*mean), rounded(samples), bounds, counts)
	}
	return inputSeries{series, s.rising(of(100_000, []float64{1}), of(0, nil), of(s.samples/steps, parts), n)}
}

// custom writes a native histogram of custom buckets in promtool's notation.
func custom(sum, count string, bounds []float64, counts []string) string {
	return fmt.Sprintf("{{schema:-53 sum:%s count:%s custom_values:[%s] buckets:[%s]}}", sum, count,
		strings.Trim(fmt.Sprint(bounds), "[]"), strings.Join(counts, " "))
}

// nativeTrendTests are trendTests of native histograms.
func nativeTrendTests() []testCase {
	const n, end, step = 120, 30 * time.Minute, 15 * time.Second
	bounds := []float64{0.1, 0.5}
	values := custom("12000", "100000", bounds, []string{"90000", "10000", "0"}) + "+" +
		custom("1.8", "15", bounds, []string{"13.5", "1.5", "0"}) + fmt.Sprintf("x%d", n)
	all := scraped([]inputSeries{{"perfwatch_probe_duration_seconds" + ofShop, values}}, "a:1", "b:1")
	both := trendTests()[0]
	for _, s := range all {
		both.Series = append(both.Series, inputSeries{s.Series, strings.Replace(s.Values, "sum:1.8", "sum:9", 1)})
	}
	both.Name += ", by the classic series where there are both"
	both.Exprs = append(both.Exprs, absent(nativeRates, end))
	return []testCase{both, {
		Name: "rates and trends of a probe", Interval: model.Duration(step), Series: all,
		Exprs: append(rateChecks(end), absent(bucketRates, end)),
	}}
}
