package oneshot

import (
	"context"
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/perfwatch/perfwatch/internal/config"
	"github.com/perfwatch/perfwatch/internal/objective"
	"github.com/perfwatch/perfwatch/internal/report"
	"github.com/perfwatch/perfwatch/probes"
)

// A fake is a prober that takes a time and fails when it is told to.
type fake struct {
	takes time.Duration
	err   error
	runs  *atomic.Int64
}

func (f fake) Probe(ctx context.Context) (probes.Result, error) {
	f.runs.Add(1)
	select {
	case <-time.After(f.takes):
		return probes.Result{}, f.err
	case <-ctx.Done():
		return probes.Result{}, ctx.Err()
	}
}

// A screen notes what is shown.
type screen struct {
	mu    sync.Mutex
	begun []string
	last  map[string]State
}

func (s *screen) Begin(name string, now func() State) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.begun = append(s.begun, name)
	now()
}

func (s *screen) End(name string, last State) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.last == nil {
		s.last = map[string]State{}
	}
	s.last[name] = last
}

func target(v float64) *float64 { return &v }

// unit is a probe whose samples feed the objectives on it.
func unit(book *objective.Book, name string, f fake) *Unit {
	p := config.Probe{Name: name, Group: "api"}
	fed := Fed(book, &p)
	return &Unit{Name: name, Group: "api", Kind: "http", Timeout: 5 * time.Second, Prober: f, Feeds: fed, Sample: func(s *probes.Sample) {
		for _, t := range fed {
			v := s.Duration.Seconds()
			if t.Objective().Measure == objective.ErrorRatio {
				v = map[bool]float64{true: 1}[s.Err != nil]
			}
			t.Observe(time.Now(), v)
		}
	}}
}

func TestProbesAreAskedUntilTheirObjectivesCanBeJudged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		book := objective.NewBook([]objective.Objective{
			{Name: "p95", Measure: objective.Latency, Quantile: 0.95, Group: "api", Window: window, Target: target(1)},
		})
		var a, b, alone atomic.Int64
		units := []*Unit{
			unit(book, "a", fake{takes: 10 * time.Millisecond, runs: &a}),
			unit(book, "b", fake{takes: 10 * time.Millisecond, runs: &b}),
			unit(objective.NewBook(nil), "alone", fake{runs: &alone}),
		}
		var r report.Report
		began := time.Now()
		shown := &screen{}
		Run(t.Context(), units, Options{Duration: time.Minute, Progress: shown}, &r)
		// 200 samples between the two of them, at 20 runs a second each, and one of what nobody judges.
		if n := a.Load() + b.Load(); n < 200 || n > 201 || a.Load() > 101 || b.Load() > 101 || alone.Load() != 1 {
			t.Errorf("%d, %d and %d runs, want 100, 100 and 1", a.Load(), b.Load(), alone.Load())
		}
		if took := time.Since(began); took != 99*pace+10*time.Millisecond && took != 100*pace+10*time.Millisecond {
			t.Errorf("it took %s, want 20 runs a second", took)
		}
		if s := book.All()[0].Status(time.Now()); s.State != objective.Met || s.Samples < 200 {
			t.Errorf("%+v, want it judged", s)
		}
		if len(r.Probes) != 3 || r.Probes[0].Requests != uint64(a.Load()) || r.Probes[0].Latency.P95 < 0.010 || r.Probes[0].Latency.P95 > 0.01002 {
			t.Errorf("%+v", r.Probes)
		}
		if last := shown.last["a"]; len(shown.begun) != 3 || last.Requests != uint64(a.Load()) || last.Done != 1 || last.Word != "done" {
			t.Errorf("shown: %v, %+v", shown.begun, last)
		}
	})
}

func TestTheEndOfTheTimeEndsIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		book := objective.NewBook([]objective.Objective{
			{Name: "p99", Title: "p99", Measure: objective.Latency, Quantile: 0.99, Window: window, Target: target(1)},
		})
		var runs atomic.Int64
		units := []*Unit{unit(book, "a", fake{takes: time.Second, err: errors.New("broken"), runs: &runs})}
		var r report.Report
		Run(t.Context(), units, Options{Duration: 10 * time.Second, Progress: &screen{}}, &r)
		if runs.Load() != 10 || r.Probes[0].Failures != 10 || r.Duration() != 10*time.Second {
			t.Errorf("%d runs in %s, %+v", runs.Load(), r.Duration(), r.Probes[0])
		}
		r.Objectives = []report.Objective{report.ObjectiveOf(book.All()[0].Objective(), book.All()[0].Status(time.Now()))}
		r.Judge()
		want := []string{
			"probe a failed all of its 10 runs: broken",
			"p99 could not be judged: 10 samples, want 1000",
		}
		if diff := cmp.Diff(want, r.Problems); diff != "" || r.Verdict != report.Missed {
			t.Errorf("%s: %s", r.Verdict, diff)
		}
	})
}

