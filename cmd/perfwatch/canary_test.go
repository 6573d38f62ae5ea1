package main

import (
	"context"
	"fmt"
	"io"
	"net"
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

// What answers on the port of a Redis and is none.
func TestACanaryInNoRedis(t *testing.T) {
	for _, tt := range []struct {
		name, begins string
		piece        string
		every        time.Duration // between the pieces, which end with the test; 0 sends 1 GiB of them at once
		want         probes.Outcome
	}{
		{"drips one byte a second", "*2\r\n$1000\r\n", "x", time.Second, probes.Timeout},
		{"sends 1 GiB", "$1073741824\r\n", strings.Repeat("x", 1<<16), 0, probes.InvalidResponse},
		{"sends a line of 1 GiB", "+", strings.Repeat("x", 1<<16), 0, probes.InvalidResponse},
		{"closes mid-reply", "*2\r\n$1000\r\nhalf", "", 0, probes.Reset},
		{"answers garbage", "\xff\xfe?!\r\n", "", 0, probes.InvalidResponse},
		{"speaks HTTP", "HTTP/1.1 400 Bad Request\r\n\r\n", "", 0, probes.InvalidResponse},
	} {
		t.Run(tt.name, func(t *testing.T) {
			l, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = l.Close() }()
			go func() {
				for {
					c, err := l.Accept()
					if err != nil {
						return
					}
					_, _ = c.Read(make([]byte, 4096))
					_, err = io.WriteString(c, tt.begins)
					for sent := 0; err == nil && tt.piece != "" && sent < 1<<30; sent += len(tt.piece) {
						select {
						case <-t.Context().Done():
						case <-time.After(tt.every):
						}
						_, err = io.WriteString(c, tt.piece)
					}
					_ = c.Close()
				}
			}()
			timeout := time.Minute
			if tt.want == probes.Timeout {
				timeout = 2500 * time.Millisecond
			}
			ctx, cancel := context.WithTimeout(t.Context(), timeout)
			defer cancel()
			if s := probes.Take(ctx, canaryOf(t, l.Addr().String(), l.Addr().String(), ""), time.Now()); s.Outcome != tt.want {
				t.Errorf("outcome %v, want %v: %v", s.Outcome, tt.want, s.Err)
			}
		})
	}
}
