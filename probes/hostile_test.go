package probes

import (
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"
)

// patience is the deadline of a run against a server that never comes to an end.
const patience = 150 * time.Millisecond

// plenty is the deadline of a run that ends by itself, on however slow a machine.
const plenty = time.Minute

const okHead = "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n"

type hostile struct {
	name    string
	serve   func(net.Conn)
	expect  Expect
	outcome Outcome
	reason  string // stands in the error
}

func hostileBodies() []hostile {
	bomb := gzipped(64 << 20)
	small := Expect{MaxBody: 1 << 20}
	return []hostile{
		{"never answers", hangs, Expect{}, Timeout, "deadline"},
		{"drips its body", forEver(okHead+"Content-Length: 999\r\n\r\n", "x", 10*time.Millisecond), Expect{}, Timeout, "reading body"},
		{"drips its headers", forEver(okHead, "x", 10*time.Millisecond), Expect{}, Timeout, "deadline"},
		{"hangs after the headers", thenHangs(okHead + "Content-Length: 5\r\n\r\n"), Expect{}, Timeout, "reading body"},
		{"hangs before the end of a chunk", thenHangs(okHead + "Transfer-Encoding: chunked\r\n\r\nff\r\nx"), Expect{}, Timeout, ""},
		{"sends 1 GiB", forEver(okHead+"Content-Length: 1073741824\r\n\r\n", strings.Repeat("x", 1<<16), 0), small, BodyTooLarge,
			"over 1048576 bytes"},
		{"sends chunks for ever",
			forEver(okHead+"Transfer-Encoding: chunked\r\n\r\n", "10000\r\n"+strings.Repeat("x", 1<<16)+"\r\n", 0), small, BodyTooLarge,
			"over"},
		{"sends without length for ever", forEver(okHead+"\r\n", strings.Repeat("x", 1<<16), 0),
			Expect{MaxBody: 1 << 20, BodyMatches: "y"}, BodyTooLarge, "over"},
		{"sends a gzip bomb", says(okHead + "Content-Encoding: gzip\r\n\r\n" + bomb), small, BodyTooLarge, "over"},
		{"cuts its gzip short", says(okHead + "Content-Encoding: gzip\r\n\r\n" + bomb[:len(bomb)/2]), Expect{MaxBody: 1 << 30},
			InvalidResponse, "unexpected end"},
		{"breaks inside gzip", says(okHead + "Content-Encoding: gzip\r\nContent-Length: 99999\r\n\r\n" + bomb[:100]), Expect{}, Reset,
			"reading body"},
		{"calls plain text gzip", says(okHead + "Content-Encoding: gzip\r\n\r\nhello hello hello"), Expect{}, InvalidResponse,
			"gzip: invalid header"},
	}
}

