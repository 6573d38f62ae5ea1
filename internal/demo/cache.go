package demo

import (
	"context"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/maintnotifications"
)

const (
	cacheTTL    = time.Minute // give or take a tenth, so that keys written at once do not end at once
	cachePrefix = "perfwatch-demo:"
)

// A cache keeps answers in Redis: asked first, filled by whoever did not find its key. Redis being away costs the hit
// and nothing else.
type cache struct {
	client *redis.Client
	cold   *fraction // of lookups that are sent to a key that does not exist
}

func newCache(address string, cold *fraction) *cache {
	return &cache{cold: cold, client: redis.NewClient(&redis.Options{
		Addr:            address,
		Protocol:        2,
		PoolSize:        16,
		DialTimeout:     500 * time.Millisecond,
		ReadTimeout:     time.Second,
		WriteTimeout:    time.Second,
		DialerRetries:   1,
		MaxRetries:      -1, // a miss is cheaper than a second try
		DisableIdentity: true,
		MaintNotificationsConfig: &maintnotifications.Config{
			Mode: maintnotifications.ModeDisabled, // or each connection asks for what only clusters have
		},
	})}
}

// get looks a key up with exactly one lookup that Redis counts. A lookup made cold is a real miss: of a key that nobody
// writes, so that the other lookups stay as warm as they were.
func (c *cache) get(ctx context.Context, key string) (body []byte, hit, cold bool) {
	if cold = c.cold.next(); cold {
		key = "cold:" + key
	}
	body, err := c.client.Get(ctx, cachePrefix+key).Bytes()
	return body, err == nil, cold
}

func (c *cache) set(ctx context.Context, key string, body []byte) {
	_ = c.client.Set(ctx, cachePrefix+key, body, ttlOf(key)).Err()
}

// setAll writes many keys in one round trip.
func (c *cache) setAll(ctx context.Context, bodies map[string][]byte) {
	_, _ = c.client.Pipelined(ctx, func(pipe redis.Pipeliner) error {
		for key, body := range bodies {
			pipe.Set(ctx, cachePrefix+key, body, ttlOf(key))
		}
		return nil
	})
}

func (c *cache) close() error { return c.client.Close() }

// ttlOf spreads the ends of keys over 54 to 66 s, always the same for one key.
func ttlOf(key string) time.Duration {
	jitter := time.Duration(hashOf(key)%2001) - 1000
	return cacheTTL + jitter*cacheTTL/10_000
}
