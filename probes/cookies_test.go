package probes

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"
)

// However a server tells its cookies apart, a session keeps no more than it can bear.
func TestCookiesAreBounded(t *testing.T) {
	for name, cookie := range map[string]string{
		"names": "a%d=1", "paths": "a=1; Path=/p%d", "domains": "a=1; Domain=d%d.example", "the same": "a=%d",
	} {
		j, at := newJar(), &url.URL{Scheme: "http", Host: "shop.d1.example", Path: "/"}
		for i := range 3 * maxCookies {
			j.store(at, &http.Response{Header: http.Header{"Set-Cookie": {fmt.Sprintf(cookie, i)}}})
		}
		want := maxCookies
		if name == "the same" {
			want = 1
		}
		if len(j.names) != want {
			t.Errorf("%s: %d cookies, want %d", name, len(j.names), want)
		}
	}
	j := newJar()
	for i := range 3 * maxCookies { // each has the path of what set it
		at := &url.URL{Scheme: "http", Host: "shop.example", Path: fmt.Sprintf("/p%d/", i)}
		j.store(at, &http.Response{Header: http.Header{"Set-Cookie": {"a=1"}}})
	}
	first := j.cookies.Cookies(&url.URL{Scheme: "http", Host: "shop.example", Path: "/p99/"})
	beyond := j.cookies.Cookies(&url.URL{Scheme: "http", Host: "shop.example", Path: "/p100/"})
	if len(j.names) != maxCookies || len(first) != 1 || len(beyond) != 0 {
		t.Errorf("%d cookies, %d of the last path within the bound and %d of one beyond, want %d, 1 and 0",
			len(j.names), len(first), len(beyond), maxCookies)
	}
}

// No name is sent twice: many servers take the first.
func TestACookieThatARedirectRenewsIsSentOnce(t *testing.T) {
	var sent []string
	srv := serve(t, func(w http.ResponseWriter, r *http.Request) {
		sent = append(sent, r.URL.Path+" "+r.Header.Get("Cookie"))
		if r.URL.Path == "/" {
			http.SetCookie(w, &http.Cookie{Name: "session", Value: "new"})
			http.Redirect(w, r, "/end", http.StatusFound)
		}
	})
	p := mustProber(t, &HTTP{URL: srv.URL + "/", Cookies: map[string]string{"session": "old", "a": "1"}}, Env{})
	take(t, p, OK)
	s := mustSession(t, Env{})
	for range 2 {
		if got := s.Take(t.Context(), plenty, p, nil, time.Now()); got.Err != nil {
			t.Fatal(got.Err)
		}
	}
	want := strings.Repeat("/ a=1; session=old,/end a=1; session=new,", 3)
	if got := strings.Join(sent, ",") + ","; got != want {
		t.Errorf("sent %s\nwant %s", got, want)
	}
}
