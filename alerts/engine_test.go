package alerts

import (
	"context"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/common/model"
	promhist "github.com/prometheus/prometheus/model/histogram"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/value"
	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/promql/parser"
	"github.com/prometheus/prometheus/storage"
	"github.com/prometheus/prometheus/tsdb/chunkenc"
	"github.com/prometheus/prometheus/tsdb/chunks"
	promnotes "github.com/prometheus/prometheus/util/annotations"

	"github.com/perfwatch/perfwatch/internal/objective"
)

// An evaluator is what promtool is to a rule file, for a few rules and thousands of mistakes in them: expressions are
// evaluated by the engine of Prometheus 3, in this process.
type evaluator struct {
	engine *promql.Engine
	parser parser.Parser
}

func newEvaluator() evaluator {
	p := parser.NewParser(parser.Options{})
	return evaluator{promql.NewEngine(promql.EngineOpts{
		MaxSamples: 10_000_000, Timeout: time.Minute, LookbackDelta: lookback, Parser: p,
	}), p}
}

// A trial is a test case with its series read.
type trial struct {
	testCase
	every time.Duration
	given map[string][]storage.Series // by name

	recorded map[string]*made // by the rules as they are, by labels
}

func (e evaluator) trials(t *testing.T, cases []testCase, every time.Duration) []trial {
	t.Helper()
	all := make([]trial, 0, len(cases))
	for _, c := range cases {
		given := map[string][]storage.Series{}
		for _, s := range c.Series {
			lset, values, err := e.parser.ParseSeriesDesc(s.Series + " " + s.Values)
			if err != nil {
				t.Fatalf("%s: %s: %v", c.Name, s.Series, err)
			}
			var samples []chunks.Sample
			for i, v := range values {
				if !v.Omitted {
					at := time.Duration(i) * time.Duration(c.Interval)
					samples = append(samples, point{at.Milliseconds(), v.Value, v.Histogram})
				}
			}
			name := lset.Get(model.MetricNameLabel)
			given[name] = append(given[name], storage.NewListSeries(lset, samples))
		}
		all = append(all, trial{testCase: c, every: every, given: given})
	}
	return all
}

// try says what is wrong with test cases, each tried on the rules that it is about.
func (e evaluator) try(t *testing.T, rules []rule, cases []testCase, every time.Duration) {
	t.Helper()
	for _, tr := range e.trials(t, cases, every) {
		about := slices.DeleteFunc(slices.Clone(rules), func(r rule) bool {
			return r.Alert != "" && !slices.ContainsFunc(tr.Alerts, func(c alertCheck) bool { return c.Alert == r.Alert })
		})
		if _, wrong, err := e.run(t.Context(), tr, about); err != nil || wrong != "" {
			t.Errorf("%s, %v", wrong, err)
		}
	}
}

// run tries rules as promtool does: they are evaluated in their order at each step, and what a test expects at an instant is
// compared with the evaluation before it. It says what was not as expected first; "" if all was. Of annotations it prints
// those that need no further query. What other rules record is what they recorded before.
func (e evaluator) run(ctx context.Context, tr trial, rules []rule) (recorded map[string]*made, wrong string, err error) {
	w := &world{evaluator: e, given: tr.given, made: map[string]*made{}, alerts: make([]map[string]*alert, len(rules))}
	for key, m := range tr.recorded {
		if !slices.ContainsFunc(rules, func(r rule) bool { return r.Record == m.rule }) {
			w.made[key] = m
		}
	}
	end := time.Duration(0)
	for _, c := range tr.Alerts {
		end = max(end, time.Duration(c.At))
	}
	for _, c := range tr.Exprs {
		end = max(end, time.Duration(c.At))
	}
	for at := time.Duration(0); at <= end; at += tr.every {
		if err := w.evaluate(ctx, rules, at); err != nil {
			return nil, "", err
		}
		for _, c := range tr.Alerts {
			if when := time.Duration(c.At); at <= when && when < at+tr.every {
				if got, want := w.firing(rules, c.Alert), expected(c); !slices.Equal(got, want) {
					return nil, fmt.Sprintf("%s: at %s %s: %q, want %q", tr.Name, when, c.Alert, got, want), nil
				}
			}
		}
	}
	for _, c := range tr.Exprs {
		vector, err := w.query(ctx, c.Expr, time.Duration(c.At))
		if err != nil {
			return nil, "", err
		}
		got := make([]string, 0, len(vector))
		for _, s := range vector {
			got = append(got, fmt.Sprint(s.Metric, " ", s.F))
		}
		want := make([]string, 0, len(c.Samples))
		for _, s := range c.Samples {
			want = append(want, fmt.Sprint(s.Labels, " ", s.Value))
		}
		if !slices.Equal(got, want) {
			return nil, fmt.Sprintf("%s: at %s %s: %q, want %q", tr.Name, c.At, c.Expr, got, want), nil
		}
	}
	return w.made, "", nil
}

