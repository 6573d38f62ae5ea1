package probes

import (
	"compress/gzip"
	"context"
	"encoding/pem"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	promconfig "github.com/prometheus/common/config"
)

// serve starts a server that the test ends.
func serve(t *testing.T, h http.HandlerFunc) *httptest.Server {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return s
}

func hello(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "hello") }

// take runs p once with plenty of time and wants an outcome.
func take(t *testing.T, p Prober, want Outcome) Sample {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), plenty)
	defer cancel()
	s := Take(ctx, p, time.Now())
	if s.Outcome != want {
		t.Fatalf("outcome %v, want %v: %v", s.Outcome, want, s.Err)
	}
	return s
}

func wantPhases(t *testing.T, s Sample, want ...Phase) {
	t.Helper()
	var sum time.Duration
	for p := range NumPhases {
		d, ok := s.Phases.Get(p)
		sum += d
		if ok != slices.Contains(want, p) || ok && d <= 0 {
			t.Errorf("phase %v: %v, happened %v, want one of %v above 0", p, d, ok, want)
		}
	}
	if sum > s.Duration {
		t.Errorf("the phases last %v, want no more than the run's %v", sum, s.Duration)
	}
}

func TestPhasesOfNewAndKeptConnections(t *testing.T) {
	srv := httptest.NewTLSServer(http.HandlerFunc(hello))
	t.Cleanup(srv.Close)
	env := trusting(t, srv)
	cert := srv.Certificate().NotAfter
	for _, tt := range []struct {
		name  string
		url   string
		fresh bool
		runs  [2][]Phase
	}{
		{"kept alive", srv.URL, false, [2][]Phase{{Connect, TLS, Request, FirstByte, Transfer}, {Request, FirstByte, Transfer}}},
		{"by name", strings.Replace(srv.URL, "127.0.0.1", "localhost", 1), false,
			[2][]Phase{{DNS, Connect, TLS, Request, FirstByte, Transfer}, {Request, FirstByte, Transfer}}},
		{"fresh each time", srv.URL, true,
			[2][]Phase{{Connect, TLS, Request, FirstByte, Transfer}, {Connect, TLS, Request, FirstByte, Transfer}}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if strings.Contains(tt.url, "localhost") {
				env.HTTP.TLSConfig.ServerName = "example.com"
			}
			p := mustProber(t, &HTTP{URL: tt.url, FreshConnection: tt.fresh}, env)
			session := mustSession(t, env)
			for _, want := range tt.runs {
				for _, s := range []Sample{take(t, p, OK), session.Take(t.Context(), plenty, p, nil, time.Now())} {
					wantPhases(t, s, want...)
					if s.Status != 200 || s.Bytes != 5 || !s.CertNotAfter.Equal(cert) {
						t.Errorf("status %d, %d bytes, certificate until %v, want 200, 5, %v", s.Status, s.Bytes, s.CertNotAfter, cert)
					}
				}
			}
		})
	}
}

// trusting returns an Env that knows srv's certificate from a file, as a configuration does.
func trusting(t *testing.T, srv *httptest.Server) Env {
	t.Helper()
	file := filepath.Join(t.TempDir(), "ca.pem")
	text := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: srv.Certificate().Raw})
	if err := os.WriteFile(file, text, 0o600); err != nil {
		t.Fatalf("writing %q: %v", file, err)
	}
	cfg := promconfig.DefaultHTTPClientConfig
	cfg.TLSConfig.CAFile = file
	return Env{HTTP: cfg}
}

func TestPhasesOfAFailureEndWithIt(t *testing.T) {
	p := mustProber(t, &HTTP{URL: socketServer(t, thenHangs(""))}, Env{})
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	s := Take(ctx, p, time.Now())
	wantPhases(t, s, Connect, Request, FirstByte)
	if s.Outcome != Timeout {
		t.Errorf("outcome %v, want timeout: %v", s.Outcome, s.Err)
	}
}

func TestCertificateIsToldEvenIfRefused(t *testing.T) {
	srv := httptest.NewTLSServer(http.HandlerFunc(hello))
	t.Cleanup(srv.Close)
	s := take(t, mustProber(t, &HTTP{URL: srv.URL}, Env{}), TLSFailure)
	if want := srv.Certificate().NotAfter; !s.CertNotAfter.Equal(want) {
		t.Errorf("certificate until %v, want %v", s.CertNotAfter, want)
	}
}

