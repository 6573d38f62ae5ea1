package probes

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"sync/atomic"

	promconfig "github.com/prometheus/common/config"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/stats"
	"google.golang.org/grpc/status"
)

// What a health check may make us read, in bytes: an answer has two.
const (
	maxHealth        = 4 << 10
	maxHealthHeaders = 64 << 10
)

// GRPC asks a server's health service, grpc.health.v1.Health. Each run has a connection of its own.
type GRPC struct {
	Address   string                `yaml:"address"`    // host:port
	IPFamily  string                `yaml:"ip_family"`  // any (the default), ip4 or ip6
	Service   string                `yaml:"service"`    // whose health; empty is the server's as a whole
	TLSConfig *promconfig.TLSConfig `yaml:"tls_config"` // nil speaks without TLS; {} trusts what this machine trusts
	Headers   map[string]string     `yaml:"headers"`    // sent as metadata; values are secrets
}

// Kind implements Spec.
func (*GRPC) Kind() string { return "grpc" }

// http2 is the protocol of gRPC in a handshake.
const http2 = "h2"

var metadataKey = regexp.MustCompile(`^[0-9a-z_.-]+$`)

// Prober implements Spec.
func (s *GRPC) Prober(env Env) (Prober, error) {
	var ms mistakes
	p := &grpcProber{
		address: s.Address, dial: ms.dialer(env, s.IPFamily), service: s.Service, agent: cmp.Or(env.UserAgent, "perfwatch"),
		headers: metadata.Pairs(strings.ToLower(syntheticHeader), "perfwatch"),
	}
	ms.checkAddress("address", s.Address)
	var secrets []string
	for _, name := range slices.Sorted(maps.Keys(s.Headers)) {
		switch key, value := strings.ToLower(name), s.Headers[name]; {
		case !metadataKey.MatchString(key) || strings.HasPrefix(key, "grpc-"):
			ms.add("headers."+name, hidden, "a name of letters, digits and _.- that does not begin with grpc-")
		case !strings.HasSuffix(key, "-bin") && !isHeaderValue(value):
			ms.add("headers."+name, hidden, "a value without control characters")
		default:
			p.headers.Append(key, value)
			secrets = append(secrets, value)
		}
	}
	if s.TLSConfig != nil {
		p.tls = ms.clientTLS(*s.TLSConfig, s.Address, env.Dir, http2)
	}
	if err := errors.Join(ms...); err != nil {
		return nil, err
	}
	p.masks = hide(secrets...)
	return p, nil
}

// A grpcProber asks for the health of a service. Any answer but SERVING is an invalid response, also that there is no
// such service, or no health service at all.
//
// Request is everything up to the question sent, the settings of HTTP/2 among it; first_byte is the wait for the answer.
type grpcProber struct {
	address, service, agent string
	dial                    dialer
	tls                     *clientTLS // nil without TLS
	headers                 metadata.MD
	masks                   *masks
}

// Probe implements Prober.
func (p *grpcProber) Probe(ctx context.Context) (res Result, err error) {
	headers := p.headers
	if len(headers[strings.ToLower(traceHeader)]) == 0 { // who gives the header follows a trace of their own
		id, trace := newTrace()
		res.TraceID, headers = id, metadata.Join(headers, metadata.Pairs(traceHeader, trace))
	}
	l, err := openLink(ctx, p.dial, "tcp", p.address)
	defer func() { res.Phases = l.close() }()
	if err == nil && p.tls != nil {
		var state tls.ConnectionState
		state, err = l.handshake(ctx, p.tls)
		res.CertNotAfter = earliestExpiry(state.PeerCertificates)
		if err == nil && state.NegotiatedProtocol != http2 {
			err = &outcomeError{TLSFailure, fmt.Errorf("protocol %.100q agreed on, want %s", state.NegotiatedProtocol, http2)}
		}
	}
	if err == nil {
		err = p.check(metadata.NewOutgoingContext(ctx, headers), l, &res)
	}
	if err != nil {
		return res, shorten(fmt.Errorf("asking %q: %w", p.address, err))
	}
	return res, nil
}

