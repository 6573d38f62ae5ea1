package probes

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"
	"time"

	promconfig "github.com/prometheus/common/config"
)

const (
	maxBodyFile = 1 << 20 // bytes
	version2    = "2"     // of HTTP
)

// The bounds of a connection's age.
const (
	defaultAge     = 5 * time.Minute
	minAge, maxAge = time.Second, 24 * time.Hour
)

// usualMethod is the method where none is given: what has a body is posted, as curl has it.
func (h *HTTP) usualMethod() string {
	if h.Body != "" || h.BodyFile != "" || h.JSON != nil || h.Form != nil {
		return http.MethodPost
	}
	return http.MethodGet
}

// payload is the body to send. Files start at dir.
func (h *HTTP) payload(dir string, ms *mistakes) []byte {
	var given []string
	for _, f := range []struct {
		name string
		set  bool
	}{{"body", h.Body != ""}, {"body_file", h.BodyFile != ""}, {"json", h.JSON != nil}, {"form", h.Form != nil}} {
		if f.set {
			given = append(given, f.name)
		}
	}
	if len(given) > 1 {
		ms.add(given[1], "beside "+given[0], "one of body, body_file, json and form")
		return nil
	}
	switch {
	case h.BodyFile != "":
		return h.content(dir, ms)
	case h.JSON != nil:
		return h.document(ms)
	case h.Form != nil:
		form := url.Values{}
		for name, value := range h.Form {
			form.Set(name, value)
		}
		return []byte(form.Encode())
	}
	return []byte(h.Body)
}

func (h *HTTP) document(ms *mistakes) []byte {
	body, err := json.Marshal(h.JSON)
	if err != nil {
		ms.add("json", hidden, "a value that JSON can say: "+err.Error())
	}
	return body
}

// content reads the file of the body, once.
func (h *HTTP) content(dir string, ms *mistakes) []byte {
	if h.Content != nil {
		return h.Content
	}
	text, err := readBounded(promconfig.JoinDir(dir, h.BodyFile), maxBodyFile)
	if err != nil {
		ms.addFile("body_file", h.BodyFile, "a file that can be read, from the configuration's folder on: "+err.Error(), err)
		return nil
	}
	h.Content = text
	return text
}

// readBounded reads a regular file. Its error does not repeat the name.
func readBounded(name string, limit int64) (text []byte, err error) {
	info, err := os.Stat(name) // before it is opened: a pipe would wait for its writer
	if err == nil && !info.Mode().IsRegular() {
		return nil, errors.New("not a file")
	}
	var f *os.File
	if err == nil {
		f, err = os.Open(name)
	}
	if cause := new(fs.PathError); errors.As(err, &cause) {
		return nil, cause.Err
	}
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	text, err = io.ReadAll(io.LimitReader(f, limit+1))
	if err == nil && int64(len(text)) > limit {
		return nil, fmt.Errorf("more than %s", ByteSize(limit))
	}
	return text, err
}

// cookies checks names and values as RFC 6265, section 4.1.1, has them. No mistake shows a value.
func (h *HTTP) cookies(ms *mistakes) {
	for _, name := range slices.Sorted(maps.Keys(h.Cookies)) {
		field, value := "cookies."+name, h.Cookies[name]
		switch {
		case !isToken(name):
			ms.add(field, hidden, "a cookie name of letters, digits and !#$%&'*+-.^_`|~")
		case strings.ContainsFunc(value, func(r rune) bool { return r <= ' ' || r >= 0x7f || strings.ContainsRune(`",;\`, r) }):
			ms.add(field, hidden, `a value of printable ASCII without spaces and ",;\`)
		}
	}
	for name := range h.Headers {
		if len(h.Cookies) > 0 && http.CanonicalHeaderKey(name) == "Cookie" {
			ms.add("cookies", "beside headers."+name, "one of them")
		}
	}
}

func (h *HTTP) age(ms *mistakes) time.Duration {
	age := cmp.Or(h.MaxConnection, defaultAge)
	if age < minAge || age > maxAge {
		ms.add("max_connection_age", h.MaxConnection, "1s to 24h")
	}
	return age
}

// family is what a network's name ends with.
func (ms *mistakes) family(name string) string {
	switch name {
	case "", "any":
		return ""
	case "ip4", "ip6":
		return name[2:]
	}
	ms.add("ip_family", name, "any, ip4 or ip6")
	return ""
}

// version makes a client's connections speak the version that is asked for. Target is nil only beside a mistake.
func (h *HTTP) version(cfg promconfig.HTTPClientConfig, target *url.URL, ms *mistakes) promconfig.HTTPClientConfig {
	const noH2C = "h2c, HTTP/2 without TLS, is not spoken"
	switch h.HTTPVersion {
	case "":
	case "1.1":
		cfg.EnableHTTP2 = false
	case version2:
		cfg.EnableHTTP2 = true
		if target != nil && target.Scheme != "https" {
			ms.add("http_version", h.HTTPVersion, "it with an https URL: "+noH2C)
		}
	default:
		ms.add("http_version", h.HTTPVersion, "1.1 or 2: "+noH2C)
	}
	return cfg
}

// InSession says which fields given have no place in a session, whose requests share their connections: a *FieldError
// each.
func (h *HTTP) InSession() error {
	var ms mistakes
	for _, f := range []struct {
		name  string
		value any
		set   bool
	}{
		{"max_connection_age", h.MaxConnection, h.MaxConnection != 0},
		{"ip_family", h.IPFamily, h.IPFamily != ""},
		{"http_version", h.HTTPVersion, h.HTTPVersion != ""},
		{"http_client", "given", h.HTTPClient != nil},
	} {
		if f.set {
			ms.add(f.name, f.value, "it only in a scheduled probe: the requests of a user share their connections")
		}
	}
	return errors.Join(ms...)
}
