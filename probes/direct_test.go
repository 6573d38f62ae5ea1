package probes

import (
	"bufio"
	"bytes"
	"io"
	"maps"
	"math"
	"math/rand/v2"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	promconfig "github.com/prometheus/common/config"
)

// A script is a connection whose peer says a text, in pieces, and then nothing more.
type script struct {
	net.Conn
	pieces []string
}

func (s *script) Read(p []byte) (int, error) {
	for len(s.pieces) > 0 && s.pieces[0] == "" {
		s.pieces = s.pieces[1:]
	}
	if len(s.pieces) == 0 {
		return 0, io.EOF
	}
	n := copy(p, s.pieces[0])
	s.pieces[0] = s.pieces[0][n:]
	return n, nil
}

func (s *script) Close() error { return nil }

// heard is what became of a response.
type heard struct {
	status    int
	header    string // sorted lines
	body      string
	head, end bool // the head and the body were read without an error
	rest      string
}

// listen reads one response with read, and what is left after it. A response that net/http reads may not be followed by
// another is told by rest alone.
func listen(resp *http.Response, err error, left func() io.Reader) (h heard) {
	if err != nil {
		return h
	}
	h.status, h.head = resp.StatusCode, true
	var lines []string
	for name, values := range resp.Header {
		lines = append(lines, name+": "+strings.Join(values, "\x00"))
	}
	if len(resp.TransferEncoding) > 0 { // net/http takes it out of the header
		lines = append(lines, "Transfer-Encoding: chunked")
	}
	slices.Sort(lines)
	h.header = strings.Join(lines, "\n")
	body, err := io.ReadAll(resp.Body)
	h.body, h.end = string(body), err == nil
	if h.end {
		rest, _ := io.ReadAll(left())
		h.rest = string(rest)
	}
	return h
}

// viaDirect reads a text with a connection of the direct path that has read other heads before.
func viaDirect(req *http.Request, before []string, pieces ...string) heard {
	pool := newDirect(dialer{}, sessionBuffer)
	c := &directConn{conn: &script{pieces: pieces}, left: maxHeaderBytes, ctx: req.Context(), watch: &watch{}}
	c.br = bufio.NewReader(c)
	c.body.conn, c.body.pool = c, pool
	for _, head := range before {
		c.head.parse([]byte(head))
	}
	if _, err := c.br.Peek(1); err != nil {
		return heard{}
	}
	resp, err := c.readResponse(req)
	c.left = math.MaxInt64
	return listen(resp, err, func() io.Reader { return c.br })
}

func viaNetHTTP(req *http.Request, text string) heard {
	br := bufio.NewReader(strings.NewReader(text))
	for {
		resp, err := http.ReadResponse(br, req)
		if err == nil && resp.StatusCode < 200 && resp.StatusCode != http.StatusSwitchingProtocols {
			continue
		}
		return listen(resp, err, func() io.Reader { return br })
	}
}

