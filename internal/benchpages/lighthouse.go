package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"time"

	"github.com/perfwatch/perfwatch/internal/truth"
)

// A lighthouse is how Lighthouse is started.
type lighthouse struct {
	program, chromium string
	root              bool
}

// A finding is what it says of one page, medians in milliseconds.
type finding struct{ interactive, blocking, painted, took float64 }

// measure has it load each page that becomes interactive.
func (l *lighthouse) measure(ctx context.Context, base string, rounds int, progress io.Writer) (map[string]finding, error) {
	all := map[string]finding{}
	for _, page := range truth.Pages() {
		if !page.Quiet {
			continue
		}
		var interactive, blocking, painted, took []float64
		for range rounds {
			one, err := l.load(ctx, base+"/"+page.Name)
			if err != nil {
				return nil, fmt.Errorf("lighthouse on page %q: %w", page.Name, err)
			}
			_, _ = fmt.Fprintf(progress, "lighthouse: %s in %.1f s\n", page.Name, one.took/1000)
			interactive, blocking = append(interactive, one.interactive), append(blocking, one.blocking)
			painted, took = append(painted, one.painted), append(took, one.took)
		}
		all[page.Name] = finding{quantile(interactive, 0.5), quantile(blocking, 0.5), quantile(painted, 0.5), quantile(took, 0.5)}
	}
	return all, nil
}

// load runs it once, with a window like ours and nothing slowed down.
func (l *lighthouse) load(ctx context.Context, url string) (*finding, error) {
	flags := "--headless=new"
	if l.root {
		flags += " --no-sandbox"
	}
	cmd := exec.CommandContext(ctx, l.program, url, "--output=json", "--quiet", "--throttling-method=provided",
		"--only-categories=performance", "--form-factor=desktop", "--screenEmulation.mobile=false",
		"--screenEmulation.width="+strconv.Itoa(truth.Width), "--screenEmulation.height="+strconv.Itoa(truth.Height),
		"--screenEmulation.deviceScaleFactor=1", "--chrome-flags="+flags)
	cmd.Env = os.Environ()
	if l.chromium != "" {
		cmd.Env = append(cmd.Env, "CHROME_PATH="+l.chromium)
	}
	cmd.WaitDelay = time.Second
	start := time.Now()
	text, err := cmd.Output()
	took := time.Since(start)
	if err != nil {
		return nil, fmt.Errorf("running %q: %w%s", l.program, err, said(err))
	}
	var report struct {
		Audits map[string]struct{ NumericValue *float64 }
	}
	if err := json.Unmarshal(text, &report); err != nil {
		return nil, fmt.Errorf("reading its report: %w", err)
	}
	f := &finding{took: millis(took)}
	for audit, into := range map[string]*float64{
		"interactive": &f.interactive, "total-blocking-time": &f.blocking, "first-contentful-paint": &f.painted,
	} {
		value := report.Audits[audit].NumericValue
		if value == nil {
			return nil, fmt.Errorf("its report has no %q", audit)
		}
		*into = *value
	}
	return f, nil
}

// said is the end of what a program said before it failed.
func said(err error) string {
	exit, ok := err.(*exec.ExitError) //nolint:errorlint // Output gives no other one
	if !ok {
		return ""
	}
	text := exit.Stderr
	return ": " + string(text[max(0, len(text)-500):])
}
