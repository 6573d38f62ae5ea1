package alerts

import (
	"cmp"
	"fmt"
	"maps"
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
	oneOfTwo   kind = "two perfwatch of which one sees it"
)

func kinds() []kind {
	return []kind{justShort, atIt, justPast, noTraffic, tooFew, startsAnew, isMissing, isStale, areTwo, oneOfTwo}
}

// A symptom is how an alert that belongs to no objective is told, and its threshold.
type symptom struct {
	alert   string
	metric  string
	told    map[string]string // labels of the series that the alert keeps
	labels  string            // its other ones, but for instance and job
	more    map[string]string // labels of the alert that are not among those
	beside  []inputSeries     // what is there in every scenario, but for a missing series
	well    []inputSeries     // what a perfwatch that sees nothing wrong has in place of those; nil for the same
	counter bool              // the alert counts what the series gained, for hours after
	always  bool              // the alert fires whatever happens
	absence bool              // the alert fires where the series is missing, or ended
	forEach bool              // each perfwatch has an alert of its own
	best    bool              // the alert fires only if it does for each perfwatch

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
	var all []inputSeries
	for i, instance := range instances(k) {
		of, beside := k, s.beside
		if i > 0 && k == oneOfTwo {
			of = noTraffic // and nothing wrong
			if s.well != nil {
				beside = s.well
			}
		}
		seen := []inputSeries{{s.metric + braced(joined(matching(s.told), s.labels)), s.values(of, n)}}
		for _, b := range beside {
			seen = append(seen, inputSeries{b.Series, fmt.Sprintf("%sx%d", b.Values, n)})
		}
		all = append(all, scraped(seen, instance)...)
	}
	return all
}

// matching are labels as matchers.
func matching(labels map[string]string) string {
	all := make([]string, 0, len(labels))
	for _, name := range slices.Sorted(maps.Keys(labels)) {
		all = append(all, label(name, labels[name]))
	}
	return joined(all...)
}

// instances are those of one perfwatch, or of two.
func instances(k kind) []string {
	if k == areTwo || k == oneOfTwo {
		return []string{"a:1", "b:1"}
	}
	return []string{"a:1"}
}

// seenBy is a series as a perfwatch is scraped.
func seenBy(instance, series, values string) inputSeries {
	name, labels, _ := strings.Cut(strings.TrimSuffix(series, "}"), "{")
	return inputSeries{name + braced(joined(label("instance", instance), label("job", "perfwatch"), labels)), values}
}

// scraped are series as each perfwatch has them.
func scraped(all []inputSeries, instances ...string) (of []inputSeries) {
	for _, instance := range instances {
		for _, s := range all {
			of = append(of, seenBy(instance, s.Series, s.Values))
		}
	}
	return of
}

// stale are series that nobody exposes any more.
func stale(all []inputSeries) (of []inputSeries) {
	for _, s := range all {
		of = append(of, inputSeries{s.Series, s.Values + " stale"})
	}
	return of
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
	seeing := instances(k)
	if !s.forEach || k == oneOfTwo {
		seeing = seeing[:1]
	}
	for _, instance := range seeing {
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
	case s.always, k == justPast, k == areTwo, k == oneOfTwo && !s.best && !s.absence,
		s.absence && (k == isMissing || k == isStale), s.counter && k == isStale:
		return s.fires
	case k == atIt:
		return s.firesAt
	case k == justShort:
		return s.firesShort
	case k == tooFew && !s.counter && !s.absence: // what does not wait needs no more than one
		return slices.DeleteFunc(slices.Clone(s.fires), func(severity string) bool { return h.rule(s.alert, severity).For > 0 })
	}
	return nil
}

// alertLabels are those of the alert, but for its severity.
func (s symptom) alertLabels(instance string) map[string]string {
	kept := map[string]string{}
	maps.Copy(kept, s.told)
	maps.Copy(kept, s.more)
	if s.forEach {
		kept["instance"] = instance
	}
	return kept
}
