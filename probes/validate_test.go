package probes

import (
	"errors"
	"net/url"
	"slices"
	"strings"
	"testing"

	promconfig "github.com/prometheus/common/config"
)

func base(t *testing.T, text string) Env {
	t.Helper()
	u, err := url.Parse(text)
	if err != nil {
		t.Fatalf("parsing %q: %v", text, err)
	}
	return Env{BaseURL: u}
}

type mistakeRow struct {
	name string
	spec HTTP
	want string
}

const someURL = "http://127.0.0.1/"

func requestMistakes() []mistakeRow {
	const u = someURL
	return []mistakeRow{
		{"no URL", HTTP{}, `url: missing, want a URL`},
		{"URL that does not parse", HTTP{URL: "http://[::1"}, `url: "http://[::1", want a URL`},
		{"relative without base", HTTP{URL: "/api"}, `url: "/api", want an absolute URL, as global.base_url is not set`},
		{"other scheme", HTTP{URL: "ftp://h/"}, `url: "ftp://h/", want a URL with the scheme http or https`},
		{"no host", HTTP{URL: "http:///x"}, `url: "http:///x", want a URL with a host`},
		{"opaque", HTTP{URL: "http:x"}, `url: "http:x", want a URL with a host`},
		{"port too large", HTTP{URL: "http://h:65536/"}, `url: "http://h:65536/", want a URL with a port from 1 to 65535`},
		{"port zero", HTTP{URL: "http://h:0/"}, `url: "http://h:0/", want a URL with a port from 1 to 65535`},
		{"password in a bad URL", HTTP{URL: "http://u:secret@h:x/"}, `url: "http://<secret>@h:x/", want a URL`},
		{"method with a space", HTTP{URL: u, Method: "GET /"},
			`method: "GET /", want an HTTP method in capitals, such as GET or POST, but not CONNECT`},
		{"method in small letters", HTTP{URL: u, Method: "post"},
			`method: "post", want an HTTP method in capitals, such as GET or POST, but not CONNECT`},
		{"CONNECT", HTTP{URL: u, Method: "CONNECT"},
			`method: "CONNECT", want an HTTP method in capitals, such as GET or POST, but not CONNECT`},
		{"header name", HTTP{URL: u, Headers: map[string]string{"X Y": "v"}},
			"headers.X Y: \"<secret>\", want a header name of letters, digits and !#$%&'*+-.^_`|~"},
		{"empty header name", HTTP{URL: u, Headers: map[string]string{"": "v"}},
			"headers.: \"<secret>\", want a header name of letters, digits and !#$%&'*+-.^_`|~"},
		{"header value", HTTP{URL: u, Headers: map[string]string{"X-Key": "a\r\nb"}},
			`headers.X-Key: "<secret>", want a value without control characters`},
		{"header of the connection", HTTP{URL: u, Headers: map[string]string{"content-length": "5"}},
			`headers.content-length: "<secret>", want a header that the connection does not set itself`},
		{"header of ours", HTTP{URL: u, Headers: map[string]string{"x-synthetic-traffic": "no"}},
			`headers.x-synthetic-traffic: "<secret>", want a header that the connection does not set itself`},
		{"header twice", HTTP{URL: u, Headers: map[string]string{"X-Key": "a", "x-key": "b"}},
			`headers.x-key: "<secret>", want each header once, in whatever case`},
		{"empty host", HTTP{URL: u, Headers: map[string]string{"Host": ""}},
			`headers.Host: "<secret>", want a value without control characters`},
	}
}

