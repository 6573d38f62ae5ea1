package probes

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	promconfig "github.com/prometheus/common/config"
)

// write makes a file for a test.
func write(t testing.TB, name, text string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// headersOf is the http_headers of a client with one header.
func headersOf(name string, h promconfig.Header) *promconfig.Headers {
	return &promconfig.Headers{Headers: map[string]promconfig.Header{name: h}}
}

// clients are one of each kind of credentials that wraps the connections.
func clients(t *testing.T) map[string]Env {
	t.Helper()
	env := func(change func(*promconfig.HTTPClientConfig)) Env {
		cfg := promconfig.DefaultHTTPClientConfig
		change(&cfg)
		return Env{HTTP: cfg}
	}
	token := write(t, "token", "t0ken\n")
	tokens := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, `{"access_token": "granted", "token_type": "Bearer", "expires_in": 3600}`)
	})
	return map[string]Env{
		"none": {},
		"basic": env(func(c *promconfig.HTTPClientConfig) {
			c.BasicAuth = &promconfig.BasicAuth{Username: "u", Password: "p"}
		}),
		"bearer": env(func(c *promconfig.HTTPClientConfig) {
			c.Authorization = &promconfig.Authorization{Type: "Bearer", CredentialsFile: token}
		}),
		"oauth2": env(func(c *promconfig.HTTPClientConfig) {
			c.OAuth2 = &promconfig.OAuth2{ClientID: "i", ClientSecret: "s", TokenURL: tokens.URL}
		}),
		"http_headers": env(func(c *promconfig.HTTPClientConfig) {
			c.HTTPHeaders = headersOf("X-Api-Key", promconfig.Header{Secrets: []promconfig.Secret{"k3y"}})
		}),
	}
}

func TestCredentialsArriveAndStayWithTheirHost(t *testing.T) {
	seen := func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/away" {
			http.Redirect(w, r, r.URL.Query().Get("to"), http.StatusFound)
			return
		}
		_, _ = fmt.Fprintf(w, "%s|%s", r.Header.Get("Authorization"), r.Header.Get("X-Api-Key"))
	}
	here := serve(t, seen)
	// Another port of one host is another origin to us, but the same host to prometheus/common.
	there := strings.Replace(serve(t, seen).URL, "127.0.0.1", "localhost", 1)
	for name, env := range clients(t) {
		want := map[string]string{
			"none": "|", "basic": "Basic dTpw|", "bearer": "Bearer t0ken|", "oauth2": "Bearer granted|", "http_headers": "|k3y",
		}[name]
		for path, want := range map[string]string{"/": want, "/away?to=/": want, "/away?to=" + there + "/": "|"} {
			p := mustProber(t, &HTTP{URL: here.URL + path}, env)
			if got := bodyOf(t, newExchange(p.transport), p); got != want {
				t.Errorf("%s: %s saw %q, want %q", name, path, got, want)
			}
		}
	}
}

// A file with credentials may change while the daemon runs.
func TestCredentialsAreReadAgain(t *testing.T) {
	srv := serve(t, func(w http.ResponseWriter, r *http.Request) { _, _ = io.WriteString(w, r.Header.Get("Authorization")) })
	file := write(t, "token", "one")
	p := mustProber(t, &HTTP{URL: srv.URL, HTTPClient: &promconfig.HTTPClientConfig{
		Authorization: &promconfig.Authorization{Type: "Bearer", CredentialsFile: file},
	}}, Env{HTTP: promconfig.HTTPClientConfig{BasicAuth: &promconfig.BasicAuth{Username: "global"}}})
	for _, token := range []string{"one", "two"} {
		if err := os.WriteFile(file, []byte(token), 0o600); err != nil {
			t.Fatal(err)
		}
		if got := bodyOf(t, newExchange(p.transport), p); got != "Bearer "+token {
			t.Errorf("sent %q, want the token %q", got, token)
		}
	}
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	take(t, p, Error)
}

