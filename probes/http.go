package probes

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"net/http"
	"net/url"
	"slices"
	"sync/atomic"
	"time"

	promconfig "github.com/prometheus/common/config"
)

// maxRedirects is how many redirects one run follows; one more is an invalid response.
const maxRedirects = 10

// HTTP asks a web server. All fields but URL may be left out.
type HTTP struct {
	URL             string            `yaml:"url"`              // absolute, or relative to global.base_url
	Method          string            `yaml:"method"`           // default GET, or POST with a body
	Headers         map[string]string `yaml:"headers"`          // sent as written; values are secrets
	Cookies         map[string]string `yaml:"cookies"`          // sent as written; values are secrets
	Body            string            `yaml:"body"`             // sent as written; at most one of body, body_file, json and form
	BodyFile        string            `yaml:"body_file"`        // its content, at most 1 MiB, read with the configuration
	JSON            any               `yaml:"json"`             // sent as JSON with its Content-Type
	Form            map[string]string `yaml:"form"`             // sent as a browser's form
	FollowRedirects *bool             `yaml:"follow_redirects"` // default true, ten at most
	ServerTiming    []string          `yaml:"server_timing"`    // metrics of Server-Timing to keep; default: the first 8 met
	Expect          Expect            `yaml:"expect"`
	Mask            Mask              `yaml:"mask"` // what is not shown of answers

	FreshConnection bool          `yaml:"fresh_connection"`   // dial anew for every run: measures the handshake each time
	MaxConnection   time.Duration `yaml:"max_connection_age"` // dial anew, and look the name up, after this; default 5m
	IPFamily        string        `yaml:"ip_family"`          // any (the default), ip4 or ip6
	HTTPVersion     string        `yaml:"http_version"`       // 1.1 or 2; default: 2 where TLS offers it
	// HTTPClient takes the place of the configuration of all probes; its paths start at the working directory.
	HTTPClient *promconfig.HTTPClientConfig `yaml:"http_client"`

	// Content is what BodyFile had when the spec was first built. It stands here so that a spec with another content is
	// another spec.
	Content []byte `yaml:"-"`
}

// Expect says which answers are good ones.
type Expect struct {
	Status      []int    `yaml:"status"`       // default: any 2xx; a redirect named here is not followed
	ContentType string   `yaml:"content_type"` // media type without parameters
	BodyMatches string   `yaml:"body_matches"` // RE2 regular expression
	JSON        string   `yaml:"json"`         // gojq; false, null, no value or an error is an invalid_response
	MinBody     ByteSize `yaml:"min_body"`     // after decompression
	MaxBody     ByteSize `yaml:"max_body"`     // after decompression; default 10MiB

	Headers       map[string]string     `yaml:"headers"`         // RE2 of the values, joined by ", "; "" if there is none
	MinTLSVersion promconfig.TLSVersion `yaml:"min_tls_version"` // TLS12 or TLS13, as negotiated
	MinDays       int                   `yaml:"min_days"`        // that every certificate of the chain must still be valid
}

// Kind implements Spec.
func (*HTTP) Kind() string { return "http" }

// Prober implements Spec.
func (h *HTTP) Prober(env Env) (Prober, error) {
	p, err := h.HTTPProber(env)
	if err != nil {
		return nil, err // not p: a nil *HTTPProber is not a nil Prober
	}
	return p, nil
}

// HTTPProber validates the spec and builds its prober. Its error joins a *FieldError for every mistake.
func (h *HTTP) HTTPProber(env Env) (*HTTPProber, error) {
	var ms mistakes
	if h.HTTPClient != nil {
		env.HTTP = *h.HTTPClient
	}
	p := &HTTPProber{
		fresh:  h.FreshConnection,
		follow: env.follow(h.FollowRedirects),
		body:   h.payload(env.Dir, &ms),
		expect: h.Expect.compile(&ms),
		masks:  h.Mask.compile(&ms),
		age:    h.age(&ms),
		http2:  h.HTTPVersion == version2,

		serverTiming: h.serverTiming(&ms),
	}
	target := h.target(env, &ms)
	method := h.method(&ms)
	h.headers(&ms)
	h.cookies(&ms)
	p.dial = dialer{permit: env.Permit, family: ms.family(h.IPFamily), first: &p.dialled}
	client := h.version(env.clientConfig(), target, &ms)
	if err := errors.Join(ms...); err != nil {
		return nil, err
	}
	p.agent = env.UserAgent
	p.request = h.request(method, target, ownHeaders(env.UserAgent), p.body)
	p.head, _ = appendHead(nil, p.request)
	p.masks = p.masks.with(p.request.Header).knowing(p.request, p.body)
	p.name = method + " " + shownURL(p.request.URL)
	var err error
	if p.transport, err = wire(client, p.dial); err != nil {
		return nil, fmt.Errorf("building the connections of %q: %w", p.name, err)
	}
	return p, nil
}

