package dashboards

import (
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v3"

	"github.com/perfwatch/perfwatch/alerts"
	"github.com/perfwatch/perfwatch/collector"
	"github.com/perfwatch/perfwatch/internal/config"
	"github.com/perfwatch/perfwatch/internal/objective"
	"github.com/perfwatch/perfwatch/internal/peer"
)

// shipped is the configuration whose dashboards are committed.
func shipped(t *testing.T) *config.Config {
	t.Helper()
	cfg, err := config.Load("../perfwatch.yml")
	if err != nil {
		t.Fatal(err)
	}
	return cfg
}

// whole is a configuration with something for every dashboard.
func whole(t *testing.T) *config.Config {
	t.Helper()
	dir := t.TempDir()
	peer.WriteFile(t, dir, "dsn", "postgres://watcher@127.0.0.1:1/watcher")
	cfg, err := config.Parse([]byte(`
probes:
  - {name: home, group: api, http: {url: "http://127.0.0.1:1/", server_timing: [db]}}
  - {name: page, group: page, page: {url: "http://127.0.0.1:1/"}}
  - {name: shop, group: api, tls: {address: "127.0.0.1:1"}}
  - {name: query, group: database, sql: {dsn_file: dsn, queries: [{name: one, query: "SELECT 1"}]}}
  - name: batch
    group: ml
    load:
      users: 1
      iterations: 50
      matrix: {batch: [1, 10]}
      items: "${batch}"
      tasks: [{name: a, http: {url: "http://127.0.0.1:1/${batch}"}}, {name: b, http: {url: "http://127.0.0.1:1/"}}]
      watch: {processes: [api], redis: [cache], host: true}
  - name: capacity
    load:
      rate: 10
      max_users: 10
      find_capacity: {start: 20, step: 10, max: 40}
      tasks: [{name: a, http: {url: "http://127.0.0.1:1/"}}]
redis: [{name: cache, url: "redis://127.0.0.1:1/0"}]
postgres: [{name: main, dsn_file: dsn}]
pgbouncer: [{name: pool, dsn_file: dsn}]
processes: [{name: api, port: 1}]
pipelines: [{name: daily, schedule: "@daily", grace: 15m, budget: 1h, stages: [{name: fetch, budget: 5m}]}]
host: {}
objectives:
  - {name: p95, measure: latency, quantile: 0.95, group: api, target: 500ms, warning: 400ms, critical: 600ms}
  - {name: errors, measure: error_ratio, group: api, target: 1%}
  - {name: hits, measure: cache_hit_ratio, redis: cache, target: 85%}
`), dir)
	if err != nil {
		t.Fatal(err)
	}
	return cfg
}

// drawn are the dashboards of the shipped configuration and of the whole one, by their titles.
func drawn(t *testing.T) map[string]dashboard {
	t.Helper()
	list := map[string]dashboard{}
	for name, cfg := range map[string]*config.Config{"shipped": shipped(t), "whole": whole(t)} {
		for _, d := range Render(cfg) {
			list[name+": "+d.model.Title] = d.model
		}
	}
	return list
}