// TestRequestIsSentAsWritten compares what arrives.
func TestRequestIsSentAsWritten(t *testing.T) {
	u := &url.URL{Scheme: "http"}
	srv := serve(t, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		r.Header.Del("Content-Length")
		lines := []string{r.Method + " " + r.RequestURI + " " + strings.Replace(r.Host, u.Host, "HOST", 1)}
		for name, values := range r.Header {
			lines = append(lines, name+": "+strings.Join(values, ", "))
		}
		slices.Sort(lines[1:])
		_, _ = io.WriteString(w, strings.Join(append(lines, string(body)), "\n"))
	})
	u.Host = srv.Listener.Addr().String()
	const ours = "\nUser-Agent: perfwatch\nX-Synthetic-Traffic: perfwatch\n"
	for _, tt := range []struct {
		name string
		spec HTTP
		env  Env
		want string
	}{
		{"least", HTTP{URL: "/a?b=c#d"}, Env{}, "GET /a?b=c HOST\nAccept-Encoding: gzip" + ours},
		{"user agent", HTTP{URL: "/"}, Env{UserAgent: "perfwatch/1.0"},
			"GET / HOST\nAccept-Encoding: gzip\nUser-Agent: perfwatch/1.0\nX-Synthetic-Traffic: perfwatch\n"},
		{"body", HTTP{URL: "/", Method: "PUT", Body: "text"}, Env{}, "PUT / HOST\nAccept-Encoding: gzip" + ours + "text"},
		{"json", HTTP{URL: "/", Method: "POST", JSON: map[string]any{"a": []any{1, nil}}}, Env{},
			"POST / HOST\nAccept-Encoding: gzip\nContent-Type: application/json" + ours + `{"a":[1,null]}`},
		{"headers", HTTP{URL: "/", Headers: map[string]string{"x-key": "k", "accept-encoding": "br", "host": "virtual"}}, Env{},
			"GET / virtual\nAccept-Encoding: br\nUser-Agent: perfwatch\nX-Key: k\nX-Synthetic-Traffic: perfwatch\n"},
		{"user in the URL", HTTP{URL: "http://u:p@" + u.Host + "/"}, Env{},
			"GET / HOST\nAccept-Encoding: gzip\nAuthorization: Basic dTpw" + ours},
		{"basic auth", HTTP{URL: "/"},
			Env{HTTP: promconfig.HTTPClientConfig{BasicAuth: &promconfig.BasicAuth{Username: "u", Password: "p"}}},
			"GET / HOST\nAccept-Encoding: gzip\nAuthorization: Basic dTpw" + ours},
	} {
		t.Run(tt.name, func(t *testing.T) {
			tt.env.BaseURL = u
			p := mustProber(t, &tt.spec, tt.env)
			session := mustSession(t, tt.env)
			for range 2 { // a second time: nothing was used up
				for name, x := range map[string]*exchange{"prober": newExchange(p.transport), "session": session.x} {
					p.expect.maxBody, p.expect.match = 1<<20, nil
					if got := bodyOf(t, x, p); got != tt.want {
						t.Errorf("the %s sent %q\nwant %q", name, got, tt.want)
					}
				}
			}
		})
	}
}

// bodyOf runs p over x and returns the response's body.
func bodyOf(t *testing.T, x *exchange, p *HTTPProber) string {
	t.Helper()
	var res Result
	x.times.begin()
	resp, err := x.chain(x.times.trace(t.Context()), p, nil, &res)
	if err != nil {
		t.Fatalf("sending: %v", err)
	}
	_, body, err := x.body.read(resp, 1<<20, true)
	if err != nil {
		t.Fatalf("reading: %v", err)
	}
	x.times.seal(time.Now())
	return string(body)
}

