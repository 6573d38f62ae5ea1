package collector

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	promconfig "github.com/prometheus/common/config"
	"github.com/redis/go-redis/v9"

	"github.com/perfwatch/perfwatch/internal/objective"
	"github.com/perfwatch/perfwatch/internal/peer"
)

// testTimeout is long enough for a busy machine; nothing waits for it but what never answers.
const testTimeout = 5 * time.Second

// watch makes a collector of a Redis and a registry that holds it. The test reads it by pull.
func watch(t *testing.T, server RedisServer, book *objective.Book) (*Redis, *prometheus.Registry) {
	t.Helper()
	r, err := NewRedis("cache", server, book, quiet())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { closeAll(r) })
	reg := prometheus.NewPedanticRegistry()
	reg.MustRegister(r)
	return r, reg
}

// pull reads once, beside each other what there is of nodes.
func (r *Redis) pull(ctx context.Context, timeout time.Duration) {
	if r.find != nil {
		r.refresh(ctx, timeout)
	}
	var reading sync.WaitGroup
	for _, n := range r.all() {
		reading.Go(func() { n.pull(ctx, timeout) })
	}
	reading.Wait()
}

// redisOf is a Redis that gives its INFO itself.
func scriptedRedis(name string, info infoFunc, book *objective.Book, log *slog.Logger) *Redis {
	r := newRedis(name, book, log)
	r.nodes[""] = r.node("", info)
	return r
}

func only(r *Redis) *redisNode { return r.nodes[""] }

func closeAll(r *Redis) {
	for _, n := range r.all() {
		_ = n.close()
	}
}

func up(t *testing.T, reg prometheus.Gatherer, want string) {
	t.Helper()
	wantSeries(t, reg, map[string]string{
		`perfwatch_redis_up{redis="cache"}`:                 want,
		`perfwatch_scrape_success{collector="redis/cache"}`: want,
	})
}

func client(t *testing.T, address string) *redis.Client {
	t.Helper()
	c := redis.NewClient(&redis.Options{Addr: address, Protocol: 2, DisableIdentity: true})
	t.Cleanup(func() { _ = c.Close() })
	return c
}

func TestHitsAndMissesAreThoseThatHappened(t *testing.T) {
	server := peer.StartRedis(t)
	book := objective.NewBook([]objective.Objective{
		{Name: "hits", Measure: objective.CacheHitRatio, Redis: "cache", Window: time.Minute, Target: new(0.5)},
		{Name: "other", Measure: objective.CacheHitRatio, Redis: "other", Window: time.Minute, Target: new(0.5)},
	})
	r, reg := watch(t, RedisServer{URL: "redis://" + server.Address + "/3"}, book)
	reg.MustRegister(NewObjectives(book))
	c, ctx := client(t, server.Address), t.Context()
	c.Set(ctx, "there", "x", time.Hour)
	c.Get(ctx, "there") // before the first reading: not counted
	hits, misses := `perfwatch_redis_keyspace_hits_total{redis="cache"}`, `perfwatch_redis_keyspace_misses_total{redis="cache"}`
	wantSeries(t, reg, map[string]string{hits: "", `perfwatch_redis_up{redis="cache"}`: ""})
	r.pull(ctx, testTimeout)
	up(t, reg, "1")
	wantSeries(t, reg, map[string]string{hits: "0", misses: "0"})

	get := func(found, lost int) {
		for range found {
			c.Get(ctx, "there")
		}
		for i := range lost {
			c.Get(ctx, fmt.Sprint("not there", i))
		}
	}
	get(300, 100)
	c.MGet(ctx, "there", "not there", "there")
	r.pull(ctx, testTimeout)
	wantSeries(t, reg, map[string]string{
		hits: "302", misses: "101", `perfwatch_redis_restarts_total{redis="cache"}`: "0",
		`perfwatch_objective_value{objective="hits"}`:   fmt.Sprint(302.0 / 403),
		`perfwatch_objective_samples{objective="hits"}`: "403",
		`perfwatch_objective_value{objective="other"}`:  "",
	})
	c.ConfigResetStat(ctx)
	get(10, 5)
	r.pull(ctx, testTimeout)
	wantSeries(t, reg, map[string]string{hits: "312", misses: "106", `perfwatch_redis_restarts_total{redis="cache"}`: "0"})
}

