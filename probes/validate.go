package probes

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/itchyny/gojq"
)

// defaultMaxBody and maxMaxBody bound what one response may make us read; a body that is looked at is held in memory.
const (
	defaultMaxBody ByteSize = 10 << 20
	maxMaxBody     ByteSize = 1 << 30
)

// hidden stands for a secret wherever a mistake is printed.
const hidden = "<secret>"

// mistakes collects what is wrong in a spec.
type mistakes []error

func (ms *mistakes) add(field string, value any, want string) {
	*ms = append(*ms, &FieldError{Field: field, Value: value, Want: want})
}

// addFile adds what is wrong with a file that the spec names.
func (ms *mistakes) addFile(field, file, want string, err error) {
	*ms = append(*ms, &FieldError{Field: field, Value: file, Want: want, Absent: errors.Is(err, fs.ErrNotExist)})
}

// target resolves and checks the URL. It is nil only beside a mistake.
func (h *HTTP) target(env Env, ms *mistakes) *url.URL {
	if h.URL == "" {
		ms.add("url", nil, "a URL")
		return nil
	}
	bad := func(want string) *url.URL {
		ms.add("url", redact(h.URL), want)
		return nil
	}
	if target, path, no := strings.Cut(h.URL, swallows+"/"); no {
		ms.add("url", redact(target), "no query and no fragment in a target that is asked for the path /"+path)
		return nil
	}
	u, err := url.Parse(h.URL)
	if err != nil {
		return bad("a URL")
	}
	if !u.IsAbs() && env.BaseURL == nil {
		return bad("an absolute URL, as global.base_url is not set")
	}
	if env.BaseURL != nil {
		u = env.BaseURL.ResolveReference(u)
	}
	switch port, err := strconv.ParseUint(cmp.Or(u.Port(), "80"), 10, 16); {
	case u.Scheme != "http" && u.Scheme != "https":
		return bad("a URL with the scheme http or https")
	case u.Hostname() == "":
		return bad("a URL with a host")
	case err != nil || port == 0:
		return bad("a URL with a port from 1 to 65535")
	}
	return u
}

// redact hides the user and the password of a text that may be a URL.
func redact(text string) string {
	at := strings.LastIndexByte(text, '@')
	if at < 0 {
		return text
	}
	scheme, _, ok := strings.Cut(text, "//")
	if !ok || len(scheme) > at {
		return hidden + text[at:]
	}
	return scheme + "//" + hidden + text[at:]
}

func (h *HTTP) method(ms *mistakes) string {
	m := cmp.Or(h.Method, h.usualMethod())
	if !isToken(m) || m != strings.ToUpper(m) || m == http.MethodConnect {
		ms.add("method", h.Method, "an HTTP method in capitals, such as GET or POST, but not CONNECT")
	}
	return m
}

// headers checks names and values. No mistake shows a value.
func (h *HTTP) headers(ms *mistakes) {
	seen := map[string]bool{}
	for _, name := range slices.Sorted(maps.Keys(h.Headers)) {
		field, key := "headers."+name, http.CanonicalHeaderKey(name)
		switch value := h.Headers[name]; {
		case !isToken(name):
			ms.add(field, hidden, "a header name of letters, digits and !#$%&'*+-.^_`|~")
		case slices.Contains(connectionHeaders(), key):
			ms.add(field, hidden, "a header that the connection does not set itself")
		case seen[key]:
			ms.add(field, hidden, "each header once, in whatever case")
		case !isHeaderValue(value), key == "Host" && value == "":
			ms.add(field, hidden, "a value without control characters")
		}
		seen[key] = true
	}
}

// connectionHeaders are those that net/http writes and would silently leave out or double.
func connectionHeaders() []string {
	return []string{"Connection", "Content-Length", "Keep-Alive", "Trailer", "Transfer-Encoding", "Upgrade", syntheticHeader}
}

// isToken reports whether s is a token of RFC 9110, section 5.6.2.
func isToken(s string) bool {
	for _, c := range []byte(s) {
		letter, digit := c|0x20 >= 'a' && c|0x20 <= 'z', c >= '0' && c <= '9'
		if !letter && !digit && !strings.ContainsRune("!#$%&'*+-.^_`|~", rune(c)) {
			return false
		}
	}
	return s != ""
}

func isHeaderValue(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool { return r < ' ' && r != '\t' || r == 0x7f })
}

// serverTiming checks the names of what is kept of Server-Timing.
func (h *HTTP) serverTiming(ms *mistakes) []string {
	if len(h.ServerTiming) > MaxServerTimings {
		ms.add("server_timing", fmt.Sprint(len(h.ServerTiming), " names"),
			fmt.Sprintf("at most %d, as each is a histogram", MaxServerTimings))
	}
	for i, name := range h.ServerTiming {
		if !isToken(name) || len(name) > maxServerTimingName {
			ms.add(fmt.Sprintf("server_timing[%d]", i), name, "the name of a Server-Timing metric, a token of at most 64 bytes")
		}
	}
	return slices.Clone(h.ServerTiming)
}

// compileQuery compiles without an environment, a file system or an input: a query sees the response and nothing else.
func compileQuery(text string) (*gojq.Code, error) {
	query, err := gojq.Parse(text)
	if err != nil {
		return nil, err
	}
	code, err := gojq.Compile(query)
	if err != nil {
		return nil, errors.New(strings.TrimPrefix(err.Error(), "gojq: "))
	}
	return code, nil
}
