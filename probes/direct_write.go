package probes

import (
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
)

// usualTail is what a request has behind a head that is known, in bytes: a trace and the end.
const usualTail = 128

// render writes req and its trace into d.out. Its head up to there may be known. It is false where the request needs
// net/http: another scheme, a header that has a meaning for the connection, bytes of which net/http would have to judge.
func (d *direct) render(req *http.Request, head []byte, t *tracer) bool {
	if !d.address(req.URL) || req.ContentLength > maxDirectBody {
		return false
	}
	if d.out == nil {
		d.out = make([]byte, 0, len(head)+usualTail)
	}
	out, ok := append(d.out[:0], head...), true
	if len(head) == 0 {
		out, ok = appendHead(out, req)
	}
	if !ok {
		return false
	}
	if t != nil {
		out = append(append(append(out, traceHeader+": "...), t.header[:]...), "\r\n"...)
	}
	if req.Close {
		out = append(out, "Connection: close\r\n"...)
	}
	d.out, ok = appendBody(out, req)
	return ok
}

// appendHead appends the request line and the headers, but for those that differ from run to run.
func appendHead(out []byte, req *http.Request) (_ []byte, ok bool) {
	host := req.Host
	if host == "" {
		host = req.URL.Host
	}
	if req.URL.Scheme != "http" || req.URL.User != nil || !plainMethod(req.Method) || !plainHost(host) {
		return nil, false
	}
	out = append(out, req.Method...)
	out = append(out, ' ')
	start := len(out)
	out = appendTarget(out, req.URL)
	if !plainTarget(out[start:]) {
		return nil, false
	}
	out = append(out, " HTTP/1.1\r\nHost: "...)
	out = append(append(out, host...), "\r\n"...)
	return appendHeaders(out, req.Header)
}

// appendTarget appends the request target: path and query.
func appendTarget(out []byte, u *url.URL) []byte {
	if u.Opaque != "" {
		return append(out, u.RequestURI()...)
	}
	path := u.EscapedPath()
	if path == "" {
		path = "/"
	}
	out = append(out, path...)
	if u.ForceQuery || u.RawQuery != "" {
		out = append(append(out, '?'), u.RawQuery...)
	}
	return out
}

func appendHeaders(out []byte, h http.Header) (_ []byte, ok bool) {
	for name, values := range h {
		switch name {
		case "Connection", "Content-Length", "Expect", "Host", "Te", "Trailer", "Transfer-Encoding", "Upgrade", traceHeader:
			return nil, false
		}
		if !isPlainName(name) {
			return nil, false
		}
		for _, value := range values {
			if !isPlainValue(value) {
				return nil, false
			}
			out = append(append(out, name...), ": "...)
			out = append(append(out, value...), "\r\n"...)
		}
	}
	return out, true
}

// appendBody ends the head and appends the body. Of the methods that have one, net/http says so of an empty one too.
func appendBody(out []byte, req *http.Request) (_ []byte, ok bool) {
	n := int(req.ContentLength)
	if req.GetBody == nil || n <= 0 {
		switch req.Method {
		case http.MethodPost, http.MethodPut, http.MethodPatch:
			out = append(out, "Content-Length: 0\r\n"...)
		}
		return append(out, "\r\n"...), req.Body == nil
	}
	out = strconv.AppendInt(append(out, "Content-Length: "...), req.ContentLength, 10)
	out = append(out, "\r\n\r\n"...)
	body, err := req.GetBody()
	if err != nil {
		return nil, false
	}
	head := len(out)
	out = append(out, make([]byte, n)...)
	_, err = io.ReadFull(body, out[head:])
	_ = body.Close()
	return out, err == nil
}

// address notes where u is to be dialled.
func (d *direct) address(u *url.URL) bool {
	if u.Host == d.host && d.host != "" {
		return true
	}
	if !plainHost(u.Host) {
		return false
	}
	d.host = ""
	if strings.LastIndexByte(u.Host, ':') > strings.LastIndexByte(u.Host, ']') {
		d.addr = u.Host
	} else {
		d.addr = net.JoinHostPort(u.Hostname(), "80")
	}
	if u.Hostname() == "" || d.addr[len(d.addr)-1] == ':' {
		return false
	}
	d.host = u.Host
	return true
}

func plainMethod(m string) bool {
	switch m {
	case http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete, http.MethodOptions:
		return true
	}
	return false
}

// plainHost reports whether a host and its port need no translation, as a name in Unicode or a zone would.
func plainHost(host string) bool {
	for i := range len(host) {
		switch c := host[i]; {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9':
		case c == '.', c == '-', c == ':', c == '_', c == '[', c == ']':
		default:
			return false
		}
	}
	return host != ""
}

// plainTarget reports whether a request target starts as a path and can stand in a request line.
func plainTarget(target []byte) bool {
	for _, c := range target {
		if c <= ' ' || c >= 0x7f {
			return false
		}
	}
	return target[0] == '/'
}

// isPlainValue reports whether a header's value holds no control character but the tab and has no space around it. Bytes
// beyond ASCII are left to net/http.
func isPlainValue[T string | []byte](value T) bool {
	for i := range len(value) {
		if c := value[i]; c < ' ' && c != '\t' || c >= 0x7f {
			return false
		}
	}
	n := len(value)
	return n == 0 || value[0] > ' ' && value[n-1] > ' '
}

// isPlainName reports whether a header's name is made of letters, digits and hyphens, as nearly all are.
func isPlainName[T string | []byte](name T) bool {
	for i := range len(name) {
		switch c := name[i]; {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', c == '-', c == '_':
		default:
			return false
		}
	}
	return len(name) > 0
}
