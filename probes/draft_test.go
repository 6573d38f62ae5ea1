package probes

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

// sent is what a server saw of a request, on one line.
func sent(r *http.Request) string {
	body, _ := io.ReadAll(r.Body)
	return strings.Join([]string{
		r.Method, r.RequestURI, r.Host, r.Header.Get("X-Own"), r.Header.Get("X-Token"), r.Header.Get("Content-Type"), string(body),
	}, " | ")
}

func TestDraftTakesThePlaceOfWhatItNames(t *testing.T) {
	var got string
	srv := serve(t, func(_ http.ResponseWriter, r *http.Request) { got = sent(r) })
	host := strings.TrimPrefix(srv.URL, "http://")
	p := mustProber(t, &HTTP{
		URL: srv.URL + "/own?a=1", Method: "POST", Headers: map[string]string{"X-Own": "o", "X-Token": "t"}, JSON: map[string]any{"k": 1},
	}, Env{})
	s := mustSession(t, Env{})
	tests := []struct {
		name  string
		draft *Draft
		want  string
	}{
		{"none", nil, `POST | /own?a=1 | ` + host + ` | o | t | application/json | {"k":1}`},
		{"empty", &Draft{}, `POST | /own?a=1 | ` + host + ` | o | t | application/json | {"k":1}`},
		{"target", &Draft{Target: []byte("/a%20b%2Fc/x?q=%26&p=%C3%A9")},
			`POST | /a%20b%2Fc/x?q=%26&p=%C3%A9 | ` + host + ` | o | t | application/json | {"k":1}`},
		{"target without a query", &Draft{Target: []byte("/a")}, `POST | /a | ` + host + ` | o | t | application/json | {"k":1}`},
		{"header", &Draft{Header: []HeaderField{{"X-Token", []byte("two")}, {"Host", []byte("other")}}},
			`POST | /own?a=1 | other | o | two | application/json | {"k":1}`},
		{"body", &Draft{Body: []byte(`{"other": 2}`)}, `POST | /own?a=1 | ` + host + ` | o | t | application/json | {"other": 2}`},
		{"empty body", &Draft{Body: []byte{}}, `POST | /own?a=1 | ` + host + ` | o | t | application/json | `},
		{"none again", nil, `POST | /own?a=1 | ` + host + ` | o | t | application/json | {"k":1}`},
	}
	for _, tt := range tests {
		sample := s.Take(t.Context(), plenty, p, tt.draft, time.Now())
		if sample.Outcome != OK || got != tt.want {
			t.Errorf("%s: %v %v, sent\n%s, want\n%s", tt.name, sample.Outcome, sample.Err, got, tt.want)
		}
	}
}

// The caller fills the same buffers again for the next request.
func TestDraftIsNotKept(t *testing.T) {
	var got []string
	srv := serve(t, func(_ http.ResponseWriter, r *http.Request) { got = append(got, r.RequestURI+" "+sent(r)) })
	p, s := mustProber(t, &HTTP{URL: srv.URL + "/", Method: "POST", Body: "x"}, Env{}), mustSession(t, Env{})
	d := &Draft{Target: []byte("/1"), Header: []HeaderField{{"X-Token", []byte("1")}}, Body: []byte("1")}
	for _, text := range []string{"1", "2"} {
		d.Target[1], d.Header[0].Value[0], d.Body[0] = text[0], text[0], text[0]
		if sample := s.Take(t.Context(), plenty, p, d, time.Now()); sample.Err != nil {
			t.Fatal(sample.Err)
		}
		clear(d.Body)
	}
	if !strings.HasPrefix(got[0], "/1 ") || !strings.HasSuffix(got[0], "| 1 |  | 1") || !strings.HasSuffix(got[1], "| 2 |  | 2") {
		t.Errorf("sent %q", got)
	}
}

func TestDraftWithABadTargetIsNotSent(t *testing.T) {
	srv := serve(t, func(http.ResponseWriter, *http.Request) { t.Error("a request came") })
	p, s := mustProber(t, &HTTP{URL: srv.URL}, Env{}), mustSession(t, Env{})
	for _, target := range []string{"hunter2", "/hunter2%zz", "http://127.0.0.1:1/hunter2"} {
		got := s.Take(t.Context(), plenty, p, &Draft{Target: []byte(target)}, time.Now())
		if got.Outcome != Error || strings.Contains(got.Err.Error(), "hunter2") {
			t.Errorf("%s: %v: %v, want an error that does not say the target", target, got.Outcome, got.Err)
		}
	}
}

func TestDraftFollowsRedirectsAsItsProberDoes(t *testing.T) {
	var got []string
	other := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { got = append(got, sent(r)) }))
	defer other.Close()
	srv := serve(t, func(w http.ResponseWriter, r *http.Request) {
		got = append(got, sent(r))
		switch r.URL.Path {
		case "/a b":
			http.Redirect(w, r, "c", http.StatusTemporaryRedirect)
		case "/c":
			http.Redirect(w, r, other.URL+"/d", http.StatusTemporaryRedirect)
		}
	})
	p, s := mustProber(t, &HTTP{URL: srv.URL, Method: "POST", Body: "own"}, Env{}), mustSession(t, Env{})
	d := &Draft{Target: []byte("/a%20b"), Header: []HeaderField{{"X-Token", []byte("t")}}, Body: []byte("filled")}
	if sample := s.Take(t.Context(), plenty, p, d, time.Now()); sample.Err != nil {
		t.Fatal(sample.Err)
	}
	host, away := strings.TrimPrefix(srv.URL, "http://"), strings.TrimPrefix(other.URL, "http://")
	want := []string{
		"POST | /a%20b | " + host + " |  | t |  | filled",
		"POST | /c | " + host + " |  | t |  | filled",
		"POST | /d | " + away + " |  |  |  | filled", // what is meant for one host stays there
	}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("sent\n%s, want\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func TestDraftReadsOnlyAnExpectedAnswer(t *testing.T) {
	srv := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/503" {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
		w.Header().Set("X-Token", "t1")
		_, _ = io.WriteString(w, "body")
	})
	s := mustSession(t, Env{})
	var read []string
	var verdict error
	d := &Draft{Read: func(_ context.Context, a Answer) error {
		read = append(read, a.Header("X-Token")+" "+a.Header("X-None")+" "+string(a.Body))
		return verdict
	}}
	good, bad := mustProber(t, &HTTP{URL: srv.URL}, Env{}), mustProber(t, &HTTP{URL: srv.URL + "/503"}, Env{})
	if got := s.Take(t.Context(), plenty, good, d, time.Now()); got.Outcome != OK || len(read) != 1 || read[0] != "t1  body" {
		t.Errorf("%v, read %q, want ok and the answer", got.Outcome, read)
	}
	if got := s.Take(t.Context(), plenty, bad, d, time.Now()); got.Outcome != HTTP5xx || len(read) != 1 {
		t.Errorf("%v, read %q, want http_5xx and nothing read", got.Outcome, read)
	}
	verdict = errors.New("no token")
	got := s.Take(t.Context(), plenty, good, d, time.Now())
	if want := `fetching "GET ` + srv.URL + `": invalid response: no token`; got.Outcome != InvalidResponse || got.Err.Error() != want {
		t.Errorf("%v: %v, want invalid_response: %s", got.Outcome, got.Err, want)
	}
	if got := s.Take(t.Context(), plenty, good, nil, time.Now()); got.Outcome != OK {
		t.Errorf("%v after an answer that was refused, want ok", got.Outcome)
	}
}
