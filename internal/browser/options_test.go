package browser

import (
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"
)

// recorded are the requests that a site saw.
type recorded struct {
	mu   sync.Mutex
	seen []*http.Request
}

func (r *recorded) add(req *http.Request) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.seen = append(r.seen, req)
}

// last is the last request of a path; nil if there was none.
func (r *recorded) last(path string) *http.Request {
	r.mu.Lock()
	defer r.mu.Unlock()
	for i := len(r.seen) - 1; i >= 0; i-- {
		if r.seen[i].URL.Path == path {
			return r.seen[i]
		}
	}
	return nil
}

// count is how many requests of a path there were.
func (r *recorded) count(path string) (n int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, req := range r.seen {
		if req.URL.Path == path {
			n++
		}
	}
	return n
}

// shop is a site with a login, a password and another site's script.
func shop(t *testing.T, other string) (base string, seen *recorded) {
	t.Helper()
	seen = &recorded{}
	mux := map[string]http.HandlerFunc{
		"/": func(w http.ResponseWriter, req *http.Request) {
			html(fmt.Sprintf(`<!doctype html><meta name=viewport content="width=device-width"><title>Shop</title><h1>Hello</h1><div id=size></div><script src="/app.js"></script>
				<script src="%s/third.js"></script><script>
				document.getElementById('size').textContent = innerWidth + 'x' + innerHeight + 'x' + devicePixelRatio;
				</script>`, other))(w, req)
		},
		"/app.js": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "text/javascript")
			w.Header().Set("Cache-Control", "max-age=3600")
			fmt.Fprint(w, "//"+strings.Repeat("x", 50_000))
		},
		"/private": func(w http.ResponseWriter, req *http.Request) {
			if user, password, ok := req.BasicAuth(); !ok || user != "shop" || password != "swordfish" {
				w.Header().Set("WWW-Authenticate", `Basic realm="shop"`)
				http.Error(w, "who is there?", http.StatusUnauthorized)
				return
			}
			html(`<p>private`)(w, req)
		},
		"/login": html(`<form action=/enter><input id=user name=user><button>Enter</button></form>`),
		"/enter": func(w http.ResponseWriter, req *http.Request) {
			http.SetCookie(w, &http.Cookie{Name: "session", Value: req.FormValue("user")})
			html(`<p id=welcome>welcome`)(w, req)
		},
		"/account": func(w http.ResponseWriter, req *http.Request) {
			if c, err := req.Cookie("session"); err != nil || c.Value != "ann" {
				http.Error(w, "log in first", http.StatusForbidden)
				return
			}
			html(`<p>account of ann<script src="/app.js"></script>`)(w, req)
		},
	}
	wrapped := map[string]http.HandlerFunc{}
	for path, h := range mux {
		wrapped[path] = func(w http.ResponseWriter, req *http.Request) { seen.add(req); h(w, req) }
	}
	return site(t, wrapped).URL, seen
}

func TestOptions(t *testing.T) {
	t.Parallel()
	others := &recorded{}
	other := site(t, map[string]http.HandlerFunc{"/third.js": func(_ http.ResponseWriter, req *http.Request) { others.add(req) }})
	// To the browser this is another site.
	elsewhere := strings.Replace(other.URL, "127.0.0.1", "localhost", 1)
	base, seen := shop(t, elsewhere)
	b := browserFor(t)

	t.Run("a phone with a header, a cookie and a second load", func(t *testing.T) {
		p := pageAt(t, base, "/")
		p.Width, p.Height, p.Scale, p.Mobile = 400, 700, 2, true
		p.Headers, p.Cookies = map[string]string{"X-Token": "hunter2"}, []Cookie{{"country", "no"}}
		p.Warm, p.Traceparent = true, "00-1-2-01"
		p.Expect = Expect{Selector: "h1", Text: regexp.MustCompile("400x700x2"), Title: regexp.MustCompile("^Shop$")}
		v := load(t, b, p, 30*time.Second, "")
		req := seen.last("/")
		if req.Header.Get("X-Token") != "hunter2" || req.Header.Get("Cookie") != "country=no" {
			t.Errorf("headers %v, want the token and the cookie", req.Header)
		}
		if agent := req.UserAgent(); !strings.HasSuffix(agent, " perfwatch/test") || !strings.Contains(agent, "Android") ||
			strings.Contains(agent, "Headless") {
			t.Errorf("user agent %q, want a phone's and ours", agent)
		}
		if third := others.last("/third.js"); third == nil || third.Header.Get("X-Token") != "" {
			t.Errorf("another site got %v, want a request without the token", third)
		}
		wantTraceOfDocuments(t, seen, others)
		if v.Warm == nil || v.Bytes < 50_000 || v.Warm.Bytes > 10_000 || v.Warm.FirstPaint == 0 {
			t.Errorf("%d bytes and then %+v, want the second load from the cache", v.Bytes, v.Warm)
		}
	})
	t.Run("a trace", func(t *testing.T) {
		p := pageAt(t, base, "/")
		p.Traceparent = "00-1-2-01"
		load(t, b, p, 30*time.Second, "")
		wantTraceOfDocuments(t, seen, others)
	})
	t.Run("nothing is left of it", func(t *testing.T) {
		p := pageAt(t, base, "/")
		p.Blocked = []string{"*://localhost:*/*"}
		before := others.count("/third.js")
		v := load(t, b, p, 30*time.Second, "")
		got := seen.last("/").Header
		if got.Get("Cookie") != "" || got.Get("X-Token") != "" || got.Get("Traceparent") != "" || v.Bytes < 50_000 {
			t.Errorf("headers %v, %d bytes, want neither a cookie nor a trace nor a cache", got, v.Bytes)
		}
		if others.count("/third.js") != before {
			t.Error("what is blocked was loaded")
		}
	})
}

