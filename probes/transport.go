package probes

import (
	"cmp"
	"context"
	"net"
	"net/http"
	"net/netip"
	"reflect"
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
func ownHeaders(env Env) http.Header {
	return http.Header{
		"User-Agent":      {cmp.Or(env.UserAgent, "perfwatch")},
		"Accept-Encoding": {"gzip"}, // asked for and undone here, so that bytes are counted as they came
		syntheticHeader:   {"perfwatch"},
	}
}

// newTransport opens no connection yet. Credentials and TLS material are those of env.
func newTransport(env Env) (http.RoundTripper, error) {
	cfg := env.clientConfig()
	cfg.FollowRedirects = true // makes it keep credentials from other hosts; following is done in exchange
	rt, err := promconfig.NewRoundTripperFromConfig(cfg, "perfwatch", promconfig.WithDialContextFunc(dialer{env.Permit}.dial))
	if t, ok := rt.(*http.Transport); ok {
		t.MaxResponseHeaderBytes = maxHeaderBytes
	}
	return rt, err
}

// A dialer connects to what is permitted; a nil permit permits all.
type dialer struct{ permit Permit }

// dial connects for the request whose timings ctx carries. net/http lets a dial outlive its request; ours ends with it.
func (d dialer) dial(ctx context.Context, network, address string) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, dialTimeout)
	defer cancel()
	times, ok := ctx.Value(timingsKey{}).(*timings)
	if !ok { // an OAuth2 token is fetched by a client of its own
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

// connect judges each address just before a socket connects to it, so that a name cannot lead elsewhere in between.
func (d dialer) connect(ctx context.Context, network, address string) (net.Conn, error) {
	var own net.Dialer
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
	return own.DialContext(ctx, network, address)
}

func closeIdle(rt http.RoundTripper) {
	if c, ok := rt.(interface{ CloseIdleConnections() }); ok {
		c.CloseIdleConnections()
	}
}
