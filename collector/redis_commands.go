package collector

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Bounds on what a Redis may say of its commands and errors. Redis itself has some 400 commands, subcommands included, and
// stops at 128 errors; scripts name errors as they like.
const (
	maxCommandStats = 1024
	maxErrorStats   = 256
	commandSeats    = 50
	errorSeats      = 32
	otherLabel      = "other" // of what has no seat
)

// A redisStat is what a Redis counted of one command or error since it started or was reset.
type redisStat struct {
	name        string
	calls, usec uint64
}

// parseRedisStat reads "cmdstat_get" and "calls=21,usec=175,…", or "errorstat_ERR" and "count=3".
func parseRedisStat(prefix, name, value string) (redisStat, bool) {
	name, ok := strings.CutPrefix(name, prefix)
	if !ok || name == "" {
		return redisStat{}, false
	}
	s := redisStat{name: infoLabel(name)}
	known := false
	for field := range strings.SplitSeq(value, ",") {
		switch key, text, _ := strings.Cut(field, "="); key {
		case "calls", "count":
			c := parseCount(text)
			s.calls, known = c.n, c.known
		case "usec":
			s.usec = parseCount(text).n
		}
	}
	return s, known
}

// watchedCommands have series from the first reading on: those that a cache lives on, and those that invalidate.
func watchedCommands() []string {
	return []string{"get", "set", "mget", "del", "unlink", "expire", "pexpire", "expireat", "flushdb", "flushall"}
}

// A since says how the counters of a server go on from those of the reading before.
type since int

const (
	continued since = iota // the difference counts
	zeroed                 // all that they show came since
	begun                  // what they show is not ours
)

// between is what a counter adds.
func (s since) between(last uint64, known bool, cur uint64) float64 {
	switch {
	case s == begun:
		return 0
	case s == zeroed || !known || cur < last:
		return float64(cur)
	}
	return float64(cur - last)
}

// statCounters makes counters by name of those of whichever server answers. The names that come first, the most used
// first, have series of their own; the others share one.
type statCounters struct {
	seats seats
	each  map[string]*statSeries
	last  map[string]redisStat
}

// A statSeries counts from when it was made.
type statSeries struct {
	created        time.Time
	calls, seconds float64
	latency        latencyCounts
}

func newStatCounters(most int) statCounters {
	return statCounters{seats: newSeats(most), each: map[string]*statSeries{}, last: map[string]redisStat{}}
}

// update counts what happened since the last reading.
func (c *statCounters) update(now time.Time, how since, stats []redisStat, always []string) {
	if len(stats) == 0 {
		return // it does not say
	}
	for _, name := range c.seats.free(now) {
		delete(c.each, name)
	}
	for _, name := range always {
		c.series(now, name)
	}
	slices.SortStableFunc(stats, func(a, b redisStat) int { return cmp.Compare(b.calls, a.calls) })
	last := make(map[string]redisStat, len(stats))
	for _, s := range stats {
		before, known := c.last[s.name]
		if _, twice := last[s.name]; twice || s.calls == 0 && !known {
			continue
		}
		last[s.name] = s
		series := c.series(now, s.name)
		series.calls += how.between(before.calls, known, s.calls)
		series.seconds += how.between(before.usec, known, s.usec) / 1e6
	}
	c.last = last
}

// series is that of a name, or the one that all share which have no seat.
func (c *statCounters) series(now time.Time, name string) *statSeries {
	if !c.seats.take(now, name) {
		name = otherLabel
	}
	if c.each[name] == nil {
		c.each[name] = &statSeries{created: now}
	}
	return c.each[name]
}

func (c *statCounters) collectCommands(ch chan<- prometheus.Metric, ds descs) {
	for name, s := range c.each {
		ds.counter(ch, redisCommands, s.calls, s.created, name)
		ch <- s.latency.metric(ds[redisCommandDuration], s, name)
	}
}

func (c *statCounters) collectErrors(ch chan<- prometheus.Metric, ds descs) {
	for name, s := range c.each {
		ds.counter(ch, redisErrors, s.calls, s.created, name)
	}
}