// wantTraceOfDocuments wants the trace where the page was asked for, and nowhere else.
func wantTraceOfDocuments(t *testing.T, seen, others *recorded) {
	t.Helper()
	page, own, third := seen.last("/"), seen.last("/app.js"), others.last("/third.js")
	if page == nil || own == nil || third == nil {
		t.Fatalf("asked for %v, %v and %v, want all of them", page, own, third)
	}
	if page.Header.Get("Traceparent") != "00-1-2-01" || own.Header["Traceparent"] != nil || third.Header["Traceparent"] != nil {
		t.Errorf("traces %q of the page, %q of its script and %q of another site's, want that of the page alone",
			page.Header["Traceparent"], own.Header["Traceparent"], third.Header["Traceparent"])
	}
}

func TestAPassword(t *testing.T) {
	t.Parallel()
	base, _ := shop(t, "http://localhost:1")
	b := browserFor(t)
	p := pageAt(t, base, "/private")
	p.Username, p.Password = "shop", "swordfish"
	load(t, b, p, 30*time.Second, "")
	p.Password = "wrong"
	if v := load(t, b, p, 30*time.Second, Expectation); v.Response.Status != http.StatusUnauthorized {
		t.Errorf("status %d of a wrong password, want 401", v.Response.Status)
	}
}

func TestLoginAndExpectations(t *testing.T) {
	t.Parallel()
	base, _ := shop(t, "http://localhost:1")
	b := browserFor(t)
	b.slots = make(chan struct{}, 3) // they wait for five seconds each
	t.Run("a login", func(t *testing.T) {
		t.Parallel()
		p := pageAt(t, base, "/account")
		at, err := url.Parse(base + "/login")
		if err != nil {
			t.Fatal(err)
		}
		p.Login = []Step{{URL: at}, {Fill: "#user", Value: "ann"}, {Click: "button"}, {WaitFor: "#welcome"}}
		v := load(t, b, p, 30*time.Second, "")
		if v.Requests != 2 || v.Bytes < 50_000 {
			t.Errorf("%d requests, %d bytes, want the account alone", v.Requests, v.Bytes)
		}
	})
	for name, e := range map[string]Expect{
		"no such element": {Selector: "#none"}, "another title": {Title: regexp.MustCompile("^Bank")},
		"another text": {Text: regexp.MustCompile("farewell")},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := pageAt(t, base, "/enter?user=ann")
			p.Expect = e
			if v := load(t, b, p, 30*time.Second, Expectation); len(v.Evidence.Screenshot) == 0 {
				t.Error("no picture")
			}
		})
	}
}

// TestThrottling is about what the page itself counts.
func TestThrottling(t *testing.T) {
	s := site(t, map[string]http.HandlerFunc{
		"/": html(`<p>x<script>
			let n = 0; for (let i = 0; i < 3e7; i++) n += i % 7;
			performance.mark('done')</script>`),
	})
	b := browserFor(t)
	p := pageAt(t, s.URL, "/")
	p.Marks = []string{"done"}
	b.slots = make(chan struct{}, 2) // both at once: what else the machine does slows both
	throttled := *p
	throttled.Network.Latency, throttled.Slowdown = 400*time.Millisecond, 8
	var fast, slow *Visit
	t.Run("loads", func(t *testing.T) {
		t.Run("fast", func(t *testing.T) { t.Parallel(); fast = load(t, b, p, 60*time.Second, "") })
		t.Run("slow", func(t *testing.T) { t.Parallel(); slow = load(t, b, &throttled, 60*time.Second, "") })
	})
	if t.Failed() {
		return
	}
	if slow.FirstByte < 390*time.Millisecond || fast.FirstByte > 300*time.Millisecond {
		t.Errorf("first byte after %v, and %v with 400 ms of latency", fast.FirstByte, slow.FirstByte)
	}
	script := func(v *Visit) time.Duration { return v.Marks["done"] - v.FirstByte }
	if script(slow) < 3*script(fast) {
		t.Errorf("the script took %v, and %v at an eighth of the speed", script(fast), script(slow))
	}
}
