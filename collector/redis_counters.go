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

	last   redisState // the last that was read
	lastAt time.Time
}

// update counts what happened since the last INFO and returns it.
//
//   - The same process: the difference. A counter that fell was zeroed by CONFIG RESETSTAT; what it shows came since.
//   - Another process that is younger than our last reading: a restart; all that it shows came since.
//   - Another process that is older: a failover; what it counted before is not ours, so that it counts from here.
func (c *redisCounters) update(now time.Time, s *redisState) (delta [numRedisCounters]float64) {
	first := c.lastAt.IsZero()
	if first {
		c.created = now
	}
	other := !first && c.isOther(s)
	restarted := other && s.uptimeKnown && s.uptime <= now.Sub(c.lastAt)+uptimeSlack
	if other {
		c.restarts++
	}
	for i, cur := range s.counters {
		last := c.last.counters[i]
		if !cur.known {
			if !other {
				s.counters[i] = last // it may be back next time
			}
			continue
		}
		c.shown[i] = true
		switch {
		case restarted, !first && !other && last.known && cur.n < last.n:
			delta[i] = float64(cur.n)
		case !first && !other && last.known:
			delta[i] = float64(cur.n - last.n)
		}
		c.totals[i] += delta[i]
	}
	c.last, c.lastAt = *s, now
	return delta
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
	for i := range numRedisCounters {
		if c.shown[i] {
			counter(i.metric(), c.totals[i])
		}
	}
}
