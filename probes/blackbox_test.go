package probes

import (
	"io"
	"log/slog"
	"math"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	promconfig "github.com/prometheus/common/config"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
	"google.golang.org/grpc/health"
	"google.golang.org/grpc/health/grpc_health_v1"

	"github.com/perfwatch/perfwatch/internal/peer"
)

const blackboxModules = `modules:
  http: {prober: http, timeout: 2s, http: {preferred_ip_protocol: ip4, tls_config: {insecure_skip_verify: true}}}
  https: {prober: http, timeout: 2s, http: {preferred_ip_protocol: ip4}}
  body: {prober: http, timeout: 2s, http: {preferred_ip_protocol: ip4, fail_if_body_not_matches_regexp: [ready]}}
  tcp: {prober: tcp, timeout: 2s, tcp: {preferred_ip_protocol: ip4}}
  dns: {prober: dns, timeout: 2s, dns: {preferred_ip_protocol: ip4, query_name: shop.example, query_type: A}}
  dns_tcp: {prober: dns, timeout: 2s, dns: {preferred_ip_protocol: ip4, transport_protocol: tcp, query_name: shop.example, query_type: A}}
  no_name: {prober: dns, timeout: 2s, dns: {preferred_ip_protocol: ip4, query_name: nothing.example, query_type: A}}
  icmp: {prober: icmp, timeout: 2s, icmp: {preferred_ip_protocol: ip4}}
  grpc: {prober: grpc, timeout: 2s, grpc: {preferred_ip_protocol: ip4}}
  grpc_old: {prober: grpc, timeout: 2s, grpc: {preferred_ip_protocol: ip4, service: shop.Old}}
  reply: {prober: tcp, timeout: 2s, tcp: {preferred_ip_protocol: ip4, query_response: [{expect: "^hello"}]}}
`

// A blackbox is a running blackbox_exporter.
type blackbox struct{ address string }

func startBlackbox(t *testing.T) *blackbox {
	t.Helper()
	b := &blackbox{peer.FreeAddress(t)}
	file := peer.WriteFile(t, t.TempDir(), "blackbox.yml", blackboxModules)
	p := peer.Start(t, "prometheus-blackbox-exporter", "prometheus-blackbox-exporter",
		"--config.file="+file, "--web.listen-address="+b.address)
	p.WaitFor(t, peer.Answers("http://"+b.address+"/-/healthy"))
	return b
}

// probe is what it says of a target.
func (b *blackbox) probe(t *testing.T, module, target string) (ok bool, seconds float64) {
	t.Helper()
	q := url.Values{"module": {module}, "target": {target}}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+b.address+"/probe?"+q.Encode(), nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := (&http.Client{}).Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	parser := expfmt.NewTextParser(model.UTF8Validation)
	families, err := parser.TextToMetricFamilies(resp.Body)
	if err != nil || families["probe_success"] == nil {
		t.Fatalf("probing %q: status %d, %v", target, resp.StatusCode, err)
	}
	value := func(name string) float64 { return families[name].GetMetric()[0].GetGauge().GetValue() }
	return value("probe_success") == 1, value("probe_duration_seconds")
}

// A question is one that both are asked.
type question struct {
	name, module, target string
	env                  Env
	spec                 Targeted
	want                 bool
}

// agree asks both in turns: whether the target is well, and how long it took. Of the durations the shortest are compared,
// which is what a busy machine disturbs least: of eight turns, or of as many more as it takes.
func (b *blackbox) agree(t *testing.T, q question) {
	t.Helper()
	ours, theirs := math.Inf(1), math.Inf(1)
	const turns, most = 8, 80
	for i := 0; i < turns || i < most && math.Abs(ours-theirs) > 0.002; i++ {
		spec := q.spec.At(q.target)
		if h, ok := spec.(*HTTP); ok {
			h.FreshConnection = true
		}
		p, err := spec.Prober(q.env)
		if err != nil {
			t.Fatal(err)
		}
		s := takeFor(t, p, 2*time.Second)
		ok, seconds := b.probe(t, q.module, q.target)
		if (s.Outcome == OK) != q.want || ok != q.want {
			t.Fatalf("ours %s (%v), theirs %v, want %v", s.Outcome, s.Err, ok, q.want)
		}
		ours, theirs = min(ours, s.Duration.Seconds()), min(theirs, seconds)
	}
	if apart := math.Abs(ours - theirs); apart > 0.002 {
		t.Errorf("ours took %.4f s and theirs %.4f s, want within 2 ms", ours, theirs)
	}
	t.Logf("ours %.4f s, theirs %.4f s", ours, theirs)
}