func hostileHeads() []hostile {
	return []hostile{
		{"redirects for ever", says("HTTP/1.1 302 Found\r\nLocation: /again\r\nContent-Length: 0\r\n\r\n"), Expect{}, InvalidResponse,
			"more than 10 redirects"},
		{"redirects out of the web", says("HTTP/1.1 302 Found\r\nLocation: file:///etc/passwd\r\n\r\n"), Expect{}, InvalidResponse,
			`redirect to "file:///etc/passwd"`},
		{"redirects to nonsense", says("HTTP/1.1 302 Found\r\nLocation: http://[::1\r\n\r\n"), Expect{}, InvalidResponse,
			"redirect to"},
		{"redirects nowhere", says("HTTP/1.1 302 Found\r\nContent-Length: 0\r\n\r\n"), Expect{}, InvalidResponse,
			"status 302, want 2xx"},
		{"closes mid-body", says(okHead + "Content-Length: 100\r\n\r\nhalf"), Expect{}, Reset, "unexpected EOF"},
		{"closes mid-chunk", says(okHead + "Transfer-Encoding: chunked\r\n\r\nff\r\nhalf"), Expect{}, Reset, "unexpected EOF"},
		{"closes mid-header", says(okHead + "X-Half: "), Expect{}, Reset, "unexpected EOF"},
		{"closes at once", hasty(""), Expect{}, Reset, ""},
		{"closes after the request", says(""), Expect{}, Reset, "EOF"},
		{"resets", resets, Expect{}, Reset, "reset by peer"},
		{"answers garbage", says("\x00\x01\x02 what is this?\r\n\r\n"), Expect{}, InvalidResponse, "malformed HTTP"},
		{"answers a megabyte of garbage", says(strings.Repeat("garbage!", 1<<16) + "\r\n\r\n"), Expect{}, InvalidResponse, "garbage!"},
		{"answers an unknown status", says("HTTP/1.1 9x9 Huh\r\n\r\n"), Expect{}, InvalidResponse, "malformed HTTP status"},
		{"sends a header without a name", says(okHead + ": nameless\r\n\r\n"), Expect{}, InvalidResponse, "malformed MIME header"},
		{"sends headers for ever", forEver(okHead, strings.Repeat("X-More: and more\r\n", 512), 0), Expect{}, InvalidResponse,
			"headers exceeded"},
		{"sends one header for ever", forEver(okHead+"X-Long: ", strings.Repeat("x", 1<<14), 0), Expect{}, InvalidResponse,
			"headers exceeded"},
		{"informs for ever", forEver("", "HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n", 0), Expect{}, InvalidResponse,
			"headers exceeded"},
		{"contradicts its length", says(okHead + "Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello"), Expect{}, InvalidResponse,
			"Content-Length"},
		{"writes no number as length", says(okHead + "Content-Length: five\r\n\r\nhello"), Expect{}, InvalidResponse, "Content-Length"},
		{"breaks the chunk syntax", says(okHead + "Transfer-Encoding: chunked\r\n\r\nzz\r\nhello\r\n"), Expect{}, InvalidResponse,
			"chunk"},
	}
}

func wrongAnswers() []hostile {
	json, match := Expect{JSON: ".ok"}, Expect{BodyMatches: "^hello"}
	return []hostile{
		{"says more than its length", says(okHead + "Content-Length: 5\r\n\r\nhello and more"), match, OK, ""},
		{"answers invalid JSON", says(okHead + "\r\n{\"ok\": tru"), json, InvalidResponse, "parsing body as JSON"},
		{"nests JSON without end", says(okHead + "\r\n" + strings.Repeat("[", 1<<20)), json, InvalidResponse, "parsing body as JSON"},
		{"answers two JSON values", says(okHead + "\r\n{\"ok\": true} {}"), json, InvalidResponse, "parsing body as JSON"},
		{"answers nothing where JSON is expected", says(okHead + "Content-Length: 0\r\n\r\n"), json, InvalidResponse,
			"parsing body as JSON"},
		{"answers another content type", says(okHead + "\r\nhello"), Expect{ContentType: "application/json"}, InvalidResponse,
			`content type "text/plain", want "application/json"`},
		{"answers another text", says(okHead + "\r\nbye"), match, InvalidResponse, `no match of "^hello" in 3 bytes`},
		{"answers in brotli", says(okHead + "Content-Encoding: br\r\n\r\nhello"), match, InvalidResponse, `content encoding "br"`},
		{"answers 404", says("HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"), Expect{}, HTTP4xx, "status 404, want 2xx"},
		{"answers 429", says("HTTP/1.1 429 Slow Down\r\nContent-Length: 0\r\n\r\n"), Expect{}, HTTP429, "status 429"},
		{"answers 503", says("HTTP/1.1 503 Away\r\nContent-Length: 0\r\n\r\n"), Expect{}, HTTP5xx, "status 503"},
		{"answers 500 and breaks", says("HTTP/1.1 500 Oh\r\nContent-Length: 10\r\n\r\nno"), Expect{}, HTTP5xx, "status 500"},
		{"answers another 2xx", says("HTTP/1.1 204 No Content\r\n\r\n"), Expect{Status: []int{200, 201}}, InvalidResponse,
			"status 204, want 200 201"},
	}
}

