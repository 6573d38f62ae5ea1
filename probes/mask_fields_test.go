package probes

import (
	"bytes"
	"net/http"
	"strings"
	"testing"
	"time"
)

func TestWhatHasTheNameOfASecretIsMasked(t *testing.T) {
	for _, tt := range []struct{ body, want string }{
		{`{"api_key": 123456789, "n": 1}`, `{"api_key": <secret>, "n": 1}`},
		{`{"token": 5}`, `{"token": <secret>}`},
		{`{"token": null, "has_token": true, "n": 1}`, `{"token": null, "has_token": true, "n": 1}`},
		{`{"tokens":["hunter2","b"],"n":1}`, `{"tokens":<secret>,"n":1}`},
		{`{"tokens": [["a]"], {"b": "}"}], "n": 1}`, `{"tokens": <secret>, "n": 1}`},
		{`{"credentials": {"user": "u", "key": "k"}, "n": 1}`, `{"credentials": <secret>, "n": 1}`},
		{`{"tokens": ["hunter2", "hun`, `{"tokens": <secret>`},
		{`{'password': 'it''s', 'n': 1}`, `{'password': '<secret>', 'n': 1}`},
		{`{"my token value":"a","session":"b","auth_key":"c"}`, `{"my token value":"<secret>","session":"<secret>","auth_key":"<secret>"}`},
		{`{"said":"{\"token\":\"abc\"}","n":1}`, `{"said":"{\"token\":\"<secret>\"}","n":1}`},
		{`&quot;token&quot;:&quot;abc&quot;,`, `&quot;token&quot;:&quot;<secret>&quot;,`},
		{"{\"token\":\n  \"abc\"}", "{\"token\":\n  \"<secret>\"}"},
		{`access_token=hunter2&token_type=bearer&n=1`, `access_token=<secret>&token_type=<secret>&n=1`},
		{`see /x?a=1&api_key=abc for it`, `see /x?a=1&api_key=<secret> for it`},
		{`<a href="/x?token=abc">x</a>`, `<a href="/x?token=<secret>">x</a>`},
		{"password = two words\nn = 1", "password = <secret>\nn = 1"},
		{"user: u\n  db_password: two \"words\"\r\nn: 1", "user: u\n  db_password: <secret>\r\nn: 1"},
		{"password: a\nsecret: b\n", "password: <secret>\nsecret: <secret>\n"},
		{`curl -H "Authorization: Bearer abc" x`, `curl -H "Authorization: <secret>" x`},
		{`authorization=Bearer abc next`, `authorization=<secret> next`},
		{`dialling token-service:6379: refused`, `dialling token-service:<secret> refused`},
		{`dialling session-store:6379: refused`, `dialling session-store:6379: refused`},
		{`token=&n=1`, `token=&n=1`},
		{"password:\nuser: bob", "password:\nuser: bob"},
		{`<input name="csrf_token" value="hunter2">`, `<input name="csrf_token" value="<secret>">`},
		{`<input value='a>b' type=password><p>n`, `<input value='<secret>' type=password><p>n`},
		{`<INPUT NAME=token VALUE=abc> n`, `<INPUT NAME=token VALUE=<secret>> n`},
		{`<meta name="csrf-token" content="abc">`, `<meta name="csrf-token" content="<secret>">`},
		{`<input name="csrf_token" value="hun`, `<input name="csrf_token" value="<secret>`},
		{`<input name="q" value="shoes">`, `<input name="q" value="shoes">`},
		{`<AccessToken>abc</AccessToken><n>1</n>`, `<AccessToken><secret></AccessToken><n>1</n>`},
		{`<textarea name="secret">abc</textarea>`, `<textarea name="secret"><secret></textarea>`},
		{`{"active_sessions": 12, "author": "a", "monkey": 1}`, `{"active_sessions": 12, "author": "a", "monkey": 1}`},
		{"no token was sent", "no token was sent"},
	} {
		if got := string(maskFields([]byte(tt.body))); got != tt.want {
			t.Errorf("%s\nis   %s\nwant %s", tt.body, got, tt.want)
		}
	}
}

// What is masked is the evidence of one run, and that of a hostile server is as quick as any.
func TestMaskingTakesTimeInProportion(t *testing.T) {
	for _, piece := range []string{`"token`, `token[`, `token=`, `<input token value=`, `token:{`, `session`, `"token"   :`, `<token `, `&quot;`, `token'`} {
		small, large := bytes.Repeat([]byte(piece), 1<<12/len(piece)), bytes.Repeat([]byte(piece), 1<<15/len(piece))
		took := func(body []byte) time.Duration {
			best := time.Hour
			for range 5 {
				start := time.Now()
				maskFields(body)
				best = min(best, time.Since(start))
			}
			return best
		}
		if a, b := took(small), took(large); b > 40*a+5*time.Millisecond {
			t.Errorf("%q: 4 KiB take %v, 32 KiB %v, want eight times as long", piece, a, b)
		}
	}
}

func TestAnErrorShowsNoQueryOfARedirect(t *testing.T) {
	for location, want := range map[string]string{
		"myapp://cb?code=hunter2hunter2":             `redirect to "myapp://cb?…"`,
		"myapp://u:hunter2hunter2@cb/#hunter2":       `redirect to "myapp://cb/?…"`,
		"http://[::1/?code=hunter2hunter2":           `redirect to "http://[::1/?…"`,
		"http://u:hunter2@[::1/":                     `redirect to "[::1/"`,
		"myapp://cb/;jsessionid=hunter2":             `redirect to "myapp://cb/;jsessionid=<secret>"`,
		"myapp://cb/" + "sent-hunter2" + "?x=1#y":    `redirect to "myapp://cb/<secret>?…"`,
		"myapp:code?" + strings.Repeat("hunter2", 9): `redirect to "myapp:code?…"`,
	} {
		srv := serve(t, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Location", location)
			w.WriteHeader(http.StatusFound)
		})
		p := mustProber(t, &HTTP{URL: srv.URL, Headers: map[string]string{"X-Token": "sent-hunter2"}}, Env{})
		s := Take(t.Context(), p, time.Time{})
		if s.Err == nil || !strings.Contains(s.Err.Error(), want) || strings.Contains(s.Err.Error()+s.Evidence.Redirects, "hunter2") {
			t.Errorf("%s: %v\n%+v, want %s", location, s.Err, s.Evidence, want)
		}
	}
}