// ICMP is compared in the network of its own test.
func TestWeAgreeWithBlackboxExporter(t *testing.T) {
	b := startBlackbox(t)
	site := httptest.NewServer(http.HandlerFunc(slowly))
	t.Cleanup(site.Close)
	secure := httptest.NewUnstartedServer(http.HandlerFunc(slowly))
	secure.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, 0) // of handshakes that are to fail
	secure.StartTLS()
	t.Cleanup(secure.Close)
	greeter := greeting(t, "hello\n")
	closed := peer.FreeAddress(t)
	zone, _ := startZone(t, secure.TLS.Certificates[0])
	healthy := health.NewServer()
	healthy.SetServingStatus("shop.Old", grpc_health_v1.HealthCheckResponse_NOT_SERVING)
	service, stop := startGRPC(t, healthy)
	t.Cleanup(stop)
	untrusting := Env{}
	careless := Env{HTTP: promconfig.HTTPClientConfig{TLSConfig: promconfig.TLSConfig{InsecureSkipVerify: true}}}

	for _, q := range []question{
		{"at once", "http", site.URL, untrusting, &HTTP{}, true},
		{"after 50 ms", "http", site.URL + "/?delay=50ms", untrusting, &HTTP{}, true},
		{"after 150 ms", "http", site.URL + "/?delay=150ms", untrusting, &HTTP{}, true},
		{"status 500", "http", site.URL + "/broken", untrusting, &HTTP{}, false},
		{"closed", "http", "http://" + closed, untrusting, &HTTP{}, false},
		{"body", "body", site.URL, untrusting, &HTTP{Expect: Expect{BodyMatches: "ready"}}, true},
		{"TLS", "http", secure.URL, careless, &HTTP{}, true},
		{"TLS that nobody vouches for", "https", secure.URL, untrusting, &HTTP{}, false},
		{"tcp", "tcp", greeter, untrusting, &TCP{}, true},
		{"tcp reply", "reply", greeter, untrusting, &TCP{Expect: Reply{Matches: "^hello"}}, true},
		{"tcp closed", "tcp", closed, untrusting, &TCP{}, false},
		{"dns", "dns", zone, untrusting, &DNSQuery{Name: "shop.example"}, true},
		{"dns over TCP", "dns_tcp", zone, untrusting, &DNSQuery{Name: "shop.example", Protocol: "tcp"}, true},
		{"dns of no such name", "no_name", zone, untrusting, &DNSQuery{Name: "nothing.example"}, false},
		{"dns closed", "dns", closed, untrusting, &DNSQuery{Name: "shop.example"}, false},
		{"grpc", "grpc", service, untrusting, &GRPC{}, true},
		{"grpc of what does not serve", "grpc_old", service, untrusting, &GRPC{Service: "shop.Old"}, false},
		{"grpc closed", "grpc", closed, untrusting, &GRPC{}, false},
	} {
		t.Run(q.name, func(t *testing.T) { b.agree(t, q) })
	}
}

// slowly answers after the delay that is asked for.
func slowly(w http.ResponseWriter, r *http.Request) {
	delay, _ := time.ParseDuration(r.URL.Query().Get("delay"))
	select {
	case <-time.After(delay):
	case <-r.Context().Done():
	}
	if r.URL.Path == "/broken" {
		w.WriteHeader(http.StatusInternalServerError)
	}
	_, _ = io.WriteString(w, "ready\n")
}

// greeting is the address of a server that says a text to whoever comes.
func greeting(t *testing.T, text string) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			_, _ = io.Copy(conn, strings.NewReader(text))
			_ = conn.Close()
		}
	}()
	return l.Addr().String()
}
