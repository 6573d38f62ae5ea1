package probes

import (
	"context"
	"crypto/tls"
	"net"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	promconfig "github.com/prometheus/common/config"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/health"
	"google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
)

// startGRPC serves on a port of its own until the returned function is called.
func startGRPC(t *testing.T, service grpc_health_v1.HealthServer, options ...grpc.ServerOption) (address string, stop func()) {
	t.Helper()
	s := grpc.NewServer(options...)
	if service != nil {
		grpc_health_v1.RegisterHealthServer(s, service)
	}
	l := listener(t)
	go func() { _ = s.Serve(l) }()
	return l.Addr().String(), s.Stop
}

// A doctor answers by a function.
type doctor struct {
	grpc_health_v1.UnimplementedHealthServer
	check func(ctx context.Context) (*grpc_health_v1.HealthCheckResponse, error)
}

func (d doctor) Check(ctx context.Context, _ *grpc_health_v1.HealthCheckRequest) (*grpc_health_v1.HealthCheckResponse, error) {
	return d.check(ctx)
}

// failing answers with a code.
func failing(code codes.Code) doctor {
	return doctor{check: func(context.Context) (*grpc_health_v1.HealthCheckResponse, error) {
		return nil, status.Error(code, "out of order")
	}}
}

// slow answers when nobody waits any more.
func slow() doctor {
	return doctor{check: func(ctx context.Context) (*grpc_health_v1.HealthCheckResponse, error) {
		<-ctx.Done()
		return nil, ctx.Err()
	}}
}

// private wants a token, and to be told who asks.
func private() doctor {
	return doctor{check: func(ctx context.Context) (*grpc_health_v1.HealthCheckResponse, error) {
		md, _ := metadata.FromIncomingContext(ctx)
		if strings.Join(md["authorization"], "") != "Bearer hunter2" || len(md["x-synthetic-traffic"]) != 1 ||
			!strings.HasPrefix(strings.Join(md["user-agent"], ""), "watcher/1.0") {
			return nil, status.Errorf(codes.Unauthenticated, "who are you? %v", md)
		}
		return &grpc_health_v1.HealthCheckResponse{Status: grpc_health_v1.HealthCheckResponse_SERVING}, nil
	}}
}

// verbose sends more headers than are taken.
func verbose() doctor {
	return doctor{check: func(ctx context.Context) (*grpc_health_v1.HealthCheckResponse, error) {
		_ = grpc.SetHeader(ctx, metadata.Pairs("x", strings.Repeat("x", maxHealthHeaders)))
		return &grpc_health_v1.HealthCheckResponse{Status: grpc_health_v1.HealthCheckResponse_SERVING}, nil
	}}
}

