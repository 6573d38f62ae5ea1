package objective

import (
	"reflect"
	"slices"
	"strings"
)

// A Book holds the trackers of all objectives and says which of them a source feeds.
type Book struct{ trackers []*Tracker }

// NewBook makes a tracker for each objective.
func NewBook(objectives []Objective) *Book {
	b := &Book{}
	for i := range objectives {
		b.trackers = append(b.trackers, NewTracker(&objectives[i]))
	}
	return b
}

// Next is the book of other objectives, or the same one if all are the same. Those that did not change keep their
// trackers, with all that these know. A nil book has none.
func (b *Book) Next(objectives []Objective) *Book {
	next := NewBook(objectives)
	if b == nil {
		return next
	}
	old := make(map[string]*Tracker, len(b.trackers))
	for _, t := range b.trackers {
		old[t.objective.Name] = t
	}
	for i, t := range next.trackers {
		if kept := old[t.objective.Name]; kept != nil && reflect.DeepEqual(kept.objective, t.objective) {
			next.trackers[i] = kept
		}
	}
	if slices.Equal(next.trackers, b.trackers) {
		return b
	}
	return next
}

// All returns every tracker in the order of the configuration.
func (b *Book) All() []*Tracker { return b.trackers }

// Of returns the trackers of one measure that a source feeds. The source is named by those of group, probe and redis
// that it has; an objective that selects nothing takes every source of its measure.
func (b *Book) Of(m Measure, group, probe, redis string) []*Tracker {
	var fed []*Tracker
	for _, t := range b.trackers {
		o := t.objective
		if o.Measure == m && selects(o.Group, group) && selectsProbe(o.Probe, probe) && selects(o.Redis, redis) {
			fed = append(fed, t)
		}
	}
	return fed
}

// OfPipeline returns the trackers that the runs of a pipeline feed.
func (b *Book) OfPipeline(pipeline string) []*Tracker {
	var fed []*Tracker
	for _, t := range b.trackers {
		if o := t.objective; o.Measure == PipelineDuration && o.Pipeline == pipeline {
			fed = append(fed, t)
		}
	}
	return fed
}

func selects(selector, name string) bool { return selector == "" || selector == name }

// selectsProbe selects the targets of a probe too, whose names are that of the probe, a slash and the target.
func selectsProbe(selector, name string) bool {
	of, _, _ := strings.Cut(name, "/")
	return selects(selector, of)
}
