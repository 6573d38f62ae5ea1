package main

import (
	"context"
	"math"
	"time"

	"github.com/perfwatch/perfwatch/internal/objective"
	"github.com/perfwatch/perfwatch/internal/web"
)

// trendsState is the name under which the drawings are kept.
const trendsState = "trends"

// trendEvery is how far apart the values of the drawings are.
func (d *daemon) trendEvery() time.Duration {
	if d.options.refresh > 0 { // of the demo, whose reader does not stay for an hour
		return d.options.refresh
	}
	return web.TrendEvery
}

// watchObjectives draws the values of the objectives, until ctx is done.
func (d *daemon) watchObjectives(ctx context.Context) {
	ticker := time.NewTicker(d.trendEvery())
	defer ticker.Stop()
	for {
		select {
		case now := <-ticker.C:
			d.drawObjectives(now)
		case <-ctx.Done():
			return
		}
	}
}

// drawObjectives adds their values now to the drawings, and keeps these.
func (d *daemon) drawObjectives(now time.Time) {
	values := map[string]float64{}
	for _, t := range d.current.Load().book.All() {
		status := t.Status(now)
		values[t.Objective().Name] = status.Value
		if status.State == objective.NoData || status.State == objective.NotEnough {
			values[t.Objective().Name] = math.NaN()
		}
	}
	d.trends.Observe(values)
	if d.archive == nil {
		return
	}
	kept, err := d.trends.Keep(now)
	if err == nil {
		err = d.archive.SetState(trendsState, kept)
	}
	if err != nil {
		d.logger.Error("drawings not kept", "err", err)
	}
}

// restoreTrends takes up the drawings where the last daemon left them.
func (d *daemon) restoreTrends() {
	kept, err := d.archive.State(trendsState)
	if err != nil {
		d.logger.Error("drawings not read, they begin anew", "err", err)
		return
	}
	if kept == nil {
		return
	}
	if err := d.trends.Restore(kept, time.Now(), d.trendEvery()); err != nil {
		d.archive.RejectState(trendsState, err)
	}
}
