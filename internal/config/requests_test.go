package config

import (
	"os"
	"path/filepath"
	"reflect"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/perfwatch/perfwatch/internal/load"
	"github.com/perfwatch/perfwatch/probes"
)

func TestRequestsAreRead(t *testing.T) {
	cfg := mustParse(t, `probes:
  - name: login
    http:
      url: https://127.0.0.1/login
      form: {user: perfwatch, password: s3cret}
      cookies: {lang: "NO"}
      max_connection_age: 1m
      ip_family: ip4
      http_version: 2
      expect: {min_body: 1KiB, min_tls_version: TLS13, min_days: 14, headers: {X-Cache: HIT}}
`)
	want := &probes.HTTP{
		URL: "https://127.0.0.1/login", Form: map[string]string{"user": "perfwatch", "password": "s3cret"},
		Cookies: map[string]string{"lang": "NO"}, MaxConnection: time.Minute, IPFamily: "ip4", HTTPVersion: "2",
		Expect: probes.Expect{MinBody: 1024, MinTLSVersion: 0x0304, MinDays: 14, Headers: map[string]string{"X-Cache": "HIT"}},
	}
	if diff := cmp.Diff(want, cfg.Probes[0].HTTP); diff != "" {
		t.Error(diff)
	}
}

// A client of a probe's own has Prometheus' defaults, and its files start at the configuration's folder.
func TestAClientOfAProbe(t *testing.T) {
	cfg, err := Parse([]byte(`probes:
  - {name: a, http: {url: "https://127.0.0.1/", http_client: {bearer_token_file: password, enable_http2: false}}}
`), "testdata/secrets")
	if err != nil {
		t.Fatal(err)
	}
	c := cfg.Probes[0].HTTP.HTTPClient
	if c == nil || c.EnableHTTP2 || !c.FollowRedirects || c.Authorization == nil ||
		c.Authorization.CredentialsFile != "testdata/secrets/password" {
		t.Errorf("http_client %+v", c)
	}
}

// The content of a body_file makes a probe another one, so that a reload takes it.
func TestABodyFileIsPartOfItsProbe(t *testing.T) {
	cfg, err := Parse([]byte("probes:\n  - {name: a, http: {url: \"http://127.0.0.1/\", method: POST, body_file: password}}\n"), "testdata/secrets")
	if err != nil {
		t.Fatal(err)
	}
	if got := cfg.Probes[0].HTTP.Content; len(got) == 0 {
		t.Error("the probe has no content")
	}
}

// What a file of data holds makes a burst another one, for a reload and for the archive alike.
func TestAFileOfDataIsPartOfItsBurst(t *testing.T) {
	dir := t.TempDir()
	parsed := func(rows string) (*Config, *load.Spec) {
		if err := os.WriteFile(filepath.Join(dir, "symbols.csv"), []byte("symbol\n"+rows), 0o600); err != nil {
			t.Fatal(err)
		}
		cfg, err := Parse([]byte(`
probes:
  - name: a
    load:
      users: 1
      duration: 10s
      tasks: [{name: one, http: {url: "http://127.0.0.1/${symbol}"}}]
      data: {symbol: {file: symbols.csv, column: symbol}}
`), dir)
		if err != nil {
			t.Fatal(err)
		}
		return cfg, cfg.Probes[0].Load
	}
	cfg, before := parsed("AAPL\n")
	_, again := parsed("AAPL\n")
	_, after := parsed("AAPL\nMSFT\n")
	if !reflect.DeepEqual(before, again) || cfg.BurstHash(before) != cfg.BurstHash(again) {
		t.Error("the same data made another burst")
	}
	if reflect.DeepEqual(before, after) || cfg.BurstHash(before) == cfg.BurstHash(after) {
		t.Error("other data made the same burst")
	}
}