// A world is a trial while rules are evaluated.
type world struct {
	evaluator
	given  map[string][]storage.Series
	made   map[string]*made    // what rules record, by labels
	alerts []map[string]*alert // of each rule, by labels
}

// made is a series that a rule records.
type made struct {
	rule    string
	labels  labels.Labels
	samples []chunks.Sample
}

// An alert is pending or fires.
type alert struct {
	labels labels.Labels // of its sample
	value  float64
	since  time.Duration // the first evaluation with it
	fires  bool
	gone   time.Duration // the first evaluation without it after that; negative while it is there
}

func (w *world) query(ctx context.Context, expr string, at time.Duration) (promql.Vector, error) {
	q, err := w.engine.NewInstantQuery(ctx, w, nil, expr, time.Unix(0, 0).Add(at))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", expr, err)
	}
	defer q.Close()
	result := q.Exec(ctx)
	if result.Err != nil {
		return nil, fmt.Errorf("%s: %w", expr, result.Err)
	}
	if vector, is := result.Value.(promql.Vector); is {
		return slices.Clone(vector), nil
	}
	return nil, fmt.Errorf("%s: a %s, want a vector", expr, result.Value.Type())
}

// evaluate evaluates rules once.
func (w *world) evaluate(ctx context.Context, rules []rule, at time.Duration) error {
	for i, r := range rules {
		vector, err := w.query(ctx, r.Expr, at)
		if err != nil {
			return err
		}
		if r.Record != "" {
			if err := w.record(r, vector, at); err != nil {
				return err
			}
			continue
		}
		if w.alerts[i] == nil {
			w.alerts[i] = map[string]*alert{}
		}
		seen := map[string]bool{}
		for _, s := range vector {
			lset := labelled(s.Metric, r.Labels, model.AlertNameLabel, r.Alert).String()
			if seen[lset] {
				return fmt.Errorf("%s: two alerts %s", r.Alert, lset)
			}
			a := w.alerts[i][lset]
			if a == nil {
				a = &alert{labels: s.Metric.DropReserved(func(name string) bool { return name == model.MetricNameLabel }), since: at}
				w.alerts[i][lset] = a
			}
			a.value, a.gone, a.fires = s.F, -1, a.fires || at-a.since >= r.For
			seen[lset] = true
		}
		for lset, a := range w.alerts[i] {
			if a.gone < 0 && !seen[lset] {
				a.gone = at
			}
			if !seen[lset] && (!a.fires || at-a.gone >= r.KeepFiringFor) {
				delete(w.alerts[i], lset)
			}
		}
	}
	return nil
}

// record appends what a rule recorded, and ends the series that it does not record any more.
func (w *world) record(r rule, vector promql.Vector, at time.Duration) error {
	seen := map[string]bool{}
	for _, s := range vector {
		lset := labelled(s.Metric, r.Labels, model.MetricNameLabel, r.Record)
		key := lset.String()
		if seen[key] {
			return fmt.Errorf("%s: two series %s", r.Record, key)
		}
		if w.made[key] == nil {
			w.made[key] = &made{rule: r.Record, labels: lset}
		}
		w.made[key].samples = append(w.made[key].samples, point{at.Milliseconds(), s.F, s.H})
		seen[key] = true
	}
	for key, m := range w.made {
		if m.rule == r.Record && !seen[key] && labelled(m.labels, r.Labels, model.MetricNameLabel, r.Record).String() == key {
			m.samples = append(m.samples, point{at.Milliseconds(), math.Float64frombits(value.StaleNaN), nil})
		}
	}
	return nil
}

