package probes

import (
	"context"
	"crypto/tls"
	"net"
	"net/http/httptrace"
	"sync"
	"time"
)

// timings takes the instants of one request, and of the redirects it leads to, as net/http meets them. The hooks run on
// net/http's goroutines, some of them after the request has failed: seal shuts those out.
type timings struct {
	hooks *httptrace.ClientTrace

	mu         sync.Mutex
	sealed     bool
	phases     Phases
	open       Phase // the phase that runs since; NumPhases if none does
	since      time.Time
	connected  bool // a connection was got
	wrote      bool // the request was written, or writing it failed
	answered   bool // the first byte of a response came
	handshake  error
	cancelDial context.CancelFunc
	conn       net.Conn    // dialled for this request and not yet got by it
	pooled     *pooledConn // that the request got; nil if it is none of net/http's
}

type timingsKey struct{}

func newTimings() *timings {
	t := &timings{sealed: true}
	t.hooks = &httptrace.ClientTrace{
		GetConn:              func(string) { t.start() },
		DNSStart:             func(httptrace.DNSStartInfo) { t.dialPhase(DNS) },
		DNSDone:              func(httptrace.DNSDoneInfo) { t.leave(DNS) },
		ConnectStart:         func(string, string) { t.dialPhase(Connect) },
		ConnectDone:          func(_, _ string, err error) { t.connectDone(err) },
		TLSHandshakeStart:    func() { t.dialPhase(TLS) },
		TLSHandshakeDone:     func(_ tls.ConnectionState, err error) { t.handshakeDone(err) },
		GotConn:              func(info httptrace.GotConnInfo) { t.gotPooled(info.Conn) },
		WroteRequest:         func(httptrace.WroteRequestInfo) { t.wroteRequest() },
		GotFirstResponseByte: t.firstByte,
	}
	return t
}

// trace returns a context whose requests are timed by t.
func (t *timings) trace(ctx context.Context) context.Context {
	return context.WithValue(httptrace.WithClientTrace(ctx, t.hooks), timingsKey{}, t)
}

// begin makes t ready for a new run.
func (t *timings) begin() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.sealed, t.phases, t.open = false, Phases{}, NumPhases
	t.connected, t.wrote, t.answered = false, true, false
	t.handshake, t.cancelDial, t.conn, t.pooled = nil, nil, nil, nil
}

// seal ends the run: the phase that is open counts up to now, a dial that is under way is given up, and later hooks
// change nothing. It reports whether no hook can be still to come, so that t may serve the next run.
func (t *timings) seal(now time.Time) (Phases, bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.closePhase(now)
	t.sealed = true
	if t.cancelDial != nil {
		t.cancelDial()
	}
	if t.conn != nil { // in its handshake
		_ = t.conn.Close()
	}
	return t.phases, t.connected && t.wrote && t.answered
}

// explained returns what the hooks know of a failure: whether there was a connection, whether a response had begun, and
// the error of the handshake.
func (t *timings) explained() (connected, answered bool, handshake error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.connected, t.answered, t.handshake
}

// enter closes the open phase and opens p.
func (t *timings) enter(p Phase) {
	now := time.Now()
	t.closePhase(now)
	t.open, t.since = p, now
}

func (t *timings) closePhase(now time.Time) {
	if t.open < NumPhases {
		t.phases.Set(t.open, t.phases.durations[t.open]+now.Sub(t.since))
		t.open = NumPhases
	}
}

// start is called for each request of a chain, and again if a connection proved stale.
func (t *timings) start() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.sealed {
		return
	}
	if t.open < NumPhases {
		t.closePhase(time.Now())
	}
	t.connected, t.answered, t.pooled = false, false, nil
}

// dialPhase opens a phase of the dial. Another connection may have become free meanwhile: then the dial is not ours.
func (t *timings) dialPhase(p Phase) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.sealed && !t.connected && t.open != p {
		t.enter(p)
	}
}

func (t *timings) leave(p Phase) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.sealed && t.open == p {
		t.closePhase(time.Now())
	}
}

// connectDone leaves the phase open after an error: another address may still be tried.
func (t *timings) connectDone(err error) {
	if err == nil {
		t.leave(Connect)
	}
}

func (t *timings) handshakeDone(err error) {
	t.leave(TLS)
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.sealed && !t.connected {
		t.handshake = err
	}
}

func (t *timings) gotConn() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.sealed {
		t.connected, t.wrote, t.conn = true, false, nil
		t.enter(Request)
	}
}

func (t *timings) gotPooled(conn net.Conn) {
	t.gotConn()
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.sealed {
		t.pooled = pooledOf(conn)
	}
}

// hangUp ends the connection that a request got which has failed: over HTTP/2 net/http would go on with one that has gone
// silent. What else is asked over it breaks too.
func (t *timings) hangUp() {
	t.mu.Lock()
	c := t.pooled
	t.mu.Unlock()
	if c != nil {
		c.hangUp()
	}
}

func (t *timings) wroteRequest() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.wrote = true
	if !t.sealed && t.open == Request {
		t.enter(FirstByte)
	}
}

// asked waits for the first byte of one answer of several.
func (t *timings) asked() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.sealed {
		t.enter(FirstByte)
	}
}

// pause ends the open phase: what follows is nobody's time but ours.
func (t *timings) pause() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.closePhase(time.Now())
}

// reached reports whether there is or was a connection, though the request may not have got it yet.
func (t *timings) reached() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.connected || t.conn != nil
}

func (t *timings) firstByte() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.sealed {
		t.answered = true
		t.enter(Transfer)
	}
}

// dialing notes how to give up a dial. It reports false if the request has ended already.
func (t *timings) dialing(cancel context.CancelFunc) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.cancelDial = cancel
	return !t.sealed
}

// dialled notes a new connection until the request gets it. It reports false if the request has ended already.
func (t *timings) dialled(conn net.Conn) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.sealed && !t.connected {
		t.conn = conn
	}
	return !t.sealed
}
