package probes

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"
)

// maxRedirectBody is how much of a redirect's own body is read to keep its connection.
const maxRedirectBody = 64 << 10

// maxErrorText bounds an error's text in bytes: net/http quotes what the peer sent.
const maxErrorText = 512

// An exchange is what one request needs at a time: connections, timings, a buffer. It is not safe for concurrent use.
type exchange struct {
	transport http.RoundTripper
	direct    *direct // for what needs no more; nil if nothing does
	jar       *jar    // nil keeps no cookies
	tracer    *tracer // nil sends no trace ids
	times     *timings
	body      bodyReader
	timings   []ServerTiming // of the last response
	witness   witness
	dirty     bool // a hook may still come: times must not serve another run
}

func newExchange(rt http.RoundTripper) *exchange {
	return &exchange{transport: rt, times: newTimings()}
}

// run sends p's request with what d fills in, which may be nil, and judges the answer. ctx must come from times.trace.
func (x *exchange) run(ctx context.Context, p *HTTPProber, d *Draft) (res Result, err error) {
	x.dirty = true // until the end is reached: a panic leaves it so
	x.times.begin()
	x.witness.redirects = x.witness.redirects[:0]
	if x.tracer != nil {
		res.TraceID = x.tracer.next()
	}
	resp, err := x.chain(ctx, p, d, &res) //nolint:bodyclose // x.body.read closes it
	var body []byte
	if err == nil {
		res.Bytes, body, err = x.body.read(resp, p.expect.maxBody, p.expect.needsBody() || d.reads())
	}
	res.ended = time.Now()
	var clean bool
	res.Phases, clean = x.times.seal(res.ended)
	x.dirty = !clean || err != nil
	if o := OutcomeOf(err); o != OK && o != InvalidResponse && o != BodyTooLarge {
		x.times.hangUp() // what was no answer says that the next run may have none either
	}
	if connected, _, _ := x.times.explained(); !connected && res.Status == 0 {
		res.TraceID = TraceID{} // of a request that was never sent
	}
	if resp != nil && !p.expect.goodStatus(resp.StatusCode) {
		// Whatever happened to its body, an error page is an error page.
		err = &StatusError{Code: resp.StatusCode, Want: p.expect.want}
	}
	if err == nil && p.http2 && resp.ProtoMajor != 2 {
		err = &outcomeError{TLSFailure, fmt.Errorf("protocol %s agreed on, want HTTP/2", resp.Proto)}
	}
	if err == nil {
		err = p.expect.check(ctx, resp, body, x.body.size)
	}
	if err == nil && d.reads() {
		err = d.read(ctx, resp, body)
	}
	if x.witness.keeps {
		res.Evidence = x.evidence(p, resp)
	}
	if err != nil {
		err = fmt.Errorf("fetching %q: %w", p.name, shorten(interrupted(ctx, err)))
	}
	return res, err
}

// chain sends the request and follows redirects. The response that it returns is the last one, its body unread.
func (x *exchange) chain(ctx context.Context, p *HTTPProber, d *Draft, res *Result) (*http.Response, error) {
	req, err := p.newRequest(ctx, d)
	if err != nil {
		return nil, err
	}
	head := p.head
	if d != nil {
		head = nil
	}
	for hops := 0; ; hops++ {
		resp, err := x.roundTrip(req, head)
		head = nil // which is of the first request only
		if err != nil {
			if expiry := earliestExpiry(untrusted(err)); !expiry.IsZero() {
				res.CertNotAfter = expiry
			}
			return nil, err
		}
		res.Status = resp.StatusCode
		if resp.TLS != nil {
			res.CertNotAfter = earliestExpiry(resp.TLS.PeerCertificates)
		}
		if !p.redirected(resp) {
			x.told(resp.Header, p, res)
			return resp, nil
		}
		x.remember(req.URL, resp)
		x.noteRedirect(p, resp)
		if req, err = p.redirect(req, resp); err == nil && hops == maxRedirects {
			err = fmt.Errorf("%w: more than %d redirects", ErrInvalidResponse, maxRedirects)
		}
		_, _, bodyErr := x.body.read(resp, maxRedirectBody, false)
		if err == nil && bodyErr != nil && !errors.Is(bodyErr, ErrBodyTooLarge) {
			err = bodyErr
		}
		if err != nil {
			return nil, err
		}
	}
}

// remember keeps what a redirect sets where there is no session: for the rest of the chain, as a login needs it.
func (x *exchange) remember(u *url.URL, resp *http.Response) {
	if x.jar == nil && len(resp.Header["Set-Cookie"]) > 0 {
		x.jar = newJar()
		x.jar.store(u, resp)
	}
}

// told notes what the server tells of its own work.
func (x *exchange) told(h http.Header, p *HTTPProber, res *Result) {
	res.Cache = cacheVerdict(h)
	if values := h["Server-Timing"]; len(values) > 0 {
		x.timings = appendServerTimings(x.timings[:0], values, p.serverTiming)
		res.ServerTimings = x.timings
	}
}

