package probes

import (
	"bufio"
	"context"
	"io"
	"net"
	"net/http"
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	promconfig "github.com/prometheus/common/config"
)

// tokensFrom is a client whose tokens come from a server.
func tokensFrom(address string) Env {
	return Env{HTTP: promconfig.HTTPClientConfig{
		OAuth2: &promconfig.OAuth2{ClientID: "i", ClientSecret: "s", TokenURL: "http://" + address + "/token"},
	}}
}

const granted = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\n\r\n" +
	`{"access_token": "granted", "token_type": "Bearer", "expires_in": 3600}`

// grants answers a request for a token, once it has read it whole.
func grants(c net.Conn) {
	if req, err := http.ReadRequest(bufio.NewReader(c)); err == nil {
		_, _ = io.Copy(io.Discard, req.Body)
	}
	_, _ = io.WriteString(c, granted)
}

// What fetches a token knows no deadline: the run does, and the fetch ends with it, so that the next has a token as soon
// as there is one.
func TestATokenServerThatHangsEndsNoProbe(t *testing.T) {
	srv := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "Bearer granted" {
			w.WriteHeader(http.StatusUnauthorized)
		}
	})
	for name, ill := range map[string]func(net.Conn){
		"hangs": thenHangs(""), "hangs in its answer": thenHangs(granted[:60]), "drips": forEver(granted[:60], "x", time.Millisecond),
	} {
		t.Run(name, func(t *testing.T) {
			before := runtime.NumGoroutine()
			var cured atomic.Bool
			l := listener(t)
			stop := serveAll(l, func(c net.Conn) {
				if cured.Load() {
					grants(c)
					return
				}
				ill(c)
			})
			env := tokensFrom(l.Addr().String())
			p, s := mustProber(t, &HTTP{URL: srv.URL}, env), mustSession(t, env)
			plain := mustProber(t, &HTTP{URL: srv.URL}, Env{})
			take := func(timeout time.Duration) [2]Sample {
				return [2]Sample{takeFor(t, p, timeout), s.Take(t.Context(), timeout, plain, nil, time.Now())}
			}
			for range 2 {
				for i, got := range take(patience) {
					if got.Outcome != Timeout || got.Status != 0 {
						t.Errorf("way %d: outcome %v, status %d, want timeout and none: %v", i, got.Outcome, got.Status, got.Err)
					}
				}
			}
			cured.Store(true)
			for i, got := range take(plenty) {
				if got.Outcome != OK || got.Status != http.StatusOK {
					t.Errorf("way %d: outcome %v, status %d of a token server that is cured: %v", i, got.Outcome, got.Status, got.Err)
				}
			}
			p.Close()
			s.Close()
			srv.CloseClientConnections()
			stop()
			wantGoroutines(t, before)
		})
	}
}

// Nothing of a fetch is left when the run has ended: no connection, and nobody who holds the lock of the next.
func TestAFetchEndsWithTheRunThatWaitsForIt(t *testing.T) {
	var open, dials atomic.Int32
	l := listener(t)
	t.Cleanup(serveAll(l, func(c net.Conn) {
		dials.Add(1)
		open.Add(1)
		defer open.Add(-1)
		hangs(c)
	}))
	p := mustProber(t, &HTTP{URL: someURL}, tokensFrom(l.Addr().String()))
	before := runtime.NumGoroutine()
	for range 3 {
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		if _, err := p.Probe(ctx); OutcomeOf(err) != Timeout {
			t.Errorf("outcome %v, want timeout: %v", OutcomeOf(err), err)
		}
		cancel()
		wantGoroutines(t, before)
	}
	if n := dials.Load(); n != 3 || open.Load() != 0 {
		t.Errorf("%d connections, %d of them still open, want one a run and none", n, open.Load())
	}
}

// A run that is given up does not break the fetch that another still waits for.
func TestAFetchServesWhoStillWaits(t *testing.T) {
	srv := serve(t, hello)
	release, asked := make(chan struct{}), make(chan struct{}, 2)
	l := listener(t)
	t.Cleanup(serveAll(l, func(c net.Conn) {
		asked <- struct{}{}
		<-release
		grants(c)
	}))
	p := mustProber(t, &HTTP{URL: srv.URL}, tokensFrom(l.Addr().String()))
	ctx, giveUp := context.WithCancel(t.Context())
	first, second := make(chan Sample, 1), make(chan Sample, 1)
	go func() { first <- Take(ctx, p, time.Now()) }()
	<-asked
	go func() { second <- takeFor(t, p, plenty) }()
	tokens, ok := p.transport.(*tokenTransport)
	if !ok {
		t.Fatalf("a %T", p.transport)
	}
	for waiting := 0; waiting < 2; runtime.Gosched() {
		tokens.mu.Lock()
		waiting = tokens.waiting
		tokens.mu.Unlock()
	}
	giveUp()
	if s := <-first; s.Outcome != Canceled {
		t.Errorf("outcome %v of the run that was given up: %v", s.Outcome, s.Err)
	}
	close(release)
	if s := <-second; s.Outcome != OK || len(asked) != 0 {
		t.Errorf("outcome %v, %d more fetches, want ok by the one there was: %v", s.Outcome, len(asked), s.Err)
	}
}
