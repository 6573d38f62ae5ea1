//go:build e2e

package main

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"text/template"
	"time"

	"github.com/shirou/gopsutil/v3/mem"

	"github.com/perfwatch/perfwatch/alerts"
	"github.com/perfwatch/perfwatch/dashboards"
	"github.com/perfwatch/perfwatch/internal/config"
	"github.com/perfwatch/perfwatch/internal/peer"
)

// phaseTimeout bounds the wait for one alert. The longest window is 20 s; a busy machine may need several.
const phaseTimeout = 2 * time.Minute

// A stand is everything that the end-to-end test runs: the platform, its Redis, perfwatch, Prometheus, Alertmanager and
// whoever is paged, each a process of its own but the last.
type stand struct {
	platform, perfwatch string // base URLs
	file                string // the configuration
	config              *config.Config
	prometheus          *peer.Prometheus
	alertmanager        *peer.Alertmanager
	pager               *peer.Webhook
	memory              memoryLevels
}

// memoryLevels are thresholds a little above what the machine uses already, and what must be allocated to cross them.
type memoryLevels struct {
	warning, critical           float64 // ratios of the machine's memory
	warningLevel, criticalLevel float64 // MiB
}

func measureMemory(t *testing.T) memoryLevels {
	t.Helper()
	m, err := mem.VirtualMemory()
	if err != nil {
		t.Fatalf("reading memory: %v", err)
	}
	used, mib := 1-float64(m.Available)/float64(m.Total), float64(m.Total)/(1<<20)
	return memoryLevels{
		warning: used + 0.02, warningLevel: 0.035 * mib,
		critical: used + 0.05, criticalLevel: 0.07 * mib,
	}
}

func newStand(t *testing.T) *stand {
	t.Helper()
	s := &stand{memory: measureMemory(t), pager: peer.StartWebhook(t)}
	redis := peer.StartRedis(t, "--maxmemory", "256mb") // the dashboard shows the bound

	platform := peer.FreeAddress(t)
	s.platform = "http://" + platform
	p := peer.Start(t, "", "platform", platform, redis.Address)
	p.WaitFor(t, peer.Answers(s.platform+"/api/dashboard"))

	dir := t.TempDir()
	dsn := peer.WriteFile(t, dir, "postgres.dsn", "postgres://watcher:hunter2@"+peer.StartPostgres(t).Address+"/postgres")
	file := peer.WriteFile(t, dir, "perfwatch.yml", renderConfig(t, s, redis.Address, dsn))
	cfg, err := config.Load(file)
	if err != nil {
		t.Fatalf("loading the test's configuration: %v", err)
	}
	s.file, s.config = file, cfg
	listen := peer.FreeAddress(t)
	s.perfwatch = "http://" + listen
	storage := t.TempDir()
	keepEarlierBursts(t, cfg, storage)
	d := peer.Start(t, "", "perfwatch", "serve", "--config.file="+file, "--web.listen-address="+listen,
		"--storage.path="+storage)
	d.WaitFor(t, peer.Answers(s.perfwatch+"/-/ready"))

	s.alertmanager = peer.StartAlertmanager(t, peer.WriteFile(t, dir, "alertmanager.yml", quickAlertmanager(t, s.pager.URL)))
	s.startPrometheus(t, dir, listen)
	return s
}

func renderConfig(t *testing.T, s *stand, redis, dsn string) string {
	t.Helper()
	endpoints := map[string]string{}
	shipped, err := config.Load(filepath.Join("..", "..", "perfwatch.yml"))
	if err != nil {
		t.Fatalf("loading the shipped configuration: %v", err)
	}
	for _, p := range shipped.Probes {
		if p.HTTP != nil {
			endpoints[p.Name] = p.HTTP.URL
		}
	}
	text := &bytes.Buffer{}
	err = template.Must(template.ParseFiles("testdata/e2e.yml.tmpl")).Execute(text, map[string]any{
		"Platform": s.platform, "Port": s.platform[strings.LastIndex(s.platform, ":")+1:], "Redis": redis,
		"DSN": dsn, "Endpoints": endpoints,
		"MemoryWarning":  fmt.Sprintf("%.2f%%", 100*s.memory.warning),
		"MemoryCritical": fmt.Sprintf("%.2f%%", 100*s.memory.critical),
	})
	if err != nil {
		t.Fatalf("rendering the configuration: %v", err)
	}
	return text.String()
}

