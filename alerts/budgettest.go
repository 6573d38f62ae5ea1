package alerts

import (
	"fmt"
	"strings"
	"time"

	"github.com/prometheus/common/model"

	"github.com/perfwatch/perfwatch/internal/objective"
)

// A stretch is a time in which a part of the events is bad.
type stretch struct {
	long time.Duration
	bad  float64
}

// budgetTests are the promtool tests of what budgetRules makes of the rates of events.
func budgetTests(o *objective.Objective, opts Options) []testCase {
	var all []testCase
	for _, b := range burns(o.Allowance()) {
		all = append(all, b.tests(o, opts)...)
	}
	quiet := func(k kind, t testCase, at time.Duration) testCase {
		t.kind = k
		t.Alerts = []alertCheck{burnCheck(o, opts, at)}
		t.Exprs = []exprCheck{absent(badRatio+"6h"+ofObjective(o), at)}
		return t
	}
	missing := budgetTest(o, "nothing is recorded", day, 1)
	missing.Series = missing.Series[2:]
	gone := budgetTest(o, "nothing is recorded any more", day, 1, stretch{day, 1})
	gone.Series = stale(gone.Series)
	return append(all,
		quiet(noTraffic, budgetTest(o, "nothing happens", day, 0), day),
		quiet(isMissing, missing, day),
		quiet(isStale, gone, 5*day),
		spentTest(o, "nothing spent", 0, 1),
		spentTest(o, "half of it spent", o.Allowance()/2, 0.5),
		spentTest(o, "all of it spent", o.Allowance(), 0),
		spentTest(o, "twice as much spent", min(1, 2*o.Allowance()), 1-min(1, 2*o.Allowance())/o.Allowance()))
}

// tests try one burn at its threshold, and with bad events that come and go, so that no other burn is seen.
func (b burn) tests(o *objective.Objective, opts Options) []testCase {
	at, floor := b.threshold(o.Allowance()), float64(o.Floor())/b.long.Seconds()
	much := min(1, 2.3*at)
	// lasting is how long so much must last to be a part of the threshold in the long window.
	lasting := func(part float64) time.Duration {
		return time.Duration(part * at / much * float64(b.long)).Round(time.Minute)
	}
	end := 4 * day // so that what happens within hours is little of three days
	if b.long == time.Hour {
		end = day
	}
	whole := b.long + 2*time.Minute
	ended := b.short + 2*time.Minute
	var all []testCase
	test := func(name string, k kind, perSecond float64, fires bool, stretches ...stretch) {
		t := budgetTest(o, short(b.long)+", "+name, end, perSecond, stretches...)
		t.kind = k
		var severities []string
		if fires {
			severities = []string{b.severity}
		}
		t.Alerts = []alertCheck{burnCheck(o, opts, end, severities...)}
		all = append(all, t)
	}
	test("just short of it", justShort, 10*floor, false, stretch{whole, at * (1 - nudge)})
	test("at it", atIt, 10*floor, false, stretch{whole, at})
	test("just past it", justPast, 1.05*floor, true, stretch{whole, at * (1 + nudge)})
	test("too few events", tooFew, 0.95*floor, false, stretch{whole, at * (1 + nudge)})
	test("not for long enough, and long ago", "", 10*floor, false,
		stretch{lasting(0.3), much}, stretch{b.long + 2*time.Minute - lasting(0.9), 0}, stretch{lasting(0.9), much})
	test("for long enough", "", 10*floor, true, stretch{lasting(1.1), much})
	test("nearly ended", "", 10*floor, false, stretch{min(lasting(1.2), b.long-ended), much}, stretch{ended, 0.9 * at})
	if b.short > rateWindow { // which is no sum
		ago := time.Duration((1 - 1.1*at/much) * float64(b.short)).Truncate(time.Minute)
		test("ended in its short window", "", 10*floor, true, stretch{min(lasting(1.2), b.long-ago), much}, stretch{ago, 0})
	}
	return all
}

