package probes

import (
	"context"
	"errors"
	"io"
	"net"
	"net/netip"
	"runtime"
	"strings"
	"testing"
	"time"
)

// greets says something first and then echoes.
func greets(c net.Conn) {
	_, _ = io.WriteString(c, "220 ready\r\n")
	_, _ = io.Copy(c, c)
}

// refuses to read and says nothing, until the test ends.
func deaf(stop <-chan struct{}) func(net.Conn) {
	return func(c net.Conn) {
		if tcp, ok := c.(*net.TCPConn); ok {
			_ = tcp.SetReadBuffer(1)
		}
		<-stop
	}
}

// A peerRow is one peer, what is asked of it, and how that must end.
type peerRow struct {
	name   string
	serve  func(net.Conn)
	spec   TCP
	want   Outcome
	reason string
	phases string
	bytes  int64
}

func peerRows() []peerRow {
	ask := func(match string) TCP { return TCP{Send: "hello\r\n\r\n", Expect: Reply{Matches: match}} }
	return []peerRow{
		{"accepts", hangs, TCP{}, OK, "", "connect", 0},
		{"takes a text", hangs, TCP{Send: "hello"}, OK, "", "connect request", 0},
		{"greets", greets, TCP{Expect: Reply{Matches: `^220 .*\r\n`}}, OK, "", "connect first_byte transfer", 11},
		{"answers", says("+PONG\r\n"), ask(`^\+PONG`), OK, "", "connect request first_byte transfer", 7},
		{"answers in pieces", forEver("a", "b", time.Millisecond), ask("^ab{5}"), OK, "", "connect request first_byte transfer", 6},
		{"answers and stays", thenHangs("+PONG"), ask(`^\+PONG$`), OK, "", "connect request first_byte transfer", 5},
		{"answers something else", says("-ERR\r\n"), ask(`^\+PONG`), InvalidResponse, `no match of "^\\+PONG" in 6 bytes`,
			"connect request first_byte transfer", 6},
		{"answers garbage", says("\x00\xff\xfe"), ask("a"), InvalidResponse, "in 3 bytes", "connect request first_byte transfer", 3},
		{"never answers", hangs, ask("a"), Timeout, "reading reply", "connect request first_byte", 0},
		{"drips", forEver("", "x", 10*time.Millisecond), ask("y"), Timeout, "reading reply: no match of \"y\" in the ", "connect request first_byte transfer", -1},
		{"never ends", forEver("", strings.Repeat("x", 1000), 0), ask("y"), BodyTooLarge, `no match of "y" in the first 4096 bytes`,
			"connect request first_byte transfer", 4096},
		{"closes at once", func(net.Conn) {}, TCP{Expect: Reply{Matches: "a"}}, Reset, "reading reply: EOF", "connect first_byte", 0},
		{"closes after the text", says(""), ask("a"), Reset, "reading reply", "connect request first_byte", 0},
		{"resets", resets, ask("a"), Reset, "reset by peer", "connect request first_byte", 0},
	}
}

func TestTCP(t *testing.T) {
	for _, tt := range peerRows() {
		t.Run(tt.name, func(t *testing.T) {
			before := runtime.NumGoroutine()
			l := listener(t)
			stop := serveAll(l, tt.serve)
			tt.spec.Address = l.Addr().String()
			s := takeWithin(t, mustBuild(t, &tt.spec, Env{}), tt.want)
			if s.Outcome != tt.want {
				t.Fatalf("outcome %v, want %v: %v", s.Outcome, tt.want, s.Err)
			}
			if s.Err != nil && (!strings.Contains(s.Err.Error(), tt.reason) || strings.Contains(s.Err.Error(), "hello")) {
				t.Errorf("error %v, want %q in it and not what was sent", s.Err, tt.reason)
			}
			if got := strings.Join(happened(s.Phases), " "); got != tt.phases {
				t.Errorf("phases %s, want %s", got, tt.phases)
			}
			if tt.bytes >= 0 && s.Bytes != tt.bytes {
				t.Errorf("%d bytes, want %d", s.Bytes, tt.bytes)
			}
			stop()
			wantGoroutines(t, before)
		})
	}
}

func TestTCPWithoutAPeer(t *testing.T) {
	for _, tt := range []struct {
		name, address string
		want          Outcome
		phases        string
	}{
		{"refused", deadAddress(t), Refused, "connect"},
		{"unknown host", "nobody.invalid:80", DNSFailure, "dns"},
	} {
		s := Take(t.Context(), mustBuild(t, &TCP{Address: tt.address}, Env{}), time.Now())
		if got := strings.Join(happened(s.Phases), " "); s.Outcome != tt.want || got != tt.phases {
			t.Errorf("%s: %v, phases %s, want %v, %s: %v", tt.name, s.Outcome, got, tt.want, tt.phases, s.Err)
		}
	}
}

