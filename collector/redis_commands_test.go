package collector

import (
	"fmt"
	"math"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/perfwatch/perfwatch/internal/peer"
)

func ofCommand(name string) string { return fmt.Sprintf(`{command=%q,redis="cache"}`, name) }

func TestCommandsErrorsAndTimesAreThoseOfTheServer(t *testing.T) {
	server := peer.StartRedis(t)
	r, reg := watch(t, RedisServer{URL: "redis://" + server.Address}, emptyBook())
	c, ctx := client(t, server.Address), t.Context()
	for range 20 { // before the first reading: not counted
		c.Get(ctx, "x")
	}
	pull := func() {
		only(r).counters.latency.next = time.Time{}
		r.pull(ctx, testTimeout)
	}
	pull()
	calls := func(name string) string { return "perfwatch_redis_commands_total" + ofCommand(name) }
	timed := func(name string) string { return "perfwatch_redis_command_duration_seconds_count" + ofCommand(name) }
	within := func(name string) string {
		return fmt.Sprintf(`perfwatch_redis_command_duration_seconds_bucket{command=%q,redis="cache",le="1.082179"}`, name)
	}
	wantSeries(t, reg, map[string]string{calls("get"): "0", calls("flushall"): "0", calls("unlink"): "0", timed("get"): "0"})
	for i := range 100 {
		c.Set(ctx, fmt.Sprint(i), "x", 0)
		c.Get(ctx, fmt.Sprint(i))
		c.Unlink(ctx, fmt.Sprint(i))
	}
	c.LPush(ctx, "list", 1)
	c.Get(ctx, "list") // WRONGTYPE
	c.Do(ctx, "NOSUCH")
	c.FlushAll(ctx)
	pull()
	wantSeries(t, reg, map[string]string{
		calls("get"): "101", calls("set"): "100", calls("unlink"): "100", calls("flushall"): "1", calls("lpush"): "1", calls("mget"): "0",
		timed("get"): "101", within("get"): "101", within("set"): "100",
		`perfwatch_redis_errors_total{error="WRONGTYPE",redis="cache"}`: "1",
		`perfwatch_redis_resets_total{redis="cache"}`:                   "0",
		`perfwatch_redis_hit_ratio{redis="cache"}`:                      "1",
	})
	seconds := number(t, reg, "perfwatch_redis_command_duration_seconds_sum"+ofCommand("get"))
	if seconds <= 0 || seconds > 10 {
		t.Errorf("101 GETs took %g s, want what the server says", seconds)
	}
	c.ConfigResetStat(ctx)
	for range 7 {
		c.Get(ctx, "nothing")
	}
	pull()
	pull()
	wantSeries(t, reg, map[string]string{
		calls("get"): "108", calls("set"): "100", timed("get"): "108", within("get"): "108",
		`perfwatch_redis_resets_total{redis="cache"}`:   "1",
		`perfwatch_redis_restarts_total{redis="cache"}`: "0",
		`perfwatch_redis_hit_ratio{redis="cache"}`:      fmt.Sprint(101. / 108),
	})
}

// After a reset a counter may have passed what it was before: all of it came since, if another one tells of the reset.
func TestAResetIsSeenByAnyCounterThatFell(t *testing.T) {
	c := newRedisCounters()
	state := func(h, m uint64) *redisState {
		s := &redisState{runID: "a", commands: []redisStat{{"get", h, h}}}
		s.counters[hits], s.counters[misses] = count{h, true}, count{m, true}
		return s
	}
	now := time.Unix(1000, 0)
	c.update(now, state(10, 100))
	c.update(now.Add(time.Second), state(15, 3))
	if c.totals[hits] != 15 || c.totals[misses] != 3 || c.resets != 1 || c.commands.each["get"].calls != 15 {
		t.Errorf("hits %g misses %g resets %g get %g, want 15 3 1 15", c.totals[hits], c.totals[misses], c.resets, c.commands.each["get"].calls)
	}
}

func TestAFailoverAddsNoCommands(t *testing.T) {
	c := newRedisCounters()
	state := func(run string, calls uint64) *redisState {
		s := &redisState{runID: run, uptime: time.Hour, uptimeKnown: true, commands: []redisStat{{"get", calls, calls}},
			errors: []redisStat{{"ERR", calls, 0}}}
		s.counters[hits] = count{calls, true}
		return s
	}
	latency := func(calls uint64) map[string]redisLatency {
		l := redisLatency{calls: calls}
		l.buckets[3] = calls
		return map[string]redisLatency{"get": l}
	}
	now := time.Unix(1000, 0)
	for i, row := range []struct {
		run         string
		calls       uint64
		want        float64
		withLatency bool
	}{{"a", 100, 0, true}, {"a", 103, 3, true}, {"b", 9000, 3, false}, {"b", 9001, 4, true}, {"b", 9003, 6, true}} {
		now = now.Add(time.Second)
		c.update(now, state(row.run, row.calls))
		var seen map[string]redisLatency
		if row.withLatency {
			seen = latency(row.calls)
		}
		c.latency.update(now, c.lastHow, seen, &c.commands)
		get := c.commands.each["get"]
		if get.calls != row.want || c.errors.each["ERR"].calls != row.want {
			t.Errorf("reading %d: %g calls and %g errors, want %g", i, get.calls, c.errors.each["ERR"].calls, row.want)
		}
	}
	// The failover itself was between two readings of the histogram: what the new server says first only begins.
	if got := c.commands.each["get"].latency; got.calls != 5 || got.buckets[3] != 5 {
		t.Errorf("%g calls timed, want 3 before the failover and 2 after", got.calls)
	}
}

func TestNamesOfCommandsAndErrorsAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var text strings.Builder
		text.WriteString("redis_version:7\r\nkeyspace_hits:5\r\n")
		for i := range 5000 {
			fmt.Fprintf(&text, "cmdstat_c%d\xff:calls=%d,usec=1\r\nerrorstat_E%d:count=%d\r\n", i, 10+i, i, 10+i)
		}
		s, err := parseInfo(text.String())
		if err != nil {
			t.Fatal(err)
		}
		if len(s.commands) != maxCommandStats || len(s.errors) != maxErrorStats {
			t.Errorf("%d commands and %d errors, want %d and %d", len(s.commands), len(s.errors), maxCommandStats, maxErrorStats)
		}
		r := scriptedRedis("cache", nil, emptyBook(), quiet())
		only(r).counters.update(time.Now(), s)
		reg := prometheus.NewPedanticRegistry()
		reg.MustRegister(r)
		commands := 0
		for name := range series(t, reg) {
			if strings.HasPrefix(name, redisCommands+"{") {
				commands++
			}
		}
		if commands != commandSeats+1 {
			t.Errorf("%d series of commands, want %d and other", commands, commandSeats)
		}
	})
}

func TestStatsAreReadByName(t *testing.T) {
	for _, row := range []struct {
		name, value string
		want        redisStat
		ok          bool
	}{
		{"cmdstat_get", "calls=21,usec=175,usec_per_call=8.33,rejected_calls=0,failed_calls=0", redisStat{"get", 21, 175}, true},
		{"cmdstat_config|set", "usec=1,calls=2", redisStat{"config|set", 2, 1}, true},
		{"cmdstat_get", "calls=-1,usec=175", redisStat{}, false},
		{"cmdstat_get", "calls=99999999999999999999", redisStat{}, false},
		{"cmdstat_get", "", redisStat{}, false},
		{"cmdstat_", "calls=1", redisStat{}, false},
		{"cmdstatus", "calls=1", redisStat{}, false},
	} {
		got, ok := parseRedisStat("cmdstat_", row.name, row.value)
		if ok != row.ok || ok && got != row.want {
			t.Errorf("%s:%s is %+v %t, want %+v %t", row.name, row.value, got, ok, row.want, row.ok)
		}
	}
}

func TestLatenciesAreReadByName(t *testing.T) {
	buckets := func(from int, n uint64) (b [numLatencyBounds]uint64) {
		for i := from; i < len(b); i++ {
			b[i] = n
		}
		return b
	}
	for _, row := range []struct {
		name  string
		reply any
		want  map[string]redisLatency
	}{
		{"a command", []any{"GET", []any{"calls", int64(3), "histogram_usec", []any{int64(33), int64(3)}}},
			map[string]redisLatency{"get": {3, buckets(2, 3)}}},
		{"more in a bucket than there are calls", []any{"get", []any{"histogram_usec", []any{int64(1), int64(math.MaxInt64)}, "calls", int64(3)}},
			map[string]redisLatency{"get": {3, buckets(0, 3)}}},
		{"slower than the last bound", []any{"get", []any{"calls", int64(1), "histogram_usec", []any{int64(5_000_000), int64(1)}}},
			map[string]redisLatency{"get": {1, buckets(numLatencyBounds, 0)}}},
		{"negative", []any{"get", []any{"calls", int64(-1)}}, map[string]redisLatency{}},
		{"not pairs", []any{"get"}, map[string]redisLatency{}},
		{"other types", []any{int64(1), "x", "get", []any{"calls", "3"}}, map[string]redisLatency{}},
		{"a string", "OK", map[string]redisLatency{}},
		{"nil", nil, map[string]redisLatency{}},
	} {
		got := parseLatencies(row.reply)
		if diff := cmp.Diff(row.want, got, cmp.AllowUnexported(redisLatency{})); diff != "" {
			t.Errorf("%s:\n%s", row.name, diff)
		}
	}
}

func TestReplicationIsSeenFromBothEnds(t *testing.T) {
	for _, row := range []struct {
		text                string
		replicas, lag, link string
	}{
		{"role:master\r\nconnected_slaves:2\r\nslave0:ip=1.2.3.4,port=1,state=online,offset=14,lag=1\r\n" +
			"slave1:ip=1.2.3.5,port=1,state=online,offset=3,lag=7\r\n", "2", "7", ""},
		{"role:master\r\nconnected_slaves:1\r\nslave0:ip=1.2.3.4,port=1,state=wait_bgsave,offset=0,lag=0\r\n", "0", "", ""},
		{"role:master\r\nconnected_slaves:0\r\n", "0", "", ""},
		{"role:slave\r\nmaster_link_status:up\r\nmaster_last_io_seconds_ago:3\r\nconnected_slaves:0\r\n", "", "3", "1"},
		{"role:slave\r\nmaster_link_status:down\r\nmaster_last_io_seconds_ago:-1\r\nmaster_link_down_since_seconds:40\r\n", "", "40", "0"},
		{"role:slave\r\nmaster_link_status:down\r\nmaster_link_down_since_seconds:-1\r\n", "", "", "0"},
	} {
		s, err := parseInfo("redis_version:7\r\n" + row.text)
		if err != nil {
			t.Fatal(err)
		}
		for name, c := range map[string]struct {
			got  count
			want string
		}{"replicas": {s.replicas, row.replicas}, "lag": {s.lagSeconds, row.lag}, "link": {s.linkUp, row.link}} {
			got := ""
			if c.got.known {
				got = fmt.Sprint(c.got.n)
			}
			if got != c.want {
				t.Errorf("%q: %s %q, want %q", row.text, name, got, c.want)
			}
		}
	}
}
