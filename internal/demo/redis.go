package demo

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"
)

const (
	redisStartTimeout = 5 * time.Second
	redisStopTimeout  = 3 * time.Second
	redisAttempts     = 3        // another program may take the free port that was found
	redisMemory       = 64 << 20 // bytes of keys, in either kind of Redis
)

// A Redis is a Redis of our own on a free port of the loopback. It keeps nothing on disk.
type Redis struct {
	Address  string // host:port
	Embedded bool   // no redis-server is on the PATH

	stop func() error
}

// StartRedis starts the redis-server that is on the PATH as a child process, or else an embedded one. ctx bounds the
// start only. Whoever starts it must Close it.
func StartRedis(ctx context.Context) (*Redis, error) {
	path, err := exec.LookPath("redis-server")
	if err != nil {
		return startEmbedded()
	}
	for range redisAttempts {
		var r *Redis
		if r, err = startChild(ctx, path); err == nil {
			return r, nil
		}
	}
	return nil, fmt.Errorf("starting %q: %w", path, err)
}

// Close ends the server and waits for it.
func (r *Redis) Close() error { return r.stop() }

// A child is a running redis-server process.
type child struct {
	cmd    *exec.Cmd
	output bytes.Buffer  // read once exited is closed
	exited chan struct{} // closed when the process has ended and was waited for
}

func startChild(ctx context.Context, path string) (*Redis, error) {
	address, err := freeAddress(ctx)
	if err != nil {
		return nil, err
	}
	_, port, _ := strings.Cut(address, ":")
	args := []string{"--bind", "127.0.0.1", "--port", port, "--save", "", "--appendonly", "no", "--loglevel", "warning",
		"--maxmemory", strconv.Itoa(redisMemory), "--maxmemory-policy", "allkeys-lru"}
	c := &child{exited: make(chan struct{}), cmd: exec.Command(path, args...)} //nolint:noctx // stop ends it, gently first
	c.cmd.SysProcAttr = endWithParent()
	c.cmd.Dir = "/"
	c.cmd.Stdout, c.cmd.Stderr = &c.output, &c.output
	started := make(chan error)
	go c.run(started)
	if err := <-started; err != nil {
		return nil, err
	}
	if err := c.waitReady(ctx, address); err != nil {
		return nil, errors.Join(err, c.stop())
	}
	return &Redis{Address: address, stop: c.stop}, nil
}

// run starts the process and waits for its end on one thread that nothing else uses: the process would be killed with
// the thread that started it, and threads do end here, those of the cpu fault.
func (c *child) run(started chan<- error) {
	defer close(c.exited)
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	err := c.cmd.Start()
	started <- err
	if err == nil {
		_ = c.cmd.Wait() // how it ended says nothing: stop ended it, or its port will not answer
	}
}

// waitReady waits until the server answers.
func (c *child) waitReady(ctx context.Context, address string) error {
	ctx, cancel := context.WithTimeout(ctx, redisStartTimeout)
	defer cancel()
	for {
		err := ping(ctx, address)
		if err == nil {
			return nil
		}
		select {
		case <-c.exited:
			return fmt.Errorf("the process ended: %.500q", c.output.String())
		default:
		}
		if pause(ctx, 5*time.Millisecond) != nil {
			return fmt.Errorf("waiting for an answer: %w", err)
		}
	}
}

// ping asks a Redis whether it is there.
func ping(ctx context.Context, address string) error {
	conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", address)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }()
	_ = conn.SetDeadline(time.Now().Add(time.Second))
	if _, err := conn.Write([]byte("*1\r\n$4\r\nPING\r\n")); err != nil {
		return err
	}
	reply := make([]byte, 7)
	n, err := conn.Read(reply)
	if err == nil && !bytes.HasPrefix(reply[:n], []byte("+PONG")) {
		err = fmt.Errorf("pinging: %q, want PONG", reply[:n])
	}
	return err
}

// stop ends the process, by force if it does not listen. It may be called more than once.
func (c *child) stop() error {
	_ = c.cmd.Process.Signal(syscall.SIGTERM) // an error means that it has ended already
	timer := time.NewTimer(redisStopTimeout)
	defer timer.Stop()
	select {
	case <-c.exited:
	case <-timer.C:
		_ = c.cmd.Process.Kill()
		<-c.exited
	}
	return nil
}

// freeAddress returns a loopback address whose port was free a moment ago.
func freeAddress(ctx context.Context) (string, error) {
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return "", fmt.Errorf("finding a free port: %w", err)
	}
	defer func() { _ = l.Close() }()
	return l.Addr().String(), nil
}