// A peer that reads nothing must not hold us back when the deadline comes, nor when we close.
func TestTCPToAPeerThatDoesNotRead(t *testing.T) {
	stop := make(chan struct{})
	l := listener(t)
	t.Cleanup(serveAll(l, deaf(stop)))
	defer close(stop)
	p := mustBuild(t, &TCP{Address: l.Addr().String(), Send: strings.Repeat("x", maxSend), Expect: Reply{Matches: "a"}}, Env{})
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if s := Take(ctx, p, time.Now()); s.Outcome != Timeout || s.Duration > time.Second {
		t.Errorf("%v after %v, want timeout after %v: %v", s.Outcome, s.Duration, patience, s.Err)
	}
}

func TestTCPEndsWhenItIsCanceled(t *testing.T) {
	l := listener(t)
	t.Cleanup(serveAll(l, hangs))
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(20*time.Millisecond, cancel)
	if s := Take(ctx, mustBuild(t, &TCP{Address: l.Addr().String(), Expect: Reply{Matches: "a"}}, Env{}), time.Now()); s.Outcome != Canceled {
		t.Errorf("outcome %v, want canceled: %v", s.Outcome, s.Err)
	}
}

func TestTCPIsJudgedBeforeItDials(t *testing.T) {
	l := listener(t)
	t.Cleanup(serveAll(l, hangs))
	permit := func(_ string, address netip.Addr) error {
		if address.IsLoopback() {
			return errForbidden
		}
		return nil
	}
	for _, spec := range []Spec{&TCP{Address: l.Addr().String()}, &TLSHandshake{Address: l.Addr().String()}} {
		if s := Take(t.Context(), mustBuild(t, spec, Env{Permit: permit}), time.Now()); !errors.Is(s.Err, errForbidden) {
			t.Errorf("%s: %v, want %v", spec.Kind(), s.Err, errForbidden)
		}
	}
}

func TestMistakesOfTCP(t *testing.T) {
	wantMistakes(t, []specMistake{
		{"no address", &TCP{}, "address: missing, want HOST:PORT with a port from 1 to 65535"},
		{"no port", &TCP{Address: "localhost"}, `address: "localhost", want HOST:PORT with a port from 1 to 65535`},
		{"no host", &TCP{Address: ":80"}, `address: ":80", want HOST:PORT with a port from 1 to 65535`},
		{"port zero", &TCP{Address: "h:0"}, `address: "h:0", want HOST:PORT with a port from 1 to 65535`},
		{"named port", &TCP{Address: "h:http"}, `address: "h:http", want HOST:PORT with a port from 1 to 65535`},
		{"a URL", &TCP{Address: "redis://u:pw@h:6379"}, `address: "redis://<secret>@h:6379", want HOST:PORT with a port from 1 to 65535`},
		{"long text", &TCP{Address: "h:1", Send: strings.Repeat("x", maxSend+1)}, `send: "<secret>", want 65536 bytes at most`},
		{"expression", &TCP{Address: "h:1", Expect: Reply{Matches: "("}},
			"expect.matches: \"(\", want an RE2 regular expression: error parsing regexp: missing closing ): `(`"},
	})
}

type specMistake struct {
	name string
	spec Spec
	want string
}

// wantMistakes checks that each spec is refused with exactly one FieldError.
func wantMistakes(t *testing.T, rows []specMistake) {
	t.Helper()
	for _, tt := range rows {
		p, err := tt.spec.Prober(Env{})
		if err == nil || p != nil {
			t.Errorf("%s: prober %v, error %v, want no prober and an error", tt.name, p, err)
			continue
		}
		if err.Error() != tt.want {
			t.Errorf("%s: error %s\nwant  %s", tt.name, err, tt.want)
		}
	}
}

func mustBuild(t testing.TB, s Spec, env Env) Prober {
	t.Helper()
	p, err := s.Prober(env)
	if err != nil {
		t.Fatalf("building prober: %v", err)
	}
	if c, ok := p.(interface{ Close() }); ok {
		t.Cleanup(c.Close)
	}
	return p
}

// takeWithin runs a prober with the deadline that its outcome needs.
func takeWithin(t testing.TB, p Prober, want Outcome) Sample {
	t.Helper()
	timeout := plenty
	if want == Timeout {
		timeout = patience
	}
	return takeFor(t, p, timeout)
}

// takeFor runs a prober with a deadline.
func takeFor(t testing.TB, p Prober, timeout time.Duration) Sample {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), timeout)
	defer cancel()
	return Take(ctx, p, time.Now())
}

func listener(t testing.TB) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatalf("listening: %v", err)
	}
	t.Cleanup(func() { _ = l.Close() })
	return l
}

func TestHostOfEveryKindThatHasOne(t *testing.T) {
	specs := []Spec{&TCP{Address: "h:1"}, &TLSHandshake{Address: "h:1"}, &GRPC{Address: "h:1"}}
	for _, s := range specs {
		h, ok := mustBuild(t, s, Env{}).(interface{ Host() string })
		if !ok || h.Host() != "h:1" {
			t.Errorf("%s: no host h:1, by which bursts are held back", s.Kind())
		}
	}
}
