package probes

import "testing"

func TestATargetTakesThePlaceOfASpecsOwn(t *testing.T) {
	for _, tt := range []struct{ url, target, want string }{
		{"/health", "https://a:8443", "https://a:8443/health"},
		{"/health", "https://a/base/", "https://a/base/health"},
		{"/health", "a:80", "http://a:80/health"},
		{"", "http://a/x?y", "http://a/x?y"},
		{"", "a", "http://a"},
		{"/health", "http://", "http://"},
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
