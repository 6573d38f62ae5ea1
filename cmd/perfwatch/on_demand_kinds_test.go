package main

import (
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/miekg/dns"
	"google.golang.org/grpc"
	"google.golang.org/grpc/health"
	"google.golang.org/grpc/health/grpc_health_v1"
)

const everyKind = `
on_demand: {allow: [ALLOWED]}
probes:
  - {name: http, timeout: 5s, targets: on_demand, http: {url: /}}
  - {name: tcp, timeout: 5s, targets: on_demand, tcp: {expect: {matches: hello}}}
  - {name: tls, timeout: 5s, targets: on_demand, tls: {tls_config: {insecure_skip_verify: true}}}
  - {name: dns, timeout: 5s, targets: on_demand, dns: {name: shop.example}}
  - {name: grpc, timeout: 5s, targets: on_demand, grpc: {}}
  - {name: icmp, timeout: 5s, targets: on_demand, icmp: {}}
`

// A counted listener counts what is accepted.
type counted struct {
	net.Listener
	n *atomic.Int64
}

func (c counted) Accept() (net.Conn, error) {
	conn, err := c.Listener.Accept()
	if err == nil {
		c.n.Add(1)
	}
	return conn, err
}

// peersOfKinds starts a peer on the loopback for each kind, and says where they are and how often they were reached. ICMP
// has the kernel.
func peersOfKinds(t *testing.T) (targets map[string]string, reached *atomic.Int64) {
	t.Helper()
	reached = new(atomic.Int64)
	listen := func() net.Listener {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = l.Close() })
		return counted{l, reached}
	}
	site := func() *httptest.Server {
		s := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
		_ = s.Listener.Close()
		s.Listener = listen()
		t.Cleanup(s.Close)
		return s
	}
	plain, secure, port, rpc := site(), site(), listen(), listen()
	plain.Start()
	secure.StartTLS()
	go func() {
		for {
			c, err := port.Accept()
			if err != nil {
				return
			}
			_, _ = c.Write([]byte("hello"))
			_ = c.Close()
		}
	}()
	g := grpc.NewServer()
	grpc_health_v1.RegisterHealthServer(g, health.NewServer())
	go func() { _ = g.Serve(rpc) }()
	t.Cleanup(g.Stop)
	return map[string]string{
		"http": plain.URL, "tcp": port.Addr().String(), "tls": secure.Listener.Addr().String(), "dns": startNames(t, reached),
		"grpc": rpc.Addr().String(), "icmp": "127.0.0.1",
	}, reached
}

// startNames serves one name over UDP.
func startNames(t *testing.T, reached *atomic.Int64) string {
	t.Helper()
	c, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &dns.Server{PacketConn: c, Handler: dns.HandlerFunc(func(w dns.ResponseWriter, q *dns.Msg) {
		reached.Add(1)
		m := new(dns.Msg).SetReply(q)
		record, _ := dns.NewRR(q.Question[0].Name + " 300 IN A 192.0.2.1")
		m.Answer = append(m.Answer, record)
		_ = w.WriteMsg(m)
	})}
	started := make(chan struct{})
	s.NotifyStartedFunc = func() { close(started) }
	go func() { _ = s.ActivateAndServe() }()
	<-started
	t.Cleanup(func() { _ = s.Shutdown() })
	return c.LocalAddr().String()
}

// mayPing reports whether the system gives us a socket for pings.
func mayPing() bool {
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_DGRAM, syscall.IPPROTO_ICMP)
	if err == nil {
		_ = syscall.Close(fd)
	}
	return err == nil
}

func TestEveryKindIsAskedOnDemandWhereItMay(t *testing.T) {
	targets, reached := peersOfKinds(t)
	open := start(t, strings.Replace(everyKind, "ALLOWED", `"127.0.0.0/8"`, 1))
	elsewhere := start(t, strings.Replace(everyKind, "ALLOWED", `"127.0.0.2", "10.0.0.0/8", a`, 1))
	closed := start(t, strings.Replace(everyKind, "ALLOWED", "", 1))
	for kind, target := range targets {
		for _, r := range []*running{elsewhere, closed} {
			before := reached.Load()
			status, trace := r.ask("GET", query(kind, target, "debug", "true"))
			if status != http.StatusOK || !strings.Contains(trace, "dialling  127.0.0.1 at 127.0.0.1: refused: ") ||
				!strings.Contains(trace, "perfwatch_target_success 0\n") || reached.Load() != before {
				t.Errorf("%s where it may not: status %d, reached %d times:\n%s", kind, status, reached.Load()-before, trace)
			}
		}
		if kind == "icmp" && !mayPing() {
			continue
		}
		before := reached.Load()
		status, trace := open.ask("GET", query(kind, target, "debug", "true"))
		if status != http.StatusOK || !strings.Contains(trace, "dialling  127.0.0.1 at 127.0.0.1: permitted\n") ||
			!strings.Contains(trace, "perfwatch_target_success 1\n") || kind != "icmp" && reached.Load() == before {
			t.Errorf("%s where it may: status %d, reached %d times:\n%s", kind, status, reached.Load()-before, trace)
		}
	}
}

// Without a list nothing may be asked: neither what is near nor what is public, nor what a name leads to.
func TestNothingIsAskedOnDemandWithoutAList(t *testing.T) {
	for _, text := range []string{
		strings.Replace(everyKind, "ALLOWED", "", 1), strings.Replace(everyKind, "on_demand: {allow: [ALLOWED]}", "", 1),
	} {
		r := start(t, text)
		for _, host := range []string{"127.0.0.1", "localhost", "[::1]", "10.1.2.3", "192.168.1.1", "[fd00::1]", "192.0.2.1", "[2001:db8::1]"} {
			for kind, target := range map[string]string{
				"http": "http://" + host + ":1", "tcp": host + ":1", "tls": host + ":1", "dns": host + ":1", "grpc": host + ":1",
				"icmp": strings.Trim(host, "[]"),
			} {
				status, trace := r.ask("GET", query(kind, target, "debug", "true"))
				if status != http.StatusOK || !strings.Contains(trace, "which on_demand.allow does not name") ||
					strings.Contains(trace, ": permitted") || !strings.Contains(trace, "perfwatch_target_success 0\n") {
					t.Errorf("%s at %s: status %d:\n%s", kind, target, status, trace)
				}
			}
		}
	}
}