func TestClientCertificates(t *testing.T) {
	ca := newAuthority(t)
	text, err := os.ReadFile(ca.file)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(text)
	srv := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, r.TLS.PeerCertificates[0].Subject.CommonName)
	}))
	srv.TLS = &tls.Config{
		Certificates: []tls.Certificate{ca.issue(t, time.Now().Add(30*24*time.Hour))},
		ClientAuth:   tls.RequireAndVerifyClientCert, ClientCAs: pool,
	}
	srv.StartTLS()
	t.Cleanup(srv.Close)

	own := ca.issue(t, time.Now().Add(time.Hour))
	key, err := x509.MarshalPKCS8PrivateKey(own.PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	certFile := write(t, "client.pem", string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: own.Certificate[0]})))
	keyFile := write(t, "client.key", string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: key})))
	settings := promconfig.TLSConfig{CAFile: ca.file, CertFile: certFile, KeyFile: keyFile}

	client := promconfig.HTTPClientConfig{TLSConfig: settings, EnableHTTP2: true}
	p := mustProber(t, &HTTP{URL: srv.URL, HTTPClient: &client}, Env{})
	if got := bodyOf(t, newExchange(p.transport), p); got != "shop.example" {
		t.Errorf("the server saw a certificate of %q, want shop.example", got)
	}
	take(t, p, OK)
	for name, without := range map[string]promconfig.TLSConfig{
		"client certificate": {CAFile: ca.file}, "authority": {CertFile: certFile, KeyFile: keyFile},
		"the right name": {CAFile: ca.file, CertFile: certFile, KeyFile: keyFile, ServerName: "other.example"},
	} {
		p := mustProber(t, &HTTP{URL: srv.URL, HTTPClient: &promconfig.HTTPClientConfig{TLSConfig: without}}, Env{})
		if s := Take(t.Context(), p, time.Time{}); s.Outcome != TLSFailure {
			t.Errorf("without %s: outcome %v, want tls: %v", name, s.Outcome, s.Err)
		}
	}
}

// A token endpoint behind TLS of an authority of its own, and one that refuses.
func TestOAuth2(t *testing.T) {
	var asked []string
	refuse := false
	tokens := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_ = r.ParseForm()
		user, password, _ := r.BasicAuth()
		asked = append(asked, fmt.Sprint(r.Method, " ", user, ":", password, " ", r.PostForm.Encode()))
		if refuse {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, `{"access_token": "granted", "token_type": "Bearer", "expires_in": 3600}`)
	}))
	t.Cleanup(tokens.Close)
	srv := serve(t, func(w http.ResponseWriter, r *http.Request) { _, _ = io.WriteString(w, r.Header.Get("Authorization")) })
	build := func() *HTTPProber {
		return mustProber(t, &HTTP{URL: srv.URL, Expect: Expect{BodyMatches: "^Bearer granted$"}, HTTPClient: &promconfig.HTTPClientConfig{
			OAuth2: &promconfig.OAuth2{
				ClientID: "perfwatch", ClientSecret: "s3cret", TokenURL: tokens.URL, Scopes: []string{"read"},
				TLSConfig: trusting(t, tokens).HTTP.TLSConfig,
			},
		}}, Env{})
	}
	p := build()
	take(t, p, OK)
	take(t, p, OK)
	if want := "POST perfwatch:s3cret grant_type=client_credentials&scope=read"; len(asked) != 1 || asked[0] != want {
		t.Errorf("the token endpoint was asked %q, want once: %q", asked, want)
	}
	refuse = true
	if s := take(t, build(), HTTP4xx); !strings.Contains(s.Err.Error(), "token server answered 401") || strings.Contains(s.Err.Error(), "s3cret") {
		t.Errorf("error %v, want the refusal and no secret", s.Err)
	}
}

