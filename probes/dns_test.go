package probes

import (
	"crypto/tls"
	"fmt"
	"net"
	"net/netip"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"
	promconfig "github.com/prometheus/common/config"
)

// shopZone answers for shop.example as name servers do.
func shopZone(w dns.ResponseWriter, q *dns.Msg) {
	m := new(dns.Msg).SetReply(q)
	record := func(text string) {
		rr, err := dns.NewRR(text)
		if err != nil {
			panic(err)
		}
		m.Answer = append(m.Answer, rr)
	}
	switch q.Question[0].Name {
	case "shop.example.":
		record("shop.example. 300 IN A 192.0.2.1")
		record("shop.example. 300 IN A 192.0.2.2")
	case "empty.example.":
	case "broken.example.":
		m.Rcode = dns.RcodeServerFailure
	case "long.example.":
		if _, udp := w.RemoteAddr().(*net.UDPAddr); udp {
			m.Truncated = true
			break
		}
		for i := range 100 {
			record(fmt.Sprintf("long.example. 60 IN TXT \"%d %s\"", i, strings.Repeat("x", 50)))
		}
	default:
		m.Rcode = dns.RcodeNameError
	}
	_ = w.WriteMsg(m)
}

// startZone serves the zone on one port over UDP, TCP and, on another, TLS.
func startZone(t *testing.T, cert tls.Certificate) (plain, secure string) {
	t.Helper()
	tcp := listener(t)
	udp := packetListener(t, tcp.Addr().String())
	over := tls.NewListener(listener(t), &tls.Config{Certificates: []tls.Certificate{cert}})
	for _, s := range []*dns.Server{{Listener: tcp}, {PacketConn: udp}, {Listener: over}} {
		s.Handler = dns.HandlerFunc(shopZone)
		started := make(chan struct{})
		s.NotifyStartedFunc = func() { close(started) }
		go func() { _ = s.ActivateAndServe() }()
		<-started
		t.Cleanup(func() { _ = s.Shutdown() })
	}
	return tcp.Addr().String(), over.Addr().String()
}

