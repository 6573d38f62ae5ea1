package alerts

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/perfwatch/perfwatch/internal/objective"
	"github.com/perfwatch/perfwatch/internal/peer"
)

// TestNotificationsSayWhatIsOff sends the alerts of an objective through a real Alertmanager to a mail server and to a Slack.
func TestNotificationsSayWhatIsOff(t *testing.T) {
	t.Parallel()
	to := peer.StartRecipients(t)
	alertmanager := peer.StartAlertmanager(t, to.Rewire(t, "alertmanager.yml", "100ms"))
	// So that the critical does not inhibit it, the warning is of another objective.
	for objective, severity := range map[string]string{"errors": "warning", "p95": "critical"} {
		out, err := tool(t, ".", amPackage, "amtool", "--alertmanager.url="+alertmanager.URL, "alert", "add",
			"--start=2026-07-01T12:00:00Z", "--end="+time.Now().Add(time.Hour).Format(time.RFC3339),
			"alertname=A", "objective="+objective, "severity="+severity, "--annotation=summary=API <"+objective+"> over its threshold",
			"--annotation=description=API: 812ms over the last 5m.", "--annotation=value=812ms", "--annotation=threshold=600ms",
			"--annotation=last_burst=rush, 2m 3s ago, 46.1/s", "--annotation=cache=cache 82.1% hits over the last 5m",
			"--annotation=dashboard_url=http://g/d/o", "--annotation=runbook_url=http://p/runbooks/A")
		if err != nil {
			t.Fatalf("%v: %s", err, out)
		}
	}
	alertmanager.WaitFor(t, func() error {
		if mails, posts := len(to.Mailbox.Received()), len(to.Chat.Received()); mails == 0 || posts == 0 {
			return fmt.Errorf("%d mails and %d posts, want one of each", mails, posts)
		}
		return nil
	})
	const text = `API: 812ms over the last 5m.

Value: 812ms
Threshold: 600ms
Since: 2026-07-01 12:00:00 UTC
Last burst: rush, 2m 3s ago, 46.1/s
Cache: cache 82.1% hits over the last 5m
Panel: http://g/d/o
Runbook: http://p/runbooks/A`
	mail := to.Mailbox.Received()[0]
	markup := mail.Markup
	mail.Markup = ""
	want := peer.Mail{To: []string{"oncall@localhost"}, Subject: "Critical: API <p95> over its threshold", Plain: text}
	if diff := cmp.Diff(want, mail); diff != "" {
		t.Errorf("the mail (-want +got):\n%s", diff)
	}
	for _, want := range []string{"API &lt;p95&gt; over", "<td>812ms</td>", "<td>600ms</td>", "2026-07-01 12:00:00 UTC", "rush, 2m 3s ago", "cache 82.1% hits",
		`href="http://g/d/o"`, `href="http://p/runbooks/A"`} {
		if !strings.Contains(markup, want) {
			t.Errorf("the mail lacks %s:\n%s", want, markup)
		}
	}
	post := peer.Post{Title: "Warning: API <errors> over its threshold", Text: text, Color: "warning", TitleLink: "http://g/d/o",
		Fallback: "Warning: API <errors> over its threshold"}
	if diff := cmp.Diff(post, to.Chat.Received()[0]); diff != "" {
		t.Errorf("the post (-want +got):\n%s", diff)
	}
}

// TestAlertsSayWhatElseMoved has Prometheus ask for the last burst and the caches as an alert fires.
func TestAlertsSayWhatElseMoved(t *testing.T) {
	t.Parallel()
	o := objective.Objective{Name: "cpu", Measure: objective.CPUUsage, Window: 10 * time.Minute, Critical: new(0.5)}
	objectives, opts := []objective.Objective{o}, Options{}.withDefaults()
	s := scenarios(&o)[2] // just past critical
	c := s.test(&o, opts)
	const last = "perfwatch_load_last_"
	for series, values := range map[string]string{
		last + `timestamp_seconds{probe="old"}`:                                "1x40",
		last + `timestamp_seconds{probe="rush"}`:                               "60x40",
		last + `throughput_requests_per_second{probe="rush"}`:                  "46.12x40",
		last + `throughput_requests_per_second{probe="old"}`:                   "1x40",
		last + `error_ratio{probe="rush"}`:                                     "0.002x40",
		last + `latency_seconds{probe="rush",endpoint="",quantile="0.95"}`:     "0.32x40",
		last + `latency_seconds{probe="rush",endpoint="a",quantile="0.95"}`:    "9x40",
		last + `latency_seconds{probe="rush",endpoint="",quantile="0.99"}`:     "8x40",
		last + `valid{probe="rush"}`:                                           "0x40",
		`perfwatch_redis_keyspace_hits_total{redis="cache",instance="a"}`:      "0+3x40",
		`perfwatch_redis_keyspace_misses_total{redis="cache",instance="a"}`:    "0+1x40",
		`perfwatch_redis_keyspace_hits_total{redis="sessions",instance="a"}`:   "0+1x40",
		`perfwatch_redis_keyspace_misses_total{redis="sessions",instance="a"}`: "0+1x40",
		`perfwatch_redis_keyspace_hits_total{redis="unasked",instance="a"}`:    "7x40",
		`perfwatch_redis_keyspace_misses_total{redis="unasked",instance="a"}`:  "7x40",
	} {
		c.Series = append(c.Series, inputSeries{series, values})
	}
	check := c.Alerts[len(c.Alerts)-1]
	evaluated := time.Duration(check.At).Truncate(evaluation(opts))
	ago := printed(objective.Seconds, evaluated.Seconds()-60)
	texts := check.Firing[0].Annotations
	texts["last_burst"] = "rush, " + ago + " ago, 46.1/s, 0.2% errors, p95 320ms, not valid"
	texts["cache"] = "cache 75% hits over the last 10m, sessions 50% hits over the last 10m"
	tests, err := encodeTests([]testCase{c}, evaluation(opts))
	if err != nil {
		t.Fatal(err)
	}
	rules := render(t, objectives, opts)
	if out, err := testRules(t, rules, tests); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}
