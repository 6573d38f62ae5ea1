package collector

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"slices"
	"strings"
	"time"
	"unicode/utf8"
)

// A RedisSentinel says which primary is meant, and who knows where it is. Its user needs
// +sentinel|get-master-addr-by-name, and +sentinel|replicas if the replicas are read too.
type RedisSentinel struct {
	Master       string
	Addresses    []string // host:port
	Username     string
	PasswordFile string // read at each connection
	Replicas     bool   // the replicas are read too
}

// nodes is how to find the nodes of a Redis that has several; nil for one server, wherever it is.
func (s *RedisServer) nodes() nodesFunc {
	switch {
	case len(s.Cluster) > 0:
		return s.clusterNodes
	case s.Sentinel != nil && s.Sentinel.Replicas:
		return s.sentinelNodes
	}
	return nil
}

// at is one of its nodes.
func (s *RedisServer) at(address string) RedisServer {
	node := RedisServer{Username: s.Username, PasswordFile: s.PasswordFile, Password: s.Password, TLS: s.TLS}
	node.URL = "redis://" + address
	if s.TLS != nil {
		node.URL = "rediss://" + address
	}
	return node
}

// primary asks the sentinels where the primary is: one after the other until one knows it. One that names the doubted
// address, whose server says that it is a replica, has not heard of a failover, and the next one is asked.
func (s *RedisServer) primary(ctx context.Context, timeout time.Duration, doubted string) (string, error) {
	err := fmt.Errorf("finding the primary: no sentinel knows %q", s.Sentinel.Master)
	for left := s.Sentinel.Addresses; len(left) > 0; {
		reply, from, failed := s.askSentinel(ctx, timeout, left, "GET-MASTER-ADDR-BY-NAME")
		if failed != nil {
			return "", failed
		}
		if parts, _ := reply.([]any); len(parts) == 2 {
			named := joinAddress(parts[0], parts[1])
			if named != doubted {
				return named, nil
			}
			err = fmt.Errorf("finding the primary: the sentinels say %s, which is a replica", doubted)
		}
		left = left[slices.Index(left, from)+1:]
	}
	return "", err
}

// sentinelNodes asks the sentinels for the primary and its replicas.
func (s *RedisServer) sentinelNodes(ctx context.Context, timeout time.Duration) ([]string, error) {
	first, err := s.primary(ctx, timeout/2, "")
	if err != nil {
		return nil, err
	}
	reply, _, err := s.askSentinel(ctx, timeout/2, s.Sentinel.Addresses, "REPLICAS")
	if err != nil {
		return nil, err
	}
	nodes := []string{first}
	list, _ := reply.([]any)
	for _, entry := range list {
		fields, _ := entry.([]any)
		at := map[any]any{}
		for i := 0; i+1 < len(fields); i += 2 {
			at[fields[i]] = fields[i+1]
		}
		if a := joinAddress(at["ip"], at["port"]); !slices.Contains(nodes, a) && validAddress(a) {
			nodes = append(nodes, a)
		}
	}
	return nodes, nil
}

// askSentinel asks the first of some sentinels that answers about the primary.
func (s *RedisServer) askSentinel(
	ctx context.Context, timeout time.Duration, addresses []string, what string,
) (reply any, from string, err error) {
	asked := RedisServer{Username: s.Sentinel.Username, PasswordFile: s.Sentinel.PasswordFile, TLS: s.TLS}
	return askAny(ctx, timeout, &asked, addresses, "SENTINEL", what, s.Sentinel.Master)
}

// clusterNodes asks the cluster who is in it: primaries and replicas, those that are down included. The user needs
// +cluster|nodes.
func (s *RedisServer) clusterNodes(ctx context.Context, timeout time.Duration) ([]string, error) {
	reply, from, err := askAny(ctx, timeout, s, s.Cluster, "CLUSTER", "NODES")
	if err != nil {
		return nil, err
	}
	text, _ := reply.(string)
	nodes := parseClusterNodes(text, from, s.TLS != nil)
	if len(nodes) == 0 {
		return nil, fmt.Errorf("finding the nodes of a cluster: %s names none", from)
	}
	return nodes, nil
}

// parseClusterNodes reads lines such as "ID 10.0.0.1:7000@17000,name flags …". A node that was asked and has not learnt its
// own address has that by which it was asked. Certificates are of names, which are taken where there are any.
func parseClusterNodes(text, asked string, names bool) (nodes []string) {
	host, _, _ := net.SplitHostPort(asked)
	for line := range strings.Lines(text) {
		fields := strings.Fields(line)
		if len(fields) < 3 || strings.Contains(fields[2], "noaddr") || strings.Contains(fields[2], "handshake") {
			continue
		}
		where, name, _ := strings.Cut(fields[1], ",")
		name, _, _ = strings.Cut(name, ",")
		where, _, _ = strings.Cut(where, "@")
		at := strings.LastIndexByte(where, ':') // an address of IPv6 has no brackets here
		if at < 0 {
			continue
		}
		ip, port := where[:at], where[at+1:]
		switch {
		case names && name != "" && name != "?":
			ip = name
		case ip == "" && strings.Contains(fields[2], "myself"):
			ip = host
		}
		if a := net.JoinHostPort(ip, port); validAddress(a) && !slices.Contains(nodes, a) {
			nodes = append(nodes, a)
		}
		if len(nodes) > maxRedisNodes {
			break
		}
	}
	return nodes
}

// askAny sends a command to one server after the other until one answers, and says which did. Each has its share of the
// time.
func askAny(
	ctx context.Context, timeout time.Duration, server *RedisServer, addresses []string, command ...any,
) (reply any, from string, err error) {
	var errs []error
	for i, address := range addresses {
		client, err := newRedisClient(server.at(address))
		if err != nil {
			return nil, "", err
		}
		share := timeout / time.Duration(len(addresses)-i)
		start := time.Now()
		bounded, cancel := context.WithTimeout(ctx, share)
		reply, err := client.do(bounded, share, command...)
		cancel()
		_ = client.close()
		if err == nil || isRefusal(err) {
			return reply, address, err
		}
		errs = append(errs, fmt.Errorf("%s: %w", address, err))
		timeout -= time.Since(start)
	}
	return nil, "", errors.Join(errs...)
}

func joinAddress(host, port any) string { return net.JoinHostPort(fmt.Sprint(host), fmt.Sprint(port)) }

// validAddress says that a server's idea of an address can be one: it is the whole of a URL's host and port.
func validAddress(address string) bool {
	host, port, err := net.SplitHostPort(address)
	if err != nil || host == "" || !utf8.ValidString(host) || len(address) > maxAddressBytes {
		return false
	}
	if port == "0" || !parseCount(port).known {
		return false
	}
	u, err := url.Parse("redis://" + address)
	return err == nil && u.Host == address
}

// maxAddressBytes bounds an address: the longest name of a host, and a port.
const maxAddressBytes = 253 + 6
