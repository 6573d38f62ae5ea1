package main

import (
	"fmt"
	"testing"
	"time"
)

// TestAProbeHasStoppedAfterTheThirdTimeThatItIsDue from its start on, whatever its schedule, and each run moves the instant on.
func TestAProbeHasStoppedAfterTheThirdTimeThatItIsDue(t *testing.T) {
	text := `
probes:
  - {name: often, schedule: "@every 1s", timeout: 5s, http: {url: %q}}
  - {name: yearly, schedule: "CRON_TZ=UTC 0 0 1 1 *", timeout: 7s, http: {url: %q}}
  - {name: never, schedule: "0 0 30 2 *", http: {url: %q}}
`
	url := target(t)
	text = fmt.Sprintf(text, url, url, url)
	d := start(t, text)
	value := func(family, probe string) float64 {
		return d.value(t, "perfwatch_probe_"+family+"_timestamp_seconds", map[string]string{"probe": probe})
	}
	third := time.Date(time.Now().UTC().Year()+3, 1, 1, 0, 0, 7, 0, time.UTC).Unix()
	yearly := func(when string) {
		if got := value("overdue", "yearly"); got != float64(third) {
			t.Errorf("%s the yearly one has stopped from %v on, want %v", when, time.Unix(int64(got), 0), time.Unix(third, 0))
		}
	}
	yearly("before the first run")
	if got := value("overdue", "never"); got != -1 {
		t.Errorf("one that is never due has stopped from %g on, want it absent", got)
	}
	// The third instant after the end of a run lies two to three seconds behind it; then comes the timeout. A run may end between
	// the two looks.
	first := value("overdue", "often")
	waitFor(t, "what a run expects", func() bool {
		ahead := value("overdue", "often") - value("last_run", "often")
		return d.runs(t, "often") > 1 && ahead > 7 && ahead <= 8 && value("overdue", "often") > first
	})
	d.write(t, text+"objectives: [{name: errors, measure: error_ratio, target: 1%, window: 1h}]\n")
	if status, body := d.ask("POST", "/-/reload"); status != 200 {
		t.Fatalf("reload: %d %s", status, body)
	}
	yearly("after a reload")
}