// responses are heads and bodies of every kind there is, good and bad.
func responses() []string {
	const ok = "HTTP/1.1 200 OK\r\n"
	heads := []string{
		ok + "Content-Length: 5\r\n\r\nhello", ok + "Content-Length: 5\r\n\r\nhello and more", ok + "Content-Length: 5\r\n\r\nhell",
		ok + "Content-Length: 0\r\n\r\n", ok + "Content-Length: 05\r\n\r\nhello", ok + "Content-Length: +5\r\n\r\nhello",
		ok + "Content-Length: 5 \r\n\r\nhello", ok + "Content-Length:5\r\n\r\nhello", ok + "Content-Length : 5\r\n\r\nhello",
		ok + "content-length: 5\r\nX: y\r\nx: z\r\n\r\nhello", ok + "Content-Length: 5\r\nContent-Length: 5\r\n\r\nhello",
		ok + "Content-Length: 5, 5\r\n\r\nhello", ok + "Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello!",
		ok + "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
		ok + "Content-Length: 99999999999999999999\r\n\r\nhello", ok + "Content-Length: -1\r\n\r\nhello", ok + "Content-Length: \r\n\r\nhello",
		ok + "\r\nhello", ok + "Connection: close\r\n\r\nhello", ok + "Connection: close\r\nContent-Length: 5\r\n\r\nhello",
		ok + "Connection: keep-alive, x\r\nContent-Length: 5\r\n\r\nhello", ok + "Upgrade: h2c\r\nContent-Length: 5\r\n\r\nhello",
		ok + "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n", ok + "Transfer-Encoding: Chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\nmore",
		ok + "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
		ok + "Transfer-Encoding: gzip, chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n", ok + "Transfer-Encoding: identity\r\n\r\nhello",
		ok + "Transfer-Encoding: chunked\r\n\r\n5;a=b\r\nhello\r\n1\r\n!\r\n0\r\nX: y\r\n\r\nmore",
		ok + "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n", ok + "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n",
		ok + "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nnonsense\r\n\r\n", ok + "Transfer-Encoding: chunked\r\n\r\n-5\r\nhello\r\n0\r\n\r\n",
		ok + "Transfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\nhello", ok + "Transfer-Encoding: chunked\r\n\r\n5\r\nhelloX\r\n0\r\n\r\n",
		ok + "Transfer-Encoding: chunked\r\nTrailer: X\r\n\r\n0\r\nX: y\r\n\r\n",
		ok + "Transfer-Encoding:chunked\r\n\r\n0\r\nX:\n\r\n", ok + "Transfer-Encoding: chunked\r\n\r\n0\r\nX: y\n\nmore\r\n\r\n",
		ok + "Transfer-Encoding: chunked\r\n\r\n0\r\nX: y\nZ: a\r\n b\r\n\r\nmore", ok + "Transfer-Encoding: chunked\r\n\r\n0\r\n\nmore\r\n\r\n",
		ok + "Transfer-Encoding: chunked\r\n\r\n0\r\nX: " + strings.Repeat("y", 3000) + "\r\n\r\n",
		ok + "Transfer-Encoding: chunked\r\n\r\n0\r\nX: " + strings.Repeat("y", 5000) + "\r\n\r\n", "HTTP/1.1 204 No Content\r\n\r\n",
		"HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\nhello", "HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n",
		"HTTP/1.0 200 OK\r\nContent-Length: 5\r\n\r\nhello", "HTTP/1.0 200 OK\r\n\r\nhello", "HTTP/2.0 200 OK\r\nContent-Length: 5\r\n\r\nhello",
		"HTTP/1.1 200\r\nContent-Length: 5\r\n\r\nhello", "HTTP/1.1 200 \r\nContent-Length: 5\r\n\r\nhello", "HTTP/1.1  200 OK\r\n\r\n",
		"HTTP/1.1 2000 OK\r\nContent-Length: 0\r\n\r\n", "HTTP/1.1 -20 OK\r\nContent-Length: 0\r\n\r\n", "HTTP/1.1 020 OK\r\nContent-Length: 0\r\n\r\n",
		"HTTP/1.1 999 Odd\r\nContent-Length: 5\r\n\r\nhello", "http/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", "ICY 200 OK\r\n\r\n", "\r\n\r\n", "hello\r\n\r\n",
		"HTTP/1.1 200 O\x01K\r\nContent-Length: 0\r\n\r\n", "HTTP/1.1 200 Très bien\r\nContent-Length: 0\r\n\r\n",
		"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", "HTTP/1.1 103 Hints\r\nLink: x\r\n\r\nHTTP/1.1 200 OK\r\n\r\n",
		"HTTP/1.1 101 Switch\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\nhello",
		ok + " folded: x\r\nContent-Length: 0\r\n\r\n", ok + "X: a\r\n b\r\nContent-Length: 0\r\n\r\n", ok + "X\r\nContent-Length: 0\r\n\r\n",
		ok + ": x\r\nContent-Length: 0\r\n\r\n", ok + "X Y: z\r\nContent-Length: 0\r\n\r\n", ok + "X: a\x00b\r\nContent-Length: 0\r\n\r\n",
		ok + "X: a\rb\r\nContent-Length: 0\r\n\r\n", ok + "X: a\nY: b\r\nContent-Length: 0\r\n\r\n", ok + "X: \t é \t\r\nContent-Length: 0\r\n\r\n",
		ok + "X_Y: z\r\nx!y: z\r\nContent-Length: 0\r\n\r\n", strings.ReplaceAll(ok+"Content-Length: 5\r\n\r\nhello", "\r\n", "\n"),
		ok + "Content-Length: 5\r\nX: " + strings.Repeat("x", 5000) + "\r\n\r\nhello", ok + "Pragma: no-cache\r\nContent-Length: 5\r\n\r\nhello",
		ok + "Set-Cookie: a=1\r\nSet-Cookie: b=2\r\nContent-Length: 5\r\n\r\nhello", ok + "Content-Length: 5\r\n",
	}
	return heads
}

