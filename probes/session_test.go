package probes

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

func sessionTake(t *testing.T, s *Session, p *HTTPProber, want Outcome) Sample {
	t.Helper()
	got := s.Take(t.Context(), plenty, p, nil, time.Now())
	if got.Outcome != want {
		t.Fatalf("outcome %v, want %v: %v", got.Outcome, want, got.Err)
	}
	return got
}

func TestSessionKeepsItsConnection(t *testing.T) { onBothPaths(t, sessionKeepsItsConnection) }

func sessionKeepsItsConnection(t *testing.T, open func() *Session) {
	srv := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/503" {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
		_, _ = io.WriteString(w, strings.Repeat("x", 100_000))
	})
	good, bad := mustProber(t, &HTTP{URL: srv.URL}, Env{}), mustProber(t, &HTTP{URL: srv.URL + "/503"}, Env{})
	fresh := mustProber(t, &HTTP{URL: srv.URL, FreshConnection: true}, Env{})
	all, kept := []Phase{Connect, Request, FirstByte, Transfer}, []Phase{Request, FirstByte, Transfer}
	a, b := open(), open()
	wantPhases(t, sessionTake(t, a, good, OK), all...)
	wantPhases(t, sessionTake(t, a, good, OK), kept...)
	wantPhases(t, sessionTake(t, a, bad, HTTP5xx), kept...)
	wantPhases(t, sessionTake(t, a, good, OK), kept...)
	wantPhases(t, sessionTake(t, b, good, OK), all...) // another user has connections of its own
	wantPhases(t, sessionTake(t, a, fresh, OK), all...)
	wantPhases(t, sessionTake(t, a, good, OK), all...)
	res, err := a.Probe(t.Context(), good)
	if _, connected := res.Phases.Get(Connect); err != nil || connected || res.Bytes != 100_000 {
		t.Errorf("probing: connected %v, %d bytes, %v, want the kept connection and 100000 bytes", connected, res.Bytes, err)
	}
}

func TestSessionKeepsItsCookies(t *testing.T) { onBothPaths(t, sessionKeepsItsCookies) }

func sessionKeepsItsCookies(t *testing.T, open func() *Session) {
	srv := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/login" {
			http.SetCookie(w, &http.Cookie{Name: "sid", Value: "s1", Path: "/"})
			http.Redirect(w, r, "/me", http.StatusSeeOther)
			return
		}
		if c, err := r.Cookie("sid"); err != nil || c.Value != "s1" {
			w.WriteHeader(http.StatusUnauthorized)
		}
	})
	login, me := mustProber(t, &HTTP{URL: srv.URL + "/login", Method: "POST"}, Env{}),
		mustProber(t, &HTTP{URL: srv.URL + "/me"}, Env{})
	a, b := open(), open()
	sessionTake(t, a, me, HTTP4xx)
	sessionTake(t, a, login, OK)
	sessionTake(t, a, me, OK)
	sessionTake(t, b, me, HTTP4xx)
	take(t, me, HTTP4xx)
}

func TestSessionBoundsItsCookies(t *testing.T) { onBothPaths(t, sessionBoundsItsCookies) }

func sessionBoundsItsCookies(t *testing.T, open func() *Session) {
	var got atomic.Int64
	var n int
	srv := serve(t, func(w http.ResponseWriter, r *http.Request) {
		got.Store(int64(len(r.Cookies())))
		if _, err := r.Cookie("large"); err == nil {
			t.Error("a cookie of 5000 bytes was kept, want 4096 at most")
		}
		w.Header().Add("Set-Cookie", "large="+strings.Repeat("v", 5000))
		for range 30 {
			n++
			w.Header().Add("Set-Cookie", fmt.Sprintf("c%d=%s", n, strings.Repeat("v", 100)))
		}
	})
	s, p := open(), mustProber(t, &HTTP{URL: srv.URL}, Env{})
	for range 10 {
		sessionTake(t, s, p, OK)
	}
	if got.Load() != 100 {
		t.Errorf("%d cookies kept, want 100", got.Load())
	}
}

// TestSessionGoesOnAfterATimeout: what a late request leaves behind must not reach the next one.
func TestSessionGoesOnAfterATimeout(t *testing.T) { onBothPaths(t, sessionGoesOnAfterATimeout) }

func sessionGoesOnAfterATimeout(t *testing.T, open func() *Session) {
	srv := serve(t, func(_ http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/hang" {
			<-r.Context().Done()
		}
	})
	hang, good := mustProber(t, &HTTP{URL: srv.URL + "/hang"}, Env{}), mustProber(t, &HTTP{URL: srv.URL}, Env{})
	s := open()
	for range 3 {
		late := s.Take(t.Context(), patience/3, hang, nil, time.Now())
		if late.Outcome != Timeout || late.Duration < patience/3 {
			t.Errorf("%v after %v, want timeout after %v: %v", late.Outcome, late.Duration, patience/3, late.Err)
		}
		sessionTake(t, s, good, OK)
		sessionTake(t, s, good, OK)
	}
}

