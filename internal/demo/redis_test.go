package demo

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/redis/go-redis/v9"

	"github.com/perfwatch/perfwatch/internal/peer"
)

// commands are a sequence of everything that the counters tell apart. Each is a command of words.
func commands() []string {
	return []string{
		"SET a 1", "SET b 2", "GET a", "GET nope", "MGET a b nope nope2", "EXISTS a nope b", "TTL a", "TTL nope", "PTTL a",
		"TYPE a", "TYPE nope", "STRLEN a", "STRLEN nope", "GETRANGE a 0 1", "GETBIT a 0", "BITCOUNT a", "DUMP nope",
		"EXPIRETIME a", "PEXPIRETIME nope", "TOUCH a nope", "GETEX b", "GETDEL b", "GET b", "GETSET a 3", "GETSET new 1",
		"HSET h f 1", "HGET h f", "HGET h nope", "HGET nope f", "HMGET h f g", "HGETALL h", "HLEN h", "HEXISTS h f", "HKEYS h",
		"HVALS nope", "HSTRLEN h f",
		"RPUSH l x y", "LLEN l", "LRANGE l 0 1", "LINDEX l 0", "SADD s x", "SCARD s", "SISMEMBER s x", "SMEMBERS nope", "SRANDMEMBER s",
		"ZADD z 1 x", "ZCARD z", "ZSCORE z x", "ZRANGE z 0 1", "ZRANK z x", "ZCOUNT z 0 1", "ZRANGEBYSCORE nope 0 1",
		"XADD x 1-1 f v", "XLEN x", "XRANGE x - +",
		"INCR n", "INCR n", "DEL a nope", "SETNX q 1", "EXPIRE q 100", "EXPIRE nope 100", "PERSIST q",
		"APPEND q 2", "RENAME q r", "PING",
		"GET h", "GET", "MGET", "NOSUCH a", // wrong kind of value, no arguments, no such command
		"SELECT 3", "GET r", "SET r 1", "GET r", "SELECT 99", "SELECT x", "GET r", "SELECT 0", "GET r",
		"SET short 1 PX 30", "SET long 1 EX 100",
	}
}

// run sends the commands on one connection. Errors are part of the sequence.
func run(t *testing.T, client *redis.Client) {
	t.Helper()
	conn := client.Conn()
	defer func() { must(t, conn.Close()) }()
	for _, command := range commands() {
		var args []any
		for word := range strings.FieldsSeq(command) {
			args = append(args, word)
		}
		_ = conn.Do(t.Context(), args...).Err()
	}
}

// awaitExpired waits until a key of the sequence has ended, without a command that counts.
func awaitExpired(t *testing.T, client *redis.Client) {
	t.Helper()
	for deadline, tick := time.After(20*time.Second), time.Tick(10*time.Millisecond); ; {
		if client.InfoMap(t.Context(), "stats").Val()["Stats"]["expired_keys"] == "1" {
			return
		}
		select {
		case <-tick:
		case <-deadline:
			t.Fatal("no key has ended")
		}
	}
}

func TestEmbeddedRedisCountsAsARealOneDoes(t *testing.T) {
	embedded, err := startEmbedded()
	must(t, err)
	defer func() { must(t, embedded.Close()) }()
	got := map[string]map[string]string{}
	for name, address := range map[string]string{"real": peer.StartRedis(t).Address, "embedded": embedded.Address} {
		client := redis.NewClient(&redis.Options{Addr: address, Protocol: 2})
		run(t, client)
		awaitExpired(t, client)
		must(t, client.Get(t.Context(), "long").Err())
		if err := client.Get(t.Context(), "short").Err(); !errors.Is(err, redis.Nil) {
			t.Errorf("%s: the ended key is still there: %v", name, err)
		}
		got[name] = common(client.InfoMap(t.Context()).Val())
		must(t, client.Close())
	}
	if diff := cmp.Diff(got["real"], got["embedded"]); diff != "" {
		t.Errorf("INFO differs (- real, + embedded):\n%s", diff)
	}
	if got["real"]["keyspace_hits"] == "0" || got["real"]["keyspace_misses"] == "0" {
		t.Errorf("nothing was counted: %v", got["real"])
	}
}

// common keeps of INFO what must be the same in both.
func common(info map[string]map[string]string) map[string]string {
	same := map[string]string{"sections": ""}
	for _, section := range []string{"Server", "Clients", "Memory", "Stats", "Replication", "Keyspace"} {
		if len(info[section]) > 0 {
			same["sections"] += section + " "
		}
		for key, value := range info[section] {
			switch key {
			case "keyspace_hits", "keyspace_misses", "expired_keys", "evicted_keys", "rejected_connections", "role",
				"blocked_clients", "redis_mode", "connected_clients", "maxclients":
				same[key] = value
			case "db0", "db3":
				same[key], _, _ = strings.Cut(value, ",avg_ttl")
			}
		}
	}
	return same
}