// TestDirectReadsAsNetHTTPDoes holds the direct path to net/http's parser: whole and in pieces, alone and after others.
func TestDirectReadsAsNetHTTPDoes(t *testing.T) {
	for _, method := range []string{"GET", "HEAD", "POST"} {
		req := (&http.Request{Method: method}).WithContext(t.Context())
		for _, text := range responses() {
			want := viaNetHTTP(req, text)
			if got := viaDirect(req, nil, text); !agree(got, want) {
				t.Errorf("%s of %.200q:\ngot  %+v\nwant %+v", method, text, got, want)
			}
			for cut := range min(len(text), 200) {
				if got := viaDirect(req, nil, text[:cut], text[cut:]); !agree(got, want) {
					t.Errorf("%s of %.200q cut at %d:\ngot  %+v\nwant %+v", method, text, cut, got, want)
				}
			}
			var before []string
			for _, other := range responses() {
				if end := strings.Index(other, "\r\n\r\n"); end >= 0 {
					before = append(before, other[:end+2])
				}
			}
			rand.New(rand.NewPCG(1, uint64(len(text)))).Shuffle(len(before), func(i, j int) { before[i], before[j] = before[j], before[i] })
			for n := range before {
				if got := viaDirect(req, before[:n], text); !agree(got, want) {
					t.Fatalf("%s of %.200q after %d others, %q last:\ngot  %+v\nwant %+v", method, text, n, before[max(0, n-1)], got, want)
				}
			}
		}
	}
}

// agree leaves out what nobody is told of: what came of a body before it broke, a Pragma of HTTP/1.0 put into words.
func agree(a, b heard) bool {
	a.header = strings.ReplaceAll(a.header, "Cache-Control: no-cache\n", "")
	b.header = strings.ReplaceAll(b.header, "Cache-Control: no-cache\n", "")
	return a == b
}

// FuzzDirectReads looks for a text that the two parsers read differently.
func FuzzDirectReads(f *testing.F) {
	for _, text := range responses() {
		f.Add(text, 0)
	}
	f.Fuzz(func(t *testing.T, text string, cut int) {
		req := (&http.Request{Method: http.MethodGet}).WithContext(t.Context())
		cut = min(max(cut, 0), len(text))
		if got, want := viaDirect(req, nil, text[:cut], text[cut:]), viaNetHTTP(req, text); !agree(got, want) {
			t.Errorf("%q:\ngot  %+v\nwant %+v", text, got, want)
		}
	})
}

