package probes

import (
	"context"
	"errors"
	"fmt"
	"regexp"
)

// TCP opens a connection, and may send a text and wait for a reply. Each run has a connection of its own.
type TCP struct {
	Address  string `yaml:"address"`   // host:port
	IPFamily string `yaml:"ip_family"` // any (the default), ip4 or ip6
	Send     string `yaml:"send"`      // sent as written, once the connection stands; a secret
	Expect   Reply  `yaml:"expect"`
}

// Reply says which replies are good ones.
type Reply struct {
	Matches string `yaml:"matches"` // RE2 regular expression; empty waits for no reply
}

// Kind implements Spec.
func (*TCP) Kind() string { return "tcp" }

// Prober implements Spec.
func (s *TCP) Prober(env Env) (Prober, error) {
	var ms mistakes
	p := &tcpProber{address: s.Address, dial: ms.dialer(env, s.IPFamily), send: s.Send}
	ms.checkAddress("address", s.Address)
	ms.checkSend(s.Send)
	p.match, p.masks = ms.matches(s.Expect.Matches), hide(s.Send)
	if err := errors.Join(ms...); err != nil {
		return nil, err
	}
	return p, nil
}

// checkSend bounds what is sent.
func (ms *mistakes) checkSend(text string) {
	if len(text) > maxSend {
		ms.add("send", hidden, fmt.Sprintf("%d bytes at most", maxSend))
	}
}

// A tcpProber asks a TCP server. A reply that does not match is an invalid response; a peer that closes without one has
// reset the connection; more than 4 KiB without a match are a body too large.
type tcpProber struct {
	address string
	dial    dialer
	send    string
	match   *regexp.Regexp
	masks   *masks
}

// Probe implements Prober.
func (p *tcpProber) Probe(ctx context.Context) (res Result, err error) {
	l, err := openLink(ctx, p.dial, "tcp", p.address)
	defer func() { res.Phases = l.close() }()
	if err == nil {
		var reply []byte
		reply, err = l.converse(p.send, p.match)
		res.Bytes, res.Evidence = int64(len(reply)), p.masks.said("", reply, int64(len(reply)))
	}
	if err != nil {
		return res, fmt.Errorf("asking %q: %w", p.address, err)
	}
	return res, nil
}

// Host is the host and port that is asked.
func (p *tcpProber) Host() string { return p.address }
