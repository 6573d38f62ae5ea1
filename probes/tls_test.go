package probes

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"io"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	promconfig "github.com/prometheus/common/config"
)

// An authority issues certificates for 127.0.0.1 and the name shop.example.
type authority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	file string // its certificate in PEM
}

func newAuthority(t testing.TB) *authority {
	t.Helper()
	a := &authority{file: filepath.Join(t.TempDir(), "ca.pem")}
	a.cert = &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test authority"}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Now().Add(-400 * 24 * time.Hour), NotAfter: time.Now().Add(400 * 24 * time.Hour), KeyUsage: x509.KeyUsageCertSign,
	}
	var raw []byte
	a.key, raw = sign(t, a.cert, nil, nil)
	text := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: raw})
	if err := os.WriteFile(a.file, text, 0o600); err != nil {
		t.Fatal(err)
	}
	return a
}

// sign makes a key and its certificate; without an issuer the certificate signs itself.
func sign(t testing.TB, c, issuer *x509.Certificate, by *ecdsa.PrivateKey) (*ecdsa.PrivateKey, []byte) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	if issuer == nil {
		issuer, by = c, key
	}
	raw, err := x509.CreateCertificate(rand.Reader, c, issuer, &key.PublicKey, by)
	if err != nil {
		t.Fatal(err)
	}
	return key, raw
}

// issue makes a certificate that expires at an instant.
func (a *authority) issue(t testing.TB, notAfter time.Time) tls.Certificate {
	t.Helper()
	c := &x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: "shop.example"},
		DNSNames: []string{"shop.example"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		NotBefore: notAfter.Add(-90 * 24 * time.Hour), NotAfter: notAfter, KeyUsage: x509.KeyUsageDigitalSignature,
	}
	key, raw := sign(t, c, a.cert, a.key)
	return tls.Certificate{Certificate: [][]byte{raw}, PrivateKey: key}
}

// serves makes a peer that speaks TLS with a certificate.
func serves(cert tls.Certificate, change func(*tls.Config), then func(net.Conn)) func(net.Conn) {
	config := &tls.Config{Certificates: []tls.Certificate{cert}, NextProtos: []string{"h2", "imap"}}
	if change != nil {
		change(config)
	}
	return func(c net.Conn) {
		server := tls.Server(c, config)
		if server.Handshake() == nil {
			then(server)
		}
	}
}

type tlsRow struct {
	name   string
	serve  func(net.Conn)
	spec   TLSHandshake
	want   Outcome
	reason string
	phases string
	days   float64 // that are left; 0 for no certificate
}

func tlsRows(t *testing.T, ca *authority) []tlsRow {
	t.Helper()
	in := func(days time.Duration) tls.Certificate { return ca.issue(t, time.Now().Add(days*24*time.Hour)) }
	trusting := promconfig.TLSConfig{CAFile: filepath.Base(ca.file)}
	good, old := in(30), func(c *tls.Config) { c.MaxVersion = tls.VersionTLS12 }
	named := func(name string) TLSHandshake {
		return TLSHandshake{TLSConfig: promconfig.TLSConfig{CAFile: ca.file, ServerName: name}}
	}
	spec := func(e TLSExpect) TLSHandshake { return TLSHandshake{TLSConfig: trusting, Expect: e} }
	rows := []tlsRow{
		{"good", serves(good, nil, hangs), spec(TLSExpect{MinDays: 29}), OK, "", "connect tls", 30},
		{"another name of it", serves(good, nil, hangs), named("shop.example"), OK, "", "connect tls", 30},
		{"a name that it has not", serves(good, nil, hangs), named("bank.example"), TLSFailure, "bank.example", "connect tls", 30},
		{"unknown authority", serves(good, nil, hangs), TLSHandshake{}, TLSFailure, "unknown authority", "connect tls", 30},
		{"unknown authority, taken", serves(good, nil, hangs),
			TLSHandshake{TLSConfig: promconfig.TLSConfig{InsecureSkipVerify: true}}, OK, "", "connect tls", 30},
		{"expires too soon", serves(good, nil, hangs), spec(TLSExpect{MinDays: 31}), TLSFailure, "in 29 days, want at least 31",
			"connect tls", 30},
		{"expired", serves(in(-2), nil, hangs), spec(TLSExpect{}), TLSFailure, "expired", "connect tls", -2},
		{"old version", serves(good, old, hangs), spec(TLSExpect{MinVersion: promconfig.TLSVersions["TLS13"]}), TLSFailure,
			"version TLS 1.2, want at least TLS 1.3", "connect tls", 30},
		{"never shakes hands", hangs, spec(TLSExpect{}), Timeout, "", "connect tls", 0},
		{"closes at once", func(net.Conn) {}, spec(TLSExpect{}), TLSFailure, "EOF", "connect tls", 0},
		{"speaks plain text", hasty("220 ready\r\n"), spec(TLSExpect{}), TLSFailure, "first record", "connect tls", 0},
		{"drips a handshake", dripsAfter("\x16\x03\x03\x40\x00"), spec(TLSExpect{}), Timeout, "",
			"connect tls", 0},
	}
	talk := TLSHandshake{TLSConfig: trusting, ALPN: []string{"imap"}, Send: "a1\r\n\r\n", Expect: TLSExpect{ALPN: "imap", Matches: "^OK"}}
	other := talk
	other.ALPN, other.Expect.ALPN = []string{"imap", "h3"}, "h3"
	return append(rows,
		tlsRow{"talks", serves(good, nil, says("OK a1")), talk, OK, "", "connect tls request first_byte transfer", 30},
		tlsRow{"agrees on another protocol", serves(good, nil, says("OK a1")), other, TLSFailure, `protocol "imap" agreed on, want "h3"`,
			"connect tls", 30},
		tlsRow{"talks garbage", serves(good, nil, says("BYE")), talk, InvalidResponse, "no match",
			"connect tls request first_byte transfer", 30},
		tlsRow{"falls silent", serves(good, nil, hangs), talk, Timeout, "reading reply", "connect tls request first_byte", 30},
	)
}