// TestDirectWritesAsNetHTTPDoes compares what a server would read of either.
func TestDirectWritesAsNetHTTPDoes(t *testing.T) {
	for _, spec := range []HTTP{
		{URL: "http://h/"}, {URL: "http://h"}, {URL: "http://h:81/a%2Fb/ä?q=%20&x"}, {URL: "http://h/?"}, {URL: "http://[::1]:80/x"},
		{URL: "http://h/", Method: "HEAD"}, {URL: "http://h/", Method: "POST"}, {URL: "http://h/", Method: "DELETE"},
		{URL: "http://h/", Method: "PUT", Body: "text"}, {URL: "http://h/", Method: "POST", JSON: 1},
		{URL: "http://h/", Headers: map[string]string{"host": "virtual:8080", "x-key": "  spaced\tout", "Cookie": "a=b"}},
		{URL: "http://u:p@h/", FreshConnection: true},
	} {
		p := mustProber(t, &spec, Env{})
		req, err := p.newRequest(t.Context(), nil)
		if err != nil {
			t.Fatal(err)
		}
		d := newDirect(dialer{}, sessionBuffer)
		if !d.render(req, nil, nil) {
			if spec.Headers["x-key"] == "" {
				t.Errorf("%s %s was left to net/http", spec.Method, spec.URL)
			}
			continue
		}
		var full bytes.Buffer
		if err := req.Write(&full); err != nil {
			t.Fatal(err)
		}
		if got, want := asRead(t, d.out), asRead(t, full.Bytes()); got != want {
			t.Errorf("%s %s:\ngot  %s\nwant %s", spec.Method, spec.URL, got, want)
		}
	}
}

func asRead(t *testing.T, text []byte) string {
	t.Helper()
	br := bufio.NewReader(bytes.NewReader(text))
	r, err := http.ReadRequest(br)
	if err != nil {
		t.Fatalf("reading %q: %v", text, err)
	}
	body, err := io.ReadAll(r.Body)
	lines := []string{r.Method, r.RequestURI, r.Host, string(body)}
	for _, name := range slices.Sorted(maps.Keys(r.Header)) {
		lines = append(lines, name+"="+strings.Join(r.Header[name], "|"))
	}
	if rest, _ := io.ReadAll(br); err != nil || len(rest) > 0 {
		t.Errorf("%q after the request, %v, want nothing", rest, err)
	}
	if r.Close {
		lines = append(lines, "close")
	}
	return strings.Join(lines, " ")
}

func TestDirectLeavesTheUnusualToNetHTTP(t *testing.T) {
	for name, change := range map[string]func(*http.Request){
		"https":                func(r *http.Request) { r.URL.Scheme = "https" },
		"a user":               func(r *http.Request) { r.URL.User = url.User("u") },
		"another method":       func(r *http.Request) { r.Method = "BREW" },
		"a method of two":      func(r *http.Request) { r.Method = "GET /" },
		"a host in Unicode":    func(r *http.Request) { r.URL.Host = "bücher.example" },
		"a zone":               func(r *http.Request) { r.URL.Host = "[fe80::1%25eth0]" },
		"an odd Host":          func(r *http.Request) { r.Host = "a b" },
		"no host":              func(r *http.Request) { r.URL.Host = "" },
		"no port":              func(r *http.Request) { r.URL.Host = "h:" },
		"a target with spaces": func(r *http.Request) { r.URL.Opaque = "/a b" },
		"a target elsewhere":   func(r *http.Request) { r.URL.Opaque = "x" },
		"a line in a query":    func(r *http.Request) { r.URL.RawQuery = "a\r\nX: y" },
		"a line in a value":    func(r *http.Request) { r.Header["X-A"] = []string{"a\r\nX: y"} },
		"a line in a name":     func(r *http.Request) { r.Header["X: y\r\nZ"] = []string{"a"} },
		"a connection header":  func(r *http.Request) { r.Header["Connection"] = []string{"upgrade"} },
		"a coding":             func(r *http.Request) { r.Header["Transfer-Encoding"] = []string{"chunked"} },
		"a large body":         func(r *http.Request) { r.ContentLength = 1 << 20 },
		"a body read once":     func(r *http.Request) { r.Body = io.NopCloser(strings.NewReader("x")) },
	} {
		req, err := mustProber(t, &HTTP{URL: "http://h/"}, Env{}).newRequest(t.Context(), nil)
		if err != nil {
			t.Fatal(err)
		}
		u := *req.URL
		req.URL, req.Header = &u, req.Header.Clone()
		if change(req); newDirect(dialer{}, sessionBuffer).render(req, nil, nil) {
			t.Errorf("%s was rendered, want it left to net/http", name)
		}
	}
}

