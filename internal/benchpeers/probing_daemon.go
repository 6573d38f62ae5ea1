package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"os"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"
)

// reloaded is how many probes change in a reload.
const reloaded = 10

// daemon measures the daemon with many probes: how late they are, whether any is missed, what a scrape and a reload take,
// and that a reload loses nothing.
func (b *bench) daemon(ctx context.Context, counts []int, d time.Duration) error {
	w := tabwriter.NewWriter(b.out, 0, 0, 2, ' ', 0)
	fmt.Fprintf(b.out, "\nperfwatch serve on both cores, each target every %s over a kept connection, %s, and then a reload in which %d change\n\n",
		probeEvery, d, reloaded)
	fmt.Fprintln(w, "targets\tlag p99 ms, at most\tmissed\tskipped\tmost in 100 ms\tx mean\tresident MiB\tscrape s\tscrape MiB\treload s\tlost\tmissed by it")
	for _, n := range counts {
		row, err := b.manyProbes(ctx, n, d)
		if err != nil {
			row = err.Error()
		}
		fmt.Fprintf(w, "%d\t%s\n", n, row)
	}
	return w.Flush()
}

func (b *bench) manyProbes(ctx context.Context, n int, d time.Duration) (row string, err error) {
	ctx, cancel := context.WithTimeout(ctx, warmUp+d+probeEvery+10*startup) // of a busy machine: four pages of 70 MiB
	defer cancel()
	p := b.ownProber(false, bothCores)
	cmd, pages, err := p.start(ctx, b.many, n)
	if err != nil {
		return "", err
	}
	end, err := begin(cmd)
	if err != nil {
		return "", err
	}
	defer end()
	if err := b.ready(ctx, pages+"/-/ready"); err != nil {
		return "", err
	}
	if err := pause(ctx, warmUp); err != nil {
		return "", err
	}
	before, err := b.scrape(ctx, pages)
	if err != nil {
		return "", err
	}
	m, err := b.window(ctx, cmd.Process.Pid, d)
	if err != nil {
		return "", err
	}
	after, err := b.scrape(ctx, pages)
	if err != nil {
		return "", err
	}
	// Whole intervals have each probe as often as intervals, give or take one at either edge.
	missed := n*int(d/probeEvery) - m.N
	if _, err := b.arrived(ctx); err != nil { // which begins anew
		return "", err
	}
	begun := time.Now()
	took, then, err := b.reload(ctx, pages, n)
	if err != nil {
		return "", err
	}
	lost := after.runs - then.runs
	if err := pause(ctx, probeEvery-time.Since(begun)); err != nil {
		return "", err
	}
	once, err := b.arrived(ctx)
	if err != nil {
		return "", err
	}
	late := n - once.N
	last, err := b.scrape(ctx, pages)
	if err != nil {
		return "", err
	}
	mean := float64(n) * arrivalWindow.Seconds() / probeEvery.Seconds()
	return fmt.Sprintf("%.1f\t%d\t%.0f\t%d\t%.1f\t%.0f\t%.2f\t%.1f\t%.2f\t%.0f\t%d", 1000*lagP99(before, after), max(0, missed),
		last.skipped, m.Most, float64(m.Most)/mean, m.resident, after.took.Seconds(), after.mib, took.Seconds(), math.Max(0, lost),
		max(0, late)), nil
}

// reload changes some probes and says how long the daemon took to take the new file.
func (b *bench) reload(ctx context.Context, pages string, n int) (time.Duration, *scraped, error) {
	if err := os.WriteFile(b.probesFile(), []byte(probesOf(b.many, n, false, reloaded)), 0o600); err != nil {
		return 0, nil, err
	}
	start := time.Now()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, pages+"/-/reload", nil)
	if err != nil {
		return 0, nil, err
	}
	resp, err := b.client.Do(req)
	if err != nil {
		return 0, nil, err
	}
	text, err := io.ReadAll(resp.Body)
	_ = resp.Body.Close()
	took := time.Since(start)
	if err == nil && resp.StatusCode != http.StatusOK {
		err = fmt.Errorf("reloading: status %d: %.200s", resp.StatusCode, text)
	}
	if err != nil {
		return 0, nil, err
	}
	then, err := b.scrape(ctx, pages)
	return took, then, err
}

// scraped is what a page of metrics says.
type scraped struct {
	took          time.Duration
	mib           float64
	runs, skipped float64
	lag           []bucket
}

type bucket struct{ bound, n float64 }

func (b *bench) scrape(ctx context.Context, pages string) (*scraped, error) {
	start := time.Now()
	text, err := b.get(ctx, pages+"/metrics")
	if err != nil {
		return nil, err
	}
	s := &scraped{took: time.Since(start), mib: float64(len(text)) / (1 << 20)}
	for line := range strings.Lines(text) {
		name, value, ok := strings.Cut(strings.TrimSpace(line), "} ")
		v, err := strconv.ParseFloat(strings.Fields(value + " 0")[0], 64)
		switch {
		case !ok || err != nil:
		case strings.HasPrefix(name, "perfwatch_probe_runs_total{"):
			s.runs += v
		case strings.HasPrefix(name, "perfwatch_probe_skipped_total{"):
			s.skipped += v
		case strings.HasPrefix(name, "perfwatch_probe_schedule_lag_seconds_bucket{"):
			bound, err := strconv.ParseFloat(strings.Trim(name[strings.Index(name, `le="`)+4:], `"`), 64)
			if err == nil {
				s.lag = append(s.lag, bucket{bound, v})
			}
		}
	}
	if s.runs == 0 || len(s.lag) == 0 {
		return nil, errors.New("reading the metrics: neither runs nor lags")
	}
	return s, nil
}

// lagP99 is the bound under which 99 of 100 runs between two scrapes were late at most, in seconds.
func lagP99(before, after *scraped) float64 {
	all := after.lag[len(after.lag)-1].n - before.lag[len(before.lag)-1].n
	for i := range after.lag {
		if after.lag[i].n-before.lag[i].n >= 0.99*all {
			return after.lag[i].bound
		}
	}
	return math.Inf(1)
}
