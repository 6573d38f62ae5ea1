package alerts

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/common/model"

	"github.com/perfwatch/perfwatch/internal/objective"
	"github.com/perfwatch/perfwatch/internal/peer"
)

func TestEachShippedAlertHasItsPageAndNoOther(t *testing.T) {
	want := map[string]bool{}
	for _, g := range Render(shipped(t), Options{}).groups {
		for _, r := range g.Rules {
			if r.Record != "" {
				continue
			}
			want[r.Alert] = true
			text, ok := Runbook(r.Alert, shipped(t), Options{})
			if !ok || !strings.HasPrefix(string(text), "# "+r.Alert+"\n") {
				t.Errorf("the page of %s begins %.40q", r.Alert, text)
			}
			// Without the configuration the shipped page is still there.
			if _, ok := Runbook(r.Alert, nil, Options{}); !ok {
				t.Errorf("%s has no shipped page", r.Alert)
			}
		}
	}
	for _, path := range shippedPages(t) {
		if name := strings.TrimSuffix(filepath.Base(path), ".md"); !want[name] {
			t.Errorf("%s belongs to no shipped alert", path)
		}
	}
}

func TestNamesWithoutAPage(t *testing.T) {
	for _, name := range []string{"", "Unknown", "measures/latency", "../alertmanager", "/etc/passwd", "PerfwatchDown.md", "."} {
		if text, ok := Runbook(name, shipped(t), Options{}); ok {
			t.Errorf("Runbook(%q) = %.40q, want none", name, text)
		}
	}
}

func TestPageOfAnOwnObjectiveSaysItsOwnFigures(t *testing.T) {
	for _, m := range objective.Measures() {
		o := objective.Objective{Name: "own", Title: "Mine", Measure: m, Quantile: 0.9, Window: time.Hour, Critical: new(0.125), QueryIn: m.Unit()}
		text, ok := Runbook("PerfwatchOwn", []objective.Objective{o}, Options{ExternalURL: "https://perf.example"})
		if !ok {
			t.Errorf("%s: no page", m)
			continue
		}
		row := "| critical | " + m.Unit().Format(0.125) + " | act now |"
		for _, want := range []string{"# PerfwatchOwn\n", "**Mine** is ", row, "alertname=PerfwatchOwn\n", "`- {name: own, …}`"} {
			if !strings.Contains(string(text), want) {
				t.Errorf("%s: %q is not in the page", m, want)
			}
		}
		if strings.Contains(string(text), "localhost:10095") {
			t.Errorf("%s: the page ignores the external URL", m)
		}
	}
}

func TestThresholdsInPagesAreTheConfigurations(t *testing.T) {
	row := regexp.MustCompile(`(?m)^\| (?:info|warning|critical|none \(target\)) \| (\S+) \|`)
	for _, o := range shipped(t) {
		text, err := os.ReadFile("runbooks/" + o.AlertName() + ".md")
		if err != nil {
			t.Fatal(err)
		}
		rows := row.FindAllStringSubmatch(string(text), -1)
		if len(rows) != len(o.Thresholds()) {
			t.Errorf("%s: %d thresholds in the page, want %d", o.Name, len(rows), len(o.Thresholds()))
			continue
		}
		for i, threshold := range o.Thresholds() {
			if want := o.Unit().Format(threshold.Value); rows[i][1] != want {
				t.Errorf("%s: the page says %s, the configuration %s", o.Name, rows[i][1], want)
			}
		}
	}
	// The fixed pages say it in words.
	if opts := (Options{}).withDefaults(); opts.For != 2*time.Minute || failuresInRow != 2 {
		t.Errorf("two failures and two minutes are written in runbooks, the rules have %d and %s", failuresInRow, opts.For)
	}
}

// everyPage are the shipped pages by their path, and one of each measure of bursts.
func everyPage(t *testing.T) map[string]string {
	t.Helper()
	all := map[string]string{}
	for _, path := range shippedPages(t) {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		all[path] = string(text)
	}
	objectives := append(ofBursts(), ofQuery())
	for i := range objectives {
		text, ok := Runbook(objectives[i].AlertName(), objectives, Options{})
		if !ok {
			t.Fatalf("%s has no page", objectives[i].Name)
		}
		all[objectives[i].Name] = string(text)
	}
	return all
}

// TestEveryPageAnswersWhatOnCallAsks in the same order: what it means for users, how sure it is, the first three commands with
// what they print, the panels, the likely causes, how to silence and how to tune it.
func TestEveryPageAnswersWhatOnCallAsks(t *testing.T) {
	sections := []string{"How sure is it", "First three commands", "Panels", "Likely causes, by what else moved", "Silence it", "Tune it"}
	for path, text := range everyPage(t) {
		parts := strings.Split(text, "\n## ")
		for i, want := range sections {
			if i+1 >= len(parts) || !strings.HasPrefix(parts[i+1], want+"\n\n") || len(parts) != len(sections)+1 {
				t.Fatalf("%s: its sections are %.40q, want %q", path, parts[1:], sections)
			}
		}
		for _, has := range []struct {
			part  int
			match string
			least int
		}{
			{0, `(?i)\bfor users: \S`, 1},                                      // what it means
			{2, `(?m)^# [123]\. .*\n(#  .*\n)*[a-z]`, 3},                       // what each command asks and prints
			{3, `(?m)^- \[.+\]\(http://localhost:3000/d/perfwatch-.+\): .`, 1}, // panels
			{4, `(?m)^\| .+ \| .+ \| .+ \|$`, 3},                               // a head and two causes
		} {
			if n := len(regexp.MustCompile(has.match).FindAllString(parts[has.part], -1)); n < has.least {
				t.Errorf("%s: %d of %s, want %d:\n%s", path, n, has.match, has.least, parts[has.part])
			}
		}
	}
}

