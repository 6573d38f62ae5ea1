package config

import (
	"crypto/tls"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	promconfig "github.com/prometheus/common/config"

	"github.com/perfwatch/perfwatch/internal/load"
	"github.com/perfwatch/perfwatch/probes"
)

// What a field says of itself must be what its kind says: labels, groups and messages come from Kind, keys from the tag.
func TestAKindIsOneField(t *testing.T) {
	var none Kinds
	if none.Kind() != "" || none.Spec() != nil || none.given() != nil {
		t.Errorf("no kind: %q, %v, want nothing", none.Kind(), none.Spec())
	}
	for i, name := range kindNames() {
		var k Kinds
		field := reflect.ValueOf(&k).Elem().Field(i)
		field.Set(reflect.New(field.Type().Elem()))
		if got := k.Kind(); got != name || name == "" {
			t.Errorf("kind of the field %q: %q", name, got)
		}
		_, asked := field.Interface().(probes.Spec)
		if got := k.Spec(); (got != nil) != asked || asked == (name == "load") {
			t.Errorf("spec of %q: %v, want one of every kind but load", name, got)
		}
	}
	if names := kindNames(); !slices.Contains(names, "http") {
		t.Errorf("kinds %v, want http among them", names)
	}
}

// everyKeyOfAPage is what testdata/good/kinds.yml says of a page.
func everyKeyOfAPage() *probes.Page {
	return &probes.Page{
		URL: "http://shop.example/", Device: "mobile", Viewport: probes.Viewport{Width: 400, Height: 800, Scale: 2},
		Throttling: probes.Throttling{
			Preset: "slow_4g", Latency: 150 * time.Millisecond, Download: 200 << 10, Upload: 90 << 10, CPU: 2.5,
		},
		Headers: map[string]string{"X-Token": "hunter2"}, Cookies: map[string]string{"session": "hunter2"},
		BasicAuth: &probes.PageAuth{Username: "shop", Password: "hunter2"},
		Login: []probes.PageStep{
			{URL: "http://shop.example/login"}, {Fill: "#user", Value: "hunter2"}, {Click: "button"}, {WaitFor: "#welcome"},
		},
		Block: []string{"*://ads.example/*"}, Marks: []string{"ready"}, Warm: true, Trace: true, Insecure: true, MaxBytes: 10 << 20,
		Expect: probes.PageExpect{Status: []int{200, 201}, Selector: "#app", Text: "Hello", Title: "^Shop"},
	}
}

// journeyOfTwoSteps is what testdata/good/kinds.yml says of a journey.
func journeyOfTwoSteps() *load.Journey {
	return &load.Journey{Steps: []load.Step{
		{
			Name:    "login",
			HTTP:    &probes.HTTP{URL: "http://shop.example/login", Method: "POST", JSON: map[string]any{"name": "ann"}},
			Capture: map[string]load.Capture{"token": {JSON: ".token"}, "visit": {Header: "X-Visit"}},
		},
		{Name: "basket", HTTP: &probes.HTTP{
			URL: "http://shop.example/baskets/${visit}", Headers: map[string]string{"Authorization": "Bearer ${token}"},
		}},
	}}
}

func TestEveryKindIsRead(t *testing.T) {
	cfg := mustLoad(t, "testdata/good/kinds.yml")
	year, two := 365, 2
	want := []Kinds{
		{TCP: &probes.TCP{Address: "127.0.0.1:6379", Send: "PING\r\n", Expect: probes.Reply{Matches: `^\+PONG`}}},
		{TLS: &probes.TLSHandshake{
			Address: "shop.example:443", ALPN: []string{"h2"}, Send: "hello",
			TLSConfig: promconfig.TLSConfig{ServerName: "www.shop.example", MinVersion: tls.VersionTLS12},
			Expect:    probes.TLSExpect{MinDays: 14, MinVersion: tls.VersionTLS13, ALPN: "h2", Matches: "hello"},
		}},
		{DNS: &probes.DNSQuery{
			Server: "9.9.9.9", Name: "shop.example", Type: "AAAA", Protocol: "tls",
			TLSConfig: promconfig.TLSConfig{ServerName: "dns.quad9.net"},
			Expect:    probes.DNSExpect{RCode: "NOERROR", MinAnswers: &two, Matches: "2001:db8::1$"},
		}},
		{GRPC: &probes.GRPC{
			Address: "shop.example:8443", Service: "shop.Orders", TLSConfig: &promconfig.TLSConfig{},
			Headers: map[string]string{"Authorization": "Bearer hunter2"},
		}},
		{ICMP: &probes.ICMP{
			Host: "gateway.example", Count: 5, Interval: 100 * time.Millisecond, Size: 1000, IPFamily: "ip6",
			Expect: probes.ICMPExpect{MinReplies: 4},
		}},
		{Exec: &probes.Exec{
			Command: []string{"sh", "-c", "exit 1"}, Env: map[string]string{"LEVEL": "high"}, Dir: "/",
			Expect: probes.ExecExpect{ExitCode: []int{0, 1}, Matches: "done", JSON: ".ok", MaxOutput: 1024},
		}},
		{SQL: &probes.SQL{DSNFile: "../secrets/shop.dsn", FreshConnection: true, Queries: []probes.Query{
			{Name: "holdings", Query: "SELECT symbol FROM holdings WHERE user_id = $1", Args: []any{1, "AAPL", 2.5, true, nil}},
			{Name: "prices", Query: "SELECT day, close FROM prices", Expect: probes.QueryExpect{
				MinRows: 1, MaxRows: &year, Columns: []string{"day", "close"}, JSON: ".[0].close > 0",
			}},
		}}},
		{Journey: journeyOfTwoSteps()},
		{Consistency: &probes.Consistency{
			URLs:    []string{"http://127.0.0.1:8001/quote", "http://127.0.0.1:8002/quote"},
			Headers: map[string]string{"Authorization": "Bearer hunter2"}, Compare: ".close", Version: ".updated_at",
			MaxStaleness: 5 * time.Second, MaxBody: 100 << 10, FreshConnection: true,
		}},
		{Canary: &probes.Canary{
			Redis: "cache", TTL: 10 * time.Second, Tolerance: 500 * time.Millisecond, Prefix: "shop:canary:", Replica: "copy",
		}},
		{Page: everyKeyOfAPage()},
	}
	var got []Kinds
	for i := range cfg.Probes {
		p := &cfg.Probes[i]
		got = append(got, p.Kinds)
		if p.Group != p.Kind() && p.Group != "database" && p.Group != "cache" {
			t.Errorf("group of %q: %q, want its kind %q", p.Name, p.Group, p.Kind())
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// What perfwatch.yml says of the kinds that it does not use stands there as comments, to be taken in by taking away the
// mark before them.
func TestExamplesInTheShippedConfigurationAreGood(t *testing.T) {
	text, err := os.ReadFile("../../perfwatch.yml")
	if err != nil {
		t.Fatal(err)
	}
	text = regexp.MustCompile(`(?m)^  #(- |  )`).ReplaceAll(text, []byte("  $1"))
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "shop.dsn"), []byte("postgres://reader@127.0.0.1/shop"), 0o600); err != nil {
		t.Fatal(err)
	}
	cfg, err := Parse(text, dir)
	if err != nil {
		t.Fatalf("with its examples:\n%v", err)
	}
	seen := map[string]bool{}
	for i := range cfg.Probes {
		seen[cfg.Probes[i].Kind()] = true
	}
	for _, name := range kindNames() {
		if !seen[name] {
			t.Errorf("no example of the kind %s", name)
		}
	}
}
