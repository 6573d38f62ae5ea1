package probes

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"os"
	"strings"
	"sync/atomic"
	"time"

	promconfig "github.com/prometheus/common/config"
	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/maintnotifications"
)

const (
	// maxPasswordBytes bounds a password file.
	maxPasswordBytes = 64 << 10
	// MaxRedisReply is how many bytes a Redis may answer to one command. A real INFO has 6 KB, and 50 bytes more for each
	// database in use.
	MaxRedisReply = 1 << 20
)

// RedisServer says how a Redis is reached.
type RedisServer struct {
	URL          string            // redis://, rediss:// or unix://
	Username     string            // ACL user; "" for the one in the URL or the default user
	PasswordFile string            // read at each connection, so that it can be rotated; goes before Password
	Password     promconfig.Secret // "" for the one in the URL
}

// A RedisClient asks one Redis over a connection that it keeps. It is not safe for concurrent use.
type RedisClient struct {
	options redis.Options
	client  *redis.Client // nil after an error, so that the next question starts from nothing
	conn    net.Conn      // the one that the client has
}

// NewRedisClient makes a client that connects when it is first asked. Its error is a URL that cannot be understood.
func NewRedisClient(server RedisServer) (*RedisClient, error) {
	o, err := redis.ParseURL(server.URL)
	if parse := new(url.Error); errors.As(err, &parse) {
		err = parse.Err // without the URL, which may carry a password
	}
	if err != nil {
		return nil, fmt.Errorf("parsing url: %w", err)
	}
	username, password := o.Username, o.Password
	if server.Username != "" {
		username = server.Username
	}
	if server.Password != "" {
		password = string(server.Password)
	}
	return &RedisClient{options: redis.Options{
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

// Info asks for INFO once, within the context's deadline and timeout. The user needs no more rights than +info: the
// database that the URL may name is not selected.
func (c *RedisClient) Info(ctx context.Context, timeout time.Duration) (string, error) {
	if err := c.connect(ctx, timeout); err != nil {
		return "", err
	}
	text, err := c.client.Info(ctx).Result()
	if err != nil {
		return "", errors.Join(fmt.Errorf("asking for INFO: %w", err), c.Close())
	}
	return text, nil
}

// connect makes a client of one connection, if there is none. It dials itself: the library's pool would write each
// failure to stderr, and go on dialling behind our back.
func (c *RedisClient) connect(ctx context.Context, timeout time.Duration) error {
	if c.client != nil {
		return nil
	}
	o := c.options
	o.DialTimeout, o.ReadTimeout, o.WriteTimeout, o.PoolTimeout = timeout, timeout, timeout, timeout
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

// Close closes the connection, if there is one. The next question opens another.
func (c *RedisClient) Close() error {
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