func TestSessionTellsTheEndOfTheBurst(t *testing.T) { onBothPaths(t, sessionTellsTheEndOfTheBurst) }

func sessionTellsTheEndOfTheBurst(t *testing.T, open func() *Session) {
	arrived := make(chan struct{}, 1)
	srv := serve(t, func(_ http.ResponseWriter, r *http.Request) { arrived <- struct{}{}; <-r.Context().Done() })
	p, s := mustProber(t, &HTTP{URL: srv.URL}, Env{}), open()
	ctx, cancel := context.WithCancel(t.Context())
	go func() { <-arrived; cancel() }()
	if got := s.Take(ctx, plenty, p, nil, time.Now()); got.Outcome != Canceled {
		t.Errorf("outcome %v, want canceled: %v", got.Outcome, got.Err)
	}
	if got := s.Take(ctx, plenty, p, nil, time.Now()); got.Outcome != Canceled {
		t.Errorf("outcome after the end %v, want canceled: %v", got.Outcome, got.Err)
	}
	ctx, cancel = context.WithTimeout(t.Context(), patience/3)
	defer cancel()
	if got := s.Take(ctx, plenty, p, nil, time.Now()); got.Outcome != Timeout {
		t.Errorf("outcome %v, want timeout: %v", got.Outcome, got.Err)
	}
	<-arrived
	if _, err := s.Probe(ctx, p); OutcomeOf(err) != Timeout {
		t.Errorf("outcome of a probe %v, want timeout: %v", OutcomeOf(err), err)
	}
}

// TestSessionSurvivesAServerThatRestarts: a connection that was closed while idle is replaced, not reported.
func TestSessionSurvivesAServerThatRestarts(t *testing.T) {
	onBothPaths(t, sessionSurvivesAServerThatRestarts)
}

func sessionSurvivesAServerThatRestarts(t *testing.T, open func() *Session) {
	srv := serve(t, hello)
	s, p := open(), mustProber(t, &HTTP{URL: srv.URL}, Env{})
	sessionTake(t, s, p, OK)
	srv.CloseClientConnections()
	if got := sessionTake(t, s, p, OK); got.Bytes != 5 {
		t.Errorf("%d bytes, want 5", got.Bytes)
	}
}

func TestSessionContainsAPanic(t *testing.T) { onBothPaths(t, sessionContainsAPanic) }

func sessionContainsAPanic(t *testing.T, open func() *Session) {
	srv := serve(t, hello)
	broken, good := mustProber(t, &HTTP{URL: srv.URL}, Env{}), mustProber(t, &HTTP{URL: srv.URL}, Env{})
	broken.request = nil
	s := open()
	if got := s.Take(t.Context(), plenty, broken, nil, time.Now()); got.Outcome != Panic {
		t.Errorf("outcome %v, want panic", got.Outcome)
	}
	sessionTake(t, s, good, OK)
}

// frugal is a server that allocates nothing itself.
func frugal(c net.Conn) {
	b, answer := make([]byte, 4<<10), []byte(okHead+"Content-Length: 5\r\n\r\nhello")
	for {
		if _, err := c.Read(b); err != nil {
			return
		}
		if _, err := c.Write(answer); err != nil {
			return
		}
	}
}

// TestSessionIsFrugal holds the allocations of a kept-alive request: on the direct path the copy of the request, on the
// full one those of net/http's transport, and fewer than a client's.
func TestSessionIsFrugal(t *testing.T) {
	url := socketServer(t, frugal)
	p := mustProber(t, &HTTP{URL: url}, Env{})
	client := &http.Client{Transport: &http.Transport{DisableCompression: true}}
	defer client.CloseIdleConnections()
	bare := testing.AllocsPerRun(200, func() {
		if err := bareGet(t.Context(), client, url); err != nil {
			t.Fatal(err)
		}
	})
	direct, full := bothPaths(t)
	ctx, failed := t.Context(), OK
	for _, tt := range []struct {
		name string
		s    *Session
		most float64
	}{{"direct", direct, 1}, {"full", full, bare - 1}} {
		if got := testing.AllocsPerRun(200, func() { failed = max(failed, tt.s.Take(ctx, plenty, p, nil, time.Time{}).Outcome) }); got > tt.most || failed != OK {
			t.Errorf("%s: %v allocations a request, want at most %v; a bare client has %v; outcome %v", tt.name, got, tt.most, bare, failed)
		}
	}
}
