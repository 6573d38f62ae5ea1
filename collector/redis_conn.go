package collector

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"time"
)

// redisConnTimeout bounds one command, beside the context's deadline; maxRedirects is how often nodes of a cluster may say
// that another one has the key.
const (
	redisConnTimeout = 10 * time.Second
	maxRedirects     = 3
)

// A RedisConn sends commands to one Redis over connections that it keeps, one command at a time: to the primary of what
// sentinels watch, to the node of a cluster that has the key, in the database that the URL names. It connects when it is
// first asked, and anew after an error.
type RedisConn struct {
	server RedisServer

	mu    sync.Mutex
	first *redisClient            // guarded by mu, as below
	nodes map[string]*redisClient // of a cluster, by address
}

// NewRedisConn makes a connection of a server's description; the error is that of a URL which cannot be read.
func NewRedisConn(server RedisServer) (*RedisConn, error) {
	first, err := newRedisClient(server)
	if err != nil {
		return nil, err
	}
	first.options.DB = first.db
	return &RedisConn{server: server, first: first, nodes: map[string]*redisClient{}}, nil
}

// Do sends one command and returns its reply: a string, an int64, a list of such, or nil where Redis says nil.
func (c *RedisConn) Do(ctx context.Context, command ...any) (any, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	reply, err := c.ask(ctx, command...)
	for range maxRedirects {
		address, moved := movedTo(err)
		if len(c.server.Cluster) == 0 || !moved {
			break
		}
		var node *redisClient
		if node, err = c.node(address); err == nil {
			reply, err = node.do(ctx, redisConnTimeout, command...)
		}
	}
	return reply, err
}

// ask asks the server, or the first node of a cluster that answers.
func (c *RedisConn) ask(ctx context.Context, command ...any) (any, error) {
	reply, err := c.first.do(ctx, redisConnTimeout, command...)
	if err == nil || isRefusal(err) || len(c.server.Cluster) < 2 {
		return reply, err
	}
	reply, _, err = askAny(ctx, redisConnTimeout, &c.server, c.server.Cluster[1:], command...)
	return reply, err
}

// node is the client of a node that has been named.
func (c *RedisConn) node(address string) (*redisClient, error) {
	if n := c.nodes[address]; n != nil {
		return n, nil
	}
	if len(c.nodes) >= maxRedisNodes || !validAddress(address) {
		return nil, fmt.Errorf("following a key to %.80q: not an address, or one too many", address)
	}
	n, err := newRedisClient(c.server.at(address))
	if err == nil {
		c.nodes[address] = n
	}
	return n, err
}

// movedTo reads "MOVED 3999 10.0.0.1:6381" out of an error.
func movedTo(err error) (address string, ok bool) {
	if err == nil {
		return "", false
	}
	_, text, ok := strings.Cut(err.Error(), ": MOVED ")
	fields := strings.Fields(text)
	if !ok || len(fields) != 2 {
		return "", false
	}
	return fields[1], true
}

// Close ends the connections. They may be used again.
func (c *RedisConn) Close() {
	c.mu.Lock()
	defer c.mu.Unlock()
	_ = c.first.close()
	for _, n := range c.nodes {
		_ = n.close()
	}
}