// request builds the request that every run copies. A user in the URL becomes a header, so that it stands in no error.
func (h *HTTP) request(method string, target *url.URL, own http.Header, body []byte) *http.Request {
	u := *target
	u.User, u.Fragment = nil, ""
	req := &http.Request{
		Method: method, URL: &u, Header: own,
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		ContentLength: int64(len(body)),
	}
	switch {
	case h.JSON != nil:
		req.Header.Set("Content-Type", "application/json")
	case h.Form != nil:
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	for _, name := range slices.Sorted(maps.Keys(h.Cookies)) {
		req.AddCookie(&http.Cookie{Name: name, Value: h.Cookies[name]}) //nolint:gosec // sent, not set
	}
	if password, ok := target.User.Password(); ok || target.User.Username() != "" {
		req.SetBasicAuth(target.User.Username(), password)
	}
	for name, value := range h.Headers {
		if http.CanonicalHeaderKey(name) == "Host" {
			req.Host = value
			continue
		}
		req.Header.Set(name, value)
	}
	if len(body) > 0 {
		req.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(body)), nil }
	}
	return req
}

// HTTPProber sends one request, follows its redirects and reads the answer to the end. It keeps its connection from run
// to run unless the spec asks for fresh ones, but only for so long, so that no address outlives its name; it shares it with
// no other prober.
//
// The phases of a run are those of the whole chain of redirects, each the sum over its requests. A phase that was
// running when the request failed counts up to the failure. The first byte is timed from the request handed to the
// connection; net/http says so just before a small request reaches the socket.
type HTTPProber struct {
	name          string        // "GET http://…", for errors
	request       *http.Request // never sent itself, only copied
	head          []byte        // its head as the direct way writes it; empty if that cannot
	agent         string        // its own User-Agent; with the headers beside it what any host may see
	body          []byte
	expect        expectation
	masks         *masks
	follow, fresh bool
	serverTiming  []string // names that are kept; empty for all
	transport     http.RoundTripper
	dial          dialer
	http2         bool                     // nothing else will do
	age           time.Duration            // of a connection, at most
	dialled       atomic.Int64             // the first connection since all were closed, nanoseconds since 1970; 0 without one
	idle          atomic.Pointer[exchange] // of the last run, for the next; nil if it is in use or cannot serve again
	closed        atomic.Bool
}

// Probe implements Prober. The Bytes of its Result are those of the last response of a chain of redirects.
func (p *HTTPProber) Probe(ctx context.Context) (Result, error) { return p.fill(ctx, nil) }

// fill is Probe with what d fills in, which may be nil.
func (p *HTTPProber) fill(ctx context.Context, d *Draft) (Result, error) {
	x := p.exchange()
	x.body.keepFirst = maxEvidenceBody
	res, err := x.run(x.times.trace(ctx), p, d)
	x.direct.rest()
	if x.dirty {
		x.direct.close()
		return res, err
	}
	// Of these some need not be held until the next run, and some are the result's.
	x.body, x.timings, x.jar, x.witness.redirects = bodyReader{}, nil, nil, nil
	p.keep(x)
	return res, err
}

// exchange is that of the last run, without a connection that is too old, or a new one.
func (p *HTTPProber) exchange() *exchange {
	x := p.idle.Swap(nil)
	if x == nil {
		x = newExchange(p.transport)
		if !p.http2 {
			x.direct = newDirectFor(p.transport, p.dial, probeBuffer)
		}
		x.witness.keeps = true
		if p.request.Header[traceHeader] == nil { // who gives the header follows a trace of their own
			x.tracer = newTracer(rand.NewPCG(rand.Uint64(), rand.Uint64()))
		}
	}
	if born := p.dialled.Load(); born != 0 && time.Since(time.Unix(0, born)) > p.age {
		p.dialled.Store(0)
		closeIdle(p.transport)
		x.direct.close()
	}
	return x
}

// keep has an exchange ready for the next run.
func (p *HTTPProber) keep(x *exchange) {
	if other := p.idle.Swap(x); other != nil { // of a run at the same time
		other.direct.close()
	}
	if p.closed.Load() {
		p.Close()
	}
}

// Close closes the idle connection, and that of a run which has not ended at its end. A prober that the configuration no
// longer has is closed, or its connection stays open.
func (p *HTTPProber) Close() {
	p.closed.Store(true)
	closeIdle(p.transport)
	if x := p.idle.Swap(nil); x != nil {
		x.direct.close()
	}
}

// Target is the path and query that the request goes to, as they are sent.
func (p *HTTPProber) Target() string { return p.request.URL.RequestURI() }

// Host is the host and port that the request goes to.
func (p *HTTPProber) Host() string { return p.request.URL.Host }

// newRequest copies the request for one run, with what d fills in; a nil d fills in nothing.
func (p *HTTPProber) newRequest(ctx context.Context, d *Draft) (*http.Request, error) {
	req := p.request.WithContext(ctx)
	req.Close = p.fresh
	if d != nil {
		if err := d.fill(req); err != nil {
			return nil, err
		}
	}
	if req.GetBody != nil {
		req.Body, _ = req.GetBody() // ours never fails
	}
	return req, nil
}
