package probes

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"sync"
	"time"

	"golang.org/x/oauth2"
)

// abandonTime is how long what was broken off may take to end. It ends at once, but for a secret's file that blocks.
const abandonTime = time.Second

// A tokenTransport is a client with OAuth2. What fetches its tokens knows no deadline, and holds a lock meanwhile: here a
// request waits no longer than its context lasts, and a fetch lasts no longer than a request waits.
type tokenTransport struct {
	inner  http.RoundTripper
	dialer dialer

	mu      sync.Mutex
	waiting int             // requests
	fetch   context.Context //nolint:containedctx // of the connections to the token server; it ends when nobody waits
	end     context.CancelFunc
}

// A roundTripped is what a round trip came to.
type roundTripped struct {
	resp *http.Response
	err  error
}

// RoundTrip implements http.RoundTripper.
func (t *tokenTransport) RoundTrip(req *http.Request) (*http.Response, error) {
	ctx, answers, done := req.Context(), make(chan roundTripped), make(chan struct{})
	t.enter()
	go func() {
		defer close(done)
		a := t.answer(req)
		select {
		case answers <- a:
		case <-ctx.Done():
			if a.err == nil {
				_ = a.resp.Body.Close()
			}
		}
	}()
	select {
	case a := <-answers:
		t.leave()
		return a.resp, a.err
	case <-ctx.Done():
	}
	if t.leave() {
		timer := time.NewTimer(abandonTime)
		defer timer.Stop()
		select {
		case <-done:
		case <-timer.C:
		}
	}
	return nil, context.Cause(ctx)
}

// answer sends the request. A panic would end the program, as it is not on the goroutine of the run.
func (t *tokenTransport) answer(req *http.Request) (a roundTripped) {
	defer func() {
		if v := recover(); v != nil {
			a = roundTripped{err: &PanicError{Value: v}}
		}
	}()
	a.resp, a.err = t.inner.RoundTrip(req) //nolint:bodyclose // the caller's
	if refused := new(oauth2.RetrieveError); errors.As(a.err, &refused) && refused.Response != nil {
		a.err = answeredFor("token server", refused.Response.StatusCode) // its body may tell what it was sent
		if refused.ErrorCode != "" {
			a.err = fmt.Errorf("%w: %.100q", a.err, refused.ErrorCode)
		}
	}
	return a
}

func (t *tokenTransport) enter() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.waiting++; t.waiting == 1 {
		t.fetch, t.end = context.WithCancel(context.Background())
	}
}

// leave breaks off what is fetched if nobody else waits for it, and reports whether that is so.
func (t *tokenTransport) leave() (last bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.waiting--
	if last = t.waiting == 0; last {
		t.end()
	}
	return last
}

// dial connects for a request, or to the token server, for whose requests there are no timings.
func (t *tokenTransport) dial(ctx context.Context, network, address string) (net.Conn, error) {
	if _, ok := ctx.Value(timingsKey{}).(*timings); ok {
		return t.dialer.pooled(ctx, network, address)
	}
	t.mu.Lock()
	fetch := t.fetch
	t.mu.Unlock()
	ctx, cancel := context.WithTimeout(fetch, dialTimeout) //nolint:contextcheck // the one given never ends
	defer cancel()
	conn, err := t.dialer.connect(ctx, network, address)
	if err == nil {
		context.AfterFunc(fetch, func() { _ = conn.Close() })
	}
	return conn, err
}

// CloseIdleConnections is what http.Client calls, too.
func (t *tokenTransport) CloseIdleConnections() { closeIdle(t.inner) }
