package peer

import (
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"time"
)

// Redis is a running redis-server.
type Redis struct {
	*Process
	Address string // host:port
}

// StartRedis starts a redis-server that keeps nothing on disk; extra are further arguments such as "--requirepass", "x".
func StartRedis(t testing.TB, extra ...string) *Redis {
	t.Helper()
	r := &Redis{Address: FreeAddress(t)}
	_, port, _ := net.SplitHostPort(r.Address)
	args := append([]string{"--bind", "127.0.0.1", "--port", port, "--save", "", "--appendonly", "no"}, extra...)
	r.Process = Start(t, "redis-server", "redis-server", args...)
	r.WaitFor(t, func() error { return pingRedis(r.Address) })
	return r
}

// pingRedis reports whether a Redis answers at all; asking for a password is an answer too.
func pingRedis(address string) error {
	conn, err := net.DialTimeout("tcp", address, time.Second)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }()
	_ = conn.SetDeadline(time.Now().Add(time.Second))
	if _, err := io.WriteString(conn, "PING\r\n"); err != nil {
		return err
	}
	reply := make([]byte, 64)
	n, err := conn.Read(reply)
	if err != nil {
		return err
	}
	if text := string(reply[:n]); !strings.HasPrefix(text, "+PONG") && !strings.HasPrefix(text, "-NOAUTH") {
		return fmt.Errorf("pinging redis: %q, want PONG", text)
	}
	return nil
}
