package probes

import (
	"crypto/tls"
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
	promconfig "github.com/prometheus/common/config"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/health"
)

// TestRenewedAuthorityIsTrusted has the servers' certificates and the file of who is trusted replaced between two runs of
// each kind that makes its own handshakes, and then that file gone.
func TestRenewedAuthorityIsTrusted(t *testing.T) {
	old, renewed := newAuthority(t), newAuthority(t)
	var cert atomic.Pointer[tls.Certificate]
	config := &tls.Config{NextProtos: []string{"h2"}, GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) {
		return cert.Load(), nil
	}}
	trust := filepath.Join(t.TempDir(), "trusted.pem")
	use := func(a *authority) {
		text, err := os.ReadFile(a.file)
		if err == nil {
			err = os.WriteFile(trust, text, 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
		issued := a.issue(t, time.Now().Add(30*24*time.Hour))
		cert.Store(&issued)
	}
	use(old)
	settings := promconfig.TLSConfig{CAFile: trust}
	health, stop := startGRPC(t, health.NewServer(), grpc.Creds(credentials.NewTLS(config)))
	defer stop()
	server := &dns.Server{Listener: tls.NewListener(listener(t), config), Handler: dns.HandlerFunc(shopZone)}
	go func() { _ = server.ActivateAndServe() }()
	l := listener(t)
	defer serveAll(l, func(c net.Conn) {
		if s := tls.Server(c, config); s.Handshake() == nil {
			hangs(s)
		}
	})()
	probers := []Prober{
		mustBuild(t, &TLSHandshake{Address: l.Addr().String(), TLSConfig: settings}, Env{}),
		mustBuild(t, &GRPC{Address: health, TLSConfig: &settings}, Env{}),
		mustBuild(t, &DNSQuery{Server: server.Listener.Addr().String(), Name: "shop.example", Protocol: "tls", TLSConfig: settings}, Env{}),
	}
	each := func(what string, want Outcome, says string) {
		for _, p := range probers {
			if s := takeWithin(t, p, want); s.Outcome != want || want != OK && !strings.Contains(s.Err.Error(), says) {
				t.Errorf("%T, %s: %v, %v, want %v and %q", p, what, s.Outcome, s.Err, want, says)
			}
		}
	}
	each("as it was built", OK, "")
	use(renewed)
	each("renewed", OK, "")
	if err := os.Remove(trust); err != nil {
		t.Fatal(err)
	}
	each("without the file", TLSFailure, "trusted.pem")
	_ = server.Shutdown()
}

// TestUntrustedCertificatesTellTheirExpiry as those that expired must.
func TestUntrustedCertificatesTellTheirExpiry(t *testing.T) {
	expiry := time.Now().Add(-time.Hour).Truncate(time.Second)
	cert := newAuthority(t).issue(t, expiry)
	health, stop := startGRPC(t, health.NewServer(), grpc.Creds(credentials.NewServerTLSFromCert(&cert)))
	defer stop()
	_, secure := startZone(t, cert)
	for _, p := range []Prober{
		mustBuild(t, &GRPC{Address: health, TLSConfig: &promconfig.TLSConfig{}}, Env{}),
		mustBuild(t, &DNSQuery{Server: secure, Name: "shop.example", Protocol: "tls"}, Env{}),
	} {
		if s := takeWithin(t, p, TLSFailure); s.Outcome != TLSFailure || !s.CertNotAfter.Equal(expiry) {
			t.Errorf("%T: %v, expires %v, want %v, %v", p, s.Outcome, s.CertNotAfter, TLSFailure, expiry)
		}
	}
}

// TestGRPCOverTLSSpeaksAsClientsDo compares what a server is told with what gRPC's own clients tell it.
func TestGRPCOverTLSSpeaksAsClientsDo(t *testing.T) {
	var host string
	var secure bool
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		host, secure = r.Host, r.TLS != nil // which is so only if the request's own scheme is https
		w.Header().Set("Content-Type", "application/grpc")
		w.Header().Set("Grpc-Status", "12")
	}))
	server.EnableHTTP2 = true
	server.StartTLS()
	defer server.Close()
	address := server.Listener.Addr().String()
	for name, want := range map[string]string{"": address, "example.com": "example.com"} {
		p := mustBuild(t, &GRPC{
			Address: address, TLSConfig: &promconfig.TLSConfig{InsecureSkipVerify: true, ServerName: name},
		}, Env{})
		s := takeWithin(t, p, InvalidResponse)
		if s.Outcome != InvalidResponse || host != want || !secure {
			t.Errorf("outcome %v, the server was asked as %q, by https: %t, want %q: %v", s.Outcome, host, secure, want, s.Err)
		}
	}
	l := listener(t)
	defer serveAll(l, serves(newAuthority(t).issue(t, time.Now().Add(time.Hour)), func(c *tls.Config) { c.NextProtos = nil }, hangs))()
	p := mustBuild(t, &GRPC{Address: l.Addr().String(), TLSConfig: &promconfig.TLSConfig{InsecureSkipVerify: true}}, Env{})
	if s := takeWithin(t, p, TLSFailure); s.Outcome != TLSFailure || !strings.Contains(s.Err.Error(), `protocol "" agreed on, want h2`) {
		t.Errorf("a server that agrees on no protocol: %v, %v", s.Outcome, s.Err)
	}
}
