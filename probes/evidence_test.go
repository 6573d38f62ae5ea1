package probes

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	promconfig "github.com/prometheus/common/config"
)

func TestEvidence(t *testing.T) {
	srv := serve(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-From", r.URL.Path)
		switch r.URL.Path {
		case "/login":
			w.Header().Set("Location", "http://user:pw@"+r.Host+"/home?code=s3cret#part")
			w.WriteHeader(http.StatusFound)
		case "/home":
			http.SetCookie(w, &http.Cookie{Name: "session", Value: "s3cret"})
			w.Header()["X-List"] = []string{"b", "a"}
			w.WriteHeader(http.StatusTeapot)
			_, _ = io.WriteString(w, "short and stout\n")
		case "/long":
			_, _ = io.WriteString(w, strings.Repeat("é", 2000))
		}
	})
	host := srv.Listener.Addr().String()
	for _, tt := range []struct {
		path string
		want Evidence
	}{
		{"/login", Evidence{
			Redirects: "302 http://" + host + "/home?…\n", Proto: "HTTP/1.1", Body: "short and stout\n",
			Head: "Content-Length: 16\nContent-Type: text/plain; charset=utf-8\nSet-Cookie: <secret>\nX-From: /home\nX-List: b\nX-List: a\n",
		}},
		{"/empty", Evidence{Proto: "HTTP/1.1", Head: "Content-Length: 0\nX-From: /empty\n"}},
		{"/long", Evidence{
			Proto: "HTTP/1.1", Head: "Content-Type: text/plain; charset=utf-8\nX-From: /long\n", Body: strings.Repeat("é", 512), Cut: true,
		}},
	} {
		p := mustProber(t, &HTTP{URL: srv.URL + tt.path}, Env{})
		s := Take(t.Context(), p, time.Time{})
		if s.Evidence == nil || *s.Evidence != tt.want {
			t.Errorf("%s: evidence %+v, want %+v", tt.path, s.Evidence, tt.want)
		}
		if again := Take(t.Context(), p, time.Time{}); again.Evidence != s.Evidence {
			t.Errorf("%s: another evidence of the same answer", tt.path)
		}
		if s := mustSession(t, Env{}).Take(t.Context(), plenty, p, nil, time.Time{}); s.Evidence != nil {
			t.Errorf("%s: evidence of a burst's request", tt.path)
		}
	}
}

func TestEvidenceFollowsWhatChanges(t *testing.T) {
	n := 0
	srv := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		n++
		if n >= 3 {
			w.Header().Set("X-New", "1")
		}
		body := "one"
		if n >= 5 {
			body = "two"
		}
		_, _ = io.WriteString(w, body)
	})
	p := mustProber(t, &HTTP{URL: srv.URL}, Env{})
	var seen []*Evidence
	for range 6 {
		e := Take(t.Context(), p, time.Time{}).Evidence
		if len(seen) == 0 || seen[len(seen)-1] != e {
			seen = append(seen, e)
		}
	}
	if len(seen) != 3 || strings.Contains(seen[0].Head, "X-New") || !strings.Contains(seen[1].Head, "X-New: 1\n") || seen[2].Body != "two" {
		t.Errorf("%d evidences of 6 runs, want one each two runs", len(seen))
	}
}

func TestEvidenceOfNoAnswer(t *testing.T) {
	dead := deadAddress(t)
	srv := serve(t, func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "http://"+dead+"/x", http.StatusFound)
	})
	if s := Take(t.Context(), mustProber(t, &HTTP{URL: "http://" + dead}, Env{}), time.Time{}); s.Evidence != nil {
		t.Errorf("evidence %+v of a refused connection, want none", s.Evidence)
	}
	s := Take(t.Context(), mustProber(t, &HTTP{URL: srv.URL}, Env{}), time.Time{})
	if want := (Evidence{Redirects: "302 http://" + dead + "/x\n"}); s.Evidence == nil || *s.Evidence != want || s.Outcome != Refused {
		t.Errorf("evidence %+v of outcome %v, want %+v", s.Evidence, s.Outcome, want)
	}
}