func TestDirectIsNotForProxiesAndCredentials(t *testing.T) {
	proxy := promconfig.DefaultHTTPClientConfig
	proxy.ProxyURL = promconfig.URL{URL: &url.URL{Scheme: "http", Host: "127.0.0.1:1"}}
	environment := promconfig.DefaultHTTPClientConfig
	environment.ProxyFromEnvironment = true
	basic := promconfig.DefaultHTTPClientConfig
	basic.BasicAuth = &promconfig.BasicAuth{Username: "u"}
	headers := promconfig.DefaultHTTPClientConfig
	headers.HTTPHeaders = &promconfig.Headers{Headers: map[string]promconfig.Header{"X-A": {Values: []string{"b"}}}}
	for name, cfg := range map[string]promconfig.HTTPClientConfig{
		"proxy": proxy, "proxy from the environment": environment, "credentials": basic, "headers": headers,
	} {
		if s := mustSession(t, Env{HTTP: cfg}); s.x.direct != nil {
			t.Errorf("%s: a direct path, want net/http", name)
		}
	}
	if s := mustSession(t, Env{HTTP: promconfig.DefaultHTTPClientConfig}); s.x.direct == nil {
		t.Error("the defaults: net/http, want a direct path")
	}
}

// TestDirectReplacesOnlyWhatIsSafeToRepeat has a server that closes each kept connection when the next request arrives.
func TestDirectReplacesOnlyWhatIsSafeToRepeat(t *testing.T) {
	onBothPaths(t, func(t *testing.T, open func() *Session) {
		var conns atomic.Int64
		srv := socketServer(t, func(c net.Conn) {
			conns.Add(1)
			readHead(c)
			_, _ = io.WriteString(c, okHead+"Content-Length: 5\r\n\r\nhello")
			readHead(c)
		})
		for method, want := range map[string]Outcome{"GET": OK, "PUT": Reset} {
			conns.Store(0)
			s, p := open(), mustProber(t, &HTTP{URL: srv, Method: method}, Env{})
			sessionTake(t, s, p, OK)
			sessionTake(t, s, p, want)
			if n := conns.Load(); n != 1 && want == Reset || n != 2 && want == OK {
				t.Errorf("%d connections for %s", n, method)
			}
		}
	})
}

// TestDirectFindsOutThatTheServerHasGone: even what must not be repeated succeeds after the server closed the connection
// while nothing was under way.
func TestDirectFindsOutThatTheServerHasGone(t *testing.T) {
	closed := make(chan struct{}, 2)
	srv := socketServer(t, func(c net.Conn) {
		readHead(c)
		_, _ = io.WriteString(c, okHead+"Content-Length: 5\r\n\r\nhello")
		_ = c.Close()
		closed <- struct{}{}
	})
	s, p := mustSession(t, Env{}), mustProber(t, &HTTP{URL: srv, Method: "POST"}, Env{})
	for range 2 {
		sessionTake(t, s, p, OK)
		<-closed
		for _, c := range s.x.direct.conns {
			c.freed = time.Time{}
		}
	}
}

func TestDirectKeepsOneConnectionOfAFewHosts(t *testing.T) {
	s := mustSession(t, Env{})
	for range 2 * maxDirectHosts {
		sessionTake(t, s, mustProber(t, &HTTP{URL: serve(t, hello).URL}, Env{}), OK)
	}
	if n := len(s.x.direct.conns); n == 0 || n > maxDirectHosts {
		t.Errorf("%d connections kept, want 1 to %d", n, maxDirectHosts)
	}
	s.Close()
	if n := len(s.x.direct.conns); n != 0 {
		t.Errorf("%d connections after the end, want none", n)
	}
}