func packetListener(t *testing.T, address string) net.PacketConn {
	t.Helper()
	c, err := (&net.ListenConfig{}).ListenPacket(t.Context(), "udp", address)
	if err != nil {
		t.Fatalf("listening: %v", err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

func TestDNS(t *testing.T) {
	ca := newAuthority(t)
	plain, secure := startZone(t, ca.issue(t, time.Now().Add(30*24*time.Hour)))
	none, three := 0, 3
	const udp, tcp, over = "request first_byte", "connect request first_byte", "connect tls request first_byte"
	for _, tt := range []struct {
		name   string
		spec   DNSQuery
		want   Outcome
		reason string
		phases string
	}{
		{"over UDP", DNSQuery{Name: "shop.example", Expect: DNSExpect{Matches: ` IN A 192\.0\.2\.2$`}}, OK, "", udp},
		{"over TCP", DNSQuery{Name: "shop.example.", Protocol: "tcp"}, OK, "", tcp},
		{"over TLS", DNSQuery{Name: "shop.example", Protocol: "tls"}, OK, "", over},
		{"in other letters", DNSQuery{Name: "SHOP.example"}, DNSFailure, "NXDOMAIN", udp}, // the test's zone is pedantic
		{"cut short", DNSQuery{Name: "long.example", Type: "TXT", Expect: DNSExpect{Matches: `"99 x`}}, OK, "", tcp},
		{"another record", DNSQuery{Name: "shop.example", Expect: DNSExpect{Matches: "192.0.2.9"}}, InvalidResponse, "none of 2 records", udp},
		{"too few records", DNSQuery{Name: "shop.example", Expect: DNSExpect{MinAnswers: &three}}, InvalidResponse,
			"2 records, want at least 3", udp},
		{"no records", DNSQuery{Name: "empty.example"}, InvalidResponse, "0 records, want at least 1", udp},
		{"no records, as expected", DNSQuery{Name: "empty.example", Expect: DNSExpect{MinAnswers: &none}}, OK, "", udp},
		{"no such name", DNSQuery{Name: "nothing.example"}, DNSFailure, "NXDOMAIN, want NOERROR", udp},
		{"no such name, as expected", DNSQuery{Name: "nothing.example", Expect: DNSExpect{RCode: "NXDOMAIN"}}, OK, "", udp},
		{"broken", DNSQuery{Name: "broken.example", Type: "MX"}, DNSFailure, "for broken.example. MX: dns: SERVFAIL", udp},
	} {
		t.Run(tt.name, func(t *testing.T) {
			tt.spec.Server = plain
			if tt.spec.Protocol == "tls" {
				tt.spec.Server, tt.spec.TLSConfig = secure, promconfig.TLSConfig{CAFile: filepath.Base(ca.file)}
			}
			s := takeWithin(t, mustBuild(t, &tt.spec, Env{Dir: filepath.Dir(ca.file)}), tt.want)
			if s.Outcome != tt.want || s.Err != nil && !strings.Contains(s.Err.Error(), tt.reason) {
				t.Fatalf("outcome %v, want %v with %q: %v", s.Outcome, tt.want, tt.reason, s.Err)
			}
			if got := strings.Join(happened(s.Phases), " "); got != tt.phases || s.Bytes == 0 {
				t.Errorf("phases %s of %d bytes, want %s", got, s.Bytes, tt.phases)
			}
			if s.CertNotAfter.IsZero() == (tt.spec.Protocol == "tls") {
				t.Errorf("certificate expires %v over %q", s.CertNotAfter, tt.spec.Protocol)
			}
		})
	}
}

// forged answers a question about shop.example after a change.
func forged(change func(m *dns.Msg)) func([]byte) [][]byte {
	return func(q []byte) [][]byte {
		m := new(dns.Msg)
		if m.Unpack(q) != nil {
			return nil
		}
		m.SetReply(m)
		m.Answer = []dns.RR{&dns.A{Hdr: dns.RR_Header{Name: "shop.example.", Rrtype: dns.TypeA, Class: dns.ClassINET}, A: net.IPv4(192, 0, 2, 1)}}
		change(m)
		raw, _ := m.Pack()
		return [][]byte{raw}
	}
}

func times(n int, answer func([]byte) [][]byte) func([]byte) [][]byte {
	return func(q []byte) (all [][]byte) {
		for range n {
			all = append(all, answer(q)...)
		}
		return all
	}
}

func TestHostileNameServer(t *testing.T) {
	good := forged(func(*dns.Msg) {})
	garbage := func([]byte) [][]byte { return [][]byte{[]byte("this is no message of DNS at all"), []byte("x")} }
	another := forged(func(m *dns.Msg) { m.Id++ })
	after := func(first func([]byte) [][]byte) func([]byte) [][]byte {
		return func(q []byte) [][]byte { return append(first(q), good(q)...) }
	}
	old := func(q []byte) [][]byte { // knows no EDNS(0)
		m := new(dns.Msg)
		if m.Unpack(q) != nil || m.IsEdns0() == nil {
			return good(q)
		}
		refusal, err := (&dns.Msg{MsgHdr: dns.MsgHdr{Id: m.Id, Response: true, Rcode: dns.RcodeFormatError}}).Pack()
		if err != nil {
			panic(err)
		}
		return [][]byte{refusal}
	}
	for _, tt := range []struct {
		name     string
		answer   func([]byte) [][]byte
		udp, tcp Outcome
	}{
		{"answers", good, OK, OK},
		{"knows no extensions", old, OK, OK},
		{"never answers", func([]byte) [][]byte { return nil }, Timeout, Timeout},
		{"answers garbage", garbage, Timeout, InvalidResponse},
		{"answers garbage and then well", after(garbage), OK, InvalidResponse},
		{"answers another question", another, Timeout, InvalidResponse},
		{"answers another question and then well", after(another), OK, InvalidResponse},
		{"answers about another name", forged(func(m *dns.Msg) { m.Question[0].Name = "bank.example." }), Timeout, InvalidResponse},
		{"asks back", forged(func(m *dns.Msg) { m.Response = false }), Timeout, InvalidResponse},
		{"answers no question", forged(func(m *dns.Msg) { m.Question = nil }), Timeout, InvalidResponse},
		{"answers for ever", times(2*maxStrays, another), InvalidResponse, InvalidResponse},
		{"answers over UDP that it is cut short, for ever", forged(func(m *dns.Msg) { m.Truncated = true }), OK, OK},
	} {
		t.Run(tt.name, func(t *testing.T) {
			l := listener(t)
			t.Cleanup(serveAll(l, overTCP(tt.answer)))
			overUDP(t, packetListener(t, l.Addr().String()), tt.answer)
			for protocol, want := range map[string]Outcome{"udp": tt.udp, "tcp": tt.tcp} {
				p := mustBuild(t, &DNSQuery{Server: l.Addr().String(), Name: "shop.example", Protocol: protocol}, Env{})
				if s := takeWithin(t, p, want); s.Outcome != want {
					t.Errorf("over %s: %v, want %v: %v", protocol, s.Outcome, want, s.Err)
				}
			}
		})
	}
}

// overTCP answers one question and keeps the connection.
func overTCP(answer func([]byte) [][]byte) func(net.Conn) {
	return func(c net.Conn) {
		conn := &dns.Conn{Conn: c}
		q, err := conn.ReadMsgHeader(nil)
		if err != nil {
			return
		}
		for _, raw := range answer(q) {
			_, _ = conn.Write(raw)
		}
		hangs(c)
	}
}

func overUDP(t *testing.T, c net.PacketConn, answer func([]byte) [][]byte) {
	t.Helper()
	go func() {
		for buf := make([]byte, 4096); ; {
			n, from, err := c.ReadFrom(buf)
			if err != nil {
				return
			}
			for _, raw := range answer(buf[:n]) {
				_, _ = c.WriteTo(raw, from)
			}
		}
	}()
}

func TestHostileConnectionToANameServer(t *testing.T) {
	for _, tt := range []struct {
		name  string
		serve func(net.Conn)
		want  Outcome
	}{
		{"closes at once", func(net.Conn) {}, Reset},
		{"closes within an answer", hasty("\x40\x00half"), Reset},
		{"drips", dripsAfter("\xff\xff"), Timeout},
		{"speaks HTTP", insists(strings.Repeat("HTTP/1.1 400 Bad Request\r\n\r\n", 1000)), InvalidResponse},
		{"sends nothing at all", insists("\x00\x00"), InvalidResponse},
	} {
		l := listener(t)
		t.Cleanup(serveAll(l, tt.serve))
		p := mustBuild(t, &DNSQuery{Server: l.Addr().String(), Name: "shop.example", Protocol: "tcp"}, Env{})
		if s := takeWithin(t, p, tt.want); s.Outcome != tt.want {
			t.Errorf("%s: %v, want %v: %v", tt.name, s.Outcome, tt.want, s.Err)
		}
	}
}

func TestDNSWithoutAServer(t *testing.T) {
	forbidden := Env{Permit: func(string, netip.Addr) error { return errForbidden }}
	for _, tt := range []struct {
		name, server, protocol string
		env                    Env
		want                   Outcome
	}{
		{"nobody on the UDP port", deadAddress(t), "udp", Env{}, Refused},
		{"nobody on the TCP port", deadAddress(t), "tcp", Env{}, Refused},
		{"unknown host", "nobody.invalid", "udp", Env{}, DNSFailure},
		{"forbidden", "127.0.0.1", "udp", forbidden, Error},
	} {
		p := mustBuild(t, &DNSQuery{Server: tt.server, Name: "shop.example", Protocol: tt.protocol}, tt.env)
		if s := takeWithin(t, p, tt.want); s.Outcome != tt.want {
			t.Errorf("%s: %v, want %v: %v", tt.name, s.Outcome, tt.want, s.Err)
		}
	}
}

func TestMistakesOfDNS(t *testing.T) {
	q := func(change func(*DNSQuery)) *DNSQuery {
		s := &DNSQuery{Server: "127.0.0.1", Name: "shop.example"}
		change(s)
		return s
	}
	less := -1
	wantMistakes(t, []specMistake{
		{"no name", q(func(s *DNSQuery) { s.Name = "" }), "name: missing, want the name to ask about"},
		{"long name", q(func(s *DNSQuery) { s.Name = "a..b" }), `name: "a..b", want a domain name`},
		{"server", q(func(s *DNSQuery) { s.Server = "h:99999" }), `server: "h:99999", want HOST or HOST:PORT`},
		{"type", q(func(s *DNSQuery) { s.Type = "a" }), `type: "a", want a type of records in capitals, such as A, AAAA, MX or TXT`},
		{"transfer", q(func(s *DNSQuery) { s.Type = "AXFR" }), `type: "AXFR", want a type of records in capitals, such as A, AAAA, MX or TXT`},
		{"protocol", q(func(s *DNSQuery) { s.Protocol = "quic" }), `protocol: "quic", want udp, tcp or tls`},
		{"records", q(func(s *DNSQuery) { s.Expect.MinAnswers = &less }), `expect.min_answers: "-1", want 0 or more`},
		{"expression", q(func(s *DNSQuery) { s.Expect.Matches = "(" }),
			"expect.matches: \"(\", want an RE2 regular expression: error parsing regexp: missing closing ): `(`"},
	})
	for server, want := range map[string]string{"::1": "[::1]:53", "[::1]:5353": "[::1]:5353", "h": "h:53", "[::1]": "[::1]:53"} {
		p, ok := mustBuild(t, q(func(s *DNSQuery) { s.Server = server }), Env{}).(*dnsProber)
		if !ok || p.Host() != want {
			t.Errorf("server %s: %v, want %s", server, p, want)
		}
	}
}