func TestProxy(t *testing.T) {
	var asked string
	proxy := serve(t, func(w http.ResponseWriter, r *http.Request) {
		asked = r.RequestURI
		_, _ = io.WriteString(w, "from the proxy")
	})
	u, err := url.Parse(proxy.URL)
	if err != nil {
		t.Fatal(err)
	}
	cfg := promconfig.HTTPClientConfig{ProxyConfig: promconfig.ProxyConfig{ProxyURL: promconfig.URL{URL: u}}}
	p := mustProber(t, &HTTP{URL: "http://shop.invalid/a?b", HTTPClient: &cfg, Expect: Expect{BodyMatches: "^from the proxy$"}}, Env{})
	if take(t, p, OK); asked != "http://shop.invalid/a?b" {
		t.Errorf("the proxy was asked for %q", asked)
	}
}

// Over TLS the proxy is asked for a tunnel, in which the certificate is judged that the site itself has.
func TestProxyOfTLS(t *testing.T) {
	site := httptest.NewTLSServer(http.HandlerFunc(hello))
	t.Cleanup(site.Close)
	var asked string
	proxy := serve(t, func(w http.ResponseWriter, r *http.Request) {
		asked = r.Method + " " + r.RequestURI
		there, err := net.Dial("tcp", r.RequestURI)
		if err != nil {
			w.WriteHeader(http.StatusBadGateway)
			return
		}
		here, _, err := http.NewResponseController(w).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		_, _ = io.WriteString(here, "HTTP/1.1 200 OK\r\n\r\n")
		go func() { _, _ = io.Copy(there, here); _ = there.Close() }()
		_, _ = io.Copy(here, there)
		_ = here.Close()
	})
	u, err := url.Parse(proxy.URL)
	if err != nil {
		t.Fatal(err)
	}
	cfg := trusting(t, site).HTTP
	cfg.ProxyURL = promconfig.URL{URL: u}
	p := mustProber(t, &HTTP{URL: site.URL, HTTPClient: &cfg, Expect: Expect{BodyMatches: "^hello$"}}, Env{})
	s := take(t, p, OK)
	if want := "CONNECT " + site.Listener.Addr().String(); asked != want || !s.CertNotAfter.Equal(site.Certificate().NotAfter) {
		t.Errorf("the proxy was asked %q and the certificate ends %v, want %q and %v", asked, s.CertNotAfter, want, site.Certificate().NotAfter)
	}
	dead := mustProber(t, &HTTP{URL: "https://" + deadAddress(t), HTTPClient: &cfg}, Env{})
	if s := Take(t.Context(), dead, time.Time{}); s.Outcome == OK || !strings.Contains(s.Err.Error(), "Bad Gateway") {
		t.Errorf("a proxy that does not get there: %v, %v", s.Outcome, s.Err)
	}
}

// Who refuses is not the site: the error says so.
func TestTheErrorSaysWhoStandsBefore(t *testing.T) {
	site := serve(t, hello)
	for _, tt := range []struct {
		status int
		want   Outcome
	}{{403, HTTP4xx}, {407, HTTP4xx}, {429, HTTP429}, {502, HTTP5xx}, {503, HTTP5xx}} {
		before := serve(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(tt.status) })
		u, err := url.Parse(before.URL)
		if err != nil {
			t.Fatal(err)
		}
		proxied := promconfig.HTTPClientConfig{ProxyConfig: promconfig.ProxyConfig{ProxyURL: promconfig.URL{URL: u}}}
		for who, p := range map[string]*HTTPProber{
			"proxy":        mustProber(t, &HTTP{URL: "https://shop.invalid/", HTTPClient: &proxied}, Env{}),
			"token server": mustProber(t, &HTTP{URL: site.URL}, tokensFrom(before.Listener.Addr().String())),
		} {
			s := take(t, p, tt.want)
			if says := fmt.Sprintf("%s answered %d, want 200", who, tt.status); !strings.Contains(s.Err.Error(), says) || s.Status != 0 {
				t.Errorf("status %d, error %v, want %q and no status", s.Status, s.Err, says)
			}
		}
	}
}
