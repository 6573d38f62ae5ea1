//go:build e2e

package main

import (
	"context"
	"fmt"
	"net/http"
	"testing"
	"time"
)

// warningHeld is how many evaluations a warning must fire alone: a second apart, they last longer than any window of the
// API, so that none holds anything but the fault any more.
const warningHeld = 22

// A row is one of the plan's alert thresholds, A1 to A5, or targets of pages, T3 and T4, and the fault that crosses it.
type row struct {
	id, alert, objective, fault string
	warning, critical           float64 // levels of the fault, between and above the plan's thresholds
}

// waves are the rows that are tried at once, because the fault of one does not move the figure of another.
func waves() [][]row {
	return [][]row{
		{
			{"A2", "PerfwatchErrorRatio", "error_ratio", "errors", 0.011, 0.1},
			{"A4", "PerfwatchMemoryUsage", "memory_usage", "memory", 350, 490},
			{"A5", "PerfwatchCpuUsage", "cpu_usage", "cpu", 0.88, 1},
		},
		{
			{"A1", "PerfwatchApiLatencyP95", "api_latency_p95", "latency", 410, 800},
			{"A3", "PerfwatchCacheHitRatio", "cache_hit_ratio", "cold_cache", 0.35, 0.9},
		},
	}
}

// pageWave are the rows of the page, which has a platform and a browser of its own: it is tried beside the others. Of each
// load two thirds of the fault hold up the paint, and all of it the time to interactive.
func pageWave() []row {
	return []row{
		{"T3", "PerfwatchPageFcp", "page_fcp", pageFault, 3150, 4400},
		{"T4", "PerfwatchPageTti", "page_tti", pageFault, 3150, 4400},
	}
}

const pageFault = "page"

// setFault switches a fault of the platform to a level; 0 is off.
func (s *stand) setFault(t *testing.T, name string, level float64) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	platform := s.platform
	if name == pageFault {
		platform = s.pagePlatform
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, fmt.Sprintf("%s/faults/%s?level=%g", platform, name, level), nil)
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
	if name == "cpu" {
		s.machine.setBusy(level)
	}
}

// first finds the first delivery of a status of an alert since an instant.
func (s *stand) first(alert, severity, status string, since time.Time) (at time.Time, found bool) {
	for _, n := range s.to.Webhook.Received() {
		if n.Labels["alertname"] == alert && n.Labels["severity"] == severity && n.Status == status && n.Received.After(since) {
			return n.Received, true
		}
	}
	return time.Time{}, false
}

// delivered waits for a notification and returns how long after an instant the pager had it.
func (s *stand) delivered(t *testing.T, alert, severity, status string, since time.Time) time.Duration {
	t.Helper()
	var at time.Time
	eventually(t, func() string {
		first, found := s.first(alert, severity, status, since)
		if !found {
			return fmt.Sprintf("%s %s: no delivery says %s", alert, severity, status)
		}
		at = first
		return ""
	})
	return at.Sub(since)
}

// runWaves tries one wave after the other, and checks that nobody was paged for a row of another one meanwhile.
func (s *stand) runWaves(t *testing.T) {
	t.Helper()
	for _, wave := range waves() {
		start := time.Now()
		s.runWave(t, wave)
		s.nobodyElsePaged(t, wave, start)
	}
}

