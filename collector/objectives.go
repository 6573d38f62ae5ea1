package collector

import (
	"math"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/perfwatch/perfwatch/internal/objective"
)

// Objectives exposes the thresholds and the rolling values of a book's objectives, as they are at each scrape.
type Objectives struct {
	descs
	book *objective.Book
}

// NewObjectives makes a collector of a book's objectives. It is for the caller to register.
func NewObjectives(book *objective.Book) *Objectives {
	return &Objectives{descs: newDescs(objectiveFamilies(), nil), book: book}
}

// Collect implements prometheus.Collector.
func (c *Objectives) Collect(ch chan<- prometheus.Metric) {
	now := time.Now()
	for _, t := range c.book.All() {
		o, status := t.Objective(), t.Status(now)
		for _, threshold := range o.Thresholds() {
			c.gauge(ch, objectiveThreshold, threshold.Value, o.Name, string(threshold.Level))
		}
		if status.State == objective.Elsewhere {
			continue
		}
		c.gauge(ch, objectiveSamples, float64(status.Samples), o.Name)
		if !math.IsNaN(status.Value) {
			c.gauge(ch, objectiveValue, status.Value, o.Name)
		}
		switch status.State {
		case objective.Met:
			c.gauge(ch, objectiveMet, 1, o.Name)
		case objective.Missed:
			c.gauge(ch, objectiveMet, 0, o.Name)
		case objective.NoData, objective.NotEnough, objective.Elsewhere: // not for us to say
		}
	}
}
