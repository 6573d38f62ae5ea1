package probes

import (
	"net/http"
	"net/http/cookiejar"
	"net/url"
)

// A server may set this many cookies in one session, each of this many bytes: what browsers keep for a site, roughly.
const (
	maxCookies     = 100
	maxCookieBytes = 4096
)

// A jar keeps the cookies of one session, and no more than it can bear.
type jar struct {
	cookies *cookiejar.Jar
	names   map[string]bool // host and name of each cookie ever set; bounds the jar, which does not
}

func newJar() *jar {
	cookies, _ := cookiejar.New(nil) // never fails
	return &jar{cookies: cookies, names: map[string]bool{}}
}

// add returns req with the cookies of its URL: req itself if there are none.
func (j *jar) add(req *http.Request) *http.Request {
	if len(j.names) == 0 {
		return req
	}
	cookies := j.cookies.Cookies(req.URL)
	if len(cookies) == 0 {
		return req
	}
	with := req.WithContext(req.Context())
	with.Header = req.Header.Clone()
	for _, c := range cookies {
		with.AddCookie(c)
	}
	return with
}

// store keeps the cookies that resp sets, those over the bounds left out.
func (j *jar) store(u *url.URL, resp *http.Response) {
	if len(resp.Header["Set-Cookie"]) == 0 {
		return
	}
	var kept []*http.Cookie
	for _, c := range resp.Cookies() {
		name := u.Host + " " + c.Name
		if len(c.Raw) > maxCookieBytes || !j.names[name] && len(j.names) >= maxCookies {
			continue
		}
		j.names[name] = true
		kept = append(kept, c)
	}
	j.cookies.SetCookies(u, kept)
}
