//go:build e2e

package main

import (
	"fmt"
	"log/slog"
	"testing"
	"time"

	"github.com/perfwatch/perfwatch/internal/archive"
	"github.com/perfwatch/perfwatch/internal/baseline"
	"github.com/perfwatch/perfwatch/internal/config"
	"github.com/perfwatch/perfwatch/internal/load"
)

// keepEarlierBursts fills the archive with what takes hours to come by: bursts enough to compare the next one with. They
// were of half a minute each, between 50 and 60 ms a request, which no request of the test's platform takes.
func keepEarlierBursts(t *testing.T, cfg *config.Config, dir string) {
	t.Helper()
	const bursts = 60
	a, err := archive.Open(dir, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	for i := range cfg.Probes {
		p := &cfg.Probes[i]
		if p.Load == nil {
			continue
		}
		for n := range bursts {
			start := time.Now().Add(time.Duration(n-bursts) * time.Minute)
			b := &archive.Burst{
				Format: 1, Probe: p.Name, Hash: cfg.BurstHash(p.Load), Seed: 1, Start: start, End: start.Add(30 * time.Second),
				Result: load.Completed,
			}
			for _, task := range p.Load.Tasks {
				counts, chance := archive.Counts{}, int64(n*7919%100) // bursts whose times rise one after the other are not compared
				for k := range int64(100) {
					counts = append(counts, baseline.Count{Value: 50_000 + 100*k + chance, N: 1})
				}
				b.Leaves = append(b.Leaves, archive.Leaf{
					Task: task.Name, Endpoint: task.Name, Outcomes: map[string]uint64{"ok": 100}, Response: counts,
				})
			}
			if err := a.Put(b); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := a.Close(); err != nil {
		t.Fatal(err)
	}
}

// testRegression waits until the bursts are told to be faster than those that were kept.
func (s *stand) testRegression(t *testing.T) {
	const expr = `max(perfwatch_load_regression{probe="sustained_throughput",endpoint="recommendations"})`
	eventually(t, func() string {
		points, err := s.prometheus.Query(t.Context(), expr)
		if err != nil || len(points) != 1 || points[0].Value != -1 {
			return fmt.Sprintf("%s: %v, %v, want -1", expr, points, err)
		}
		return ""
	})
}
