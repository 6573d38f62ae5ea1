package probes

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/miekg/dns"
)

func TestBodies(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "order.xml"), []byte("<order/>"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name string
		spec HTTP
		want string
	}{
		{"text", HTTP{Method: "PUT", Body: "a"}, `PUT "a" type=""`},
		{"file", HTTP{Method: "POST", BodyFile: "order.xml", Headers: map[string]string{"Content-Type": "text/xml"}},
			`POST "<order/>" type="text/xml"`},
		{"text without a method", HTTP{Body: "a"}, `POST "a" type=""`},
		{"file without a method", HTTP{BodyFile: "order.xml"}, `POST "<order/>" type=""`},
		{"json", HTTP{JSON: map[string]any{"a": []int{1}}}, `POST "{\"a\":[1]}" type="application/json"`},
		{"json by another method", HTTP{Method: "GET", JSON: "a"}, `GET "\"a\"" type="application/json"`},
		{"none", HTTP{}, `GET "" type=""`},
		{"form", HTTP{Form: map[string]string{"user": "a b", "also": "ü&="}},
			`POST "also=%C3%BC%26%3D&user=a+b" type="application/x-www-form-urlencoded"`},
		{"form by another method", HTTP{Method: "PUT", Form: map[string]string{"a": ""}},
			`PUT "a=" type="application/x-www-form-urlencoded"`},
		{"empty form", HTTP{Form: map[string]string{}}, `POST "" type="application/x-www-form-urlencoded"`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			tt.spec.URL = serve(t, echo).URL
			p := mustProber(t, &tt.spec, Env{Dir: dir})
			if got, _, _ := strings.Cut(bodyOf(t, newExchange(p.transport), p), " key="); got != tt.want {
				t.Errorf("sent %s, want %s", got, tt.want)
			}
		})
	}
}

// A spec knows what its file had, so that a reload sees another content as another spec.
func TestBodyFileIsReadOnceAndBounded(t *testing.T) {
	file := filepath.Join(t.TempDir(), "body")
	write := func(text string) {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	spec := HTTP{URL: someURL, BodyFile: file}
	write("first")
	mustProber(t, &spec, Env{})
	write("second")
	if p := mustProber(t, &spec, Env{}); string(p.body) != "first" || string(spec.Content) != "first" {
		t.Errorf("body %q of a spec with %q, want what it read first", p.body, spec.Content)
	}
	write(strings.Repeat("x", 1<<20+1))
	_, err := (&HTTP{URL: someURL, BodyFile: file}).HTTPProber(Env{})
	if err == nil || !strings.HasSuffix(err.Error(), "from the configuration's folder on: more than 1MiB") {
		t.Errorf("error %v, want the file to be too large", err)
	}
}

func TestCookiesStayWithTheirOrigin(t *testing.T) {
	cookies := func(w http.ResponseWriter, r *http.Request) { _, _ = io.WriteString(w, r.Header.Get("Cookie")) }
	there := serve(t, cookies)
	here := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/away" {
			http.Redirect(w, r, there.URL, http.StatusFound)
			return
		}
		cookies(w, r)
	})
	for path, want := range map[string]string{"/": "a=1; session=s3cret", "/away": ""} {
		p := mustProber(t, &HTTP{URL: here.URL + path, Cookies: map[string]string{"session": "s3cret", "a": "1"}}, Env{})
		if got := bodyOf(t, newExchange(p.transport), p); got != want {
			t.Errorf("%s: cookies %q, want %q", path, got, want)
		}
	}
}

// What a redirect sets, as a login does, is sent on within the same run and forgotten with it.
func TestCookiesOfARedirectLastAsLongAsItsRun(t *testing.T) {
	var first []string
	srv := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/login" {
			first = append(first, r.Header.Get("Cookie"))
			http.SetCookie(w, &http.Cookie{Name: "session", Value: "1"})
			http.Redirect(w, r, "/home", http.StatusSeeOther)
			return
		}
		if c, err := r.Cookie("session"); err != nil || c.Value != "1" {
			w.WriteHeader(http.StatusUnauthorized)
		}
	})
	p := mustProber(t, &HTTP{URL: srv.URL + "/login"}, Env{})
	take(t, p, OK)
	take(t, p, OK)
	if got := strings.Join(first, ""); len(first) != 2 || got != "" {
		t.Errorf("the logins came with cookies %q, want none of the run before", first)
	}
}

func TestIPFamily(t *testing.T) {
	srv := serve(t, hello)
	named := strings.Replace(srv.URL, "127.0.0.1", "localhost", 1)
	for _, tt := range []struct {
		url, family string
		want        Outcome
	}{
		{srv.URL, "", OK}, {srv.URL, "any", OK}, {srv.URL, "ip4", OK}, {srv.URL, "ip6", DNSFailure}, {named, "ip4", OK},
	} {
		s := take(t, mustProber(t, &HTTP{URL: tt.url, IPFamily: tt.family}, Env{}), tt.want)
		if s.Outcome != OK && !strings.Contains(s.Err.Error(), "no suitable address") {
			t.Errorf("%s: %v", tt.family, s.Err)
		}
	}
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "[::1]:0")
	if err != nil {
		t.Skip("no IPv6 here:", err)
	}
	six := &httptest.Server{Listener: l, Config: &http.Server{Handler: http.HandlerFunc(hello), ReadHeaderTimeout: plenty}}
	six.Start()
	t.Cleanup(six.Close)
	take(t, mustProber(t, &HTTP{URL: six.URL, IPFamily: "ip6"}, Env{}), OK)
	take(t, mustProber(t, &HTTP{URL: six.URL, IPFamily: "ip4"}, Env{}), DNSFailure)
}

