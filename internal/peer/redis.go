package peer

import (
	"fmt"
	"io"
	"net"
	"os/exec"
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
	args := append([]string{"--bind", "127.0.0.1", "--port", port, "--save", "", "--appendonly", "no", "--repl-diskless-sync-delay", "0"}, extra...)
	r.Process = Start(t, "redis-server", "redis-server", args...)
	r.WaitFor(t, func() error { return pingRedis(r.Address) })
	return r
}

// Run sends one command with redis-cli and returns what it prints, which is the error if there is one.
func (r *Redis) Run(t testing.TB, command ...string) string {
	t.Helper()
	host, port, _ := net.SplitHostPort(r.Address)
	args := append([]string{"-h", host, "-p", port}, command...)
	out, err := exec.CommandContext(t.Context(), Find(t, "redis-tools", "redis-cli"), args...).CombinedOutput()
	if err != nil {
		t.Fatalf("sending %v: %v\n%s", command, err, out)
	}
	return strings.TrimSpace(string(out))
}

// StartRedisReplica starts a redis-server that copies another one, and waits until both say that it has.
func StartRedisReplica(t testing.TB, of *Redis) *Redis {
	t.Helper()
	host, port, _ := net.SplitHostPort(of.Address)
	r := StartRedis(t, "--replicaof", host, port)
	_, own, _ := net.SplitHostPort(r.Address)
	r.WaitFor(t, func() error {
		if info := r.Run(t, "INFO", "replication"); !strings.Contains(info, "master_link_status:up") {
			return fmt.Errorf("copying: %.200s", info)
		}
		if info := of.Run(t, "INFO", "replication"); !strings.Contains(info, "port="+own+",state=online") {
			return fmt.Errorf("the primary waits for its acknowledgement: %.300s", info)
		}
		return nil
	})
	return r
}

// StartSentinel starts a sentinel that watches a primary under a name, alone decides that it is gone after half a second,
// and knows its replicas when this returns.
func StartSentinel(t testing.TB, name string, primary *Redis, replicas int) *Redis {
	t.Helper()
	s := &Redis{Address: FreeAddress(t)}
	_, port, _ := net.SplitHostPort(s.Address)
	host, primaryPort, _ := net.SplitHostPort(primary.Address)
	config := WriteFile(t, t.TempDir(), "sentinel.conf", fmt.Sprintf("bind 127.0.0.1\nport %s\n"+
		"sentinel monitor %[2]s %s %s 1\nsentinel down-after-milliseconds %[2]s 500\nsentinel failover-timeout %[2]s 10000\n",
		port, name, host, primaryPort))
	s.Process = Start(t, "redis-server", "redis-server", config, "--sentinel")
	s.WaitFor(t, func() error {
		if err := pingRedis(s.Address); err != nil {
			return err
		}
		if info, want := s.Run(t, "INFO", "sentinel"), fmt.Sprintf("status=ok,address=%s,slaves=%d", primary.Address, replicas); !strings.Contains(info, want) {
			return fmt.Errorf("finding replicas: %.300s, want %s", info, want)
		}
		return nil
	})
	return s
}

// StartRedisCluster starts nodes that share the slots of a cluster evenly.
func StartRedisCluster(t testing.TB, n int) []*Redis {
	t.Helper()
	nodes, ports := make([]*Redis, n), make([]string, n)
	const slots = 16384
	for i := range nodes {
		_, ports[i], _ = net.SplitHostPort(FreeAddress(t))
		nodes[i] = StartRedis(t, "--cluster-enabled", "yes", "--cluster-port", ports[i], "--cluster-node-timeout", "2000")
		nodes[i].Run(t, "CLUSTER", "ADDSLOTSRANGE", fmt.Sprint(slots*i/n), fmt.Sprint(slots*(i+1)/n-1))
	}
	for i, node := range nodes[1:] {
		host, port, _ := net.SplitHostPort(node.Address)
		nodes[0].Run(t, "CLUSTER", "MEET", host, port, ports[i+1])
	}
	for _, node := range nodes {
		node.WaitFor(t, func() error {
			if info := node.Run(t, "CLUSTER", "INFO"); !strings.Contains(info, "cluster_state:ok") ||
				!strings.Contains(info, fmt.Sprintf("cluster_known_nodes:%d", n)) {
				return fmt.Errorf("joining: %.200s", info)
			}
			return nil
		})
	}
	return nodes
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