func TestARestartIsCountedAndAddsNoTrafficThatWasNot(t *testing.T) {
	first := peer.StartRedis(t)
	r, reg := watch(t, RedisServer{URL: "redis://" + first.Address}, emptyBook())
	ctx := t.Context()
	r.pull(ctx, testTimeout)
	for range 50 {
		client(t, first.Address).Get(ctx, "nothing")
	}
	r.pull(ctx, testTimeout)
	misses := `perfwatch_redis_keyspace_misses_total{redis="cache"}`
	wantSeries(t, reg, map[string]string{misses: "50"})

	first.Stop(t)
	r.pull(ctx, testTimeout)
	up(t, reg, "0")
	wantSeries(t, reg, map[string]string{
		misses: "50", `perfwatch_redis_restarts_total{redis="cache"}`: "0", // counters are kept
		`perfwatch_redis_memory_used_bytes{redis="cache"}`: "", // gauges are not
		`perfwatch_redis_connected_clients{redis="cache"}`: "",
	})
	startRedisAt(t, first.Address)
	for range 7 {
		client(t, first.Address).Get(ctx, "nothing")
	}
	r.pull(ctx, testTimeout)
	up(t, reg, "1")
	wantSeries(t, reg, map[string]string{misses: "57", `perfwatch_redis_restarts_total{redis="cache"}`: "1"})
}

func TestWhatRedisHoldsIsSeen(t *testing.T) {
	server := peer.StartRedis(t, "--maxmemory", "64mb")
	r, reg := watch(t, RedisServer{URL: "redis://" + server.Address}, emptyBook())
	c, ctx := client(t, server.Address), t.Context()
	for i := range 20 {
		c.Set(ctx, fmt.Sprint("stays", i), "x", 0)
		c.Set(ctx, fmt.Sprint("dies", i), "x", time.Hour)
	}
	server.WaitFor(t, func() error { // Redis estimates the time to live ten times a second
		r.pull(ctx, testTimeout)
		if _, ok := series(t, reg)[`perfwatch_redis_db_average_ttl_seconds{db="0",redis="cache"}`]; !ok {
			return fmt.Errorf("no estimate of the time to live yet")
		}
		return nil
	})
	wantSeries(t, reg, map[string]string{
		`perfwatch_redis_memory_max_bytes{redis="cache"}`:           "6.7108864e+07",
		`perfwatch_redis_db_keys{db="0",redis="cache"}`:             "40",
		`perfwatch_redis_db_expiring_keys{db="0",redis="cache"}`:    "20",
		`perfwatch_redis_blocked_clients{redis="cache"}`:            "0",
		`perfwatch_redis_evicted_keys_total{redis="cache"}`:         "0",
		`perfwatch_redis_rejected_connections_total{redis="cache"}`: "0",
	})
	if ttl := number(t, reg, `perfwatch_redis_db_average_ttl_seconds{db="0",redis="cache"}`); ttl < 3000 || ttl > 3600 {
		t.Errorf("average time to live %g s, want just under 3600", ttl)
	}
	c.FlushAll(ctx)
	c.ConfigSet(ctx, "maxmemory", "0")
	r.pull(ctx, testTimeout)
	wantSeries(t, reg, map[string]string{
		`perfwatch_redis_memory_max_bytes{redis="cache"}`: "", `perfwatch_redis_db_keys{db="0",redis="cache"}`: "",
	})
}

