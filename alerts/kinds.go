package alerts

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/prometheus/common/model"
)

// A kind is one of the states of the world that every alert is tried in.
type kind string

const (
	justShort  kind = "just short of it"
	atIt       kind = "at it"
	justPast   kind = "just past it"
	noTraffic  kind = "zero traffic"
	tooFew     kind = "too few samples"
	startsAnew kind = "a counter reset"
	isMissing  kind = "a missing series"
	isStale    kind = "stale series"
	areTwo     kind = "two perfwatch"
)

func kinds() []kind {
	return []kind{justShort, atIt, justPast, noTraffic, tooFew, startsAnew, isMissing, isStale, areTwo}
}

// A symptom is how an alert that belongs to no objective is told, and its threshold.
type symptom struct {
	alert   string
	metric  string
	labels  string        // of the series, but for instance and job
	told    []string      // labels that the alert keeps, as name=value
	beside  []inputSeries // what is there in every scenario, but for a missing series
	counter bool          // the alert counts what the series gained, for hours after
	always  bool          // the alert fires whatever happens
	absence bool          // the alert fires where the series is missing, or ended
	forEach bool          // each perfwatch has an alert of its own

	healthy, short, at, past   string                       // values of the series
	fires, firesAt, firesShort []string                     // severities just past the threshold, at it, and just short of it
	value                      func(series float64) float64 // what texts print; nil for the series' own
}

// kindTests try every symptom at once in one kind of scenario each: their alerts go by series of their own.
func (h healthTester) kindTests() []testCase {
	tests := make([]testCase, 0, len(kinds()))
	for _, k := range kinds() {
		t := h.several("alerts of no objective: "+string(k), nil)
		t.kind = k
		for _, s := range h.symptoms() {
			t.Series = append(t.Series, s.series(k, h.samples())...)
			t.Alerts = h.expect(t.Alerts, s, k)
		}
		tests = append(tests, t)
	}
	return tests
}

// lookback is how long Prometheus takes a series without a sample to be there.
const lookback = 5 * time.Minute

// until is when the scenarios of kinds are judged: what has to wait has waited, and what has no samples any more is gone.
func (h healthTester) until() time.Duration { return time.Duration(h.samples()) * h.step }

// samples are those of a series after its first, until it is judged.
func (h healthTester) samples() int { return int((lookback+h.opts.For)/h.step) + 3 }

// series are what a symptom looks like, with n samples after the first.
func (s symptom) series(k kind, n int) []inputSeries {
	if k == isMissing {
		return nil
	}
	from := []string{"a:1"}
	if k == areTwo {
		from = append(from, "b:1")
	}
	var all []inputSeries
	for _, instance := range from {
		all = append(all, seenBy(instance, s.metric+braced(s.labels), s.values(k, n)))
		for _, b := range s.beside {
			all = append(all, seenBy(instance, b.Series, fmt.Sprintf("%sx%d", b.Values, n)))
		}
	}
	return all
}

// seenBy is a series as a perfwatch is scraped.
func seenBy(instance, series, values string) inputSeries {
	name, labels, _ := strings.Cut(strings.TrimSuffix(series, "}"), "{")
	return inputSeries{name + braced(joined(`instance="`+instance+`",job="perfwatch"`, labels)), values}
}

// twice has another perfwatch say the same.
func twice(all []inputSeries) []inputSeries {
	both := slices.Clone(all)
	for _, s := range all {
		both = append(both, seenBy("b:1", s.Series, s.Values))
	}
	return both
}

// values are those of the series, in promtool's notation.
func (s symptom) values(k kind, n int) string {
	before, after := fmt.Sprintf("%sx%d ", s.healthy, n-1), fmt.Sprintf("x%d", n)
	switch k {
	case justShort:
		return s.healthy + " " + s.short + after
	case atIt:
		return s.healthy + " " + s.at + after
	case noTraffic:
		return s.healthy + after
	case tooFew:
		if s.counter { // of one sample nobody knows what was gained
			before = fmt.Sprintf("_x%d ", n-1)
		}
		return before + s.past
	case startsAnew:
		if s.counter {
			return fmt.Sprintf("%sx%d 0x%d", s.past, n/2, n)
		}
		return fmt.Sprintf("%s %sx%d %sx%d", s.healthy, s.past, n/2, s.healthy, n)
	case isStale:
		return s.healthy + " " + s.past + after + " stale"
	default:
		return s.healthy + " " + s.past + after
	}
}

// expect adds what a symptom raises to the checks of a scenario, which are one an alert.
func (h healthTester) expect(checks []alertCheck, s symptom, k kind) []alertCheck {
	at := h.until()
	if k == isStale {
		at += 2 * h.step
	}
	i := slices.IndexFunc(checks, func(c alertCheck) bool { return c.Alert == s.alert })
	if i < 0 {
		i = len(checks)
		checks = append(checks, alertCheck{At: model.Duration(at), Alert: s.alert})
	}
	checks[i].At = max(checks[i].At, model.Duration(at))
	from := []string{"a:1"}
	if s.forEach && k == areTwo {
		from = append(from, "b:1")
	}
	for _, instance := range from {
		h.value = s.judged(k)
		checks[i].Firing = append(checks[i].Firing, h.check(s.alert, at, s.alertLabels(instance), h.severities(s, k)...).Firing...)
	}
	return checks
}

// judged is the value that the texts of the alert print.
func (s symptom) judged(k kind) float64 {
	text := cmp.Or(map[kind]string{atIt: s.at, justShort: s.short}[k], s.past)
	value, err := strconv.ParseFloat(text, 64)
	if err != nil || s.value == nil { // without a sample texts have no value
		return value
	}
	return s.value(value)
}

// severities are those of the alert that fire.
func (h healthTester) severities(s symptom, k kind) []string {
	switch {
	case s.always, k == justPast, k == areTwo, s.absence && (k == isMissing || k == isStale), s.counter && k == isStale:
		return s.fires
	case k == atIt:
		return s.firesAt
	case k == justShort:
		return s.firesShort
	case k == tooFew && !s.counter && !s.absence: // what does not wait needs no more than one
		return slices.DeleteFunc(slices.Clone(s.fires), func(severity string) bool {
			return slices.ContainsFunc(healthRules(h.opts), func(r rule) bool {
				return r.Alert == s.alert && r.Labels[0].value == severity && r.For > 0
			})
		})
	}
	return nil
}

// alertLabels are the labels of the series that the alert keeps.
func (s symptom) alertLabels(instance string) map[string]string {
	kept := map[string]string{}
	if s.forEach {
		kept["instance"] = instance
	}
	for _, pair := range s.told {
		name, value, _ := strings.Cut(pair, "=")
		kept[name] = value
	}
	return kept
}