// labelled are the labels of a sample with those of its rule and one more.
func labelled(of labels.Labels, more []pair, name, text string) labels.Labels {
	b := labels.NewBuilder(of).Del(model.MetricNameLabel)
	for _, p := range more {
		b.Set(p.name, p.value)
	}
	return b.Set(name, text).Labels()
}

// firing are the alerts of a name that fire, with what they print.
func (w *world) firing(rules []rule, name string) (all []string) {
	for i, r := range rules {
		if r.Alert != name {
			continue
		}
		for _, a := range w.alerts[i] {
			if !a.fires {
				continue
			}
			texts := asMap(r.Annotations)
			for name, text := range texts {
				for _, u := range objective.Units() {
					text = strings.ReplaceAll(text, valueTemplate(objective.Unit(u)), printed(objective.Unit(u), a.value))
				}
				texts[name] = strings.ReplaceAll(fill(text, a.labels.Map(), a.value), templated("{{"), "{{")
			}
			lset := asMap(r.Labels)
			maps.Copy(lset, a.labels.Map())
			all = append(all, described(lset, texts))
		}
	}
	slices.Sort(all)
	return all
}

// expected are the alerts that a check wants.
func expected(c alertCheck) (all []string) {
	for _, f := range c.Firing {
		all = append(all, described(f.Labels, f.Annotations))
	}
	slices.Sort(all)
	return all
}

// described is an alert as text, without the annotations that query.
func described(lset, texts map[string]string) string {
	return fmt.Sprint(lset, " ", texts["summary"], " ", texts["description"], " ", texts["value"])
}

// Querier implements storage.Queryable.
func (w *world) Querier(_, _ int64) (storage.Querier, error) {
	return &storage.MockQuerier{SelectMockFunction: w.choose}, nil
}

// choose selects the series that match.
func (w *world) choose(_ bool, _ *storage.SelectHints, matchers ...*labels.Matcher) storage.SeriesSet {
	match := func(lset labels.Labels) bool {
		return !slices.ContainsFunc(matchers, func(m *labels.Matcher) bool { return !m.Matches(lset.Get(m.Name)) })
	}
	set := &chosen{}
	for _, s := range w.given[nameOf(matchers)] {
		if match(s.Labels()) {
			set.series = append(set.series, s)
		}
	}
	for _, m := range w.made {
		if match(m.labels) {
			set.series = append(set.series, storage.NewListSeries(m.labels, m.samples))
		}
	}
	return set
}

func nameOf(matchers []*labels.Matcher) string {
	for _, m := range matchers {
		if m.Name == model.MetricNameLabel {
			return m.Value
		}
	}
	return ""
}

// chosen implements storage.SeriesSet.
type chosen struct {
	series []storage.Series
	next   int
}

func (c *chosen) Next() bool                    { c.next++; return c.next <= len(c.series) }
func (c *chosen) At() storage.Series            { return c.series[c.next-1] }
func (*chosen) Err() error                      { return nil }
func (*chosen) Warnings() promnotes.Annotations { return nil }

// A point implements chunks.Sample.
type point struct {
	at    int64 // ms
	value float64
	held  *promhist.FloatHistogram // nil for a float
}

func (p point) T() int64             { return p.at }
func (point) ST() int64              { return 0 }
func (p point) F() float64           { return p.value }
func (point) H() *promhist.Histogram { return nil }
func (p point) FH() *promhist.FloatHistogram {
	if p.held == nil {
		return nil
	}
	return p.held.Copy() // the engine adds to what it gets
}

func (p point) Copy() chunks.Sample { return p }
func (p point) Type() chunkenc.ValueType {
	if p.held != nil {
		return chunkenc.ValFloatHistogram
	}
	return chunkenc.ValFloat
}