// check asks over a connection that stands. The client library would dial by itself, and say less of what went wrong.
func (p *grpcProber) check(ctx context.Context, l *link, res *Result) error {
	conn := &oneConn{Conn: l.Conn}
	creds, authority := insecure.NewCredentials(), p.address
	if p.tls != nil {
		creds, authority = &handshaken{creds}, cmp.Or(p.tls.settings.ServerName, authority)
	}
	client, err := grpc.NewClient("passthrough:///"+p.address,
		grpc.WithContextDialer(conn.dial), grpc.WithTransportCredentials(creds), grpc.WithAuthority(authority),
		grpc.WithUserAgent(p.agent), grpc.WithStatsHandler(&callWatch{l.times, conn}), grpc.WithDisableRetry(), grpc.WithNoProxy(),
		grpc.WithDisableServiceConfig(), grpc.WithMaxHeaderListSize(maxHealthHeaders),
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(maxHealth)))
	if err != nil {
		return err
	}
	defer func() { _ = client.Close() }()
	l.times.dialPhase(Request)
	var sent, trailers metadata.MD
	answer, err := grpc_health_v1.NewHealthClient(client).Check(ctx, &grpc_health_v1.HealthCheckRequest{Service: p.service},
		grpc.Header(&sent), grpc.Trailer(&trailers))
	if conn.answered.Load() {
		res.Evidence = p.masks.said(shownHealth(answer, err)+p.masks.head(shownHeaders(sent, trailers)), nil, 0)
	}
	if err != nil {
		return conn.explain(err)
	}
	if s := answer.GetStatus(); s != grpc_health_v1.HealthCheckResponse_SERVING {
		return fmt.Errorf("%w: service %q is %s, want SERVING", ErrInvalidResponse, p.service, s)
	}
	return nil
}

// shownHealth is what an answer came to.
func shownHealth(answer *grpc_health_v1.HealthCheckResponse, err error) string {
	if err != nil {
		return "Code: " + status.Code(err).String() + "\n"
	}
	return "Health: " + answer.GetStatus().String() + "\n"
}

// shownHeaders are an answer's headers and trailers, under the names that headers of HTTP have.
func shownHeaders(all ...metadata.MD) http.Header {
	shown := http.Header{}
	for name, values := range metadata.Join(all...) {
		shown[http.CanonicalHeaderKey(name)] = values
	}
	return shown
}

// Host is the host and port that is asked.
func (p *grpcProber) Host() string { return p.address }

// handshaken are the credentials of a connection that speaks TLS already. They make nothing but the scheme.
type handshaken struct {
	credentials.TransportCredentials
}

// Info implements credentials.TransportCredentials.
func (h *handshaken) Info() credentials.ProtocolInfo {
	info := h.TransportCredentials.Info()
	info.SecurityProtocol = "tls"
	return info
}

// Clone implements credentials.TransportCredentials.
func (h *handshaken) Clone() credentials.TransportCredentials {
	return &handshaken{h.TransportCredentials.Clone()}
}

// A oneConn is the one connection of a run, which remembers why it broke.
type oneConn struct {
	net.Conn
	dialled  atomic.Bool
	answered atomic.Bool // with a response of HTTP/2, whatever it says
	broke    atomic.Pointer[error]
}

// dial hands the connection out once: a run that has lost it is over.
func (c *oneConn) dial(context.Context, string) (net.Conn, error) {
	if c.dialled.Swap(true) {
		return nil, net.ErrClosed
	}
	return c, nil
}

func (c *oneConn) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	if err != nil {
		c.broke.CompareAndSwap(nil, &err)
	}
	return n, err
}

// explain names the outcome of a call. The library has but one word, unavailable, for a connection that broke and for
// one that speaks something else.
func (c *oneConn) explain(err error) error {
	code := status.Code(err)
	if code == codes.DeadlineExceeded {
		return &outcomeError{Timeout, err}
	}
	if broke := c.broke.Load(); broke != nil && !c.answered.Load() {
		if o := OutcomeOf(*broke); o != Error {
			return &outcomeError{o, err}
		}
	}
	return fmt.Errorf("%w: %w", ErrInvalidResponse, err)
}

// A callWatch times a call.
type callWatch struct {
	times *timings
	conn  *oneConn
}

var _ stats.Handler = (*callWatch)(nil)

// HandleRPC is called at each step of the call.
func (w *callWatch) HandleRPC(_ context.Context, step stats.RPCStats) {
	switch step.(type) {
	case *stats.OutPayload:
		w.times.dialPhase(FirstByte)
	case *stats.InHeader:
		w.conn.answered.Store(true)
		w.times.dialPhase(Transfer)
	case *stats.InTrailer:
		w.conn.answered.Store(true)
	}
}

// TagRPC implements stats.Handler.
func (w *callWatch) TagRPC(ctx context.Context, _ *stats.RPCTagInfo) context.Context { return ctx }

// TagConn implements stats.Handler.
func (w *callWatch) TagConn(ctx context.Context, _ *stats.ConnTagInfo) context.Context { return ctx }

// HandleConn implements stats.Handler.
func (w *callWatch) HandleConn(context.Context, stats.ConnStats) {}