func TestPasswordsAreReadAtEachConnection(t *testing.T) {
	server := peer.StartRedis(t, "--requirepass", "secret-1")
	file := filepath.Join(t.TempDir(), "password")
	write := func(text string) {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	ctx := t.Context()
	for _, row := range []struct {
		name   string
		server RedisServer
		file   string
		want   string
	}{
		{"none", RedisServer{URL: "redis://" + server.Address}, "", "0"},
		{"in the URL", RedisServer{URL: "redis://:secret-1@" + server.Address}, "", "1"},
		{"given apart", RedisServer{URL: "redis://" + server.Address, Password: promconfig.Secret("secret-1")}, "", "1"},
		{"wrong", RedisServer{URL: "redis://:wrong@" + server.Address}, "", "0"},
		{"from a file", RedisServer{URL: "redis://" + server.Address, PasswordFile: file}, "secret-1\n", "1"},
		{"wrong in a file", RedisServer{URL: "redis://" + server.Address, PasswordFile: file}, "nothing", "0"},
		{"a file before the rest", RedisServer{URL: "redis://:secret-1@" + server.Address, PasswordFile: file}, "nothing", "0"},
		{"a user", RedisServer{URL: "redis://" + server.Address, Username: "default", PasswordFile: file}, "secret-1", "1"},
		{"another user", RedisServer{URL: "redis://" + server.Address, Username: "nobody", PasswordFile: file}, "secret-1", "0"},
		{"no such file", RedisServer{URL: "redis://" + server.Address, PasswordFile: file + "-"}, "", "0"},
		{"too large a file", RedisServer{URL: "redis://" + server.Address, PasswordFile: file}, strings.Repeat("x", 1<<16+1), "0"},
	} {
		t.Run(row.name, func(t *testing.T) {
			write(row.file)
			r, reg := watch(t, row.server, emptyBook())
			r.pull(ctx, testTimeout)
			up(t, reg, row.want)
		})
	}

	write("secret-1")
	r, reg := watch(t, RedisServer{URL: "redis://" + server.Address, PasswordFile: file}, emptyBook())
	r.pull(ctx, testTimeout)
	admin := redis.NewClient(&redis.Options{Addr: server.Address, Password: "secret-1", Protocol: 2})
	defer func() { _ = admin.Close() }()
	admin.ConfigSet(ctx, "requirepass", "secret-2")
	admin.ClientKillByFilter(ctx, "SKIPME", "yes")
	r.pull(ctx, testTimeout) // the connection is gone
	r.pull(ctx, testTimeout)
	up(t, reg, "0")
	write("secret-2")
	r.pull(ctx, testTimeout)
	up(t, reg, "1")
}

func TestAUserWithInfoAloneSuffices(t *testing.T) {
	server := peer.StartRedis(t)
	err := client(t, server.Address).Do(t.Context(), "ACL", "SETUSER", "watcher", "on", ">pw", "-@all", "+info", "+ping").Err()
	if err != nil {
		t.Fatal(err)
	}
	r, reg := watch(t, RedisServer{URL: "redis://" + server.Address, Username: "watcher", Password: "pw"}, emptyBook())
	r.pull(t.Context(), testTimeout)
	up(t, reg, "1")
}

func TestAUnixSocketServes(t *testing.T) {
	socket := filepath.Join(t.TempDir(), "redis.sock")
	peer.StartRedis(t, "--unixsocket", socket)
	r, reg := watch(t, RedisServer{URL: "unix://" + socket}, emptyBook())
	r.pull(t.Context(), testTimeout)
	up(t, reg, "1")
}

func TestURLsThatCannotBeUnderstoodAreRefusedWithoutTheirPassword(t *testing.T) {
	for _, u := range []string{
		"", "http://h", "redis://:s3cret@h:x/0", "redis://:s3cret@[::1", "redis://:s3cret%zz@h", "redis://:s3cret@h/0?no_such=1",
	} {
		_, err := NewRedis("cache", RedisServer{URL: u}, emptyBook(), quiet())
		text := fmt.Sprint(err)
		if !strings.HasPrefix(text, `reaching redis "cache": parsing url: `) || strings.Contains(text, "s3cret") {
			t.Errorf("%q: error %s, want one on the URL without its password", u, text)
		}
	}
}

func TestABadServerIsDownAndNothingElseSuffers(t *testing.T) {
	old := func(info string) func(string) string { // no HELLO, as before Redis 6
		return func(command string) string {
			if command == "HELLO" {
				return "-ERR unknown command\r\n"
			}
			return info
		}
	}
	whole := recordedInfo(t)
	for _, row := range []struct {
		name  string
		reply func(string) string
		want  string
	}{
		{"an old server", old(bulk(whole)), "1"},
		{"LOADING as an error", func(string) string { return "-LOADING Redis is loading the dataset in memory\r\n" }, "0"},
		{"LOADING as a field", old(bulk(strings.Replace(whole, "\nloading:0\r", "\nloading:1\r", 1))), "0"},
		{"vanishes at once", func(string) string { return "" }, "0"},
		{"vanishes mid-INFO", old(fmt.Sprintf("$%d\r\n%s...", len(whole), whole[:500])), "0"},
		{"hangs at HELLO", func(string) string { return hang }, "0"},
		{"hangs at INFO", old(hang), "0"},
		{"hangs mid-INFO", old(fmt.Sprintf("$%d\r\n%s", len(whole), whole[:500])), "0"},
		{"speaks HTTP", func(string) string { return "HTTP/1.1 400 Bad Request\r\n\r\n" }, "0"},
		{"binary", func(string) string { return "\x15\x03\x01\x00\x02\x02\x28\r\n" }, "0"},
		{"a line without an end", func(string) string { return "+" + strings.Repeat("x", 4<<20) }, "0"},
		{"10 MB", old(bulk(strings.Repeat("keyspace_hits:1\r\n", 600_000))), "0"},
		{"announces 2 GB", old("$2000000000\r\nredis"), "0"},
		{"announces more than there can be", old("$9223372036854775807\r\nredis"), "0"},
		{"announces a huge array", old("*1000000000\r\n"), "0"},
		{"arrays in arrays", old(strings.Repeat("*1\r\n", 100_000)), "0"},
		{"a negative length", old("$-7\r\n"), "0"},
		{"a nil", old("$-1\r\n"), "0"},
		{"a number", old(":7\r\n"), "0"},
		{"an empty INFO", old(bulk("")), "0"},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			limit := 500 * time.Millisecond
			if row.want == "1" {
				limit = testTimeout
			}
			r, reg := watch(t, RedisServer{URL: fakeServer(t, row.reply)}, emptyBook())
			for range 2 {
				r.pull(t.Context(), limit)
				up(t, reg, row.want)
			}
			if d := number(t, reg, `perfwatch_scrape_duration_seconds{collector="redis/cache"}`); d > 10 {
				t.Errorf("reading took %g s, want it to end with its timeout of 0.5 s", d)
			}
		})
	}
}

func TestAServerThatIsAwayIsDown(t *testing.T) {
	r, reg := watch(t, RedisServer{URL: "redis://" + peer.FreeAddress(t)}, emptyBook())
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	r.Interval = time.Millisecond
	go func() { defer close(done); r.Run(ctx) }()
	for len(series(t, reg)) == 0 { // nothing is said before the first reading
		select {
		case <-time.After(time.Millisecond):
		case <-t.Context().Done():
			t.Fatal("nothing was read")
		}
	}
	up(t, reg, "0")
	cancel()
	<-done
}

// startRedisAt starts a redis-server on an address that another one had.
func startRedisAt(t *testing.T, address string, extra ...string) {
	t.Helper()
	_, port, _ := net.SplitHostPort(address)
	args := append([]string{"--bind", "127.0.0.1", "--port", port, "--save", "", "--appendonly", "no"}, extra...)
	p := peer.Start(t, "redis-server", "redis-server", args...)
	c := client(t, address)
	p.WaitFor(t, func() error { return c.Ping(t.Context()).Err() })
}
