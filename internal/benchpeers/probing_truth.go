package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"
	"text/tabwriter"
	"time"

	"github.com/perfwatch/perfwatch/internal/schedule"
	"github.com/perfwatch/perfwatch/probes"
)

// truthProbes is how many probes a second ask the target that delays, a fourth of them for each delay.
const truthProbes = 1000

// truth prints by how much the durations of probes differ from what the target says it took, at 1,000 probes a second.
// What the target says ends before its answer is written, so the difference has the way of both in it.
func (b *bench) truth(ctx context.Context, d time.Duration) error {
	fmt.Fprintf(b.out, "\nDurations of %d probes a second against what the target took, %s\n\n", truthProbes, d)
	ctx, cancel := context.WithTimeout(ctx, d+startup)
	defer cancel()
	cmd := pinned(ctx, generatorCore, b.self, "truth", b.many, d.String())
	cmd.Stdout, cmd.Stderr = b.out, b.out
	return cmd.Run()
}

// A comparison collects how far off durations are.
type comparison struct {
	mu  sync.Mutex
	off []time.Duration // guarded by mu
	bad int             // guarded by mu; probes that failed
}

func (c *comparison) add(s *probes.Sample) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if s.Err != nil || len(s.ServerTimings) != 1 {
		c.bad++
		return
	}
	c.off = append(c.off, s.Duration-s.ServerTimings[0].Duration)
}

// runTruth is the process that probes.
func runTruth(ctx context.Context, args []string, out io.Writer) error {
	if len(args) != 2 {
		return errors.New("truth: want a URL and a duration")
	}
	d, err := time.ParseDuration(args[1])
	if err != nil {
		return err
	}
	spec, err := schedule.Parse("@every 1s")
	if err != nil {
		return err
	}
	delays := []string{"0s", "5ms", "50ms", "500ms"}
	all := make([]comparison, len(delays))
	s := &schedule.Scheduler{Drain: time.Second, Precise: true}
	var jobs []schedule.Job
	for i := range truthProbes {
		of := i % len(delays)
		p, err := (&probes.HTTP{URL: args[0] + "/delay/" + delays[of]}).Prober(probes.Env{})
		if err != nil {
			return err
		}
		jobs = append(jobs, schedule.Job{
			Name: fmt.Sprint("t", i), Spec: spec, Timeout: 5 * time.Second,
			Run: func(ctx context.Context, due time.Time) {
				sample := probes.Take(ctx, p, due)
				all[of].add(&sample)
			},
		})
	}
	s.Replace(jobs)
	ctx, cancel := context.WithTimeout(ctx, d)
	defer cancel()
	s.Run(ctx)
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "delay\tprobes\tfailed\tmedian error ms\tp99 error ms")
	for i := range all {
		off := all[i].off
		slices.Sort(off)
		if len(off) == 0 {
			return fmt.Errorf("truth: no probe of the delay %s worked, %d failed", delays[i], all[i].bad)
		}
		fmt.Fprintf(w, "%s\t%d\t%d\t%.3f\t%.3f\n", delays[i], len(off), all[i].bad,
			1000*off[len(off)/2].Seconds(), 1000*off[len(off)*99/100].Seconds())
	}
	return w.Flush()
}