// roundTrip sends one request of a chain, whose head may be known. Its error says what the hooks know beside it.
func (x *exchange) roundTrip(req *http.Request, head []byte) (*http.Response, error) {
	if x.jar != nil {
		bare := req
		if req = x.jar.add(bare); req != bare {
			head = nil
		}
	}
	resp, err := x.send(req, head)
	if err != nil {
		return nil, x.explain(err)
	}
	if x.jar != nil {
		x.jar.store(req.URL, resp)
	}
	return resp, nil
}

// send takes the direct way if the request needs nothing that only net/http has.
func (x *exchange) send(req *http.Request, head []byte) (*http.Response, error) {
	if x.direct != nil && x.direct.render(req, head, x.tracer) {
		return x.direct.roundTrip(req, x.times)
	}
	if x.tracer != nil {
		x.tracer.add(req)
	}
	return x.transport.RoundTrip(req)
}

// explain names the outcome of an error whose type net/http keeps to itself. Once there is a connection, all that can
// go wrong and has no name is that it ended before an answer, or that the answer is not HTTP as it should be.
func (x *exchange) explain(err error) error {
	connected, answered, handshake := x.times.explained()
	switch o := OutcomeOf(err); {
	case o == Timeout || o == Canceled:
		return err
	case handshake != nil:
		return &outcomeError{TLSFailure, err}
	case o == Error && answered:
		return fmt.Errorf("%w: %w", ErrInvalidResponse, err)
	case o == Error && connected:
		return &outcomeError{Reset, err}
	}
	return err
}

// redirected reports whether resp leads elsewhere. A status that is expected is an answer.
func (p *HTTPProber) redirected(resp *http.Response) bool {
	switch resp.StatusCode {
	case http.StatusMovedPermanently, http.StatusFound, http.StatusSeeOther,
		http.StatusTemporaryRedirect, http.StatusPermanentRedirect:
		return p.follow && resp.Header.Get("Location") != "" && !p.expect.goodStatus(resp.StatusCode)
	}
	return false
}

// redirect builds the next request of a chain as RFC 9110, section 15.4, and browsers do: 301, 302 and 303 turn into a
// GET without a body. The configured headers stay with the host they were meant for.
func (p *HTTPProber) redirect(req *http.Request, resp *http.Response) (*http.Request, error) {
	to, err := req.URL.Parse(resp.Header.Get("Location"))
	if err != nil || to.Host == "" || to.Scheme != "http" && to.Scheme != "https" {
		return nil, fmt.Errorf("%w: redirect to %.100q, want an http or https URL", ErrInvalidResponse, p.masks.location(resp))
	}
	next := req.WithContext(req.Context())
	to.User = nil
	next.URL, next.Response = to, resp
	if !sameOrigin(req.URL, to) {
		next.Host, next.Header = "", ownHeaders(p.agent)
		if contentType := req.Header["Content-Type"]; contentType != nil && req.GetBody != nil {
			next.Header["Content-Type"] = contentType
		}
	}
	switch resp.StatusCode {
	case http.StatusTemporaryRedirect, http.StatusPermanentRedirect:
		if req.GetBody != nil {
			next.Body, err = req.GetBody()
		}
	default:
		if req.Method != http.MethodHead {
			next.Method = http.MethodGet
		}
		next.Body, next.GetBody, next.ContentLength = nil, nil, 0
		next.Header = next.Header.Clone()
		next.Header.Del("Content-Type")
	}
	return next, err
}

// sameOrigin reports whether what was meant for from may be sent to to: the same host and port, also after the usual
// upgrade to https, but never back to http.
func sameOrigin(from, to *url.URL) bool {
	upgrade := from.Scheme == "http" && to.Scheme == "https"
	return from.Host == to.Host && (from.Scheme == to.Scheme || upgrade)
}

// untrusted are the certificates that a handshake did not trust; nil if err is another one.
func untrusted(err error) []*x509.Certificate {
	var refused *tls.CertificateVerificationError
	if !errors.As(err, &refused) {
		return nil
	}
	return refused.UnverifiedCertificates
}

// earliestExpiry is when the first certificate of a chain expires.
func earliestExpiry(chain []*x509.Certificate) (t time.Time) {
	for _, c := range chain {
		if t.IsZero() || c.NotAfter.Before(t) {
			t = c.NotAfter
		}
	}
	return t
}

// A shortError is an error of which people see only the beginning.
type shortError struct {
	text string
	err  error
}

func (e *shortError) Error() string { return e.text }
func (e *shortError) Unwrap() error { return e.err }

func shorten(err error) error {
	if text := err.Error(); len(text) > maxErrorText {
		return &shortError{text[:maxErrorText] + "…", err}
	}
	return err
}
