package main

import (
	"context"
	"math"
	"time"

	"github.com/perfwatch/perfwatch/internal/objective"
	"github.com/perfwatch/perfwatch/internal/web"
)

// watchObjectives draws the values of the objectives, until ctx is done.
func (d *daemon) watchObjectives(ctx context.Context) {
	every := web.TrendEvery
	if d.options.refresh > 0 { // of the demo, whose reader does not stay for an hour
		every = d.options.refresh
	}
	ticker := time.NewTicker(every)
	defer ticker.Stop()
	for {
		select {
		case now := <-ticker.C:
			values := map[string]float64{}
			for _, t := range d.current.Load().book.All() {
				status := t.Status(now)
				values[t.Objective().Name] = status.Value
				if status.State == objective.NoData || status.State == objective.NotEnough {
					values[t.Objective().Name] = math.NaN()
				}
			}
			d.trends.Observe(values)
		case <-ctx.Done():
			return
		}
	}
}
