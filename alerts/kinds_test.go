package alerts

import (
	"cmp"
	"slices"
	"testing"

	"github.com/perfwatch/perfwatch/internal/objective"
)

// TestEveryAlertIsTriedInEveryKind looks at what is rendered for the shipped configuration and for every measure of bursts.
func TestEveryAlertIsTriedInEveryKind(t *testing.T) {
	t.Parallel()
	opts := Options{}.withDefaults()
	objectives := slices.Concat(shipped(t), ofBursts(), ofBudgets())
	cases := slices.Concat(healthTests(opts), trendTests(), bandTests(opts))
	senseless := map[string]map[kind]string{}
	for _, name := range []string{budgetBurn, latencyAnomaly} {
		senseless[name] = map[kind]string{oneOfTwo: "what two perfwatch measured is judged together"}
	}
	for i := range objectives {
		o := &objectives[i]
		cases = append(cases, objectiveTests(o, opts)...)
		if o.Budget > 0 {
			cases = append(append(cases, eventRateTests(o)...), budgetTests(o, opts)...)
		}
		senseless[o.AlertName()] = senselessFor(o)
	}
	tried := map[string]map[kind]bool{}
	for _, c := range cases {
		names := []string{c.about}
		for _, check := range c.Alerts {
			names = append(names, check.Alert)
		}
		for _, name := range names {
			if tried[name] == nil {
				tried[name] = map[kind]bool{}
			}
			tried[name][c.kind] = true
		}
	}
	seen := map[string]bool{}
	for _, g := range Render(objectives, opts).groups {
		for _, r := range g.Rules {
			if r.Alert == "" || seen[r.Alert] {
				continue
			}
			seen[r.Alert] = true
			for _, k := range kinds() {
				if why := senseless[r.Alert][k]; tried[r.Alert][k] == (why != "") {
					t.Errorf("%s is tried with %q: %t; not to be tried because: %s", r.Alert, k, tried[r.Alert][k], cmp.Or(why, "-"))
				}
			}
		}
	}
	if len(seen) < 50 {
		t.Errorf("%d alerts, want those of all rules", len(seen))
	}
}

// senselessFor are the kinds that an objective cannot be in.
func senselessFor(o *objective.Objective) map[kind]string {
	not := map[kind]string{}
	if o.Measure.OfLast() {
		const last = "the figures of the last burst or run are no counters"
		not[noTraffic], not[startsAnew] = last, last
		if o.Floor() <= 1 {
			not[tooFew] = "one burst or run is enough"
		}
	}
	if pooled(o.Measure) {
		not[oneOfTwo] = "what two perfwatch measured is judged together"
	}
	if !slices.ContainsFunc(judged(o), func(t objective.Threshold) bool { return t.Value != 0 }) {
		not[justShort] = "below zero nothing can be"
	}
	return not
}