// dripsAfter sends text at once, and then more of it for ever, byte by byte.
func dripsAfter(text string) func(net.Conn) {
	return func(c net.Conn) {
		_, _ = io.WriteString(c, text)
		tick := time.NewTicker(10 * time.Millisecond)
		defer tick.Stop()
		for range tick.C {
			if _, err := io.WriteString(c, "x"); err != nil {
				return
			}
		}
	}
}

func TestTLS(t *testing.T) {
	ca := newAuthority(t)
	for _, tt := range tlsRows(t, ca) {
		t.Run(tt.name, func(t *testing.T) {
			l := listener(t)
			stop := serveAll(l, tt.serve)
			defer stop()
			tt.spec.Address = l.Addr().String()
			s := takeWithin(t, mustBuild(t, &tt.spec, Env{Dir: filepath.Dir(ca.file)}), tt.want)
			if s.Outcome != tt.want || s.Err != nil && !strings.Contains(s.Err.Error(), tt.reason) {
				t.Fatalf("outcome %v, want %v with %q: %v", s.Outcome, tt.want, tt.reason, s.Err)
			}
			if got := strings.Join(happened(s.Phases), " "); got != tt.phases {
				t.Errorf("phases %s, want %s", got, tt.phases)
			}
			days := time.Until(s.CertNotAfter).Hours() / 24
			if s.CertNotAfter.IsZero() {
				days = 0
			}
			if days > tt.days+0.01 || days < tt.days-0.01 {
				t.Errorf("certificate expires in %.3f days, want %v", days, tt.days)
			}
		})
	}
}

func TestMistakesOfTLS(t *testing.T) {
	wantMistakes(t, []specMistake{
		{"no address", &TLSHandshake{}, "address: missing, want HOST:PORT with a port from 1 to 65535"},
		{"days", &TLSHandshake{Address: "h:1", Expect: TLSExpect{MinDays: 4000}},
			`expect.min_days: "4000", want 0 to 3650 days`},
		{"protocol", &TLSHandshake{Address: "h:1", ALPN: []string{"h2", ""}}, `alpn[1]: "", want a protocol such as h2, 255 bytes at most`},
		{"protocol not offered", &TLSHandshake{Address: "h:1", ALPN: []string{"h2"}, Expect: TLSExpect{ALPN: "h3"}},
			`expect.alpn: "h3", want one of the protocols in alpn`},
		{"file", &TLSHandshake{Address: "h:1", TLSConfig: promconfig.TLSConfig{CAFile: "/nowhere/ca.pem"}},
			"tls_config: unable to read CA cert: unable to read file /nowhere/ca.pem: open /nowhere/ca.pem: no such file or directory"},
	})
}
