package collector

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// uptimeSlack is how much older a server may look than it is: INFO gives the difference of two whole seconds.
const uptimeSlack = time.Second

// redisCounters makes counters that only ever count traffic out of the counters of whichever server answers. They
// start at zero when a Redis is first read, so that a restart of perfwatch adds nothing to a rate.
type redisCounters struct {
	created  time.Time
	totals   [numRedisCounters]float64
	shown    [numRedisCounters]bool // once the server has said it
	restarts float64
	resets   float64

	commands statCounters
	errors   statCounters
	latency  redisLatencies

	last   redisState // the last that was read
	lastAt time.Time

	lastHow since
}

func newRedisCounters() redisCounters {
	return redisCounters{commands: newStatCounters(commandSeats), errors: newStatCounters(errorSeats)}
}

// update counts what happened since the last INFO and returns it.
//
//   - The same process: the difference. If a counter fell that CONFIG RESETSTAT zeroes, all that it zeroes came since.
//   - Another process that is younger than our last reading: a restart; all that it shows came since.
//   - Another process that is older, or is elsewhere: a failover; what it counted before is not
//     ours, so that it counts from here.
func (c *redisCounters) update(now time.Time, s *redisState) (delta [numRedisCounters]float64) {
	first := c.lastAt.IsZero()
	if first {
		c.created = now
	}
	how := c.how(now, s)
	for i, cur := range s.counters {
		last := c.last.counters[i]
		if !cur.known {
			if how != begun {
				s.counters[i] = last // it may be back next time
			}
			continue
		}
		c.shown[i] = true
		goesOn := how
		if how == continued && !last.known {
			goesOn = begun
		}
		if how == zeroed && redisCounter(i) == lazyFreed && cur.n >= last.n && last.known && !c.isOther(s) {
			goesOn = continued // older servers do not reset it
		}
		delta[i] = goesOn.between(last.n, last.known, cur.n)
		c.totals[i] += delta[i]
	}
	c.commands.update(now, how, s.commands, watchedCommands())
	c.errors.update(now, how, s.errors, nil)
	c.last, c.lastAt, c.lastHow = *s, now, how
	return delta
}

// how says how the counters go on, and counts restarts and resets.
func (c *redisCounters) how(now time.Time, s *redisState) since {
	switch {
	case c.lastAt.IsZero():
		return begun
	case c.isOther(s):
		c.restarts++
		if s.address == c.last.address && s.uptimeKnown && s.uptime <= now.Sub(c.lastAt)+uptimeSlack {
			return zeroed
		}
		return begun
	}
	for i, cur := range s.counters {
		if last := c.last.counters[i]; redisCounter(i) != lazyFreed && cur.known && last.known && cur.n < last.n {
			c.resets++
			return zeroed
		}
	}
	return continued
}

// isOther says that another server process answers. One that gives no run_id gives itself away by its age.
func (c *redisCounters) isOther(s *redisState) bool {
	if s.runID != "" || c.last.runID != "" {
		return s.runID != c.last.runID
	}
	return s.uptimeKnown && c.last.uptimeKnown && s.uptime < c.last.uptime
}

func (c *redisCounters) collect(ch chan<- prometheus.Metric, ds descs) {
	if c.lastAt.IsZero() {
		return
	}
	counter := func(name string, v float64) {
		ch <- prometheus.MustNewConstMetricWithCreatedTimestamp(ds[name], prometheus.CounterValue, v, c.created)
	}
	counter(redisRestarts, c.restarts)
	counter(redisResets, c.resets)
	c.commands.collectCommands(ch, ds)
	c.errors.collectErrors(ch, ds)
	for i := range numRedisCounters {
		if c.shown[i] {
			counter(i.metric(), c.totals[i])
		}
	}
}
