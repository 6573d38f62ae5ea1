package collector

import (
	"context"
	"sync"
	"time"
)

// redisConnTimeout bounds one command, beside the context's deadline.
const redisConnTimeout = 10 * time.Second

// A RedisConn sends commands to one Redis over a connection that it keeps, one at a time. It connects when it is first
// asked, and anew after an error.
type RedisConn struct {
	mu     sync.Mutex
	client *redisClient
}

// NewRedisConn makes a connection of a server's description; the error is that of a URL which cannot be read.
func NewRedisConn(server RedisServer) (*RedisConn, error) {
	client, err := newRedisClient(server)
	if err != nil {
		return nil, err
	}
	return &RedisConn{client: client}, nil
}

// Do sends one command and returns its reply: a string, an int64, a list of such, or nil where Redis says nil.
func (c *RedisConn) Do(ctx context.Context, command ...any) (any, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.client.do(ctx, redisConnTimeout, command...)
}

// Close ends the connection. It may be used again.
func (c *RedisConn) Close() {
	c.mu.Lock()
	defer c.mu.Unlock()
	_ = c.client.close()
}
