package probes

import (
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"slices"
	"strings"
)

// A server may set this many cookies in one session, each of this many bytes: what browsers keep for a site, roughly.
const (
	maxCookies     = 100
	maxCookieBytes = 4096
)

// A jar keeps the cookies of one session, and no more than it can bear.
type jar struct {
	cookies *cookiejar.Jar
	names   map[cookieName]bool // of each cookie ever set; bounds the jar, which does not
}

// A cookieName is what tells cookies apart, RFC 6265, section 5.3.
type cookieName struct{ host, domain, path, name string }

// nameOf names a cookie that an answer from u sets. Without a path it has that of the URL, up to its last slash.
func nameOf(u *url.URL, c *http.Cookie) cookieName {
	at := c.Path
	if !strings.HasPrefix(at, "/") {
		at = u.Path[:strings.LastIndexByte(u.Path, '/')+1]
	}
	return cookieName{u.Host, c.Domain, at, c.Name}
}

func newJar() *jar {
	cookies, _ := cookiejar.New(nil) // never fails
	return &jar{cookies: cookies, names: map[cookieName]bool{}}
}

// add returns req with the cookies of its URL: req itself if there are none. Of a name that was configured too, the first
// request sends what was configured, and one that a redirect leads to what was set since: many servers take the first.
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
	own := req.Cookies()
	if req.Response == nil {
		cookies = otherThan(cookies, own)
	} else if kept := otherThan(own, cookies); len(kept) < len(own) {
		with.Header.Del("Cookie")
		cookies = slices.Concat(kept, cookies)
	}
	for _, c := range cookies {
		with.AddCookie(c)
	}
	return with
}

// otherThan returns the cookies with other names than those given.
func otherThan(cookies, given []*http.Cookie) []*http.Cookie {
	if len(given) == 0 {
		return cookies
	}
	return slices.DeleteFunc(slices.Clone(cookies), func(c *http.Cookie) bool {
		return slices.ContainsFunc(given, func(g *http.Cookie) bool { return g.Name == c.Name })
	})
}

// store keeps the cookies that resp sets, those over the bounds left out.
func (j *jar) store(u *url.URL, resp *http.Response) {
	if len(resp.Header["Set-Cookie"]) == 0 {
		return
	}
	var kept []*http.Cookie
	for _, c := range resp.Cookies() {
		name := nameOf(u, c)
		if len(c.Raw) > maxCookieBytes || !j.names[name] && len(j.names) >= maxCookies {
			continue
		}
		j.names[name] = true
		kept = append(kept, c)
	}
	j.cookies.SetCookies(u, kept)
}