// A server that sends back all that it was asked, as those for debugging do, does not put our secrets on a page.
func TestSecretsAreNoEvidence(t *testing.T) {
	echo := serve(t, func(w http.ResponseWriter, r *http.Request) {
		for name, values := range r.Header {
			w.Header()["X-Echo-"+name] = values
			_, _ = fmt.Fprintf(w, "%s=%s\n", name, strings.Join(values, ","))
		}
		_, _ = fmt.Fprintf(w, "asked for %s\n", r.URL.Query().Get("api_key"))
		_, _ = io.Copy(w, r.Body)
		_, password, _ := r.BasicAuth()
		_, _ = fmt.Fprintf(w, "password=%s\n", password)
		for _, c := range r.Cookies() {
			_, _ = fmt.Fprintf(w, "cookie=%s\n", c.Value)
		}
	})
	const secret = "hunter2hunter2"
	token := write(t, "token", secret)
	with := func(c promconfig.HTTPClientConfig) *promconfig.HTTPClientConfig { return &c }
	for name, spec := range map[string]HTTP{
		"header":       {Headers: map[string]string{"X-Auth": "Token " + secret}},
		"masked":       {Headers: map[string]string{"X-Account": secret}, Mask: Mask{Headers: []string{"x-account"}}},
		"expression":   {Headers: map[string]string{"X-Other": secret}, Mask: Mask{Matches: []string{"hunter[0-9]"}}},
		"cookie":       {Cookies: map[string]string{"a": secret}},
		"URL":          {URL: strings.Replace(echo.URL, "//", "//user:"+secret+"@", 1)},
		"token's file": {HTTPClient: with(promconfig.HTTPClientConfig{BearerTokenFile: token})},
		"http_headers": {HTTPClient: with(promconfig.HTTPClientConfig{
			HTTPHeaders: headersOf("X-Api-Key", promconfig.Header{Secrets: []promconfig.Secret{secret}}),
		})},
		"query": {URL: echo.URL + "/?api_key=" + secret},
		"form":  {Form: map[string]string{"password": secret}},
		"JSON":  {JSON: map[string]any{"who": []any{map[string]any{"password": secret}}}},
		"basic": {HTTPClient: with(promconfig.HTTPClientConfig{BasicAuth: &promconfig.BasicAuth{Username: "u", PasswordFile: token}})},
	} {
		if spec.URL == "" {
			spec.URL = echo.URL
		}
		s := Take(t.Context(), mustProber(t, &spec, Env{}), time.Time{})
		if s.Evidence == nil || !strings.Contains(s.Evidence.Body, "<secret>") || strings.Contains(s.Evidence.Head+s.Evidence.Body, "hunter2") {
			t.Errorf("%s: %v, evidence %+v", name, s.Err, s.Evidence)
		}
	}
	s := Take(t.Context(), mustProber(t, &HTTP{URL: echo.URL, Mask: Mask{Body: true}}, Env{}), time.Time{})
	if s.Evidence == nil || s.Evidence.Body != "" || !s.Evidence.Cut || s.Evidence.Head == "" {
		t.Errorf("evidence %+v, want all but the body", s.Evidence)
	}
}

func TestBodiesAreMasked(t *testing.T) {
	m := &masks{values: []string{"hunter2hunter2", "s3cret"}}
	for _, tt := range []struct {
		body string
		cut  bool
		want string
	}{
		{`{"access_token": "abc", "n": 1}`, false, `{"access_token": "<secret>", "n": 1}`},
		{`{"password":"a\"b","token_type":""}`, false, `{"password":"<secret>","token_type":"<secret>"}`},
		{`{"apiKey":"abc","monkey":"x"}`, false, `{"apiKey":"<secret>","monkey":"x"}`},
		{`{"sessionId": "never clo`, true, `{"sessionId": "<secret>`},
		{`said hunter2hunter2 and s3cret`, false, `said <secret> and <secret>`},
		{`at the end hunter2hun`, true, `at the end <secret>`},
		{`at the end hunter2hun`, false, `at the end hunter2hun`},
		{`at the end hunte`, true, `at the end hunte`},
		{"tab\tline\nbell\a escape\x1b[31m nul\x00 \xff", false, "tab\tline\nbell. escape.[31m nul. ."},
		{"left \u202eto right\u200b é", false, "left .to right. é"},
	} {
		if got, cut := m.bodyText([]byte(tt.body), tt.cut); got != tt.want || cut != tt.cut {
			t.Errorf("%q: %q, cut %v, want %q", tt.body, got, cut, tt.want)
		}
	}
}