func TestLinksOfPagesAreThoseOfTheConfiguration(t *testing.T) {
	opts := Options{ExternalURL: "https://perf.example", GrafanaURL: "https://grafana.example"}
	for _, name := range []string{"PerfwatchApiLatencyP95", "PerfwatchConfigReloadFailed"} {
		text, _ := Runbook(name, shipped(t), opts)
		if !strings.Contains(string(text), "(https://grafana.example/d/perfwatch-") || strings.Contains(string(text), "localhost:3000") ||
			strings.Contains(string(text), "localhost:10095") {
			t.Errorf("%s leads elsewhere:\n%s", name, text)
		}
	}
}

// commands are the lines that the blocks of all pages ask to run.
func commands(t *testing.T) []string {
	t.Helper()
	var all []string
	for path, text := range everyPage(t) {
		found := 0
		for _, fence := range regexp.MustCompile("(?s)```sh\n(.*?)```").FindAllStringSubmatch(text, -1) {
			for line := range strings.Lines(fence[1]) {
				if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "#") {
					all = append(all, line)
					found++
				}
			}
		}
		if found != 4 {
			t.Errorf("%s has %d commands, want three and a silence", path, found)
		}
	}
	return all
}

func TestCommandsOfPagesAreShell(t *testing.T) {
	t.Parallel()
	known := regexp.MustCompile(`^(promtool query|curl|redis-cli|amtool silence add|perfwatch check|free|ls|ps|top|journalctl) `)
	for _, command := range commands(t) {
		if !known.MatchString(command) {
			t.Errorf("%s: not a program that the pages use", command)
		}
		if out, err := exec.CommandContext(t.Context(), "sh", "-n", "-c", command).CombinedOutput(); err != nil {
			t.Errorf("%s: %v %s", command, err, out)
		}
	}
}

func TestQueriesOfPagesAreAcceptedByPrometheus(t *testing.T) {
	t.Parallel()
	query := regexp.MustCompile(`^promtool query instant http://localhost:9090 '([^']+)'$`)
	c := testCase{Name: "queries", Interval: model.Duration(time.Minute)}
	for _, command := range commands(t) {
		if !strings.HasPrefix(command, "promtool") {
			continue
		}
		m := query.FindStringSubmatch(command)
		if m == nil {
			t.Errorf("%s: not a query of promtool", command)
			continue
		}
		c.Exprs = append(c.Exprs, absent(m[1], 0))
	}
	rules := render(t, nil, Options{})
	tests, err := encodeTests([]testCase{c}, time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	if out, err := testRules(t, rules, tests); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
	if len(c.Exprs) < 15 {
		t.Errorf("%d queries in the pages, want 15 or more", len(c.Exprs))
	}
}

func TestRedisCommandsOfPagesPrintWhatTheySay(t *testing.T) {
	t.Parallel()
	server := peer.StartRedis(t)
	_, port, _ := strings.Cut(server.Address, ":")
	run := func(command string) string {
		command = strings.ReplaceAll(command, "redis-cli", peer.Find(t, "redis-tools", "redis-cli")+" -p "+port)
		out, err := exec.CommandContext(t.Context(), "sh", "-c", command).CombinedOutput()
		if err != nil {
			t.Errorf("%s: %v %s", command, err, out)
		}
		return strings.TrimSpace(strings.ReplaceAll(string(out), "\r", ""))
	}
	run("redis-cli SET a 1 EX 100")
	run("redis-cli GET a")
	run("redis-cli GET b")
	pages := strings.Join(commands(t), "\n")
	for _, tt := range []struct{ command, want string }{
		{`redis-cli INFO stats | grep -E '^(keyspace_hits|keyspace_misses|evicted_keys):'`,
			`^evicted_keys:0\nkeyspace_hits:1\nkeyspace_misses:1$`},
		{`redis-cli INFO stats | grep -E '^(keyspace_hits|keyspace_misses|expired_keys|evicted_keys):'`,
			`^expired_keys:0\nevicted_keys:0\nkeyspace_hits:1\nkeyspace_misses:1$`},
		{`redis-cli INFO memory | grep -E '^(used_memory_human|maxmemory_human|maxmemory_policy):'`,
			`^used_memory_human:\S+\nmaxmemory_human:0B\nmaxmemory_policy:noeviction$`},
		{`redis-cli INFO | grep -E '^(uptime_in_seconds|db[0-9]+):'`, `^uptime_in_seconds:\d+\ndb0:keys=1,expires=1,`},
		{`redis-cli INFO server | grep -E '^(redis_version|uptime_in_seconds):'`, `^redis_version:\S+\nuptime_in_seconds:\d+$`},
		{`redis-cli PING`, `^PONG$`},
	} {
		if got := run(tt.command); !regexp.MustCompile(tt.want).MatchString(got) {
			t.Errorf("%s prints\n%s\nwant %s", tt.command, got, tt.want)
		}
		if !strings.Contains(pages, tt.command) {
			t.Errorf("%s: in no page", tt.command)
		}
	}
	// What the cache's page says beside its commands.
	for _, tt := range []struct{ command, want string }{{"redis-cli INFO eviction", ""}, {"redis-cli --scan | head -20", "a"}} {
		if got := run(tt.command); got != tt.want {
			t.Errorf("%s prints %q, want %q", tt.command, got, tt.want)
		}
	}
}
