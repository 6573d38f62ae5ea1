package main

import (
	"context"
	"fmt"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/perfwatch/perfwatch/internal/config"
	"github.com/perfwatch/perfwatch/internal/peer"
	"github.com/perfwatch/perfwatch/probes"
)

// canaryOf is the canary of a configuration with a cache and its replica.
func canaryOf(t *testing.T, cache, replica, options string) probes.Prober {
	t.Helper()
	cfg, err := config.Parse(fmt.Appendf(nil, `
probes: [{name: canary, canary: {redis: cache%s}}]
redis: [{name: cache, url: "redis://%s/0"}, {name: replica, url: "redis://%s/0"}]
`, options, cache, replica), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	w, err := newWatched(&cfg.Probes[0], cfg, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.close)
	return w.prober
}

func TestACanaryInARealRedis(t *testing.T) {
	primary := peer.StartRedis(t, "--repl-diskless-sync-delay", "0")
	host, port, _ := strings.Cut(primary.Address, ":")
	replica := peer.StartRedis(t, "--replicaof", host, port)
	client := redis.NewClient(&redis.Options{Addr: primary.Address})
	defer func() { _ = client.Close() }()
	canary := canaryOf(t, primary.Address, replica.Address, ", ttl: 1h, replica: replica")
	ask := func(p probes.Prober, want probes.Outcome, words string) probes.Sample {
		t.Helper()
		s := probes.Take(t.Context(), p, time.Now())
		if s.Outcome != want || words != "" && (s.Err == nil || !strings.Contains(s.Err.Error(), words)) {
			t.Fatalf("outcome %v, error %v, want %v and %q", s.Outcome, s.Err, want, words)
		}
		return s
	}
	keys := func() []string {
		found, err := client.Keys(t.Context(), "perfwatch:canary:*").Result()
		if err != nil {
			t.Fatal(err)
		}
		return found
	}

	if s := ask(canary, probes.OK, ""); s.Canary.Lag <= 0 || !s.Canary.Measured || len(keys()) != 2 {
		t.Errorf("%+v with %d keys, want a replica that has it, and 2", s.Canary, len(keys()))
	}
	ask(canary, probes.OK, "")
	client.Del(t.Context(), keys()...)
	if s := ask(canary, probes.InvalidResponse, "was gone after"); s.Canary.Lost != 2 {
		t.Errorf("%d lost, want 2", s.Canary.Lost)
	}
	client.Persist(t.Context(), keys()[0])
	ask(canary, probes.InvalidResponse, "lives for ever")
	client.Expire(t.Context(), keys()[0], 10*time.Minute)
	if s := ask(canary, probes.InvalidResponse, "off by"); s.Canary.TTLError > -2900 {
		t.Errorf("an hour became ten minutes, and the error is %v s", s.Canary.TTLError)
	}
	client.FlushAll(t.Context())
	ask(canary, probes.InvalidResponse, "was gone after")
	ask(canary, probes.OK, "")

	ask(canaryOf(t, replica.Address, primary.Address, ""), probes.InvalidResponse, "it is a replica")
	client.ConfigSet(t.Context(), "requirepass", "hunter2")
	ask(canaryOf(t, primary.Address, replica.Address, ""), probes.Error, "NOAUTH")
	ask(canaryOf(t, peer.FreeAddress(t), replica.Address, ""), probes.Refused, "")
}

func TestACanaryInAHungRedisTimesOut(t *testing.T) {
	server := peer.StartRedis(t)
	canary := canaryOf(t, server.Address, server.Address, "")
	if err := server.Cmd.Process.Signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = server.Cmd.Process.Signal(syscall.SIGCONT) }()
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	if s := probes.Take(ctx, canary, time.Now()); s.Outcome != probes.Timeout {
		t.Errorf("outcome %v, error %v, want a timeout", s.Outcome, s.Err)
	}
}