func TestExpectations(t *testing.T) {
	srv := serve(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json; charset=utf-8")
		if r.URL.Path == "/201" {
			w.WriteHeader(http.StatusCreated)
		}
		_, _ = io.WriteString(w, `{"items": [{"ok": true}, {"ok": false}], "none": null, "n": 0, "s": "x"}`)
	})
	for _, tt := range []struct {
		name   string
		path   string
		expect Expect
		reason string // empty for success
	}{
		{"nothing", "/", Expect{}, ""},
		{"any 2xx", "/201", Expect{}, ""},
		{"status", "/201", Expect{Status: []int{200, 201}}, ""},
		{"other status", "/201", Expect{Status: []int{200}}, "status 201, want 200"},
		{"content type", "/", Expect{ContentType: "Application/JSON"}, ""},
		{"other content type", "/", Expect{ContentType: "text/html"}, `content type "application/json", want "text/html"`},
		{"text", "/", Expect{BodyMatches: `"ok": \w+`}, ""},
		{"other text", "/", Expect{BodyMatches: `^x`}, `no match of "^x" in 72 bytes`},
		{"true", "/", Expect{JSON: ".items | length == 2"}, ""},
		{"zero is a value", "/", Expect{JSON: ".n"}, ""},
		{"every value holds", "/", Expect{JSON: ".items[0], .s"}, ""},
		{"one value does not", "/", Expect{JSON: ".items[] | .ok"}, `".items[] | .ok" gave false`},
		{"false", "/", Expect{JSON: ".n > 0"}, `".n > 0" gave false`},
		{"null", "/", Expect{JSON: ".none"}, `".none" gave null`},
		{"no such field", "/", Expect{JSON: ".a.b"}, `".a.b" gave null`},
		{"no value", "/", Expect{JSON: "empty"}, `"empty" gave no value`},
		{"error", "/", Expect{JSON: ".s.x"}, `".s.x": expected an object but got: string ("x")`},
		{"environment is hidden", "/", Expect{JSON: "env.PATH"}, `"env.PATH" gave null`},
		{"endless query", "/", Expect{JSON: "[range(1; infinite) | select(false)]"}, "took over 1s"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p := mustProber(t, &HTTP{URL: srv.URL + tt.path, Expect: tt.expect}, Env{})
			if tt.reason == "" {
				take(t, p, OK)
				return
			}
			began := time.Now()
			s := take(t, p, InvalidResponse)
			if !strings.HasSuffix(s.Err.Error(), tt.reason) || !strings.HasPrefix(s.Err.Error(), `fetching "GET `+srv.URL) {
				t.Errorf("error %v, want the URL and %q", s.Err, tt.reason)
			}
			if judged := time.Since(began) - s.Duration; strings.Contains(tt.reason, "over 1s") && judged < maxQueryTime {
				t.Errorf("%v of the query are not in the duration, want %v", judged, maxQueryTime)
			}
		})
	}
}

func TestQueryEndsWithItsContext(t *testing.T) {
	srv := serve(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "{}") })
	p := mustProber(t, &HTTP{URL: srv.URL, Expect: Expect{JSON: "[range(1; infinite) | select(false)]"}}, Env{})
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if s := Take(ctx, p, time.Now()); s.Outcome != Timeout {
		t.Errorf("outcome %v, want timeout: %v", s.Outcome, s.Err)
	}
}

// TestPanicInAQueryIsContained has a query whose machinery is a nil pointer.
func TestPanicInAQueryIsContained(t *testing.T) {
	e := expectation{code: nil, query: "."}
	if err := e.checkJSON(t.Context(), []byte("{}")); OutcomeOf(err) != Panic {
		t.Errorf("error %v, want a panic", err)
	}
}

func TestBytesAreThoseOffTheWire(t *testing.T) {
	long := strings.Repeat("perfwatch ", 1000)
	srv := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Accept-Encoding") != "gzip" {
			_, _ = io.WriteString(w, long)
			return
		}
		w.Header().Set("Content-Encoding", "gzip")
		z := gzip.NewWriter(w)
		_, _ = io.WriteString(z, long)
		_ = z.Close()
	})
	expect := Expect{BodyMatches: "^(perfwatch ){1000}$", MaxBody: 10_000}
	session := mustSession(t, Env{})
	for _, tt := range []struct {
		name     string
		encoding string
		max      ByteSize
		bytes    [2]int64
		want     Outcome
	}{
		{"compressed", "gzip", 10_000, [2]int64{40, 200}, OK},
		{"plain", "identity", 10_000, [2]int64{10_000, 10_000}, OK},
		{"one byte too many after decompression", "gzip", 9_999, [2]int64{1, 200}, BodyTooLarge},
		{"one byte too many", "identity", 9_999, [2]int64{1, 10_000}, BodyTooLarge},
	} {
		t.Run(tt.name, func(t *testing.T) {
			expect.MaxBody = tt.max
			p := mustProber(t, &HTTP{URL: srv.URL, Headers: map[string]string{"Accept-Encoding": tt.encoding}, Expect: expect}, Env{})
			for _, s := range []Sample{take(t, p, tt.want), session.Take(t.Context(), plenty, p, nil, time.Now())} {
				if s.Outcome != tt.want || s.Bytes < tt.bytes[0] || s.Bytes > tt.bytes[1] {
					t.Errorf("%v with %d bytes, want %v with %v", s.Outcome, s.Bytes, tt.want, tt.bytes)
				}
			}
		})
	}
}

func TestProberIsSafeForConcurrentUse(t *testing.T) {
	srv := serve(t, hello)
	p := mustProber(t, &HTTP{URL: srv.URL, Method: "POST", Body: "b", Expect: Expect{BodyMatches: "^hello$"}}, Env{})
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 20 {
				if s := Take(t.Context(), p, time.Now()); s.Outcome != OK || s.Bytes != 5 {
					t.Errorf("%v with %d bytes, want ok with 5: %v", s.Outcome, s.Bytes, s.Err)
				}
			}
		})
	}
	wg.Wait()
}