// An address must not outlive its name: a connection is given up after a while, whatever the client is made of.
func TestConnectionsAreGivenUp(t *testing.T) {
	for name, env := range clients(t) {
		var dials atomic.Int32
		srv := httptest.NewUnstartedServer(http.HandlerFunc(hello))
		srv.Config.ConnState = func(_ net.Conn, s http.ConnState) {
			if s == http.StateNew {
				dials.Add(1)
			}
		}
		srv.Start()
		t.Cleanup(srv.Close)
		p := mustProber(t, &HTTP{URL: srv.URL}, env)
		for range 3 {
			take(t, p, OK)
		}
		if n := dials.Load(); n != 1 || p.age != 5*time.Minute {
			t.Errorf("%s: %d connections within %v, want 1 within 5m", name, n, p.age)
		}
		born := p.dialled.Load()
		p.age = 1
		for range 3 {
			take(t, p, OK)
		}
		if n := dials.Load(); n != 4 || p.dialled.Load() <= born {
			t.Errorf("%s: %d connections, want one each run that came too late", name, n)
		}
	}
}

func TestHTTPVersion(t *testing.T) {
	serveTLS := func(http2 bool) (string, Env) {
		srv := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { _, _ = fmt.Fprint(w, r.Proto) }))
		srv.EnableHTTP2 = http2
		srv.StartTLS()
		t.Cleanup(srv.Close)
		return srv.URL, trusting(t, srv)
	}
	for _, tt := range []struct {
		offered bool
		asked   string
		want    string
	}{
		{true, "", "HTTP/2.0"}, {true, "2", "HTTP/2.0"}, {true, "1.1", "HTTP/1.1"}, {false, "", "HTTP/1.1"}, {false, "1.1", "HTTP/1.1"},
	} {
		url, env := serveTLS(tt.offered)
		p := mustProber(t, &HTTP{URL: url, HTTPVersion: tt.asked}, env)
		if got := bodyOf(t, newExchange(p.transport), p); got != tt.want {
			t.Errorf("offered %v, asked for %q: %s, want %s", tt.offered, tt.asked, got, tt.want)
		}
	}
	url, env := serveTLS(false)
	s := take(t, mustProber(t, &HTTP{URL: url, HTTPVersion: "2"}, env), TLSFailure)
	if !strings.Contains(s.Err.Error(), "protocol HTTP/1.1 agreed on, want HTTP/2") {
		t.Errorf("error %v", s.Err)
	}
}

// A name is looked up for each new connection, and not remembered: a failover by DNS is followed.
func TestNamesAreLookedUpAgain(t *testing.T) {
	address := atomic.Pointer[string]{}
	var url string
	for i, ip := range []string{"127.0.0.1", "127.0.0.2"} {
		at := ip + ":0"
		if i > 0 {
			at = net.JoinHostPort(ip, url[strings.LastIndexByte(url, ':')+1:])
		}
		l, err := net.Listen("tcp", at)
		if err != nil {
			t.Skip("no second address here:", err)
		}
		srv := &httptest.Server{Listener: l, Config: &http.Server{ReadHeaderTimeout: plenty, Handler: http.HandlerFunc(
			func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, ip) })}}
		srv.Start()
		t.Cleanup(srv.Close)
		url = srv.URL
	}
	c := packetListener(t, "127.0.0.1:0")
	overUDP(t, c, func(query []byte) [][]byte {
		asked := new(dns.Msg)
		if asked.Unpack(query) != nil {
			return nil
		}
		reply := new(dns.Msg).SetReply(asked)
		if asked.Question[0].Qtype == dns.TypeA {
			head := dns.RR_Header{Name: asked.Question[0].Name, Rrtype: dns.TypeA, Class: dns.ClassINET, Ttl: 3600}
			reply.Answer = []dns.RR{&dns.A{Hdr: head, A: net.ParseIP(*address.Load())}}
		}
		raw, err := reply.Pack()
		if err != nil {
			return nil
		}
		return [][]byte{raw}
	})
	names := &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "udp", c.LocalAddr().String())
	}}
	url = "http://shop.example.:" + url[strings.LastIndexByte(url, ':')+1:]
	fresh, kept := mustProber(t, &HTTP{URL: url, FreshConnection: true}, Env{}), mustProber(t, &HTTP{URL: url}, Env{})
	fresh.dial.names, kept.dial.names = names, names
	for i, ip := range []string{"127.0.0.1", "127.0.0.2", "127.0.0.2"} {
		address.Store(&ip)
		old := "127.0.0.1"
		if i == 2 {
			kept.age, old = 1, ip // its connection is too old now
		}
		for p, want := range map[*HTTPProber]string{fresh: ip, kept: old} {
			if s := take(t, p, OK); s.Evidence.Body != want {
				t.Errorf("run %d, fresh %v: answered by %s, want %s", i, p.fresh, s.Evidence.Body, want)
			}
		}
	}
}
