package probes

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"regexp"
	"slices"
	"time"

	promconfig "github.com/prometheus/common/config"
)

// maxDays is the longest validity that may be asked for: ten years.
const maxDays = 3650

// TLSHandshake is the kind tls: it opens a connection, does a whole handshake without resuming a session, and judges the
// certificate. Like tcp it may send a text and wait for a reply.
type TLSHandshake struct {
	Address   string               `yaml:"address"`    // host:port
	IPFamily  string               `yaml:"ip_family"`  // any (the default), ip4 or ip6
	TLSConfig promconfig.TLSConfig `yaml:"tls_config"` // server_name is the host of the address unless it says otherwise
	ALPN      []string             `yaml:"alpn"`       // protocols to offer
	Send      string               `yaml:"send"`       // sent as written, after the handshake; a secret
	Expect    TLSExpect            `yaml:"expect"`
}

// TLSExpect says which handshakes are good ones.
type TLSExpect struct {
	MinDays    int                   `yaml:"min_days"`    // days that every certificate of the chain must still be valid
	MinVersion promconfig.TLSVersion `yaml:"min_version"` // TLS12 or TLS13, as negotiated
	ALPN       string                `yaml:"alpn"`        // protocol that was agreed on
	Matches    string                `yaml:"matches"`     // RE2 regular expression of the reply; empty waits for none
}

// Kind implements Spec.
func (*TLSHandshake) Kind() string { return "tls" }

// Prober implements Spec.
func (s *TLSHandshake) Prober(env Env) (Prober, error) {
	var ms mistakes
	p := &tlsProber{address: s.Address, dial: ms.dialer(env, s.IPFamily), send: s.Send, expect: s.Expect}
	ms.checkAddress("address", s.Address)
	ms.checkSend(s.Send)
	for i, name := range s.ALPN {
		if name == "" || len(name) > 255 {
			ms.add(fmt.Sprintf("alpn[%d]", i), name, "a protocol such as h2, 255 bytes at most")
		}
	}
	if name := s.Expect.ALPN; name != "" && !slices.Contains(s.ALPN, name) {
		ms.add("expect.alpn", name, "one of the protocols in alpn")
	}
	if d := s.Expect.MinDays; d < 0 || d > maxDays {
		ms.add("expect.min_days", d, fmt.Sprintf("0 to %d days", maxDays))
	}
	p.match, p.masks = ms.matches(s.Expect.Matches), hide(s.Send)
	p.client = ms.clientTLS(s.TLSConfig, s.Address, env.Dir, s.ALPN...)
	if err := errors.Join(ms...); err != nil {
		return nil, err
	}
	return p, nil
}

// A clientTLS is the client's side of TLS. Its files are read for each handshake, so that those that were renewed count.
type clientTLS struct {
	settings  promconfig.TLSConfig
	host      string // the server's name unless the settings say another
	protocols []string
}

// clientTLS makes a client of settings whose files start at dir, for the host of an address.
func (ms *mistakes) clientTLS(settings promconfig.TLSConfig, address, dir string, protocols ...string) *clientTLS {
	settings.SetDirectory(dir)
	c := &clientTLS{settings: settings, protocols: protocols}
	c.host, _, _ = net.SplitHostPort(address)
	if _, err := c.config(); err != nil {
		*ms = append(*ms, fmt.Errorf("tls_config: %w", err))
	}
	return c
}

func (c *clientTLS) config() (*tls.Config, error) {
	config, err := promconfig.NewTLSConfig(&c.settings)
	if err != nil {
		return nil, err
	}
	config.ServerName, config.NextProtos = cmp.Or(config.ServerName, c.host), c.protocols
	return config, nil
}

// A tlsProber judges the TLS of a server. A certificate that expires too soon, and a protocol or version other than the
// one expected, are failures of TLS.
type tlsProber struct {
	address string
	dial    dialer
	client  *clientTLS
	send    string
	match   *regexp.Regexp
	masks   *masks
	expect  TLSExpect
}

// Probe implements Prober. Its Result has the certificate's expiry also where the certificate is not trusted.
func (p *tlsProber) Probe(ctx context.Context) (res Result, err error) {
	var shown string
	var reply []byte
	l, err := openLink(ctx, p.dial, "tcp", p.address)
	defer func() { res.Phases = l.close() }()
	if err == nil {
		var state tls.ConnectionState
		state, err = l.handshake(ctx, p.client)
		res.CertNotAfter, shown = earliestExpiry(state.PeerCertificates), shownTLS(&state, state.PeerCertificates)
		if err == nil {
			err = p.judge(&state, res.CertNotAfter)
		}
	}
	if err == nil {
		reply, err = l.converse(p.send, p.match)
		res.Bytes = int64(len(reply))
	}
	res.Evidence = p.masks.said(shown, reply, res.Bytes)
	if err != nil {
		return res, fmt.Errorf("asking %q: %w", p.address, err)
	}
	return res, nil
}

// judge holds a handshake that succeeded against what is expected of it.
func (p *tlsProber) judge(state *tls.ConnectionState, expiry time.Time) error {
	left := time.Until(expiry)
	switch want := p.expect; {
	case want.MinDays > 0 && left < 0:
		return &outcomeError{TLSFailure, fmt.Errorf("certificate expired %s, want at least %d days left",
			expiry.UTC().Format(time.RFC3339), want.MinDays)}
	case want.MinDays > 0 && left < time.Duration(want.MinDays)*24*time.Hour:
		return &outcomeError{TLSFailure, fmt.Errorf("certificate expires %s, in %d days, want at least %d",
			expiry.UTC().Format(time.RFC3339), left/(24*time.Hour), want.MinDays)}
	case state.Version < uint16(want.MinVersion):
		return &outcomeError{TLSFailure, fmt.Errorf("version %s, want at least %s",
			tls.VersionName(state.Version), tls.VersionName(uint16(want.MinVersion)))}
	case want.ALPN != "" && state.NegotiatedProtocol != want.ALPN:
		return &outcomeError{TLSFailure, fmt.Errorf("protocol %.100q agreed on, want %q", state.NegotiatedProtocol, want.ALPN)}
	}
	return nil
}

// Host is the host and port that is asked.
func (p *tlsProber) Host() string { return p.address }
