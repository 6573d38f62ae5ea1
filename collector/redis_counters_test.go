package collector

import (
	"testing"
	"time"
)

// readInfo is one reading and the totals that it must leave.
type readInfo struct {
	after        time.Duration // since the last
	run          string
	uptime       time.Duration
	hits, misses int // -1 is unknown
	wantH, wantM float64
	wantRestarts float64
	why          string
}

type script struct {
	name  string
	infos []readInfo
}

func scripts() []script {
	return []script{
		{"traffic", []readInfo{
			{0, "a", time.Hour, 1000, 100, 0, 0, 0, "what was before is not ours"},
			{1, "a", time.Hour, 1010, 101, 10, 1, 0, "the difference"},
			{1, "a", time.Hour, 1010, 101, 10, 1, 0, "nothing"},
		}},
		{"RESETSTAT", []readInfo{
			{0, "a", time.Hour, 1000, 100, 0, 0, 0, ""},
			{1, "a", time.Hour, 7, 2, 7, 2, 0, "what came since the reset"},
			{1, "a", time.Hour, 8, 3, 8, 3, 0, ""},
		}},
		{"restart", []readInfo{
			{0, "a", time.Hour, 1000, 100, 0, 0, 0, ""},
			{5 * time.Second, "b", 3 * time.Second, 40, 4, 40, 4, 1, "all of a process younger than the last reading"},
			{1, "b", 4 * time.Second, 50, 4, 50, 4, 1, ""},
		}},
		{"restart, the clocks' whole seconds at their worst", []readInfo{
			{0, "a", time.Hour, 1000, 100, 0, 0, 0, ""},
			{time.Second, "b", 2 * time.Second, 3, 1, 3, 1, 1, ""},
		}},
		{"failover to one that counted more", []readInfo{
			{0, "a", time.Hour, 1000, 100, 0, 0, 0, ""},
			{1, "b", 2 * time.Hour, 900_000, 500, 0, 0, 1, "it jumped, and nothing happened"},
			{1, "b", 2 * time.Hour, 900_010, 500, 10, 0, 1, ""},
		}},
		{"failover to one that counted less", []readInfo{
			{0, "a", time.Hour, 1000, 100, 0, 0, 0, ""},
			{1, "b", 2 * time.Hour, 10, 1, 0, 0, 1, "an older process: not a restart"},
			{1, "a", time.Hour, 1005, 100, 0, 0, 2, "and back"},
		}},
		{"no run_id, an age that falls", []readInfo{
			{0, "", time.Hour, 1000, 100, 0, 0, 0, ""},
			{time.Second, "", time.Hour + time.Second, 1001, 100, 1, 0, 0, ""},
			{time.Second, "", 0, 5, 0, 6, 0, 1, ""},
		}},
		{"a figure that is unknown for a while", []readInfo{
			{0, "a", time.Hour, 1000, 100, 0, 0, 0, ""},
			{1, "a", time.Hour, -1, 101, 0, 1, 0, ""},
			{1, "a", time.Hour, 1020, 101, 20, 1, 0, "nothing is lost"},
		}},
		{"a figure that is unknown across a failover", []readInfo{
			{0, "a", time.Hour, 1000, 100, 0, 0, 0, ""},
			{1, "b", time.Hour, -1, 5000, 0, 0, 1, ""},
			{1, "b", time.Hour, 9000, 5001, 0, 1, 1, "not a difference of two servers"},
		}},
	}
}

// A server elsewhere is no restart of ours, however young: what it counted before came from others.
func TestAYoungServerElsewhereIsAFailover(t *testing.T) {
	c := newRedisCounters()
	state := func(address, run string, h uint64) *redisState {
		s := &redisState{address: address, runID: run, uptime: time.Second, uptimeKnown: true}
		s.counters[hits] = count{h, true}
		return s
	}
	now := time.Unix(1000, 0)
	for _, row := range []struct {
		address, run string
		hits         uint64
		want         float64
	}{{"a:1", "x", 5, 0}, {"b:1", "y", 900, 0}, {"b:1", "y", 901, 1}, {"b:1", "z", 7, 8}} {
		now = now.Add(5 * time.Second)
		if c.update(now, state(row.address, row.run, row.hits)); c.totals[hits] != row.want {
			t.Errorf("%d hits of %s at %s make %g, want %g", row.hits, row.run, row.address, c.totals[hits], row.want)
		}
	}
}

func TestCountersCountOnlyWhatHappenedSince(t *testing.T) {
	for _, row := range scripts() {
		t.Run(row.name, func(t *testing.T) {
			var c redisCounters
			now := time.Unix(1000, 0)
			for i, in := range row.infos {
				now = now.Add(in.after)
				s := &redisState{runID: in.run, uptime: in.uptime, uptimeKnown: true}
				s.counters[hits] = count{uint64(max(0, in.hits)), in.hits >= 0}
				s.counters[misses] = count{uint64(max(0, in.misses)), in.misses >= 0}
				before := c.totals
				delta := c.update(now, s)
				if c.totals[hits] != in.wantH || c.totals[misses] != in.wantM || c.restarts != in.wantRestarts {
					t.Errorf("reading %d: hits %g misses %g restarts %g, want %g %g %g: %s", i,
						c.totals[hits], c.totals[misses], c.restarts, in.wantH, in.wantM, in.wantRestarts, in.why)
				}
				if delta[hits] < 0 || c.totals[hits] != before[hits]+delta[hits] {
					t.Errorf("reading %d: hits went from %g by %g to %g", i, before[hits], delta[hits], c.totals[hits])
				}
			}
			if !c.created.Equal(time.Unix(1000, 0)) {
				t.Errorf("created %v, want the first reading", c.created)
			}
		})
	}
}
