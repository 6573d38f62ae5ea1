package probes

import (
	"context"
	"crypto/tls"
	"net"
	"testing"
	"time"

	promconfig "github.com/prometheus/common/config"
)

// TestHostileTLS is about servers that fail before HTTP begins.
func TestHostileTLS(t *testing.T) {
	h2 := func(serve func(net.Conn)) string { return tlsServer(t, serve, "h2") }
	dead := deadAddress(t)
	trusting := Env{HTTP: promconfig.HTTPClientConfig{EnableHTTP2: true, TLSConfig: promconfig.TLSConfig{InsecureSkipVerify: true}}}
	old := trusting
	old.HTTP.TLSConfig.MaxVersion = tls.VersionTLS10
	tests := []struct {
		name    string
		url     string
		env     Env
		timeout time.Duration
		want    Outcome
		last    Phase // the phase in which it failed
	}{
		{"refused port", "http://" + dead, Env{}, plenty, Refused, Connect},
		{"unknown host", "http://nobody.invalid/", Env{}, plenty, DNSFailure, DNS},
		{"self-signed certificate", tlsServer(t, says("")), Env{}, plenty, TLSFailure, TLS},
		{"handshake never answered", "https" + socketServer(t, hangs)[4:], Env{}, patience,
			Timeout, TLS},
		{"handshake closed", "https" + socketServer(t, hasty(""))[4:], Env{}, plenty, TLSFailure, TLS},
		{"handshake answered in plain HTTP",
			"https" + socketServer(t, hasty("HTTP/1.1 400 Bad\r\n\r\n"))[4:], Env{}, plenty, TLSFailure,
			TLS},
		{"handshake answered with garbage",
			"https" + socketServer(t, hasty("SSH-2.0-OpenSSH_9\r\n"))[4:], Env{}, plenty, TLSFailure,
			TLS},
		{"no common version", tlsServer(t, says("")), old, plenty, TLSFailure, TLS},
		{"closed after the handshake", tlsServer(t, says("")), trusting, plenty, Reset, TLS},
		{"HTTP/2 answered with garbage", h2(func(c net.Conn) { hasty("HTTP/1.1 200 OK\r\n\r\n")(c); hangs(c) }),
			trusting, plenty, Reset, TLS},
		{"HTTP/2 closed at once", h2(hasty("")), trusting, plenty, Reset, TLS},
		{"HTTP/2 goes away", h2(goAway), trusting, plenty, Reset, TLS},
		{"HTTP/2 stream reset", h2Resets(t), trusting, plenty, Reset, TLS},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p := mustProber(t, &HTTP{URL: tt.url}, tt.env)
			ctx, cancel := context.WithTimeout(t.Context(), tt.timeout)
			defer cancel()
			s := Take(ctx, p, time.Now())
			if s.Outcome != tt.want {
				t.Errorf("outcome %v, want %v: %v", s.Outcome, tt.want, s.Err)
			}
			if _, ok := s.Phases.Get(tt.last); !ok {
				t.Errorf("phases %v, want %v among them", happened(s.Phases), tt.last)
			}
			p.Close()
		})
	}
}
