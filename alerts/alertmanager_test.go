package alerts

import (
	"fmt"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/perfwatch/perfwatch/internal/peer"
)

const amPackage = "prometheus-alertmanager"

func TestAlertmanagerRoutesBySeverity(t *testing.T) {
	t.Parallel()
	if out, err := tool(t, ".", amPackage, "amtool", "check-config", "alertmanager.yml"); err != nil {
		t.Fatalf("amtool check-config: %v\n%s", err, out)
	}
	for labels, receiver := range map[string]string{
		"alertname=PerfwatchErrorRatio severity=critical": "page",
		"alertname=PerfwatchErrorRatio severity=warning":  "chat",
		"alertname=PerfwatchErrorRatio severity=info":     "none",
		"alertname=PerfwatchWatchdog severity=none":       "watchdog",
	} {
		args := append([]string{"config", "routes", "test", "--config.file=alertmanager.yml", "--verify.receivers=" + receiver},
			strings.Fields(labels)...)
		if out, err := tool(t, ".", amPackage, "amtool", args...); err != nil {
			t.Errorf("%s does not go to %s: %v\n%s", labels, receiver, err, out)
		}
	}
}

func TestAlertmanagerInhibitsTheWarningOfTheSameCauseOnly(t *testing.T) {
	t.Parallel()
	url := startAlertmanager(t)
	amtool := func(args ...string) string {
		out, err := tool(t, ".", amPackage, "amtool", append([]string{"--alertmanager.url=" + url}, args...)...)
		if err != nil {
			t.Fatalf("amtool %q: %v\n%s", args, err, out)
		}
		return out
	}
	add := func(labels ...string) { amtool(append([]string{"alert", "add"}, labels...)...) }
	add("alertname=A", "objective=one", "severity=critical")
	add("alertname=A", "objective=one", "severity=warning", "case=inhibited")
	add("alertname=A", "objective=two", "severity=warning", "case=other_objective")
	add("alertname=B", "objective=one", "severity=warning", "case=other_name")
	add("alertname=Down", "probe=p", "severity=critical")
	add("alertname=Down", "probe=p", "severity=warning", "case=inhibited_probe")
	add("alertname=Down", "probe=q", "severity=warning", "case=other_probe")
	for label, inhibited := range map[string]bool{"inhibited": true, "inhibited_probe": true, "other_objective": false,
		"other_name": false, "other_probe": false} {
		active := amtool("alert", "query", "--output=json", "case="+label) // leaves inhibited ones out
		if got := !strings.Contains(active, label); got != inhibited {
			t.Errorf("%s: inhibited %v, want %v\n%s", label, got, inhibited, active)
		}
	}
}

func TestSilenceCommandsOfPagesWork(t *testing.T) {
	t.Parallel()
	url, amtool := startAlertmanager(t), peer.Find(t, amPackage, "amtool")
	tried, id := 0, regexp.MustCompile(`^[0-9a-f-]{36}\n$`)
	for _, command := range commands(t) {
		if !strings.HasPrefix(command, "amtool") {
			continue
		}
		tried++
		command = strings.Replace(command, "http://localhost:9093", url, 1)
		cmd := exec.CommandContext(t.Context(), "sh", "-c", strings.Replace(command, "amtool", amtool, 1))
		cmd.Env = append(cmd.Environ(), "USER=oncall")
		out, err := cmd.CombinedOutput()
		if err != nil || !id.Match(out) {
			t.Errorf("%s: %v, prints %q, want the id of a silence", command, err, out)
		}
	}
	if want := len(everyPage(t)); tried != want {
		t.Errorf("%d silences in %d pages", tried, want)
	}
}

// startAlertmanager runs an Alertmanager with the shipped configuration and returns its address.
func startAlertmanager(t *testing.T) string {
	t.Helper()
	config, err := filepath.Abs("alertmanager.yml")
	if err != nil {
		t.Fatal(err)
	}
	address := peer.FreeAddress(t)
	server := peer.Start(t, amPackage, "prometheus-alertmanager", "--config.file="+config, "--storage.path="+t.TempDir(),
		"--web.listen-address="+address, "--cluster.listen-address=")
	url := fmt.Sprintf("http://%s", address)
	server.WaitFor(t, peer.Answers(url+"/-/ready"))
	return url
}