// quickAlertmanager is the shipped configuration with the test's receiver and waits of a second.
func quickAlertmanager(t *testing.T, pager string) string {
	t.Helper()
	shipped, err := os.ReadFile(filepath.Join("..", "..", "alerts", "alertmanager.yml"))
	if err != nil {
		t.Fatalf("reading the shipped alertmanager.yml: %v", err)
	}
	text := regexp.MustCompile(`(group_wait|group_interval): \S+`).ReplaceAllString(string(shipped), "$1: 1s")
	return regexp.MustCompile(`url: \S+`).ReplaceAllString(text, "url: "+pager)
}

func (s *stand) startPrometheus(t *testing.T, dir, perfwatch string) {
	t.Helper()
	rules, err := alerts.Render(s.config.Objectives, alerts.Options{
		For: time.Second, KeepFiringFor: time.Second, Interval: time.Second,
	}).Encode(alerts.Prometheus)
	if err != nil {
		t.Fatalf("rendering rules: %v", err)
	}
	peer.WriteFile(t, dir, "perfwatch.rules.yml", string(rules))
	s.prometheus = peer.StartPrometheus(t, peer.WriteFile(t, dir, "prometheus.yml", fmt.Sprintf(`
global: {scrape_interval: 1s, evaluation_interval: 1s}
rule_files: [perfwatch.rules.yml]
alerting: {alertmanagers: [{static_configs: [{targets: [%q]}]}]}
scrape_configs:
  - job_name: perfwatch
    static_configs: [{targets: [%q]}]
`, strings.TrimPrefix(s.alertmanager.URL, "http://"), perfwatch)))
}

// setFault switches a fault of the platform to a level; 0 is off.
func (s *stand) setFault(t *testing.T, name string, level float64) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, fmt.Sprintf("%s/faults/%s?level=%g", s.platform, name, level), nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := (&http.Client{}).Do(req)
	if err != nil {
		t.Fatalf("switching fault %q: %v", name, err)
	}
	_ = resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		t.Fatalf("switching fault %q: status %d, want 200", name, resp.StatusCode)
	}
}

// eventually waits until check returns "", which otherwise says what is still missing.
func eventually(t *testing.T, check func() string) {
	t.Helper()
	deadline := time.After(phaseTimeout)
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	for {
		missing := check()
		if missing == "" {
			return
		}
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("after %v: %s", phaseTimeout, missing)
		}
	}
}

// last is the status of the newest delivery of an alert since an instant: "firing", "resolved" or "" for none.
func (s *stand) last(alert, severity string, since time.Time) string {
	status := ""
	for _, n := range s.pager.Received() {
		if n.Labels["alertname"] == alert && n.Labels["severity"] == severity && n.Received.After(since) {
			status = n.Status
		}
	}
	return status
}

func (s *stand) delivered(t *testing.T, alert, severity, status string, since time.Time) {
	t.Helper()
	eventually(t, func() string {
		if got := s.last(alert, severity, since); got != status {
			return fmt.Sprintf("%s %s: last delivery %q, want %q", alert, severity, got, status)
		}
		return ""
	})
	t.Logf("%s %s %s after %.1f s", alert, severity, status, time.Since(since).Seconds())
}

// warned waits for the warning of a row. On a host that others load too it may be critical at once, and the warning is
// then held back.
func (s *stand) warned(t *testing.T, r row, since time.Time) {
	t.Helper()
	if !r.ofHost() {
		s.delivered(t, r.alert, "warning", "firing", since)
		return
	}
	eventually(t, func() string {
		if s.last(r.alert, "warning", since) != "firing" && s.last(r.alert, "critical", since) != "firing" {
			return r.alert + ": neither warning nor critical was delivered"
		}
		return ""
	})
}

// inhibited waits until Alertmanager holds the warning back because of the critical alert.
func (s *stand) inhibited(t *testing.T, alert string) {
	t.Helper()
	eventually(t, func() string {
		states, err := s.alertmanager.States(t.Context(), alert)
		if err != nil {
			return err.Error()
		}
		if states["warning"] != "suppressed" || states["critical"] != "active" {
			return fmt.Sprintf("%s: states %v, want warning suppressed, critical active", alert, states)
		}
		return ""
	})
}

// A row is one of the plan's alert thresholds, A1 to A5, and the fault that crosses it.
type row struct {
	id, alert, fault  string
	warning, critical float64 // levels of the fault
}

// ofHost says that the row judges the whole machine, on which other programs may be as busy as the fault.
func (r *row) ofHost() bool { return r.fault == "memory" || r.fault == "cpu" }