// runWave takes the rows of a wave through warning, critical with the warning inhibited, and resolved, all at once.
func (s *stand) runWave(t *testing.T, wave []row) {
	t.Helper()
	before := s.values(t, wave)
	start := time.Now()
	for _, r := range wave {
		s.setFault(t, r.fault, r.warning)
	}
	for _, r := range wave {
		t.Run(r.id+" warning", func(t *testing.T) { s.warns(t, r, start, before[r.id]) })
	}
	before = s.values(t, wave)
	worse := time.Now()
	for _, r := range wave {
		s.setFault(t, r.fault, r.critical)
	}
	for _, r := range wave {
		t.Run(r.id+" critical", func(t *testing.T) {
			s.paged(t, r, "critical", worse, before[r.id])
			s.inhibited(t, r.alert)
			s.mailed(t, r, worse)
		})
	}
	end := time.Now()
	for _, r := range wave {
		s.setFault(t, r.fault, 0)
	}
	for _, r := range wave {
		t.Run(r.id+" resolved", func(t *testing.T) {
			resolved := s.delivered(t, r.alert, "critical", "resolved", end)
			t.Logf("%s was resolved after %.1f s", r.alert, resolved.Seconds())
			s.delivered(t, r.alert, "warning", "resolved", end)
			s.quiet(t, r.alert)
		})
	}
}

// warns waits for the warning of a row, keeps its fault on until every window is full of it, and checks that it stayed a
// warning.
func (s *stand) warns(t *testing.T, r row, since time.Time, before float64) {
	t.Helper()
	s.paged(t, r, "warning", since, before)
	fired := fmt.Sprintf(`count_over_time(ALERTS{alertname=%q,severity="warning",alertstate="firing"}[2m])`, r.alert)
	eventually(t, func() string {
		points, err := s.prometheus.Query(t.Context(), fired)
		if err != nil || len(points) != 1 || points[0].Value < warningHeld {
			return fmt.Sprintf("%s: %v, %v, want %d", fired, points, err, warningHeld)
		}
		return ""
	})
	t.Logf("%s is %.4g with %s at %g", r.objective, s.values(t, []row{r})[r.id], r.fault, r.warning)
	if at, paged := s.first(r.alert, "critical", "firing", since); paged {
		t.Errorf("%s: critical was delivered at the warning level, after %v", r.alert, at.Sub(since))
	}
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

// quiet waits until Alertmanager holds nothing of an alert any more.
func (s *stand) quiet(t *testing.T, alert string) {
	t.Helper()
	eventually(t, func() string {
		states, err := s.alertmanager.States(t.Context(), alert)
		if err != nil || len(states) > 0 {
			return fmt.Sprintf("%s: states %v, %v, want none", alert, states, err)
		}
		return ""
	})
}

// nobodyElsePaged checks the rows of the other waves. Figures of the machine are the test's own, so that not even a warning
// of them may come; the others are measured on a machine that may be busy.
func (s *stand) nobodyElsePaged(t *testing.T, wave []row, since time.Time) {
	t.Helper()
	for _, other := range waves() {
		for _, r := range other {
			if _, paged := s.first(r.alert, "critical", "firing", since); paged && !inWave(wave, r.id) {
				t.Errorf("%s was delivered as critical while another fault was on", r.alert)
			}
			_, warned := s.first(r.alert, "warning", "firing", since)
			if warned && !inWave(wave, r.id) && (r.fault == "memory" || r.fault == "cpu") {
				t.Errorf("%s was delivered while another fault was on", r.alert)
			}
		}
	}
}

// testAlertsOfPrometheus3 checks that each alert that was delivered fired there too, at both of its severities.
func (s *stand) testAlertsOfPrometheus3(t *testing.T) {
	for _, wave := range append(waves(), pageWave()) {
		for _, r := range wave {
			for _, severity := range []string{"warning", "critical"} {
				fired := fmt.Sprintf(`count_over_time(ALERTS{alertname=%q,severity=%q,alertstate="firing"}[1h])`, r.alert, severity)
				if points, err := s.prometheus3.Query(t.Context(), fired); err != nil || len(points) != 1 {
					t.Errorf("%s: %v, %v, want one series", fired, points, err)
				}
			}
		}
	}
	points, err := s.prometheus3.Query(t.Context(), `{__name__=~"perfwatch_(probe|page)_.*_count"}`)
	if err != nil || len(points) > 0 {
		t.Errorf("it has classic series: %v, %v", points, err)
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