func TestAnInterruptedRunReportsWhatItHas(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		book := objective.NewBook([]objective.Objective{
			{Name: "p99", Measure: objective.Latency, Quantile: 0.99, Window: window, Target: target(1)},
		})
		var runs atomic.Int64
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(3*time.Second-time.Millisecond, cancel)
		var r report.Report
		Run(ctx, []*Unit{unit(book, "a", fake{takes: time.Second, runs: &runs})}, Options{Duration: time.Hour, Progress: &screen{}}, &r)
		if p := r.Probes[0]; !r.Interrupted || p.Requests != 2 || p.Failures != 0 || p.Outcomes["canceled"] != 1 {
			t.Errorf("%+v", r)
		}
	})
}

const selectable = `
global: {base_url: "http://127.0.0.1:1"}
probes:
  - {name: home, group: api, http: {url: /}}
  - {name: port, targets: ["127.0.0.1:1", "127.0.0.1:2"], tcp: {}}
  - {name: users, group: load, load: {users: 2, think_time: 1s, duration: 10s, tasks: [{name: a, http: {url: /}}]}}
  - {name: bulk, group: load, load: {users: 3, iterations: 5, tasks: [{name: a, http: {url: /}}]}}
  - {name: model, group: ml, load: {users: 1, iterations: 5, tasks: [{name: a, http: {url: /}}]}}
objectives:
  - {name: latency, measure: latency, quantile: 0.5, window: 5m, target: 1s}
`

func names(cfg *config.Config) (all []string) {
	for i := range cfg.Probes {
		all = append(all, cfg.Probes[i].Name)
	}
	return all
}

func TestSelections(t *testing.T) {
	for _, test := range []struct {
		s    Selection
		want string // names, or an error
	}{
		{Selection{}, "home port/127.0.0.1:1 port/127.0.0.1:2 users bulk model"},
		{Selection{Names: []string{"port", "home"}}, "home port/127.0.0.1:1 port/127.0.0.1:2"},
		{Selection{Names: []string{"port/127.0.0.1:2"}}, "port/127.0.0.1:2"},
		{Selection{Groups: []string{"load", "api"}}, "home users bulk"},
		{Selection{Suites: []config.Suite{config.APISuite}}, "home users"},
		{Selection{Suites: []config.Suite{config.BenchmarkSuite}}, "bulk"},
		{Selection{Suites: []config.Suite{config.MLSuite, config.BenchmarkSuite}}, "bulk model"},
		{Selection{Names: []string{"hoem"}}, `no probe "hoem": did you mean "home"?`},
		{Selection{Groups: []string{"lod"}}, `no group "lod": did you mean "load"?`},
		{Selection{Names: []string{"home"}, Groups: []string{"ml"}}, "nothing is selected: the configuration has no such probe"},
		{Selection{Names: []string{"bulk"}, Users: 4}, "bulk"},
		{Selection{Groups: []string{"ml"}, Users: 4}, "the number of users and their ramp-up change bursts whose users think, " +
			"or that are named: none of those is selected"},
	} {
		cfg, err := config.Parse([]byte(selectable), t.TempDir())
		if err != nil {
			t.Fatal(err)
		}
		var got string
		if err := test.s.Apply(cfg); err != nil {
			got = err.Error()
		} else {
			got = strings.Join(names(cfg), " ")
		}
		if got != test.want {
			t.Errorf("%+v: %q, want %q", test.s, got, test.want)
		}
	}
}

func TestUsersAndTimesAreThoseOfTheRun(t *testing.T) {
	cfg, err := config.Parse([]byte(selectable), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	s := Selection{Users: 7, RampUp: 3.5, Duration: 20 * time.Minute}
	if err := s.Apply(cfg); err != nil {
		t.Fatal(err)
	}
	users, bulk := cfg.Probes[3], cfg.Probes[4]
	if l := users.Load; l.Users != 7 || l.RampUp != 3.5 || l.Duration != 20*time.Minute || users.Timeout <= 20*time.Minute {
		t.Errorf("%+v within %s", l, users.Timeout)
	}
	if l := bulk.Load; l.Users != 3 || l.Duration != 0 {
		t.Errorf("users that do not think: %+v, want them as they are written", l)
	}
	if cfg.Objectives[0].Window != window {
		t.Errorf("judged over %s, want the whole run", cfg.Objectives[0].Window)
	}
}