func (s *stand) waves() [][]row {
	return [][]row{
		{
			{"A2", "PerfwatchErrorRatio", "errors", 0.0125, 0.1},
			{"A4", "PerfwatchMemoryUsage", "memory", s.memory.warningLevel, s.memory.criticalLevel},
		},
		{
			{"A1", "PerfwatchApiLatencyP95", "latency", 480, 800},
			{"A3", "PerfwatchCacheHitRatio", "cold_cache", 0.35, 0.9},
		},
		{
			{"A5", "PerfwatchCpuUsage", "cpu", 0.88, 1},
		},
	}
}

func TestEndToEnd(t *testing.T) {
	s := newStand(t)
	s.waitForObjectives(t)
	t.Run("metrics page passes promtool", s.testMetricsPage)
	t.Run("every panel has data", s.testPanels)
	t.Run("dashboards are drawn without Grafana", s.testPreview)
	t.Run("a burst is held against the earlier ones", s.testRegression)
	for _, wave := range s.waves() {
		s.runWave(t, wave)
	}
}

// waitForObjectives waits until every objective is met in Prometheus' eyes: the windows are full and nothing is wrong.
func (s *stand) waitForObjectives(t *testing.T) {
	t.Helper()
	eventually(t, func() string {
		points, err := s.prometheus.Query(t.Context(), "perfwatch_objective_met")
		if err != nil {
			return err.Error()
		}
		met := 0
		var missed []string
		for _, p := range points {
			if p.Value == 1 {
				met++
			} else {
				missed = append(missed, p.Labels["objective"])
			}
		}
		if want := len(s.config.Objectives); met < want {
			return fmt.Sprintf("%d of %d objectives met, missed %v", met, want, missed)
		}
		return ""
	})
}

// runWave takes the rows of a wave through warning, critical with the warning inhibited, and resolved, all at once, and
// checks that nobody was paged for a row of another wave meanwhile.
func (s *stand) runWave(t *testing.T, wave []row) {
	t.Helper()
	start := time.Now()
	for _, r := range wave {
		s.setFault(t, r.fault, r.warning)
	}
	for _, r := range wave {
		t.Run(r.id+" warning", func(t *testing.T) { s.warned(t, r, start) })
		if got := s.last(r.alert, "critical", start); got != "" && !r.ofHost() {
			t.Errorf("%s: critical was delivered at the warning level", r.alert)
		}
	}
	for _, r := range wave {
		s.setFault(t, r.fault, r.critical)
	}
	for _, r := range wave {
		t.Run(r.id+" critical", func(t *testing.T) {
			s.delivered(t, r.alert, "critical", "firing", start)
			s.inhibited(t, r.alert)
		})
	}
	for _, r := range wave {
		s.setFault(t, r.fault, 0)
	}
	for _, r := range wave {
		t.Run(r.id+" resolved", func(t *testing.T) {
			s.delivered(t, r.alert, "critical", "resolved", start)
			if s.last(r.alert, "warning", start) != "" {
				s.delivered(t, r.alert, "warning", "resolved", start)
			}
		})
	}
	s.nobodyElsePaged(t, wave, start)
}

func (s *stand) nobodyElsePaged(t *testing.T, wave []row, since time.Time) {
	t.Helper()
	for _, other := range s.waves() {
		for _, r := range other {
			if !r.ofHost() && !inWave(wave, r.id) && s.last(r.alert, "critical", since) != "" {
				t.Errorf("%s was delivered as critical while another fault was on", r.alert)
			}
		}
	}
}

func inWave(wave []row, id string) bool {
	for _, r := range wave {
		if r.id == id {
			return true
		}
	}
	return false
}

func (s *stand) testMetricsPage(t *testing.T) {
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.perfwatch+"/metrics", nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := (&http.Client{}).Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	cmd := exec.Command(peer.Find(t, "prometheus", "promtool"), "check", "metrics")
	cmd.Stdin = resp.Body
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("promtool check metrics: %v\n%s", err, out)
	}
}

func (s *stand) testPanels(t *testing.T) {
	rendered := dashboards.Render(s.config)
	queries := 0
	for _, d := range rendered {
		for _, e := range d.Expressions(map[string]string{"__rate_interval": "1m"}) {
			queries++
			eventually(t, func() string {
				points, err := s.prometheus.Query(t.Context(), e.Expr)
				if err != nil {
					return fmt.Sprintf("panel %q: %v", e.Panel, err)
				}
				if len(points) == 0 {
					return fmt.Sprintf("panel %q has no data: %s", e.Panel, e.Expr)
				}
				return ""
			})
		}
	}
	t.Logf("%d queries of %d dashboards returned data", queries, len(rendered))
	if queries < 20 {
		t.Errorf("%d queries, want at least 20: is the dashboard complete?", queries)
	}
}