func TestEmbeddedInfoHasTheFieldsThatAreRead(t *testing.T) {
	r, err := startEmbedded()
	must(t, err)
	defer func() { must(t, r.Close()) }()
	client := redis.NewClient(&redis.Options{Addr: r.Address, Protocol: 2})
	defer func() { must(t, client.Close()) }()
	must(t, client.Set(t.Context(), "key", strings.Repeat("x", 1000), time.Minute).Err())
	info := client.InfoMap(t.Context()).Val()
	for _, test := range []struct{ section, field, want string }{
		{"Server", "redis_version", "7.0.0"},
		{"Server", "tcp_port", strings.TrimPrefix(r.Address, "127.0.0.1:")},
		{"Server", "uptime_in_seconds", "0"},
		{"Clients", "connected_clients", "1"},
		{"Memory", "used_memory", "1067"},
		{"Memory", "maxmemory", "67108864"},
		{"Memory", "mem_fragmentation_ratio", "1.00"},
		{"Stats", "keyspace_hits", "0"},
		{"Replication", "role", "master"},
	} {
		if got := info[test.section][test.field]; got != test.want {
			t.Errorf("%s is %q, want %q", test.field, got, test.want)
		}
	}
	if id := info["Server"]["run_id"]; len(id) != 40 {
		t.Errorf("run_id %q, want 40 digits", id)
	}
	var keys, expires, ttl int
	if _, err := fmt.Sscanf(info["Keyspace"]["db0"], "keys=%d,expires=%d,avg_ttl=%d", &keys, &expires, &ttl); err != nil ||
		keys != 1 || expires != 1 || ttl < 50_000 || ttl > 60_000 {
		t.Errorf("db0 is %q, want a key that ends within a minute", info["Keyspace"]["db0"])
	}
	for names, want := range map[string]int{"stats": 1, "STATS memory": 2, "everything": 6, "nothing": 0} {
		var args []string
		args = append(args, strings.Fields(names)...)
		if got := strings.Count(client.Info(t.Context(), args...).Val(), "# "); got != want {
			t.Errorf("INFO %s has %d sections, want %d", names, got, want)
		}
	}
}

func TestEmbeddedRedisEvictsWhatIsTooMuch(t *testing.T) {
	r, err := startEmbedded()
	must(t, err)
	defer func() { must(t, r.Close()) }()
	client := redis.NewClient(&redis.Options{Addr: r.Address, Protocol: 2})
	defer func() { must(t, client.Close()) }()
	value := strings.Repeat("x", 8<<20)
	for i := range 10 {
		must(t, client.Set(t.Context(), "key"+strconv.Itoa(i), value, 0).Err())
	}
	for deadline, tick := time.After(20*time.Second), time.Tick(10*time.Millisecond); ; {
		info := client.InfoMap(t.Context()).Val()
		if used, err := strconv.Atoi(info["Memory"]["used_memory"]); err == nil && used <= redisMemory {
			if got := info["Stats"]["evicted_keys"]; got != "3" {
				t.Errorf("%s keys evicted, want 3 of 10", got)
			}
			return
		}
		select {
		case <-tick:
		case <-deadline:
			t.Fatal("nothing was evicted")
		}
	}
}

func TestEmbeddedRedisRefusesScripts(t *testing.T) {
	r, err := startEmbedded()
	must(t, err)
	defer func() { must(t, r.Close()) }()
	client := redis.NewClient(&redis.Options{Addr: r.Address, Protocol: 2})
	defer func() { must(t, client.Close()) }()
	const want = "ERR scripts are not supported by the embedded redis"
	if err := client.Eval(t.Context(), "return 1", nil).Err(); err == nil || err.Error() != want {
		t.Errorf("error %v, want %s", err, want)
	}
}

func TestRedisOnThePathIsAChildThatEndsWithClose(t *testing.T) {
	peer.Find(t, "redis-server", "redis-server")
	r, err := StartRedis(t.Context())
	must(t, err)
	if r.Embedded {
		t.Fatal("embedded although there is a redis-server")
	}
	must(t, ping(t.Context(), r.Address))
	client := redis.NewClient(&redis.Options{Addr: r.Address})
	pid, err := strconv.Atoi(client.InfoMap(t.Context(), "server").Val()["Server"]["process_id"])
	must(t, err)
	if save := client.ConfigGet(t.Context(), "save").Val()["save"]; save != "" {
		t.Errorf("it saves to disk: %q", save)
	}
	must(t, client.Close())
	must(t, r.Close())
	must(t, r.Close())
	if err := syscall.Kill(pid, 0); err != syscall.ESRCH {
		t.Errorf("process %d is still there: %v", pid, err)
	}
}

func TestRedisOutlivesTheThreadsOfTheCPUFault(t *testing.T) {
	peer.Find(t, "redis-server", "redis-server")
	r, err := StartRedis(t.Context())
	must(t, err)
	defer func() { must(t, r.Close()) }()
	for range 50 { // threads that end, whichever they are
		endingThread(func() {})
	}
	must(t, ping(t.Context(), r.Address))
}

func TestRedisIsEmbeddedWhereNoneIsInstalled(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	r, err := StartRedis(t.Context())
	must(t, err)
	defer func() { must(t, r.Close()) }()
	if !r.Embedded {
		t.Error("not embedded without a redis-server")
	}
	must(t, ping(t.Context(), r.Address))
}

func TestRedisThatCannotStartIsNamed(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "redis-server")
	must(t, os.WriteFile(path, []byte("#!/bin/sh\necho no luck\nexit 1\n"), 0o700))
	t.Setenv("PATH", dir)
	_, err := StartRedis(t.Context())
	if want := fmt.Sprintf(`starting %q: the process ended: "no luck\n"`, path); err == nil || err.Error() != want {
		t.Errorf("error %v, want %s", err, want)
	}
}

func TestPingRefusesWhatIsNoRedis(t *testing.T) {
	l := listen(t)
	served := make(chan struct{})
	go func() {
		defer close(served)
		if conn, err := l.Accept(); err == nil {
			_, _ = io.WriteString(conn, "HTTP/1.1 400 Bad Request\r\n")
			_, _ = io.Copy(io.Discard, conn)
			_ = conn.Close()
		}
	}()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	if err := ping(ctx, l.Addr().String()); err == nil || err.Error() != `pinging: "HTTP/1.", want PONG` {
		t.Errorf("error %v", err)
	}
	must(t, l.Close())
	<-served
}
