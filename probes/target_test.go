package probes

import (
	"net/http"
	"strings"
	"testing"
	"time"
)

func TestATargetTakesThePlaceOfASpecsOwn(t *testing.T) {
	for _, tt := range []struct{ url, target, want string }{
		{"/health", "https://a:8443", "https://a:8443/health"},
		{"/health", "https://a/base/", "https://a/base/health"},
		{"/health", "a:80", "http://a:80/health"},
		{"", "http://a/x?y", "http://a/x?y"},
		{"", "a", "http://a"},
		{"/health", "http://", "http://"},
		{"/health?full=1", "http://a/base?", "http://a/base?\n/health?full=1"}, // which is no URL
	} {
		at, ok := (&HTTP{URL: tt.url, Method: "HEAD"}).At(tt.target).(*HTTP)
		if !ok || at.URL != tt.want || at.Method != "HEAD" {
			t.Errorf("%q at %q is %+v, want %q", tt.url, tt.target, at, tt.want)
		}
	}
	own := &TCP{Send: "x"}
	if at, ok := own.At("a:1").(*TCP); !ok || at.Address != "a:1" || at.Send != "x" || own.Address != "" {
		t.Errorf("%+v, %+v", at, own)
	}
	for _, s := range []Targeted{&TLSHandshake{}, &GRPC{}, &DNSQuery{Name: "a"}} {
		if _, err := s.At("127.0.0.1:1").Prober(Env{}); err != nil {
			t.Errorf("%s: %v", s.Kind(), err)
		}
	}
	if _, err := (&ICMP{}).At("127.0.0.1").Prober(Env{}); err != nil {
		t.Error(err)
	}
}

// A target does not choose another path than the operator's, with the operator's credentials.
func TestATargetDoesNotSwallowThePathOfItsTemplate(t *testing.T) {
	asked := make(chan string, 1)
	srv := serve(t, func(_ http.ResponseWriter, r *http.Request) { asked <- r.URL.RequestURI() })
	const no = "want no query and no fragment in a target that is asked for the path "
	for _, tt := range []struct{ url, target, want string }{
		{"/health", "", "/health"},
		{"/health", "/", "/health"},
		{"/health?full=1", "/base/", "/base/health?full=1"},
		{"/health", "/a%3Fb%23c", "/a%3Fb%23c/health"},
		{"/", "/?x=1", no + "/"},
		{"/health", "/admin#", no + "/health"},
		{"/health", "/admin?", no + "/health"},
		{"/health", "?x", no + "/health"},
		{"/health", "#f", no + "/health"},
		{"", "/a?x=1", "/a?x=1"},
		{"", "/a?x=1#f", "/a?x=1"},
	} {
		for _, base := range []string{srv.URL, strings.TrimPrefix(srv.URL, "http://")} {
			p, err := (&HTTP{URL: tt.url}).At(base + tt.target).Prober(Env{})
			if err != nil {
				if !strings.HasSuffix(err.Error(), tt.want) || !strings.Contains(err.Error(), base+tt.target) {
					t.Errorf("%q at %q: %v, want %s", tt.url, tt.target, err, tt.want)
				}
				continue
			}
			Take(t.Context(), p, time.Time{})
			if got := <-asked; got != tt.want {
				t.Errorf("%q at %q asks for %s, want %s", tt.url, tt.target, got, tt.want)
			}
		}
	}
}

func TestTargetsThatAreNone(t *testing.T) {
	for _, good := range []string{"a", "a:1", "[::1]:80", "http://a/b?c=d", "http://a/@b"} {
		if err := CheckTarget(good); err != nil {
			t.Errorf("%s: %v", good, err)
		}
	}
	for _, bad := range []string{"", "a b", "a\n", "ä", "http://u:p@a/", "u@a:1", string(make([]byte, maxTarget+1))} {
		if CheckTarget(bad) == nil {
			t.Errorf("%.20q is taken", bad)
		}
	}
}