func payloadAndExpectMistakes() []mistakeRow {
	const u = someURL
	return []mistakeRow{
		{"body and json", HTTP{URL: u, Body: "b", JSON: 1}, `json: "beside body", want one of body, body_file, json and form`},
		{"json that is none", HTTP{URL: u, JSON: map[any]any{1: 2}},
			`json: "<secret>", want a value that JSON can say: json: unsupported type: map[interface {}]interface {}`},
		{"status too low", HTTP{URL: u, Expect: Expect{Status: []int{200, 99}}},
			`expect.status[1]: "99", want an HTTP status from 100 to 599`},
		{"status too high", HTTP{URL: u, Expect: Expect{Status: []int{600}}},
			`expect.status[0]: "600", want an HTTP status from 100 to 599`},
		{"content type", HTTP{URL: u, Expect: Expect{ContentType: "json"}},
			`expect.content_type: "json", want a media type without parameters, such as application/json`},
		{"content type with parameters", HTTP{URL: u, Expect: Expect{ContentType: "text/html; charset=utf-8"}},
			`expect.content_type: "text/html; charset=utf-8", want a media type without parameters, such as application/json`},
		{"regular expression", HTTP{URL: u, Expect: Expect{BodyMatches: "(a"}},
			"expect.body_matches: \"(a\", want an RE2 regular expression: error parsing regexp: missing closing ): `(a`"},
		{"query that does not parse", HTTP{URL: u, Expect: Expect{JSON: ".a |"}},
			`expect.json: ".a |", want a gojq query: unexpected EOF`},
		{"query of an unknown function", HTTP{URL: u, Expect: Expect{JSON: "nope"}},
			`expect.json: "nope", want a gojq query: function not defined: nope/0`},
		{"body cap below zero", HTTP{URL: u, Expect: Expect{MaxBody: -1}},
			`expect.max_body: "-1B", want a size above 0 and up to 1GiB`},
		{"body cap too large", HTTP{URL: u, Expect: Expect{MaxBody: 2 << 30}},
			`expect.max_body: "2GiB", want a size above 0 and up to 1GiB`},
	}
}

func TestEveryMistakeIsNamed(t *testing.T) {
	for _, tt := range slices.Concat(requestMistakes(), payloadAndExpectMistakes()) {
		t.Run(tt.name, func(t *testing.T) {
			p, err := tt.spec.Prober(Env{})
			if err == nil || p != nil {
				t.Fatalf("prober %v, error %v, want no prober and an error", p, err)
			}
			if err.Error() != tt.want {
				t.Errorf("error %s\nwant  %s", err, tt.want)
			}
			if field := new(FieldError); !errors.As(err, &field) {
				t.Errorf("error of type %T, want a *FieldError", err)
			}
		})
	}
}

func TestAllMistakesAreReported(t *testing.T) {
	spec := HTTP{
		Method: "?", Headers: map[string]string{"a b": "", "c d": ""}, Body: "b", JSON: true,
		Expect: Expect{Status: []int{1, 2}, ContentType: "x", BodyMatches: "(", JSON: "(", MaxBody: -1},
	}
	_, err := spec.Prober(Env{})
	joined, ok := err.(interface{ Unwrap() []error })
	if !ok {
		t.Fatalf("error %v, want a joined one", err)
	}
	var fields []string
	for _, e := range joined.Unwrap() {
		field := new(FieldError)
		if !errors.As(e, &field) {
			t.Fatalf("error %v, want a *FieldError", e)
		}
		fields = append(fields, field.Field)
	}
	want := "json expect.status[0] expect.status[1] expect.content_type expect.body_matches expect.json expect.max_body " +
		"url method headers.a b headers.c d"
	if got := strings.Join(fields, " "); got != want {
		t.Errorf("fields %s\nwant   %s", got, want)
	}
}

func TestURLResolves(t *testing.T) {
	for _, tt := range []struct{ base, url, want string }{
		{"http://127.0.0.1:8000", "/api/search?q=apple", "http://127.0.0.1:8000/api/search?q=apple"},
		{"http://127.0.0.1:8000/app/", "api", "http://127.0.0.1:8000/app/api"},
		{"http://127.0.0.1:8000/app/", "https://other/x", "https://other/x"},
		{"https://user:secret@h/", "/x#part", "https://h/x"},
	} {
		p := mustProber(t, &HTTP{URL: tt.url}, base(t, tt.base))
		if got := p.request.URL.String(); got != tt.want || p.name != "GET "+tt.want {
			t.Errorf("resolving %q against %q: %s, named %s, want %s", tt.url, tt.base, got, p.name, tt.want)
		}
	}
}

func TestBrokenClientConfigurationIsAnError(t *testing.T) {
	env := Env{HTTP: promconfig.HTTPClientConfig{TLSConfig: promconfig.TLSConfig{CAFile: "/nowhere/ca.pem"}}}
	if _, err := (&HTTP{URL: "https://h/"}).HTTPProber(env); err == nil || !strings.Contains(err.Error(), "/nowhere/ca.pem") {
		t.Errorf("building with a missing CA: %v, want an error that names it", err)
	}
	if _, err := NewSession(env); err == nil {
		t.Error("a session with a missing CA, want an error")
	}
}

func TestKind(t *testing.T) {
	var s Spec = &HTTP{}
	if s.Kind() != "http" {
		t.Errorf("kind %q, want http", s.Kind())
	}
}
