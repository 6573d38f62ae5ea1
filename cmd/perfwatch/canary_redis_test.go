package main

import (
	"context"
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/perfwatch/perfwatch/internal/config"
	"github.com/perfwatch/perfwatch/internal/peer"
	"github.com/perfwatch/perfwatch/probes"
)

// canaryIn is the canary of a configuration, to be closed by the test.
func canaryIn(t *testing.T, options string, redis ...string) *watched {
	t.Helper()
	text := fmt.Sprintf("probes: [{name: canary, canary: {redis: cache%s}}]\nredis:\n", options)
	for _, r := range redis {
		text += "  - {" + r + "}\n"
	}
	cfg, err := config.Parse([]byte(text), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	w, err := newWatched(&cfg.Probes[0], cfg, nil)
	if err != nil {
		t.Fatal(err)
	}
	return w
}

// askCanary runs it once within a time and expects an outcome and words in its error.
func askCanary(t *testing.T, w *watched, limit time.Duration, want probes.Outcome, words string) probes.CanaryResult {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	defer cancel()
	s := probes.Take(ctx, w.prober, time.Now())
	if s.Outcome != want || words != "" && (s.Err == nil || !strings.Contains(s.Err.Error(), words)) {
		t.Fatalf("outcome %v, error %v, want %v and %q", s.Outcome, s.Err, want, words)
	}
	if s.Canary == nil {
		return probes.CanaryResult{}
	}
	return *s.Canary
}

func keysOf(t *testing.T, r *peer.Redis, pattern string) []string {
	t.Helper()
	return slices.Sorted(strings.FieldsSeq(r.Run(t, "KEYS", pattern)))
}

// misses are those of keys that INFO counts.
func misses(t *testing.T, r *peer.Redis) int {
	t.Helper()
	_, text, _ := strings.Cut(r.Run(t, "INFO", "stats"), "keyspace_misses:")
	digits, _, _ := strings.Cut(text, "\n")
	n, err := strconv.Atoi(strings.TrimSpace(digits))
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func TestACanarySeesKeysThatLiveTooLong(t *testing.T) {
	r := peer.StartRedis(t)
	w := canaryIn(t, ", ttl: 1s, tolerance: 200ms, prefix: \"own:\"", `name: cache, url: "redis://`+r.Address+`"`)
	defer w.close()
	askCanary(t, w, time.Minute, probes.OK, "")
	keys := keysOf(t, r, "*")
	if len(keys) != 2 || !strings.HasPrefix(keys[0], "own:") || !strings.HasPrefix(keys[1], "own:") {
		t.Fatalf("keys %q, want two with its own prefix", keys)
	}
	r.Run(t, "PEXPIRE", keys[0], "3600000") // the one that ought to die
	after := time.NewTimer(1300 * time.Millisecond)
	<-after.C
	if got := askCanary(t, w, time.Minute, probes.InvalidResponse, "with a time to live of 1s was there after 1."); got.Outlived != 1 {
		t.Errorf("%+v, want one that outlived its time", got)
	}
	if got := askCanary(t, w, time.Minute, probes.OK, ""); got.Outlived+got.Lost != 0 || misses(t, r) != 0 {
		t.Errorf("%+v and %d misses in the run after", got, misses(t, r))
	}
	for _, key := range keysOf(t, r, "*") {
		r.Run(t, "PERSIST", key)
	}
	if got := askCanary(t, w, time.Minute, probes.InvalidResponse, "lives for ever"); got.Outlived != 2 {
		t.Errorf("%+v, want two that would live for ever", got)
	}
}

func TestCanariesHaveKeysOfTheirOwnAndTakeThemAway(t *testing.T) {
	r := peer.StartRedis(t)
	one, other := canaryIn(t, "", `name: cache, url: "redis://`+r.Address+`"`), canaryIn(t, "", `name: cache, url: "redis://`+r.Address+`"`)
	for range 3 {
		askCanary(t, one, time.Minute, probes.OK, "")
		askCanary(t, other, time.Minute, probes.OK, "")
		if keys := keysOf(t, r, "perfwatch:canary:*"); len(keys) != 4 {
			t.Errorf("keys %q, want two of each", keys)
		}
	}
	one.close()
	if keys := keysOf(t, r, "*"); len(keys) != 2 {
		t.Errorf("keys %q after one is closed, want the other's two", keys)
	}
	askCanary(t, other, time.Minute, probes.OK, "")
	other.close()
	if keys := keysOf(t, r, "*"); len(keys) != 0 {
		t.Errorf("keys %q are left, want none", keys)
	}
}

// A replica that never has the key is told, and its own hit ratio does not suffer.
func TestACanaryWaitsForAReplicaInVain(t *testing.T) {
	primary, unrelated := peer.StartRedis(t), peer.StartRedis(t)
	elsewhere := peer.StartRedisReplica(t, unrelated)
	cache := `name: cache, url: "redis://` + primary.Address + `"`
	w := canaryIn(t, ", replica: other", cache, `name: other, url: "redis://`+unrelated.Address+`"`)
	defer w.close()
	askCanary(t, w, time.Minute, probes.InvalidResponse, "asking the replica: invalid response: it is a primary, want a replica")

	w = canaryIn(t, ", replica: other", cache, `name: other, url: "redis://`+elsewhere.Address+`"`)
	defer w.close()
	got := askCanary(t, w, time.Second, probes.Timeout, "the replica")
	if got.Lag != 0 || misses(t, elsewhere) != 0 {
		t.Errorf("a lag of %v and %d misses, want none", got.Lag, misses(t, elsewhere))
	}

	elsewhere.Run(t, "ACL", "SETUSER", "default", "-memory|usage")
	askCanary(t, w, time.Second, probes.Timeout, "the replica")
	if n := misses(t, elsewhere); n < 1 || n > 10 {
		t.Errorf("%d misses of a replica that lets only GET be used, want ten at most", n)
	}

	good := peer.StartRedisReplica(t, primary)
	good.Run(t, "ACL", "SETUSER", "default", "-memory|usage")
	w = canaryIn(t, ", replica: other", cache, `name: other, url: "redis://`+good.Address+`"`)
	defer w.close()
	for range 3 {
		if got := askCanary(t, w, time.Minute, probes.OK, ""); got.Lag <= 0 {
			t.Errorf("%+v, want a lag", got)
		}
	}
}

// In a cluster the first node may be a replica: the keys go to their owners.
func TestACanaryInAClusterWhoseFirstNodeIsAReplica(t *testing.T) {
	nodes := peer.StartRedisCluster(t, 2)
	_, busPort, _ := net.SplitHostPort(peer.FreeAddress(t))
	replica := peer.StartRedis(t, "--cluster-enabled", "yes", "--cluster-port", busPort, "--cluster-node-timeout", "2000")
	host, port, _ := net.SplitHostPort(replica.Address)
	nodes[0].Run(t, "CLUSTER", "MEET", host, port, busPort)
	id := nodes[0].Run(t, "CLUSTER", "MYID")
	replica.WaitFor(t, func() error {
		if out := replica.Run(t, "CLUSTER", "REPLICATE", id); out != "OK" {
			return fmt.Errorf("replicating: %s", out)
		}
		return nil
	})
	replica.WaitFor(t, func() error {
		if info := replica.Run(t, "INFO", "replication"); !strings.Contains(info, "master_link_status:up") {
			return fmt.Errorf("copying: %.200s", info)
		}
		return nil
	})
	w := canaryIn(t, "", fmt.Sprintf("name: cache, cluster: {addresses: [%q, %q]}", replica.Address, nodes[0].Address))
	all := func() int { return len(keysOf(t, nodes[0], "*")) + len(keysOf(t, nodes[1], "*")) }
	for range 3 {
		if got := askCanary(t, w, time.Minute, probes.OK, ""); !got.Measured || all() != 2 {
			t.Errorf("%+v with %d keys, want 2", got, all())
		}
	}
	if w.close(); all() != 0 {
		t.Errorf("%d keys are left", all())
	}
}
