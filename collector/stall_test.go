package collector

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// In a bubble a scrape that waited for a reading would show the time of it.
func TestASourceThatHangsStallsNoScrape(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hang := func(ctx context.Context) { <-ctx.Done() }
		redis := scriptedRedis("cache", func(ctx context.Context, _ time.Duration) (string, error) {
			hang(ctx)
			return "", ctx.Err()
		}, emptyBook(), quiet())
		host := newHost(func(ctx context.Context) (hostState, error) {
			hang(ctx)
			return hostState{}, ctx.Err()
		}, emptyBook(), quiet())
		details := newHostDetails(func(ctx context.Context) ([]hostFigure, error) { hang(ctx); return nil, ctx.Err() }, quiet())
		nodes := newRedis("shards", emptyBook(), quiet())
		nodes.find = func(ctx context.Context, _ time.Duration) ([]string, error) { hang(ctx); return nil, ctx.Err() }
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		reg := prometheus.NewPedanticRegistry()
		reg.MustRegister(redis, host, details, nodes)
		for _, run := range []func(context.Context){redis.Run, host.Run, details.Run, nodes.Run} {
			go run(ctx)
		}
		for range 50 {
			pass(150 * time.Millisecond)
			start := time.Now()
			series(t, reg)
			if d := time.Since(start); d != 0 {
				t.Fatalf("a scrape took %v, want none to wait", d)
			}
		}
		for collector, timeout := range map[string]string{"redis/cache": "2", "host": "1", "host_details": "4", "redis/shards": "2"} {
			wantSeries(t, reg, map[string]string{
				`perfwatch_scrape_success{collector="` + collector + `"}`:          "0",
				`perfwatch_scrape_duration_seconds{collector="` + collector + `"}`: timeout,
			})
		}
		wantSeries(t, reg, map[string]string{`perfwatch_redis_up{redis="shards"}`: "0", `perfwatch_redis_nodes{redis="shards"}`: ""})
		cancel()
		synctest.Wait()
	})
}