// elsewhere are records of another objective, of which every event is bad.
const elsewhere = `{objective="another"}`

// budgetTest gives events of which parts were bad in the last stretches, and none before those.
func budgetTest(o *objective.Objective, name string, end time.Duration, perSecond float64, stretches ...stretch) testCase {
	before := int(end/recording) + 1
	var values strings.Builder
	for _, s := range stretches {
		if n := int(s.long / recording); n > 0 {
			before -= n
			fmt.Fprintf(&values, " %sx%d", number(exact(perSecond*s.bad)), n-1)
		}
	}
	always := func(value float64) string { return fmt.Sprintf("%sx%d", number(value), int(end/recording)) }
	t := testCase{
		Name: "budget of " + o.Name + ": " + name, Interval: model.Duration(recording),
		Series: []inputSeries{
			{badEvents + ofObjective(o), fmt.Sprintf("0x%d", before-1) + values.String()},
			{events + ofObjective(o), always(exact(perSecond))},
			{badEvents + elsewhere, always(9)},
			{events + elsewhere, always(9)},
		},
	}
	for _, w := range append(budgetWindows(o), rateWindow) {
		t.Series = append(t.Series, inputSeries{badRatio + short(w) + elsewhere, always(1)})
	}
	return t
}

// burnCheck expects the alert of an objective's budget at a severity, or not at all.
func burnCheck(o *objective.Objective, opts Options, at time.Duration, severities ...string) alertCheck {
	c := alertCheck{At: model.Duration(at), Alert: budgetBurn}
	for _, severity := range severities {
		c.Firing = append(c.Firing, firing{
			Labels:      map[string]string{"severity": severity, "objective": o.Name},
			Annotations: asMap(burnAnnotations(o, slowest(o, severity), opts, verbatim)),
		})
	}
	return c
}

// spentTest has a part of the events bad for as long as the budget lasts.
func spentTest(o *objective.Objective, name string, bad, left float64) testCase {
	days := int((o.Budget + day - 1) / day)
	end := time.Duration(days) * day
	return testCase{
		Name: "budget of " + o.Name + ": " + name, Interval: model.Duration(time.Hour),
		Series: []inputSeries{
			{badEvents + ofObjective(o), fmt.Sprintf("%sx%d", number(exact(2*bad)), 24*days)},
			{events + ofObjective(o), fmt.Sprintf("2x%d", 24*days)},
		},
		Exprs: []exprCheck{near(remaining+ofObjective(o), exact(left), end)},
	}
}

// eventRateTests count events of which exactly the allowance is bad, as counters show them.
func eventRateTests(o *objective.Objective) []testCase {
	s := scenario{value: *o.Target, near: *o.Target, samples: 600, slowElsewhere: true, le: "%s"}
	all := make([]testCase, 0, 3)
	all = append(all, s.eventRate(o))
	for _, k := range []kind{startsAnew, areTwo} {
		t := s.but("", k, nil).eventRate(o)
		t.Name += ", " + string(k)
		t.Exprs = t.Exprs[1:] // how many there are is another matter
		all = append(all, t)
	}
	return all
}

func (s scenario) eventRate(o *objective.Objective) testCase {
	recent := *o
	recent.Window = rateWindow
	step := stepOf(&recent)
	end := 2 * rateWindow
	series := s.series(&recent, int(end/step)+1)
	if s.kind == areTwo {
		series = append(series, scraped(series, "b:1")...)
	}
	return testCase{
		Name: "events of " + o.Name, kind: s.kind, about: budgetBurn, Interval: model.Duration(step), Series: series,
		Exprs: []exprCheck{
			near(events+ofObjective(o), s.samples/rateWindow.Seconds(), end),
			near(badRatio+"5m"+ofObjective(o), exact(o.Allowance()), end),
		},
	}
}
