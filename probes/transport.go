package probes

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"reflect"
	"sync/atomic"
	"syscall"
	"time"

	promconfig "github.com/prometheus/common/config"
)

const (
	// syntheticHeader marks our requests, so that the platform can leave them out of its own figures.
	syntheticHeader = "X-Synthetic-Traffic"
	// maxHeaderBytes bounds a response's headers where no credentials or TLS files stand between us and the
	// transport; net/http's own bound of 10 MiB holds otherwise.
	maxHeaderBytes = 1 << 20
	// bufferBytes is half of what net/http gives each direction of a connection: there may be ten thousand of them. A
	// longer body is read past the buffer.
	bufferBytes = 2 << 10
	// dialTimeout bounds a dial that nobody waits for any more; a request's own deadline is nearer.
	dialTimeout = 30 * time.Second
)

// clientConfig is the configuration of the connections. One that nobody filled in means the defaults.
func (e Env) clientConfig() promconfig.HTTPClientConfig {
	if reflect.ValueOf(e.HTTP).IsZero() {
		return promconfig.DefaultHTTPClientConfig
	}
	return e.HTTP
}

// follow reports whether redirects are followed: the probe's own word, or else that of http_client.
func (e Env) follow(own *bool) bool {
	if own != nil {
		return *own
	}
	return e.clientConfig().FollowRedirects
}

// ownHeaders are sent with every request and to every host.
func ownHeaders(agent string) http.Header {
	return http.Header{
		"User-Agent":      {cmp.Or(agent, "perfwatch")},
		"Accept-Encoding": {"gzip"}, // asked for and undone here, so that bytes are counted as they came
		syntheticHeader:   {"perfwatch"},
	}
}

// newTransport opens no connection yet. Credentials and TLS material are those of env.
func newTransport(env Env) (http.RoundTripper, error) {
	return wire(env.clientConfig(), dialer{permit: env.Permit})
}

// wire builds a transport whose connections a dialer makes.
func wire(cfg promconfig.HTTPClientConfig, d dialer) (http.RoundTripper, error) {
	cfg.FollowRedirects = true // makes it keep credentials from other hosts; following is done in exchange
	headers := cfg.HTTPHeaders
	cfg.HTTPHeaders = nil
	dial := d.pooled
	var tokens *tokenTransport
	if cfg.OAuth2 != nil {
		tokens = &tokenTransport{dialer: d}
		dial = tokens.dial
	}
	rt, err := promconfig.NewRoundTripperFromConfig(cfg, "perfwatch", promconfig.WithDialContextFunc(dial))
	if err != nil {
		return nil, err
	}
	if tokens != nil {
		tokens.inner, rt = rt, tokens
	}
	if t, ok := rt.(*http.Transport); ok {
		t.MaxResponseHeaderBytes = maxHeaderBytes
		t.DialContext = d.pooled // the one given above notes each connection for /debug/events, which nobody serves
		t.OnProxyConnectResponse = tunnelled
		t.ReadBufferSize, t.WriteBufferSize = bufferBytes, bufferBytes
		if reflect.ValueOf(cfg.TLSConfig).IsZero() {
			t.TLSClientConfig = nil // which means the same, and is half a KiB less of each probe
		}
	}
	if headers != nil {
		rt = headersTransport{inner: rt, outer: promconfig.NewHeadersRoundTripper(headers, rt)}
	}
	return rt, nil
}

// tunnelled says that it was the proxy which refused, not the site beyond it.
func tunnelled(_ context.Context, _ *url.URL, _ *http.Request, resp *http.Response) error {
	if resp.StatusCode == http.StatusOK {
		return nil
	}
	return answeredFor("proxy", resp.StatusCode)
}

// answeredFor is the status of who stands before the site that was asked.
func answeredFor(who string, status int) error {
	return &outcomeError{statusOutcome(status), fmt.Errorf("%s answered %d, want 200", who, status)}
}

// A headersTransport adds the http_headers of a client. That of prometheus/common gives them to every host that a
// redirect leads to, but for a few names, and cannot close its idle connections.
type headersTransport struct{ inner, outer http.RoundTripper }

// RoundTrip implements http.RoundTripper. What has once strayed from the origin stays without the headers.
func (t headersTransport) RoundTrip(req *http.Request) (*http.Response, error) {
	for r := req; r.Response != nil && r.Response.Request != nil; r = r.Response.Request {
		if !sameOrigin(r.Response.Request.URL, r.URL) {
			return t.inner.RoundTrip(req)
		}
	}
	return t.outer.RoundTrip(req)
}

// CloseIdleConnections is what http.Client calls, too.
func (t headersTransport) CloseIdleConnections() { closeIdle(t.inner) }

// A dialer connects to what is permitted; a nil permit permits all.
type dialer struct {
	permit Permit
	family string        // "4" or "6"; "" for both
	first  *atomic.Int64 // set to the instant of a connection if it is 0; may be nil
	names  *net.Resolver // nil for that of the system
}

// dial connects for the request whose timings ctx carries. net/http lets a dial outlive its request; ours ends with it.
func (d dialer) dial(ctx context.Context, network, address string) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, dialTimeout)
	defer cancel()
	times, ok := ctx.Value(timingsKey{}).(*timings)
	if !ok { // no request of ours
		return d.connect(ctx, network, address)
	}
	if !times.dialing(cancel) {
		return nil, context.Canceled
	}
	conn, err := d.connect(ctx, network, address)
	if err == nil && !times.dialled(conn) {
		_ = conn.Close()
		return nil, context.Canceled
	}
	return conn, err
}

// pooled connects for net/http.
func (d dialer) pooled(ctx context.Context, network, address string) (net.Conn, error) {
	conn, err := d.dial(ctx, network, address)
	if err != nil {
		return nil, err
	}
	return &pooledConn{Conn: conn, gone: make(chan struct{})}, nil
}

// connect judges each address just before a socket connects to it, so that a name cannot lead elsewhere in between.
func (d dialer) connect(ctx context.Context, network, address string) (net.Conn, error) {
	own := net.Dialer{Resolver: d.names}
	if d.permit != nil {
		host, _, err := net.SplitHostPort(address)
		if err != nil {
			return nil, err
		}
		own.Control = func(_, resolved string, _ syscall.RawConn) error {
			to, err := netip.ParseAddrPort(resolved)
			if err != nil {
				return err
			}
			return d.permit(host, to.Addr().Unmap().WithZone(""))
		}
	}
	conn, err := own.DialContext(ctx, network+d.family, address)
	if none := new(net.AddrError); errors.As(err, &none) { // the name has addresses, but none of the family
		return nil, &outcomeError{DNSFailure, err}
	}
	if err == nil && d.first != nil {
		d.first.CompareAndSwap(0, time.Now().UnixNano())
	}
	return conn, err
}

func closeIdle(rt http.RoundTripper) {
	if c, ok := rt.(interface{ CloseIdleConnections() }); ok {
		c.CloseIdleConnections()
	}
}