func TestTheCommittedDashboardIsTheRenderedOne(t *testing.T) {
	for _, d := range Render(shipped(t)) {
		got, err := d.Encode()
		if err != nil {
			t.Fatal(err)
		}
		if os.Getenv("PERFWATCH_UPDATE") != "" {
			if err := os.WriteFile(d.File(), got, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(d.File())
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(string(want), string(got)); diff != "" {
			t.Errorf("%s is not what the configuration gives; PERFWATCH_UPDATE=1 writes it anew:\n%s", d.File(), diff)
		}
	}
}

func TestEveryPanelIsWhole(t *testing.T) {
	for name, d := range drawn(t) {
		t.Run(name, func(t *testing.T) { panelsAreWhole(t, d.Panels) })
	}
}

func panelsAreWhole(t *testing.T, panels []panel) {
	seen := map[int]string{}
	titles := map[string]bool{}
	for _, p := range panels {
		if other, taken := seen[p.ID]; taken || p.ID <= 0 {
			t.Errorf("%q has the id %d of %q", p.Title, p.ID, other)
		}
		if seen[p.ID] = p.Title; titles[p.Title] || p.Title == "" {
			t.Errorf("the title %q is empty or stands twice", p.Title)
		}
		titles[p.Title] = true
		if p.Type == "row" {
			continue
		}
		if !strings.HasSuffix(p.Description, ".") || p.FieldConfig.Defaults.Unit == "" || len(p.Targets) == 0 {
			t.Errorf("%q has the description %q, the unit %q and %d queries", p.Title, p.Description, p.FieldConfig.Defaults.Unit,
				len(p.Targets))
		}
		for _, q := range p.Targets {
			if *q.Datasource != *source() || q.Instant == q.Range {
				t.Errorf("%q: query %s asks %v, instant %t, range %t", p.Title, q.RefID, *q.Datasource, q.Instant, q.Range)
			}
		}
	}
}

func TestPanelsLieInTheGridWithoutOverlap(t *testing.T) {
	for name, d := range drawn(t) {
		t.Run(name, func(t *testing.T) { panelsHavePlaces(t, d.Panels) })
	}
}

func panelsHavePlaces(t *testing.T, panels []panel) {
	taken := map[[2]int]string{}
	for _, p := range panels {
		pos := p.GridPos
		if pos.W <= 0 || pos.H <= 0 || pos.X < 0 || pos.X+pos.W > gridWidth {
			t.Errorf("%q lies at %+v", p.Title, pos)
		}
		for x := pos.X; x < pos.X+pos.W; x++ {
			for y := pos.Y; y < pos.Y+pos.H; y++ {
				if other, full := taken[[2]int{x, y}]; full {
					t.Fatalf("%q and %q overlap at %d,%d", p.Title, other, x, y)
				}
				taken[[2]int{x, y}] = p.Title
			}
		}
	}
}

func TestEveryExpressionParses(t *testing.T) {
	promtool := peer.Find(t, "prometheus", "promtool")
	type rule struct{ Record, Expr string }
	var rules []rule
	for _, model := range drawn(t) {
		d := Dashboard{model}
		for _, e := range d.Expressions(map[string]string{"__rate_interval": "1m", "__range": "1h"}) {
			if strings.Contains(e.Expr, "$") {
				t.Errorf("%s: a variable is left in %s", e.Panel, e.Expr)
			}
			rules = append(rules, rule{fmt.Sprintf("panel:expression:%d", len(rules)), e.Expr})
		}
	}
	if len(rules) < 60 {
		t.Errorf("%d expressions, want at least 60", len(rules))
	}
	text, err := yaml.Marshal(map[string]any{"groups": []any{map[string]any{"name": "panels", "rules": rules}}})
	if err != nil {
		t.Fatal(err)
	}
	path := peer.WriteFile(t, t.TempDir(), "rules.yml", string(text))
	out, err := exec.Command(promtool, "check", "rules", "--lint-fatal", path).CombinedOutput()
	if want := fmt.Sprintf("SUCCESS: %d rules found", len(rules)); err != nil || !strings.Contains(string(out), want) {
		t.Errorf("promtool says %v, want %q:\n%s", err, want, out)
	}
}

// metric matches every metric name of ours in an expression, and what the rules record.
var metric = regexp.MustCompile(`[\w:]*\bperfwatch_[\w:]+`)

func TestEveryMetricIsDeclared(t *testing.T) {
	var used []string
	collect := func(text string) {
		used = append(used, metric.FindAllString(text, -1)...)
	}
	for _, d := range drawn(t) {
		for _, p := range d.Panels {
			for _, q := range p.Targets {
				collect(q.Expr)
			}
		}
		for _, v := range d.Templating.List {
			collect(v.Definition)
		}
		for _, a := range d.Annotations.List {
			collect(a.Expr)
		}
	}
	declared := map[string]bool{}
	for _, f := range collector.Families() {
		for _, suffix := range []string{"", "_bucket", "_sum", "_count"} {
			declared[f.Name+suffix] = true
		}
	}
	rules, err := alerts.Render(whole(t).Objectives, alerts.Options{}).Encode(alerts.Prometheus)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range used {
		if recorded := strings.Contains(string(rules), "record: "+name+"\n"); !declared[name] && !recorded {
			t.Errorf("%s is used and not declared", name)
		}
	}
	if len(used) < 40 {
		t.Errorf("%d metrics used, want at least 40: is the dashboard whole?", len(used))
	}
}

func TestExpressionsReplaceTheirVariables(t *testing.T) {
	d := Dashboard{dashboard{Panels: []panel{
		series(1, "A", "", "s", query{`rate(x{probe=~"$probe",p="$p",q=~"$q"}[$__rate_interval])`, ""}, query{"y", ""}),
	}, Templating: templating{List: []variable{labels("q", "", "")}}}}
	got := d.Expressions(map[string]string{"p": "short", "probe": "a|b", "__rate_interval": "2m"})
	want := []Expression{{"A", `rate(x{probe=~"a|b",p="short",q=~".*"}[2m])`}, {"A", "y"}}
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestAnObjectiveDrawsItsOwnLines(t *testing.T) {
	cfg := shipped(t)
	exprs := func(title string) (list []string) {
		for _, p := range Render(cfg)[0].model.Panels {
			if p.Title == title {
				for _, q := range p.Targets {
					list = append(list, q.LegendFormat+": "+q.Expr)
				}
			}
		}
		return list
	}
	for _, c := range []struct {
		panel, legend, objective string
	}{
		{"API p95 latency over time", "{{level}}", "api_latency_p95"},
		{"Latency p95", "API p95 latency {{level}}", "api_latency_p95"},
		{"Errors", "Error rate {{level}}", "error_ratio"},
		{"Cache hits", "Cache hit rate {{level}}", "cache_hit_ratio"},
	} {
		want := fmt.Sprintf("%s: max by (level) (perfwatch_objective_threshold{%s,objective=%q})", c.legend, scope, c.objective)
		if got := exprs(c.panel); len(got) != 2 || got[1] != want {
			t.Errorf("%s: %q, want %q after the value", c.panel, got, want)
		}
	}
	cfg.Objectives = nil
	if got := exprs("Latency p95"); len(got) != 1 {
		t.Errorf("without objectives: %q, want the value alone", got)
	}
}

func TestColoursAreThoseOfTheWorstLevelCrossed(t *testing.T) {
	lower, higher := objective.Latency, objective.CacheHitRatio
	for _, c := range []struct {
		measure                   objective.Measure
		target, warning, critical *float64
		want                      string
	}{
		{lower, new(0.5), new(0.4), new(0.6), "green 0.4=orange 0.5=orange 0.6=red"},
		{lower, new(0.5), nil, nil, "green 0.5=yellow"},
		{lower, nil, new(0.75), new(0.9), "green 0.75=orange 0.9=red"},
		{higher, new(0.85), new(0.75), new(0.6), "red 0.6=orange 0.75=yellow 0.85=green"},
		{higher, new(100.0), nil, nil, "yellow 100=green"},
		{lower, nil, nil, nil, "green"},
	} {
		o := &objective.Objective{Measure: c.measure, Target: c.target, Warning: c.warning, Critical: c.critical}
		var words []string
		for _, s := range colours(o).Steps {
			if s.Value == nil {
				words = append(words, s.Color)
			} else {
				words = append(words, fmt.Sprintf("%v=%s", *s.Value, s.Color))
			}
		}
		if got := strings.Join(words, " "); got != c.want {
			t.Errorf("%s: %s, want %s", c.measure, got, c.want)
		}
	}
}

func TestWhatIsNotWatchedIsNotDrawn(t *testing.T) {
	for _, c := range []struct {
		cfg   *config.Config
		files []string // without perfwatch- and .json
		rows  []string // of the overview
	}{
		{&config.Config{}, []string{"overview", "trends", "api", "self"}, []string{"Endpoints", "perfwatch itself"}},
		{
			shipped(t), []string{"overview", "budgets", "trends", "api", "bursts", "pages", "cache", "pipelines", "host", "self"},
			[]string{"Objectives", "Objectives against their thresholds", "Endpoints", "Load bursts", "Cache and host", "perfwatch itself"},
		},
		{
			whole(t), []string{"overview", "budgets", "trends", "api", "bursts", "pages", "cache", "database", "ml", "pipelines", "host", "self"},
			[]string{"Objectives", "Objectives against their thresholds", "Endpoints", "Load bursts", "Cache and host", "perfwatch itself"},
		},
	} {
		var files, rows []string
		for i, d := range Render(c.cfg) {
			files = append(files, strings.TrimSuffix(strings.TrimPrefix(d.File(), "perfwatch-"), ".json"))
			for _, p := range d.model.Panels {
				if i == 0 && p.Type == "row" {
					rows = append(rows, p.Title)
				}
			}
		}
		if !slices.Equal(files, c.files) || !slices.Equal(rows, c.rows) {
			t.Errorf("dashboards %q, want %q; rows %q, want %q", files, c.files, rows, c.rows)
		}
	}
}

func TestEverySelectorIsOfTheChosenInstance(t *testing.T) {
	for expr, want := range map[string]string{
		`perfwatch_a`:                               `perfwatch_a{S}`,
		`rate(perfwatch_a[1m])`:                     `rate(perfwatch_a{S}[1m])`,
		`perfwatch_a{} / perfwatch_b_c{d="e"}`:      `perfwatch_a{S} / perfwatch_b_c{S,d="e"}`,
		`x and on (job) perfwatch_a or up{a="b"}`:   `x and on (job) perfwatch_a{S} or up{a="b"}`,
		`a:perfwatch_b:c{d="e"} + b:perfwatch_c:d`:  `a:perfwatch_b:c{d="e"} + b:perfwatch_c:d`,
		`label_values(perfwatch_a{g=~"$g"}, probe)`: `label_values(perfwatch_a{S,g=~"$g"}, probe)`,
	} {
		if got, want := scoped(expr), strings.ReplaceAll(want, "S", scope); got != want {
			t.Errorf("scoped(%s) = %s, want %s", expr, got, want)
		}
	}
}

func TestALineIsAsHighAsItsTallestPanel(t *testing.T) {
	var g grid
	for _, size := range [][2]int{{8, 9}, {8, 4}, {16, 2}} {
		g.add(size[0], size[1], panel{})
	}
	if got, want := g.panels[2].GridPos, (gridPos{H: 2, W: 16, X: 0, Y: 9}); got != want {
		t.Errorf("the second line starts at %+v, want %+v", got, want)
	}
}
