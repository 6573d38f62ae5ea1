package probes

import (
	"io"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// A dialect is a kind of probe that reads from a socket, and what its peer must say for it to read on.
type dialect struct {
	name    string
	spec    func(t *testing.T, address string) Spec
	greets  bool   // the peer speaks first
	begins  string // a good beginning of an answer that is long
	flooded Outcome
	broken  Outcome // where the connection ends within the answer
	garbage Outcome
}

func dialects() []dialect {
	database := func(scheme, options string) func(*testing.T, string) Spec {
		return func(t *testing.T, address string) Spec {
			t.Helper()
			file := writeDSN(t, t.TempDir(), scheme+"://watcher:hunter2@"+address+"/shop"+options)
			return &SQL{DSNFile: file, Queries: []Query{{Name: "q", Query: "SELECT 1"}}}
		}
	}
	asks := func(protocol string) func(*testing.T, string) Spec {
		return func(_ *testing.T, address string) Spec {
			return &DNSQuery{Server: address, Name: "shop.example", Protocol: protocol}
		}
	}
	const record = "\x16\x03\x03\x40\x00" // a handshake of TLS
	body := okHead + "Content-Length: 1073741824\r\n\r\n"
	return []dialect{
		{"http", func(_ *testing.T, address string) Spec { return &HTTP{URL: "http://" + address} }, false, body,
			BodyTooLarge, Reset, InvalidResponse},
		{"https", func(_ *testing.T, address string) Spec { return &HTTP{URL: "https://" + address} }, false, record,
			TLSFailure, TLSFailure, TLSFailure},
		{"consistency", func(_ *testing.T, address string) Spec {
			return &Consistency{URLs: []string{"http://" + address + "/a", "http://" + address + "/b"}}
		}, false, body, BodyTooLarge, Reset, InvalidResponse},
		{"tcp", func(_ *testing.T, address string) Spec {
			return &TCP{Address: address, Send: "hello", Expect: Reply{Matches: "\x00bye"}}
		}, false, "2", BodyTooLarge, InvalidResponse, InvalidResponse},
		{"tls", func(_ *testing.T, address string) Spec { return &TLSHandshake{Address: address} }, false, record,
			TLSFailure, TLSFailure, TLSFailure},
		{"dns over TCP", asks("tcp"), false, "\xff\xff", InvalidResponse, Reset, InvalidResponse},
		{"dns over TLS", asks("tls"), false, record, TLSFailure, TLSFailure, TLSFailure},
		{"grpc", func(_ *testing.T, address string) Spec { return &GRPC{Address: address} }, false, "\x00\x00\xff\x04\x00",
			InvalidResponse, Reset, InvalidResponse},
		{"postgres", database("postgres", "?sslmode=disable"), false, "R\x00\x00\x10\x00", InvalidResponse, Reset, InvalidResponse},
		{"mysql", database("mysql", ""), true, "\xff\xff\xff\x00", InvalidResponse, Reset, InvalidResponse},
	}
}

// A bully is what a hostile peer does, in no matter which dialect.
type bully struct {
	name    string
	timeout time.Duration
	does    func(c *counted, begins string)
	want    func(d dialect) Outcome
	atLeast int64 // bytes that were sent
}

const (
	gibibyte = 1 << 30
	// mostTaken is what a peer could send before it was hung up on, those bytes included that the machine still held.
	mostTaken = 64 << 20
)

func bullies() []bully {
	timeout := func(dialect) Outcome { return Timeout }
	return []bully{
		{"never answers", patience, func(c *counted, _ string) { hangs(c) }, timeout, 0},
		{"drips one byte a second", 3500 * time.Millisecond, func(c *counted, begins string) {
			tick := time.NewTicker(time.Second)
			defer tick.Stop()
			_, _ = io.WriteString(c, begins)
			for range tick.C {
				if _, err := io.WriteString(c, "x"); err != nil {
					return
				}
			}
		}, timeout, 3},
		{"sends 1 GiB", plenty, func(c *counted, begins string) {
			_, _ = io.WriteString(c, begins)
			piece := strings.Repeat("x", 1<<16)
			for c.sent.Load() < gibibyte {
				if _, err := io.WriteString(c, piece); err != nil {
					return
				}
			}
			hangs(c)
		}, func(d dialect) Outcome { return d.flooded }, 1},
		{"closes mid-body", plenty, func(c *counted, begins string) { hasty(begins + "half")(c) },
			func(d dialect) Outcome { return d.broken }, 1},
		{"answers garbage", plenty, func(c *counted, _ string) { hasty(strings.Repeat("\x0a\x00\x00\x01", 1000))(c) },
			func(d dialect) Outcome { return d.garbage }, 1},
	}
}

// counted counts what is sent.
type counted struct {
	net.Conn
	sent *atomic.Int64
}

func (c *counted) Write(b []byte) (int, error) {
	n, err := c.Conn.Write(b)
	c.sent.Add(int64(n))
	return n, err
}

// Every kind that reads from a socket, against every peer that means ill: the run ends in time with its outcome, and
// takes no more than its bounds. What is special to one dialect stands beside its kind.
func TestEveryKindMeetsHostilePeers(t *testing.T) {
	var all sync.WaitGroup // at the same time, since it is waiting that takes long
	for _, d := range dialects() {
		for _, b := range bullies() {
			var sent atomic.Int64
			l := listener(t)
			t.Cleanup(serveAll(l, func(c net.Conn) {
				if !d.greets {
					_, _ = c.Read(make([]byte, 64<<10))
				}
				b.does(&counted{c, &sent}, d.begins)
			}))
			p := mustBuild(t, d.spec(t, l.Addr().String()), Env{})
			all.Go(func() {
				s := takeFor(t, p, b.timeout)
				if want := b.want(d); s.Outcome != want || len(s.Err.Error()) > 700 {
					t.Errorf("%s, a peer that %s: outcome %v, want %v: %v", d.name, b.name, s.Outcome, want, s.Err)
				}
				if n := sent.Load(); n < b.atLeast || n > mostTaken {
					t.Errorf("%s, a peer that %s: it sent %d bytes, want %d to %d", d.name, b.name, n, b.atLeast, mostTaken)
				}
				if b.timeout < plenty && s.Duration > b.timeout+10*time.Second {
					t.Errorf("%s, a peer that %s: %v, want %v", d.name, b.name, s.Duration, b.timeout)
				}
			})
		}
	}
	all.Wait()
}
