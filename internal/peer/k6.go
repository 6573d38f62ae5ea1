package peer

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

// maxRun bounds a script of k6; the machine of a test may be slow.
const maxRun = 2 * time.Minute

// A K6Run is what k6 made of a script.
type K6Run struct {
	Code    int                           // its exit code
	Output  string                        // what it printed last
	Metrics map[string]map[string]float64 // its summary: the numbers of each metric by name
}

// RunK6 runs a script with k6 and more arguments of k6 run. The k6 is that on the PATH, or the one that `make peers`
// builds; if it is missing the test fails.
func RunK6(t testing.TB, script string, args ...string) K6Run {
	t.Helper()
	summary := filepath.Join(t.TempDir(), "summary.json")
	run := k6(t, script, append([]string{
		"run", "--quiet", "--no-color", "--no-usage-report", "--address=127.0.0.1:0", "--summary-export=" + summary,
	}, args...)...)
	text, err := os.ReadFile(summary)
	if err != nil {
		return run // the script could not begin
	}
	var all struct{ Metrics map[string]map[string]any }
	if err := json.Unmarshal(text, &all); err != nil {
		t.Fatalf("reading the summary of k6: %v", err)
	}
	for name, fields := range all.Metrics {
		run.Metrics[name] = map[string]float64{}
		for field, value := range fields {
			run.Metrics[name][field], _ = value.(float64) // not its thresholds, which are an object
		}
	}
	return run
}

// InspectK6 has k6 read a script and its options, and sends nothing.
func InspectK6(t testing.TB, script string) K6Run {
	t.Helper()
	return k6(t, script, "inspect", "--execution-requirements")
}

func k6(t testing.TB, script string, args ...string) K6Run {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), maxRun)
	defer cancel()
	cmd := exec.CommandContext(ctx, findK6(t), append(args, WriteFile(t, t.TempDir(), "script.js", script))...)
	last := &tail{}
	cmd.Stdout, cmd.Stderr = last, last
	err := cmd.Run()
	if exited := (*exec.ExitError)(nil); err != nil && !errors.As(err, &exited) || ctx.Err() != nil {
		t.Fatalf("running k6: %v\n%s", errors.Join(err, ctx.Err()), last)
	}
	return K6Run{Code: cmd.ProcessState.ExitCode(), Output: last.String(), Metrics: map[string]map[string]float64{}}
}

// findK6 looks on the PATH first.
func findK6(t testing.TB) string {
	t.Helper()
	if path, err := exec.LookPath("k6"); err == nil {
		return path
	}
	return Built(t, "k6")
}
