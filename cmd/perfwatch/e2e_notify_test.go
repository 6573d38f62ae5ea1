//go:build e2e

package main

import (
	"fmt"
	"math"
	"regexp"
	"slices"
	"strings"
	"testing"
	"text/tabwriter"
	"time"

	"github.com/prometheus/common/model"

	"github.com/perfwatch/perfwatch/alerts"
	"github.com/perfwatch/perfwatch/internal/config"
	"github.com/perfwatch/perfwatch/internal/objective"
	"github.com/perfwatch/perfwatch/internal/peer"
)

// mailed waits for the mail of a row's critical alert and checks what it says against the configuration.
func (s *stand) mailed(t *testing.T, r row, since time.Time) {
	t.Helper()
	o := objectiveOf(t, s.config, r.objective)
	subject := fmt.Sprintf("Critical: %s %s its critical threshold of %s", o.Title, map[bool]string{false: "over", true: "under"}[o.Measure.HigherIsBetter()],
		o.Measure.Unit().Format(*o.Critical))
	var mail peer.Mail
	eventually(t, func() string {
		for _, m := range s.to.Mailbox.Received() {
			if m.Subject == subject {
				mail = m
				return ""
			}
		}
		return "no mail says " + subject
	})
	said := map[string]string{}
	for line := range strings.Lines(mail.Plain) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), ": ")
		said[name] = value
	}
	if value, err := o.Measure.Unit().Parse(said["Value"]); err != nil || !o.Crossed(value, *o.Critical) {
		t.Errorf("the mail says %q, %v, want a value beyond %g", said["Value"], err, *o.Critical)
	}
	if at, err := time.Parse("2006-01-02 15:04:05 MST", said["Since"]); err != nil || at.Before(since.Truncate(time.Second)) {
		t.Errorf("the mail says since %q, want after %v", said["Since"], since)
	}
	want := map[string]string{
		"Threshold": "^" + regexp.QuoteMeta(o.Measure.Unit().Format(*o.Critical)) + "$",
		// Which of the bursts was the last is not known; one that the fault ends early has no throughput.
		"Last burst": `^(investor_journey|sustained_throughput|ml_models|ml_batch), (\d+m )?[\d.]+m?s ago, `,
		"Cache":      "^cache [0-9.]+% hits over the last " + model.Duration(o.Window).String() + "$",
		"Runbook":    "/runbooks/" + r.alert + "$",
		"Panel":      `/d/perfwatch-overview\?viewPanel=\d+$`,
	}
	if o.Measure == objective.CacheHitRatio { // its value is that already
		want["Cache"] = "^$"
	}
	for name, pattern := range want {
		if !regexp.MustCompile(pattern).MatchString(said[name]) {
			t.Errorf("the mail says %q of %s, want %s:\n%s", said[name], name, pattern, mail.Plain)
		}
	}
	posted := strings.Replace(strings.Replace(subject, "Critical", "Warning", 1), "critical threshold of "+o.Measure.Unit().Format(*o.Critical),
		"warning threshold of "+o.Measure.Unit().Format(*o.Warning), 1)
	for _, p := range s.to.Chat.Received() {
		if p.Title == posted && strings.Contains(p.Text, "\nThreshold: "+o.Measure.Unit().Format(*o.Warning)+"\n") {
			return
		}
	}
	t.Errorf("nothing in the chat room says %s", posted)
}

// A pageTime is how long it took from a fault to its notification, and what it had to take.
type pageTime struct {
	row
	severity string
	part     float64 // of the window that the fault had to fill
	took     time.Duration
}

// least is the time that the window, the wait of the rule and that of Alertmanager take by themselves.
func (p pageTime) least(window, hold, group time.Duration) time.Duration {
	return time.Duration(p.part*float64(window)) + hold + group
}

// paged waits for a notification of a row and notes how long it took.
func (s *stand) paged(t *testing.T, r row, severity string, since time.Time, before float64) {
	t.Helper()
	took := s.delivered(t, r.alert, severity, "firing", since)
	o := *objectiveOf(t, s.config, r.objective)
	part := 1 - o.Quantile
	if !o.Measure.OverDurations() { // a mean moves from what it was to what it is now as its window fills
		o.Window = 5 * time.Second
		points, err := s.prometheus.Query(t.Context(), alerts.Value(&o))
		if err != nil || len(points) != 1 {
			t.Fatalf("%s now: %v, %v", r.objective, points, err)
		}
		now := points[0].Value
		if r.fault == "errors" { // which come by chance: a few seconds say little of them
			now = map[string]float64{"warning": r.warning, "critical": r.critical}[severity]
		}
		threshold := map[string]float64{"warning": *o.Warning, "critical": *o.Critical}[severity]
		part = min(max((threshold-before)/(now-before), 0), 1)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.pages = append(s.pages, pageTime{r, severity, part, took})
}

// values are those of the objectives of a wave, by row.
func (s *stand) values(t *testing.T, wave []row) map[string]float64 {
	t.Helper()
	values := map[string]float64{}
	for _, r := range wave {
		points, err := s.prometheus.Query(t.Context(), fmt.Sprintf("perfwatch_objective_value{objective=%q}", r.objective))
		if err != nil || len(points) != 1 {
			t.Fatalf("value of %s: %v, %v", r.objective, points, err)
		}
		values[r.id] = points[0].Value
	}
	return values
}

// printTimes prints how long each row took to page beside the least that its waits allow, and that least with the windows
// and waits of what is shipped, for the same fault.
func (s *stand) printTimes(t *testing.T) {
	t.Helper()
	shipped, err := config.Load("../../perfwatch.yml")
	if err != nil {
		t.Fatal(err)
	}
	const shippedFor = 2 * time.Minute
	groups := map[string]time.Duration{"warning": 45 * time.Second, "critical": 10 * time.Second}
	slices.SortStableFunc(s.pages, func(a, b pageTime) int { return strings.Compare(a.id, b.id) })
	var text strings.Builder
	w := tabwriter.NewWriter(&text, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "\nrow\talert\tseverity\tof the window\tleast\tand at most, to see it\ttook\tshipped: least")
	for _, p := range s.pages {
		o, wide := objectiveOf(t, s.config, p.objective), objectiveOf(t, shipped, p.objective)
		fmt.Fprintf(w, "%s\t%s\t%s\t%.0f%% of %v\t%.1fs\t+%v\t%.1fs\t%v\n", p.id, p.alert, p.severity, math.Round(100*p.part), o.Window,
			p.least(o.Window, holdFor, groupWait).Seconds(), 3*interval, p.took.Seconds(),
			p.least(wide.Window, shippedFor, groups[p.severity]).Round(time.Second))
	}
	_ = w.Flush()
	t.Log(text.String())
}

func objectiveOf(t *testing.T, cfg *config.Config, name string) *objective.Objective {
	t.Helper()
	for i := range cfg.Objectives {
		if cfg.Objectives[i].Name == name {
			return &cfg.Objectives[i]
		}
	}
	t.Fatalf("no objective is called %s", name)
	return nil
}
