package collector

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/perfwatch/perfwatch/internal/peer"
)

func TestARedisIsReadBesideTheScrapesAndItsChangesAreLoggedOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		var gone atomic.Bool
		var asked atomic.Int64
		text := recordedInfo(t)
		info := func(context.Context, time.Duration) (string, error) {
			asked.Add(1)
			if gone.Load() {
				return "", errors.New("gone")
			}
			return text, nil
		}
		r := scriptedRedis("cache", info, emptyBook(), slog.New(slog.NewTextHandler(&log, nil)))
		reg := prometheus.NewPedanticRegistry()
		reg.MustRegister(r)
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() { defer close(done); r.Run(ctx) }()

		pass(4500 * time.Millisecond)
		for range 10 {
			up(t, reg, "1")
		}
		if n := asked.Load(); n != 5 {
			t.Errorf("asked %d times in 4.5 s and ten scrapes, want 5", n)
		}
		gone.Store(true)
		pass(3 * time.Second)
		up(t, reg, "0")
		gone.Store(false)
		pass(3 * time.Second)
		up(t, reg, "1")
		cancel()
		<-done
		got := log.String()
		if strings.Count(got, "\n") != 2 || !strings.Contains(got, `msg="source is not readable" collector=redis/cache err=gone`) {
			t.Errorf("logged:\n%swant one line when it goes and one when it comes back", got)
		}
	})
}

func TestTheEndOfTheDaemonIsNoFailureOfRedis(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		info := func(ctx context.Context, _ time.Duration) (string, error) {
			<-ctx.Done()
			return "", ctx.Err()
		}
		r := scriptedRedis("cache", info, emptyBook(), quiet())
		reg := prometheus.NewPedanticRegistry()
		reg.MustRegister(r)
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() { defer close(done); r.Run(ctx) }()
		pass(time.Second)
		cancel()
		<-done
		wantSeries(t, reg, map[string]string{`perfwatch_redis_up{redis="cache"}`: ""})
	})
}

func TestTwoRedisShareARegistryAndOneCanLeave(t *testing.T) {
	info := func(context.Context, time.Duration) (string, error) {
		return "redis_version:7\r\nkeyspace_hits:1\r\n", nil
	}
	reg := prometheus.NewPedanticRegistry()
	a, b := scriptedRedis("a", info, emptyBook(), quiet()), scriptedRedis("b", info, emptyBook(), quiet())
	reg.MustRegister(a, b)
	a.pull(t.Context(), time.Second)
	b.pull(t.Context(), time.Second)
	wantSeries(t, reg, map[string]string{
		`perfwatch_redis_up{redis="a"}`:                         "1",
		`perfwatch_redis_up{redis="b"}`:                         "1",
		`perfwatch_scrape_success{collector="redis/b"}`:         "1",
		`perfwatch_redis_evicted_keys_total{redis="a"}`:         "", // this server does not say
		`perfwatch_redis_connected_clients{redis="a"}`:          "",
		`perfwatch_redis_memory_fragmentation_ratio{redis="a"}`: "",
	})
	reg.Unregister(a)
	wantSeries(t, reg, map[string]string{`perfwatch_redis_up{redis="a"}`: "", `perfwatch_redis_up{redis="b"}`: "1"})
}

func TestAReplicaHasNoAverageTimeToLive(t *testing.T) {
	for role, want := range map[string]string{"master": "2.5", "slave": ""} {
		info := func(context.Context, time.Duration) (string, error) {
			return "redis_version:7\r\nrole:" + role + "\r\ndb0:keys=2,expires=1,avg_ttl=2500\r\n", nil
		}
		r := scriptedRedis("cache", info, emptyBook(), quiet())
		reg := prometheus.NewPedanticRegistry()
		reg.MustRegister(r)
		r.pull(t.Context(), time.Second)
		wantSeries(t, reg, map[string]string{
			`perfwatch_redis_db_average_ttl_seconds{db="0",redis="cache"}`: want,
			`perfwatch_redis_db_keys{db="0",redis="cache"}`:                "2",
		})
	}
}

func TestRedisCountersSayWhenTheyBegan(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		r := fullRedis(t, emptyBook()) // two readings of 2 ms each
		reg := prometheus.NewPedanticRegistry()
		reg.MustRegister(r)
		families, err := reg.Gather()
		if err != nil {
			t.Fatal(err)
		}
		seen := 0
		for _, f := range families {
			if c := f.GetMetric()[0].GetCounter(); c != nil {
				seen++
				if got := c.GetCreatedTimestamp().AsTime(); !got.Equal(began.Add(2 * time.Millisecond)) {
					t.Errorf("%s was created at %v, want the first reading, 2 ms after %v", f.GetName(), got, began)
				}
			}
		}
		if seen != 12 {
			t.Errorf("%d counters, want 12", seen)
		}
	})
}

func TestAServerThatIsStoppedIsDownUntilItGoesOn(t *testing.T) {
	server := peer.StartRedis(t)
	r, reg := watch(t, RedisServer{URL: "redis://" + server.Address}, emptyBook())
	r.pull(t.Context(), testTimeout)
	up(t, reg, "1")
	signal := func(s syscall.Signal) {
		if err := server.Cmd.Process.Signal(s); err != nil {
			t.Fatal(err)
		}
	}
	signal(syscall.SIGSTOP)
	defer signal(syscall.SIGCONT)
	for range 2 { // over the old connection, and over one that the kernel accepts for it
		r.pull(t.Context(), 200*time.Millisecond)
		up(t, reg, "0")
	}
	signal(syscall.SIGCONT)
	r.pull(t.Context(), testTimeout)
	up(t, reg, "1")
	wantSeries(t, reg, map[string]string{`perfwatch_redis_restarts_total{redis="cache"}`: "0"})
}
