package collector

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"os"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	promconfig "github.com/prometheus/common/config"
	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/maintnotifications"

	"github.com/perfwatch/perfwatch/probes"
)

// maxPasswordBytes bounds a password file.
const maxPasswordBytes = 64 << 10

// primaryInterval is how often sentinels are asked whether the primary is still the same.
const primaryInterval = 5 * time.Second

// RedisServer says how a Redis is reached: by one of URL, Sentinel and Cluster. A user needs no more rights than +info and
// +ping, and +cluster|nodes in a cluster.
type RedisServer struct {
	URL          string                // redis://, rediss:// or unix://
	Sentinel     *RedisSentinel        // nil without
	Cluster      []string              // host:port of some nodes of a cluster
	Username     string                // ACL user; "" for the one in the URL or the default user
	PasswordFile string                // read at each connection, so that it can be rotated; goes before Password
	Password     promconfig.Secret     // "" for the one in the URL
	TLS          *promconfig.TLSConfig // its files are read at each connection; nil for the defaults of rediss://
}

// redisClient asks one Redis for its INFO over a connection that it keeps.
type redisClient struct {
	options redis.Options
	db      int                   // that the URL names; INFO is of all, and SELECT may not be allowed
	tls     *promconfig.TLSConfig // nil without, or for that of the options
	client  *redis.Client         // nil after an error, so that the next question starts from nothing
	conn    *replyGuard           // the one that the client has

	primary primaryFunc // where it is now; nil of a server that stays where it is
	asked   time.Time   // when primary was
}

// A primaryFunc finds the address of a primary, which is not the doubted one.
type primaryFunc func(ctx context.Context, timeout time.Duration, doubted string) (string, error)

// newRedisClient makes a client of a server or, of what sentinels watch, of the primary. That of a cluster is for the
// first of its nodes.
func newRedisClient(server RedisServer) (*redisClient, error) {
	switch {
	case len(server.Cluster) > 0:
		return newRedisClient(server.at(server.Cluster[0]))
	case server.Sentinel != nil:
		c, err := newRedisClient(server.at(server.Sentinel.Addresses[0]))
		if err == nil {
			c.primary = server.primary
		}
		return c, err
	}
	o, err := redis.ParseURL(server.URL)
	if err != nil {
		return nil, fmt.Errorf("parsing url: %w", withoutURL(err))
	}
	username, password := o.Username, o.Password
	if server.Username != "" {
		username = server.Username
	}
	if server.Password != "" {
		password = string(server.Password)
	}
	return &redisClient{db: o.DB, tls: server.TLS, options: redis.Options{
		Network: o.Network, Addr: o.Addr, TLSConfig: o.TLSConfig,
		Protocol:              2, // INFO is a plain string in it, and nothing is pushed
		DisableIdentity:       true,
		ContextTimeoutEnabled: true,
		MaxRetries:            -1,
		DialerRetries:         1,
		ConnMaxIdleTime:       -1,
		PoolSize:              1,
		PipelinePoolSize:      -1,
		MaintNotificationsConfig: &maintnotifications.Config{
			Mode: maintnotifications.ModeDisabled,
		},
		CredentialsProviderContext: func(context.Context) (string, string, error) {
			if server.PasswordFile == "" {
				return username, password, nil
			}
			text, err := readPassword(server.PasswordFile)
			return username, text, err
		},
	}}, nil
}

// info asks once, within the context's deadline and timeout. The sentinel that was asked first may not have heard of a
// failover: of a primary that says that it is a replica, the others are asked at once.
func (c *redisClient) info(ctx context.Context, timeout time.Duration) (string, error) {
	if err := c.follow(ctx, timeout); err != nil {
		return "", err
	}
	text, err := c.askInfo(ctx, timeout)
	if err != nil || c.primary == nil || !isReplica(text) {
		return text, err
	}
	address, err := c.primary(ctx, timeout/2, c.options.Addr)
	if err != nil {
		return "", err
	}
	c.moveTo(address)
	if text, err = c.askInfo(ctx, timeout); err == nil && isReplica(text) {
		return "", fmt.Errorf("finding the primary: %s is a replica too", address)
	}
	return text, err
}

func (c *redisClient) askInfo(ctx context.Context, timeout time.Duration) (string, error) {
	reply, err := c.ask(ctx, timeout, "INFO", "all")
	text, ok := reply.(string)
	if err == nil && !ok {
		err = fmt.Errorf("asking for INFO: a %T, want a string", reply)
	}
	return text, err
}

// isReplica says that an INFO is of a replica, as Redis or Dragonfly calls it.
func isReplica(info string) bool {
	return strings.Contains(info, "\nrole:slave\r\n") || strings.Contains(info, "\nrole:replica\r\n")
}

