package probes

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"regexp"
	"strconv"
	"time"
)

// What a dialogue over a bare connection may send, and what a reply may have before it matches, in bytes. The expression
// is tried again whenever more has come, so a reply that comes byte by byte costs the square of its length.
const (
	maxSend  = 64 << 10
	maxReply = 4 << 10
)

// A link is one fresh connection and the times of what goes over it. What waits for the peer ends with the context.
type link struct {
	net.Conn // what is read and written: the socket, or TLS over it
	socket   net.Conn
	times    *timings
	unhook   func() bool
}

// openLink dials for one run. The link that it returns beside an error has no connection, only the phases of the attempt.
func openLink(ctx context.Context, d dialer, network, address string) (*link, error) {
	l := &link{times: newTimings()}
	l.times.begin()
	conn, err := d.connect(l.times.trace(ctx), network, address)
	if err != nil {
		return l, err
	}
	l.times.leave(Connect)
	l.Conn, l.socket = conn, conn
	l.unhook = context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })
	return l, nil
}

// close closes the connection and returns the phases; one that has not ended counts up to now. TLS is not told: a peer
// that reads nothing could make us wait for it.
func (l *link) close() Phases {
	phases, _ := l.times.seal(time.Now())
	if l.socket != nil {
		l.unhook()
		_ = l.socket.Close()
	}
	return phases
}

// handshake puts TLS over the connection. All that goes wrong in it, but for the end of the context, is a TLS failure. The
// state has the peer's certificates also where they are not trusted.
func (l *link) handshake(ctx context.Context, client *clientTLS) (tls.ConnectionState, error) {
	config, err := client.config()
	if err != nil {
		return tls.ConnectionState{}, &outcomeError{TLSFailure, fmt.Errorf("tls_config: %w", err)}
	}
	l.times.dialPhase(TLS)
	conn := tls.Client(l.Conn, config)
	err = conn.HandshakeContext(ctx)
	l.times.leave(TLS)
	l.Conn = conn
	state := conn.ConnectionState()
	if chain := untrusted(err); chain != nil {
		state.PeerCertificates = chain
	}
	if o := OutcomeOf(err); err != nil && o != Timeout && o != Canceled {
		err = &outcomeError{TLSFailure, err}
	}
	return state, err
}

// converse sends text, if there is any, and reads until the reply matches; a nil match waits for no reply. It returns what
// came.
func (l *link) converse(text string, match *regexp.Regexp) ([]byte, error) {
	if text != "" {
		l.times.dialPhase(Request)
		if _, err := io.WriteString(l.Conn, text); err != nil {
			return nil, fmt.Errorf("sending: %w", err)
		}
		l.times.leave(Request)
	}
	if match == nil {
		return nil, nil
	}
	l.times.dialPhase(FirstByte)
	reply := make([]byte, 0, maxReply)
	for len(reply) < maxReply {
		n, err := l.Read(reply[len(reply):maxReply])
		if n > 0 {
			l.times.dialPhase(Transfer)
		}
		reply = reply[:len(reply)+n]
		switch {
		case n > 0 && match.Match(reply):
			return reply, nil
		case errors.Is(err, io.EOF) && len(reply) > 0:
			return reply, fmt.Errorf("%w: no match of %q in %d bytes", ErrInvalidResponse, match, len(reply))
		case err != nil && len(reply) > 0:
			return reply, fmt.Errorf("reading reply: no match of %q in the %d bytes that came: %w", match, len(reply), err)
		case err != nil:
			return reply, fmt.Errorf("reading reply: %w", err)
		}
	}
	return reply, fmt.Errorf("%w: no match of %q in the first %d bytes", ErrBodyTooLarge, match, maxReply)
}

// dialer makes the dialer of a kind, to addresses of a family.
func (ms *mistakes) dialer(env Env, family string) dialer {
	return dialer{permit: env.Permit, family: ms.family(family)}
}

// wantAddress is what checkAddress asks for.
const wantAddress = "HOST:PORT with a port from 1 to 65535"

// checkAddress checks that a field has a host and a port.
func (ms *mistakes) checkAddress(field, address string) {
	if address == "" {
		ms.add(field, nil, wantAddress)
		return
	}
	host, port, err := net.SplitHostPort(address)
	if n, bad := strconv.ParseUint(port, 10, 16); err != nil || bad != nil || n == 0 || host == "" {
		ms.add(field, redact(address), wantAddress)
	}
}

// matches compiles expect.matches, which may be empty: that is nil.
func (ms *mistakes) matches(text string) *regexp.Regexp {
	if text == "" {
		return nil
	}
	match, err := regexp.Compile(text)
	if err != nil {
		ms.add("expect.matches", text, "an RE2 regular expression: "+err.Error())
	}
	return match
}