func TestGRPC(t *testing.T) {
	healthy := health.NewServer()
	healthy.SetServingStatus("shop.Orders", grpc_health_v1.HealthCheckResponse_SERVING)
	healthy.SetServingStatus("shop.Old", grpc_health_v1.HealthCheckResponse_NOT_SERVING)
	const all = "connect request first_byte transfer"
	for _, tt := range []struct {
		name    string
		service grpc_health_v1.HealthServer
		spec    GRPC
		want    Outcome
		reason  string
		phases  string
	}{
		{"serving", healthy, GRPC{}, OK, "", all},
		{"a service of it", healthy, GRPC{Service: "shop.Orders"}, OK, "", all},
		{"not serving", healthy, GRPC{Service: "shop.Old"}, InvalidResponse, `service "shop.Old" is NOT_SERVING, want SERVING`, all},
		{"unknown service", healthy, GRPC{Service: "shop.New"}, InvalidResponse, "unknown service", "connect request first_byte"},
		{"no health service", nil, GRPC{}, InvalidResponse, "Unimplemented", "connect request first_byte"},
		{"unavailable", failing(codes.Unavailable), GRPC{}, InvalidResponse, "out of order", "connect request first_byte"},
		{"internal error", failing(codes.Internal), GRPC{}, InvalidResponse, "out of order", "connect request first_byte"},
		{"never answers", slow(), GRPC{}, Timeout, "", "connect request first_byte"},
		{"its own deadline", failing(codes.DeadlineExceeded), GRPC{}, Timeout, "", "connect request first_byte"},
		{"wants a token", private(), GRPC{Headers: map[string]string{"Authorization": "Bearer hunter2"}}, OK, "", all},
		{"wants another token", private(), GRPC{Headers: map[string]string{"Authorization": "Bearer hunter1"}}, InvalidResponse,
			"Unauthenticated", "connect request first_byte"},
		{"sends too many headers", verbose(), GRPC{}, InvalidResponse, "", "connect request first_byte"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			before := runtime.NumGoroutine()
			address, stop := startGRPC(t, tt.service)
			tt.spec.Address = address
			s := takeWithin(t, mustBuild(t, &tt.spec, Env{UserAgent: "watcher/1.0"}), tt.want)
			if s.Outcome != tt.want || s.Err != nil && !strings.Contains(s.Err.Error(), tt.reason) {
				t.Errorf("outcome %v, want %v with %q: %v", s.Outcome, tt.want, tt.reason, s.Err)
			}
			if got := strings.Join(happened(s.Phases), " "); got != tt.phases {
				t.Errorf("phases %s, want %s", got, tt.phases)
			}
			stop()
			wantGoroutines(t, before)
		})
	}
}

func TestGRPCOverTLS(t *testing.T) {
	ca := newAuthority(t)
	expiry := time.Now().Add(30 * 24 * time.Hour).Truncate(time.Second)
	cert := ca.issue(t, expiry)
	address, stop := startGRPC(t, health.NewServer(),
		grpc.Creds(credentials.NewTLS(&tls.Config{Certificates: []tls.Certificate{cert}})))
	defer stop()
	for _, tt := range []struct {
		name   string
		config *promconfig.TLSConfig
		want   Outcome
		phases string
	}{
		{"trusted", &promconfig.TLSConfig{CAFile: filepath.Base(ca.file)}, OK, "connect tls request first_byte transfer"},
		{"not trusted", &promconfig.TLSConfig{}, TLSFailure, "connect tls"},
		{"without TLS", nil, Reset, "connect request"},
	} {
		p := mustBuild(t, &GRPC{Address: address, TLSConfig: tt.config}, Env{Dir: filepath.Dir(ca.file)})
		s := takeWithin(t, p, tt.want)
		if got := strings.Join(happened(s.Phases), " "); s.Outcome != tt.want || got != tt.phases {
			t.Errorf("%s: %v, phases %s, want %v, %s: %v", tt.name, s.Outcome, got, tt.want, tt.phases, s.Err)
		}
		if tt.want == OK && !s.CertNotAfter.Equal(expiry) {
			t.Errorf("certificate expires %v, want %v", s.CertNotAfter, expiry)
		}
	}
}

func TestHostileGRPC(t *testing.T) {
	for _, tt := range []struct {
		name  string
		serve func(net.Conn)
		want  Outcome
	}{
		{"never answers", hangs, Timeout},
		{"closes at once", func(net.Conn) {}, Reset},
		{"resets", resets, Reset},
		{"speaks HTTP/1.1", insists("HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n"), InvalidResponse},
		{"speaks garbage", insists(strings.Repeat("\xff\x00\x01", 10_000)), InvalidResponse},
		{"drips", dripsAfter("\x00\x00\xff\x04\x00"), Timeout},
		{"goes away", goAway, Reset},
		{"pings for ever", forEverFast("\x00\x00\x08\x06\x00\x00\x00\x00\x0012345678"), InvalidResponse}, // before its settings
		{"sends settings for ever", forEverFast("\x00\x00\x00\x04\x00\x00\x00\x00\x00"), Timeout},
	} {
		t.Run(tt.name, func(t *testing.T) {
			before := runtime.NumGoroutine()
			l := listener(t)
			stop := serveAll(l, tt.serve)
			p := mustBuild(t, &GRPC{Address: l.Addr().String()}, Env{})
			start := time.Now()
			s := takeWithin(t, p, tt.want)
			if s.Outcome != tt.want || len(s.Err.Error()) > 700 || time.Since(start) > patience+2*time.Second {
				t.Errorf("outcome %v after %v, want %v: %v", s.Outcome, time.Since(start), tt.want, s.Err)
			}
			stop()
			wantGoroutines(t, before)
		})
	}
	refused := mustBuild(t, &GRPC{Address: deadAddress(t)}, Env{})
	if s := takeWithin(t, refused, Refused); s.Outcome != Refused || strings.Join(happened(s.Phases), " ") != "connect" {
		t.Errorf("%v, phases %v, want refused while connecting: %v", s.Outcome, happened(s.Phases), s.Err)
	}
}