// do sends one command to where the server is now, within the context's deadline and timeout. The reply is nil where Redis
// says nil. A command that Redis refuses leaves the connection as it is.
func (c *redisClient) do(ctx context.Context, timeout time.Duration, args ...any) (any, error) {
	if err := c.follow(ctx, timeout); err != nil {
		return nil, err
	}
	return c.ask(ctx, timeout, args...)
}

// ask sends it to where the server was last.
func (c *redisClient) ask(ctx context.Context, timeout time.Duration, args ...any) (any, error) {
	if err := c.connect(ctx, timeout); err != nil {
		return nil, err
	}
	reply, err := c.client.Do(ctx, args...).Result()
	switch {
	case err == nil:
		return reply, nil
	case errors.Is(err, redis.Nil):
		return nil, nil
	case isRefusal(err):
		return nil, fmt.Errorf("asking for %v: %w", args[0], err)
	}
	return nil, errors.Join(fmt.Errorf("asking for %v: %w", args[0], c.named(err)), c.close())
}

// named says of an error without a name that the answer was none of a Redis, where there was an answer.
func (c *redisClient) named(err error) error {
	var refused redis.Error
	if errors.As(err, &refused) || probes.OutcomeOf(err) != probes.Error || c.conn.size == 0 {
		return err
	}
	return fmt.Errorf("%w: %w", probes.ErrInvalidResponse, err)
}

// isRefusal says that a server which is fine does not do what it was asked: our user may not, it does not know the command
// or not its argument, the key holds something else, or another node of a cluster has it.
func isRefusal(err error) bool {
	text := err.Error()
	return slices.ContainsFunc([]string{"NOPERM ", "ERR unknown ", "WRONGTYPE ", "MOVED "}, func(p string) bool {
		return strings.HasPrefix(text, p)
	})
}

// follow goes to where the primary is now. While nobody knows, it stays where it was.
func (c *redisClient) follow(ctx context.Context, timeout time.Duration) error {
	if c.primary == nil || c.client != nil && time.Since(c.asked) < primaryInterval {
		return nil
	}
	address, err := c.primary(ctx, timeout/2, "")
	if err != nil && c.client == nil {
		return err
	}
	if err == nil && address != c.options.Addr {
		c.moveTo(address)
	}
	c.asked = time.Now()
	return nil
}

// moveTo goes to another server.
func (c *redisClient) moveTo(address string) {
	_ = c.close() // of a server that is not ours any more
	c.options.Addr, c.asked = address, time.Now()
}

// connect makes a client of one connection, if there is none. It dials itself: the library's pool would write each
// failure to stderr, and go on dialling behind our back.
func (c *redisClient) connect(ctx context.Context, timeout time.Duration) error {
	if c.client != nil {
		return nil
	}
	o := c.options
	o.DialTimeout, o.ReadTimeout, o.WriteTimeout, o.PoolTimeout = timeout, timeout, timeout, timeout
	if c.tls != nil {
		var err error
		if o.TLSConfig, err = tlsTo(o.Addr, c.tls); err != nil {
			return err
		}
	}
	conn, err := redis.NewDialer(&o)(ctx, o.Network, o.Addr)
	if err != nil {
		return fmt.Errorf("connecting: %w", err)
	}
	c.conn = &replyGuard{Conn: conn}
	var taken atomic.Bool
	o.Dialer = func(context.Context, string, string) (net.Conn, error) {
		if taken.Swap(true) {
			return nil, net.ErrClosed
		}
		return c.conn, nil
	}
	c.client = redis.NewClient(&o)
	return nil
}

// tlsTo reads the files of a TLS configuration. Certificates are of the host that is asked, unless another name is given.
func tlsTo(address string, c *promconfig.TLSConfig) (*tls.Config, error) {
	config, err := promconfig.NewTLSConfig(c)
	if err != nil {
		return nil, fmt.Errorf("reading the TLS configuration: %w", err)
	}
	if config.ServerName == "" {
		config.ServerName, _, _ = net.SplitHostPort(address)
	}
	return config, nil
}

func (c *redisClient) close() error {
	if c.client == nil {
		return nil
	}
	err := c.client.Close()
	_ = c.conn.Close() // the client may never have taken it
	c.client, c.conn = nil, nil
	if err != nil {
		return fmt.Errorf("closing the connection: %w", err)
	}
	return nil
}

// readPassword reads a file of one line.
func readPassword(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", fmt.Errorf("reading the password: %w", err)
	}
	defer func() { _ = f.Close() }()
	text, err := io.ReadAll(io.LimitReader(f, maxPasswordBytes+1))
	if err != nil {
		return "", fmt.Errorf("reading the password: %w", err)
	}
	if len(text) > maxPasswordBytes {
		return "", fmt.Errorf("reading the password from %q: more than %d bytes", path, maxPasswordBytes)
	}
	return strings.TrimRight(string(text), "\r\n"), nil
}

// withoutURL keeps a URL, which may carry a password, out of an error.
func withoutURL(err error) error {
	var parse *url.Error
	if errors.As(err, &parse) {
		return parse.Err
	}
	return err
}