// TestHostileServer tries every row with a prober and with a session on each of its paths, and asks a good server after
// each.
func TestHostileServer(t *testing.T) {
	good := httptest.NewServer(http.HandlerFunc(hello))
	t.Cleanup(good.Close)
	for _, h := range slices.Concat(hostileBodies(), hostileHeads(), wrongAnswers()) {
		t.Run(h.name, func(t *testing.T) {
			before := runtime.NumGoroutine()
			l, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatalf("listening: %v", err)
			}
			stop := serveAll(l, h.serve)
			p := mustProber(t, &HTTP{URL: "http://" + l.Addr().String() + "/", Expect: h.expect}, Env{})
			fine := mustProber(t, &HTTP{URL: good.URL, Expect: Expect{BodyMatches: "^hello$"}}, Env{})
			direct, full := bothPaths(t)
			timeout := plenty
			if h.outcome == Timeout {
				timeout = patience
			}

			ctx, cancel := context.WithTimeout(t.Context(), timeout)
			checkHostile(t, h, Take(ctx, p, time.Now()))
			cancel()
			for _, session := range []*Session{direct, full} {
				checkHostile(t, h, session.Take(t.Context(), timeout, p, nil, time.Now()))
				for range 2 { // on a new connection, and on the one that was kept
					if s := session.Take(t.Context(), plenty, fine, nil, time.Now()); s.Outcome != OK || s.Bytes != 5 {
						t.Errorf("asking a good server next: %v, %d bytes, %v, want ok and 5 bytes", s.Outcome, s.Bytes, s.Err)
					}
				}
			}

			p.Close()
			fine.Close()
			direct.Close()
			full.Close()
			stop()
			good.CloseClientConnections()
			wantGoroutines(t, before)
		})
	}
}

func checkHostile(t *testing.T, h hostile, s Sample) {
	t.Helper()
	if s.Outcome != h.outcome {
		t.Fatalf("outcome %v, want %v: %v", s.Outcome, h.outcome, s.Err)
	}
	if h.outcome == OK {
		return
	}
	if !strings.Contains(s.Err.Error(), h.reason) || len(s.Err.Error()) > 700 {
		t.Errorf("error of %d bytes %.800q, want %q in it and no more than 700 bytes", len(s.Err.Error()), s.Err, h.reason)
	}
	if _, ok := s.Phases.Get(Connect); !ok {
		t.Error("no connect phase, want the phases so far beside the failure")
	}
	if limit := int64(16 << 20); s.Bytes > limit {
		t.Errorf("%d bytes read, want no more than %d", s.Bytes, limit)
	}
}

// wantGoroutines waits until no more goroutines run than before; they end soon after their connection, but not with it.
func wantGoroutines(t *testing.T, before int) {
	t.Helper()
	tick, late := time.NewTicker(time.Millisecond), time.After(10*time.Second)
	defer tick.Stop()
	for runtime.NumGoroutine() > before {
		select {
		case <-tick.C:
		case <-late:
			buf := make([]byte, 1<<16)
			t.Fatalf("%d goroutines, want %d as before:\n%s", runtime.NumGoroutine(), before, buf[:runtime.Stack(buf, true)])
		}
	}
}

func mustProber(t testing.TB, h *HTTP, env Env) *HTTPProber {
	t.Helper()
	p, err := h.HTTPProber(env)
	if err != nil {
		t.Fatalf("building prober: %v", err)
	}
	t.Cleanup(p.Close)
	return p
}

func mustSession(t testing.TB, env Env) *Session {
	t.Helper()
	s, err := NewSession(env)
	if err != nil {
		t.Fatalf("building session: %v", err)
	}
	t.Cleanup(s.Close)
	return s
}

// bothPaths makes two sessions: one that takes the direct path where it can, and one that never does.
func bothPaths(t testing.TB) (direct, full *Session) {
	t.Helper()
	direct, full = mustSession(t, Env{}), mustSession(t, Env{})
	if direct.x.direct == nil {
		t.Fatal("the session has no direct path")
	}
	full.x.direct = nil
	return direct, full
}

// onBothPaths runs a test with sessions of either path.
func onBothPaths(t *testing.T, test func(t *testing.T, open func() *Session)) {
	t.Helper()
	t.Run("direct", func(t *testing.T) {
		test(t, func() *Session { direct, _ := bothPaths(t); return direct })
	})
	t.Run("full", func(t *testing.T) {
		test(t, func() *Session { _, full := bothPaths(t); return full })
	})
}

func happened(ps Phases) (names []string) {
	for p := range NumPhases {
		if _, ok := ps.Get(p); ok {
			names = append(names, p.String())
		}
	}
	return names
}
