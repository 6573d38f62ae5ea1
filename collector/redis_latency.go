package collector

import (
	"context"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// How often LATENCY HISTOGRAM is asked, and how long a Redis that refuses it, or does not know it, is left alone.
const (
	latencyInterval = 5 * time.Second
	latencyRetry    = 5 * time.Minute
)

// latencyBounds are the upper bounds of the buckets that LATENCY HISTOGRAM gives, in microseconds, from the eighth on: what
// is faster shares the first.
func latencyBounds() []uint64 {
	return []uint64{
		8, 16, 33, 66, 132, 264, 528, 1056, 2113, 4227, 8454, 16909, 33818, 67636, 135272, 270544, 541089, 1082179,
	}
}

const numLatencyBounds = 18

// A redisLatency is what a Redis counted of one command: how many calls were no longer than each bound.
type redisLatency struct {
	calls   uint64
	buckets [numLatencyBounds]uint64
}

// latencyCounts makes a histogram of the counts of whichever server answers.
type latencyCounts struct {
	known   bool // there was a reading
	calls   float64
	seconds float64
	buckets [numLatencyBounds]float64
}

// metric is a histogram; without LATENCY HISTOGRAM one of no buckets, from which the mean can be had. So is that of a
// command which nobody has sent: most servers never see half of those that we watch.
func (l *latencyCounts) metric(d *prometheus.Desc, s *statSeries, name string) prometheus.Metric {
	if !l.known || l.calls == 0 {
		return prometheus.MustNewConstHistogramWithCreatedTimestamp(d, uint64(s.calls), s.seconds, nil, s.created, name)
	}
	buckets := make(map[float64]uint64, numLatencyBounds)
	for i, bound := range latencyBounds() {
		buckets[float64(bound)/1e6] = uint64(min(l.buckets[i], l.calls))
	}
	return prometheus.MustNewConstHistogramWithCreatedTimestamp(d, uint64(l.calls), l.seconds, buckets, s.created, name)
}

// redisLatencies follows LATENCY HISTOGRAM.
type redisLatencies struct {
	ask  func(ctx context.Context, timeout time.Duration) (any, error) // nil asks nothing
	next time.Time
	how  since // since the last reading
	last map[string]redisLatency
}

// read asks if it is time to. What a Redis refuses is no error: it is asked again later.
func (l *redisLatencies) read(ctx context.Context, now time.Time, timeout time.Duration) map[string]redisLatency {
	if l.ask == nil || now.Before(l.next) {
		return nil
	}
	reply, err := l.ask(ctx, timeout)
	if err != nil {
		l.next = now.Add(latencyRetry)
		if !isRefusal(err) {
			l.next = now.Add(latencyInterval)
		}
		return nil
	}
	l.next = now.Add(latencyInterval)
	return parseLatencies(reply)
}

// update adds what happened since the last reading to the series of each command. INFO, which came just before, has
// told whether the server is another one, or was reset.
func (l *redisLatencies) update(now time.Time, how since, cur map[string]redisLatency, commands *statCounters) {
	l.how = max(l.how, how)
	if len(cur) == 0 {
		return // nor is there anything in it with latency-tracking switched off
	}
	if l.last == nil {
		l.how = begun
	}
	for name, c := range cur {
		s := commands.series(now, name)
		before, known := l.last[name]
		s.latency.calls += l.how.between(before.calls, known, c.calls)
		for i := range c.buckets {
			s.latency.buckets[i] += l.how.between(before.buckets[i], known && c.calls >= before.calls, c.buckets[i])
		}
	}
	for _, s := range commands.each {
		s.latency.known, s.latency.seconds = true, s.seconds
	}
	l.last, l.how = cur, continued
}

// parseLatencies reads the reply: a list of names, each before a list such as "calls", 3, "histogram_usec", [1, 2, 4, 3].
func parseLatencies(reply any) map[string]redisLatency {
	all := map[string]redisLatency{}
	list, _ := reply.([]any)
	for i := 0; i+1 < len(list) && len(all) < maxCommandStats; i += 2 {
		name, ok := list[i].(string)
		fields, is := list[i+1].([]any)
		if !ok || !is {
			continue
		}
		if l, ok := parseLatency(fields); ok {
			all[infoLabel(strings.ToLower(name))] = l
		}
	}
	return all
}

// parseLatency reads one command.
func parseLatency(fields []any) (l redisLatency, ok bool) {
	for i := 0; i+1 < len(fields); i += 2 {
		switch fields[i] {
		case "calls":
			n, is := fields[i+1].(int64)
			if ok = is && n >= 0; !ok {
				return l, false
			}
			l.calls = uint64(n)
		case "histogram_usec":
			pairs, _ := fields[i+1].([]any)
			l.fill(pairs)
		}
	}
	for b := range l.buckets {
		l.buckets[b] = min(l.buckets[b], l.calls)
	}
	return l, ok
}

// fill reads pairs of a bound and a count. A bucket that is left out has as many as the one before it.
func (l *redisLatency) fill(pairs []any) {
	bounds := latencyBounds()
	for j := 0; j+1 < len(pairs); j += 2 {
		bound, isBound := pairs[j].(int64)
		n, isCount := pairs[j+1].(int64)
		if !isBound || !isCount || n < 0 {
			continue
		}
		for b := range bounds {
			if int64(bounds[b]) >= bound {
				l.buckets[b] = max(l.buckets[b], uint64(n))
			}
		}
	}
}