func TestSecretNames(t *testing.T) {
	for _, name := range strings.Fields(`Authorization Proxy-Authorization WWW-Authenticate Cookie Set-Cookie X-Api-Key X-CSRF-Token X-Auth
		X-Amz-Security-Token X-Session-Id X-Signature X-Password Client-Secret X-JWT Credentials`) {
		if !isSecretName(name) {
			t.Errorf("%s is no secret", name)
		}
	}
	for _, name := range strings.Fields(`Content-Type Server X-Cache Age Etag Vary Location X-Request-Id Traceparent Server-Timing Accept
		Keep-Alive Transfer-Encoding Alt-Svc Link P3p C K`) {
		if isSecretName(name) {
			t.Errorf("%s is a secret", name)
		}
	}
}

func TestMaskMistakes(t *testing.T) {
	many := make([]string, 21)
	for i := range many {
		many[i] = "x"
	}
	wantMistakes(t, []specMistake{
		{"header", &HTTP{URL: someURL, Mask: Mask{Headers: []string{"a b"}}},
			"mask.headers[0]: \"a b\", want a header name of letters, digits and !#$%&'*+-.^_`|~"},
		{"expression", &HTTP{URL: someURL, Mask: Mask{Matches: []string{"(a"}}},
			`mask.matches[0]: "(a", want an RE2 regular expression that does not match nothing`},
		{"expression of nothing", &HTTP{URL: someURL, Mask: Mask{Matches: []string{"a*"}}},
			`mask.matches[0]: "a*", want an RE2 regular expression that does not match nothing`},
		{"many", &HTTP{URL: someURL, Mask: Mask{Matches: many}}, `mask: "21 entries", want at most 20`},
	})
}

// FuzzEvidence holds that no answer makes evidence that is long, unprintable, or tells a secret.
func FuzzEvidence(f *testing.F) {
	f.Add("X-Api-Key", "hunter2hunter2", []byte(`{"token": "hunter2hunter2"}`))
	f.Add("Location", "http://u:hunter2hunter2@h/?a=hunter2hunter2", []byte("hunter2hunter"))
	f.Add("Refresh", "0; url=/x?access_token=hunter3", []byte(`{"api_key": 123456789, "tokens": ["hunter2hunter2", {"a": "]"}]}`))
	f.Add("X-Says", "password: hunter3", []byte("access_token=hunter3&token_type=bearer\npassword: hunter3\nnot a secret: x"))
	f.Add("Link", "<session=x>", []byte(`<input name="csrf_token" value="hunter3"><meta name=csrf-token content='hunter3'`))
	f.Add("\xff\x00", strings.Repeat("\u202e", 3000), []byte(strings.Repeat("é", 2000)))
	f.Fuzz(func(t *testing.T, name, value string, body []byte) {
		m := &masks{values: []string{"hunter2hunter2"}}
		h := http.Header{name: {value, value}, "Set-Cookie": {value}}
		for range 12 {
			h[name] = append(h[name], value)
		}
		text, cut := m.bodyText(body[:min(len(body), maxEvidenceBody)], len(body) > maxEvidenceBody)
		e := Evidence{Head: m.head(h), Body: text, Cut: cut}
		all := e.Head + e.Body
		if e.Size() > 6<<10 || !utf8.ValidString(all) || strings.Contains(all, "hunter2hunter2") {
			t.Fatalf("%d bytes: %q", e.Size(), all)
		}
		for _, r := range all {
			if !unicode.IsPrint(r) && r != '\n' && r != '\t' {
				t.Fatalf("%q is not to be printed in %q", r, all)
			}
		}
	})
}

func TestErrorsDoNotTellTheSecretsOfAQuery(t *testing.T) {
	srv := serve(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusTeapot) })
	s := Take(t.Context(), mustProber(t, &HTTP{URL: srv.URL + "/a?q=1&access_token=hunter2&b"}, Env{}), time.Time{})
	if s.Err == nil || !strings.Contains(s.Err.Error(), `/a?q=1&access_token=<secret>&b"`) {
		t.Errorf("%v", s.Err)
	}
}

func TestARequestOfTooManySecretsShowsNoBody(t *testing.T) {
	many := map[string]string{}
	for i := range 150 {
		many[fmt.Sprint("password", i)] = fmt.Sprint("hunter2-", i)
	}
	srv := serve(t, func(w http.ResponseWriter, r *http.Request) { _, _ = io.Copy(w, r.Body) })
	s := Take(t.Context(), mustProber(t, &HTTP{URL: srv.URL, Form: many}, Env{}), time.Time{})
	if s.Evidence == nil || s.Evidence.Body != "" || !s.Evidence.Cut {
		t.Errorf("%v: evidence %+v, want no body", s.Err, s.Evidence)
	}
}