func TestMistakesOfGRPC(t *testing.T) {
	wantMistakes(t, []specMistake{
		{"no address", &GRPC{}, "address: missing, want HOST:PORT with a port from 1 to 65535"},
		{"reserved header", &GRPC{Address: "h:1", Headers: map[string]string{"grpc-timeout": "1S"}},
			`headers.grpc-timeout: "<secret>", want a name of letters, digits and _.- that does not begin with grpc-`},
		{"value", &GRPC{Address: "h:1", Headers: map[string]string{"x": "a\nb"}},
			`headers.x: "<secret>", want a value without control characters`},
		{"file", &GRPC{Address: "h:1", TLSConfig: &promconfig.TLSConfig{CAFile: "/nowhere/ca.pem"}},
			"tls_config: unable to read CA cert: unable to read file /nowhere/ca.pem: open /nowhere/ca.pem: no such file or directory"},
	})
}

// TestEvidenceOfHealth has what servers say, with what we sent and what has the name of a secret hidden.
func TestEvidenceOfHealth(t *testing.T) {
	says := func(s grpc_health_v1.HealthCheckResponse_ServingStatus) doctor {
		return doctor{check: func(ctx context.Context) (*grpc_health_v1.HealthCheckResponse, error) {
			md, _ := metadata.FromIncomingContext(ctx)
			_ = grpc.SetHeader(ctx, metadata.Pairs("server", "envoy", "seen", strings.Join(md["x-key"], ""), "set-cookie", "a=hunter3"))
			_ = grpc.SetTrailer(ctx, metadata.Pairs("shard", "7"))
			return &grpc_health_v1.HealthCheckResponse{Status: s}, nil
		}}
	}
	for _, tt := range []struct {
		service doctor
		want    Outcome
		head    string
	}{
		{says(grpc_health_v1.HealthCheckResponse_SERVING), OK,
			"Health: SERVING\nContent-Type: application/grpc\nSeen: <secret>\nServer: envoy\nSet-Cookie: <secret>\nShard: 7\n"},
		{says(grpc_health_v1.HealthCheckResponse_NOT_SERVING), InvalidResponse,
			"Health: NOT_SERVING\nContent-Type: application/grpc\nSeen: <secret>\nServer: envoy\nSet-Cookie: <secret>\nShard: 7\n"},
		{failing(codes.Unavailable), InvalidResponse, "Code: Unavailable\nContent-Type: application/grpc\n"},
		{slow(), Timeout, ""},
	} {
		address, stop := startGRPC(t, tt.service)
		s := takeWithin(t, mustBuild(t, &GRPC{Address: address, Headers: map[string]string{"x-key": "hunter22"}}, Env{}), tt.want)
		got := ""
		if s.Evidence != nil {
			got = s.Evidence.Head
		}
		if s.Outcome != tt.want || got != tt.head {
			t.Errorf("outcome %v, want %v; evidence %q, want %q: %v", s.Outcome, tt.want, got, tt.head, s.Err)
		}
		stop()
	}
}
