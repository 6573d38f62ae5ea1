package probes

import (
	"compress/gzip"
	"crypto/tls"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	promconfig "github.com/prometheus/common/config"
)

func TestExpectedHeadersAndSizes(t *testing.T) {
	srv := serve(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header()["X-Cache"] = []string{"HIT", "MISS"}
		w.Header().Set("X-Auth-Token", "s3cret")
		if r.URL.Path == "/gzip" {
			w.Header().Set("Content-Encoding", "gzip")
			z := gzip.NewWriter(w)
			_, _ = io.WriteString(z, strings.Repeat("a", 1000))
			_ = z.Close()
			return
		}
		_, _ = io.WriteString(w, "hello")
	})
	header := func(name, match string) Expect { return Expect{Headers: map[string]string{name: match}} }
	for _, tt := range []struct {
		name   string
		path   string
		expect Expect
		want   string // the end of the error; "" for none
	}{
		{"header", "/", header("x-cache", "^HIT, MISS$"), ""},
		{"header that differs", "/", header("x-cache", "^HIT$"), `invalid response: header X-Cache is "HIT, MISS", want a match of "^HIT$"`},
		{"header that is absent", "/", header("X-None", "."), `header X-None is "", want a match of "."`},
		{"header that must be absent", "/", header("X-None", "^$"), ""},
		{"header that must be absent and is there", "/", header("X-Cache", "^$"), `header X-Cache is "HIT, MISS", want a match of "^$"`},
		{"secret that differs", "/", header("X-Auth-Token", "^other$"), `header X-Auth-Token is "<secret>", want a match of "^other$"`},
		{"two headers, the first by name tells", "/", Expect{Headers: map[string]string{"X-B": ".", "X-A": "."}},
			`header X-A is "", want a match of "."`},
		{"enough", "/", Expect{MinBody: 5}, ""},
		{"too short", "/", Expect{MinBody: 6}, `invalid response: body of 5 bytes, want at least 6`},
		{"enough after decompression", "/gzip", Expect{MinBody: 1000}, ""},
		{"too short after decompression", "/gzip", Expect{MinBody: 1001}, `body of 1000 bytes, want at least 1001`},
		{"no TLS", "/", Expect{MinTLSVersion: tls.VersionTLS12}, `tls: the answer came without TLS`},
		{"no certificate", "/", Expect{MinDays: 1}, `tls: the answer came without TLS`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p := mustProber(t, &HTTP{URL: srv.URL + tt.path, Expect: tt.expect}, Env{})
			session := mustSession(t, Env{})
			for _, s := range []Sample{Take(t.Context(), p, time.Time{}), session.Take(t.Context(), plenty, p, nil, time.Time{})} {
				wantReason(t, s, tt.want)
			}
		})
	}
}

// wantReason compares the end of a sample's error.
func wantReason(t *testing.T, s Sample, want string) {
	t.Helper()
	if want == "" && s.Err != nil || want != "" && (s.Err == nil || !strings.HasSuffix(s.Err.Error(), want)) {
		t.Errorf("error %v, want %q", s.Err, want)
	}
	if expected := strings.HasPrefix(want, "tls: "); s.Err != nil && (s.Outcome == TLSFailure) != expected {
		t.Errorf("outcome %v: %v", s.Outcome, s.Err)
	}
}

func TestExpectedTLS(t *testing.T) {
	ca := newAuthority(t)
	notAfter := time.Now().Add(10*24*time.Hour + time.Hour)
	srv := httptest.NewUnstartedServer(http.HandlerFunc(hello))
	srv.TLS = &tls.Config{Certificates: []tls.Certificate{ca.issue(t, notAfter)}, MaxVersion: tls.VersionTLS12}
	srv.StartTLS()
	t.Cleanup(srv.Close)
	for _, tt := range []struct {
		expect Expect
		want   string
	}{
		{Expect{MinTLSVersion: tls.VersionTLS12, MinDays: 10}, ""},
		{Expect{MinTLSVersion: tls.VersionTLS13}, "tls: version TLS 1.2, want at least TLS 1.3"},
		{Expect{MinDays: 11}, "tls: certificate expires " + notAfter.UTC().Format(time.RFC3339) + ", in 10 days, want at least 11"},
	} {
		client := promconfig.HTTPClientConfig{TLSConfig: promconfig.TLSConfig{CAFile: ca.file}}
		p := mustProber(t, &HTTP{URL: srv.URL, HTTPClient: &client, Expect: tt.expect}, Env{})
		for range 2 { // the second time over the kept connection
			s := Take(t.Context(), p, time.Time{})
			wantReason(t, s, tt.want)
			if !s.CertNotAfter.Equal(notAfter.Truncate(time.Second)) || s.Status != 200 {
				t.Errorf("certificate until %v, status %d, want %v, 200", s.CertNotAfter, s.Status, notAfter)
			}
		}
	}
}

// Identifiers of 64 bits are whole numbers, not the nearest floating one.
func TestWholeNumbersOfJSONAreExact(t *testing.T) {
	for _, tt := range []struct {
		body, query string
		want        Outcome
	}{
		{`{"id": 9007199254740993}`, ".id == 9007199254740993", OK},
		{`{"id": 9007199254740993}`, ".id == 9007199254740992", InvalidResponse},
		{`[{"id": [-9223372036854775808]}]`, `.[0].id[0] | tojson == "-9223372036854775808"`, OK},
		{`[1, 1.0, 1.5, 1e3, 1e400]`, ".[0] == .[1] and .[2] == 1.5 and .[3] == 1000 and .[4] > 1e300", OK},
		{"[" + strings.Repeat("7", 1<<20) + "]", ".[0] > 1e300", OK},
		{`{"id": 1} {"id": 1}`, ".id == 1", InvalidResponse},
		{``, ".", InvalidResponse},
	} {
		srv := serve(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, tt.body) })
		if s := takeFor(t, mustProber(t, &HTTP{URL: srv.URL, Expect: Expect{JSON: tt.query}}, Env{}), plenty); s.Outcome != tt.want {
			t.Errorf("%.40s of %.40s: %v, want %v: %v", tt.query, tt.body, s.Outcome, tt.want, s.Err)
		}
	}
}
