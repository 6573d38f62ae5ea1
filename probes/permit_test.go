package probes

import (
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"testing"
	"time"
)

var errForbidden = errors.New("not permitted")

func TestAnAddressIsJudgedBeforeItIsDialled(t *testing.T) {
	asked := 0
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { asked++ }))
	defer server.Close()
	_, port, err := net.SplitHostPort(server.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	elsewhere := httptest.NewServer(http.RedirectHandler("http://localhost:"+port, http.StatusFound))
	defer elsewhere.Close()
	var seen []string
	permit := func(host string, address netip.Addr) error {
		seen = append(seen, host)
		if host == "localhost" && address.IsLoopback() {
			return errForbidden
		}
		return nil
	}
	for _, target := range []string{"http://localhost:" + port, elsewhere.URL} {
		p, err := (&HTTP{URL: target}).HTTPProber(Env{Permit: permit})
		if err != nil {
			t.Fatal(err)
		}
		direct := mustSession(t, Env{Permit: permit})
		for _, s := range []Sample{Take(t.Context(), p, time.Time{}), direct.Take(t.Context(), plenty, p, nil, time.Time{})} {
			if s.Outcome != Error || !errors.Is(s.Err, errForbidden) {
				t.Errorf("%s: %s, %v, want error, not permitted", target, s.Outcome, s.Err)
			}
		}
		p.Close()
	}
	if asked != 0 {
		t.Errorf("%d requests came to a host that is not permitted", asked)
	}
	if u, _ := url.Parse(elsewhere.URL); !strings.Contains(strings.Join(seen, " "), u.Hostname()) {
		t.Errorf("asked about %v, want the redirecting host among them", seen)
	}
}
