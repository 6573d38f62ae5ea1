package probes

import (
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"
)

// A relay passes bytes on to a server. Those of connections from before it was cut go nowhere, and nobody is told.
type relay struct {
	address    string
	dials, cut atomic.Int32
}

func newRelay(t *testing.T, to string) *relay {
	t.Helper()
	l := listener(t)
	r := &relay{address: l.Addr().String()}
	t.Cleanup(serveAll(l, func(c net.Conn) {
		r.dials.Add(1)
		born := r.cut.Load()
		there, err := net.Dial("tcp", to)
		if err != nil {
			return
		}
		back := make(chan struct{})
		go func() {
			defer close(back)
			r.pass(c, there, born)
		}()
		r.pass(there, c, born)
		_ = there.Close()
		<-back
	}))
	return r
}

func (r *relay) pass(to, from net.Conn, born int32) {
	buf := make([]byte, 4<<10)
	for {
		n, err := from.Read(buf)
		if err != nil {
			return
		}
		if r.cut.Load() == born {
			_, _ = to.Write(buf[:n])
		}
	}
}

// A connection that has gone silent fails one run, not all until somebody else finds out.
func TestASilentConnectionFailsOneRun(t *testing.T) {
	for name, version := range map[string]bool{"HTTP/1.1": false, "HTTP/2": true} {
		srv := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if (r.ProtoMajor == 2) != version {
				w.WriteHeader(http.StatusHTTPVersionNotSupported)
			}
		}))
		srv.EnableHTTP2 = version
		srv.StartTLS()
		t.Cleanup(srv.Close)
		for _, way := range []string{"prober", "session, taken", "session, probed"} {
			t.Run(name+", "+way, func(t *testing.T) {
				r, env := newRelay(t, srv.Listener.Addr().String()), trusting(t, srv)
				p, s := mustProber(t, &HTTP{URL: "https://" + r.address}, env), mustSession(t, env)
				run := map[string]func(time.Duration) Sample{
					"prober":          func(d time.Duration) Sample { return takeFor(t, p, d) },
					"session, taken":  func(d time.Duration) Sample { return s.Take(t.Context(), d, p, nil, time.Now()) },
					"session, probed": func(d time.Duration) Sample { return takeFor(t, inSession{s, p}, d) },
				}[way]
				for i, want := range []struct {
					outcome Outcome
					dials   int32
				}{{OK, 1}, {OK, 1}, {Timeout, 1}, {OK, 2}, {OK, 2}, {Timeout, 2}, {OK, 3}} {
					timeout := plenty
					if want.outcome == Timeout {
						r.cut.Add(1)
						timeout = patience
					}
					if got := run(timeout); got.Outcome != want.outcome || r.dials.Load() != want.dials {
						t.Fatalf("run %d: %v over %d connections, want %v over %d: %v", i, got.Outcome, r.dials.Load(), want.outcome, want.dials, got.Err)
					}
				}
			})
		}
	}
}

// inSession asks over a session as if it were a prober.
type inSession struct {
	s *Session
	p *HTTPProber
}

func (i inSession) Probe(ctx context.Context) (Result, error) { return i.s.Probe(ctx, i.p) }
