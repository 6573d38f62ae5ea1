package probes

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	promconfig "github.com/prometheus/common/config"
)

// echo answers with what matters of a request, and redirects /CODE?to=URL.
func echo(w http.ResponseWriter, r *http.Request) {
	var code int
	if _, err := fmt.Sscanf(r.URL.Path, "/%d", &code); err == nil {
		w.Header().Set("Location", r.URL.Query().Get("to"))
		w.WriteHeader(code)
		_, _ = io.WriteString(w, "moved")
		return
	}
	body, _ := io.ReadAll(r.Body)
	_, _ = fmt.Fprintf(w, "%s %q type=%q key=%q auth=%q agent=%q", r.Method, body,
		r.Header.Get("Content-Type"), r.Header.Get("X-Key"), r.Header.Get("Authorization"), r.UserAgent())
}

func TestRedirectsKeepMethodAndSecretsWhereTheyBelong(t *testing.T) {
	here, there := serve(t, echo).URL, serve(t, echo).URL
	const secrets, none = ` key="k" auth="s" agent="perfwatch"`, ` key="" auth="" agent="perfwatch"`
	for _, tt := range []struct {
		name   string
		method string
		path   string
		want   string
	}{
		{"301 turns POST into GET", "POST", "/301?to=/end", `GET "" type=""` + secrets},
		{"302 turns POST into GET", "POST", "/302?to=/end", `GET "" type=""` + secrets},
		{"303 turns PUT into GET", "PUT", "/303?to=end", `GET "" type=""` + secrets},
		{"307 keeps POST and body", "POST", "/307?to=/end", `POST "1" type="application/json"` + secrets},
		{"308 keeps PUT and body", "PUT", "/308?to=/end", `PUT "1" type="application/json"` + secrets},
		{"two in a row", "POST", "/307?to=/308?to=/end", `POST "1" type="application/json"` + secrets},
		{"another host gets no secrets", "POST", "/302?to=" + there + "/end", `GET "" type=""` + none},
		{"another host gets the body of a 307", "POST", "/307?to=" + there + "/end", `POST "1" type="application/json"` + none},
		{"secrets stay away on the way back", "POST", "/302?to=" + there + "/302?to=" + here + "/end", `GET "" type=""` + none},
	} {
		t.Run(tt.name, func(t *testing.T) {
			spec := HTTP{URL: here + tt.path, Method: tt.method, JSON: 1, Headers: map[string]string{"X-Key": "k", "Authorization": "s"}}
			p := mustProber(t, &spec, Env{})
			if got := bodyOf(t, newExchange(p.transport), p); got != tt.want {
				t.Errorf("the end saw %s\nwant        %s", got, tt.want)
			}
			s := take(t, p, OK)
			if s.Status != 200 || s.Bytes != int64(len(tt.want)) {
				t.Errorf("status %d and %d bytes, want those of the end: 200 and %d", s.Status, s.Bytes, len(tt.want))
			}
		})
	}
}

// TestCredentialsOfTheConfigurationStay: http_client's own credentials are kept from other hosts as well.
func TestCredentialsOfTheConfigurationStay(t *testing.T) {
	here := serve(t, echo).URL
	there := strings.Replace(serve(t, echo).URL, "127.0.0.1", "localhost", 1)
	cfg := promconfig.DefaultHTTPClientConfig
	cfg.BasicAuth = &promconfig.BasicAuth{Username: "u", Password: "p"}
	raw := promconfig.DefaultHTTPClientConfig
	raw.FollowRedirects = false // the probe's own word counts
	raw.HTTPHeaders = &promconfig.Headers{Headers: map[string]promconfig.Header{
		"Authorization": {Secrets: []promconfig.Secret{"Basic dTpw"}},
	}}
	follow := true
	for to, want := range map[string]string{"/end": "Basic dTpw", there + "/end": ""} {
		for _, cfg := range []promconfig.HTTPClientConfig{cfg, raw} {
			p := mustProber(t, &HTTP{URL: here + "/302?to=" + to, FollowRedirects: &follow}, Env{HTTP: cfg})
			if got := bodyOf(t, newExchange(p.transport), p); !strings.Contains(got, fmt.Sprintf("auth=%q", want)) {
				t.Errorf("redirected to %s: %s, want auth %q", to, got, want)
			}
		}
	}
}

func TestRedirectsAreCounted(t *testing.T) {
	srv := serve(t, func(w http.ResponseWriter, r *http.Request) {
		var n int
		_, _ = fmt.Sscanf(r.URL.Path, "/%d", &n)
		if n > 0 {
			http.Redirect(w, r, fmt.Sprintf("/%d", n-1), http.StatusFound)
		}
	})
	take(t, mustProber(t, &HTTP{URL: srv.URL + "/10"}, Env{}), OK)
	s := take(t, mustProber(t, &HTTP{URL: srv.URL + "/11"}, Env{}), InvalidResponse)
	if !strings.HasSuffix(s.Err.Error(), "more than 10 redirects") || s.Status != 302 {
		t.Errorf("status %d, %v, want 302 and more than 10 redirects", s.Status, s.Err)
	}
}

func TestRedirectsAreNotFollowed(t *testing.T) {
	srv := serve(t, echo)
	no, yes := false, true
	never := promconfig.DefaultHTTPClientConfig
	never.FollowRedirects = false
	for _, tt := range []struct {
		name   string
		follow *bool
		expect []int
		env    Env
		status int
		want   Outcome
	}{
		{"by default they are", nil, nil, Env{}, 200, OK},
		{"refused", &no, nil, Env{}, 302, InvalidResponse},
		{"refused and expected", &no, []int{302}, Env{}, 302, OK},
		{"expected", nil, []int{302}, Env{}, 302, OK},
		{"refused for all", nil, nil, Env{HTTP: never}, 302, InvalidResponse},
		{"refused for all, but not here", &yes, nil, Env{HTTP: never}, 200, OK},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p := mustProber(t, &HTTP{URL: srv.URL + "/302?to=/end", FollowRedirects: tt.follow, Expect: Expect{Status: tt.expect}}, tt.env)
			if s := take(t, p, tt.want); s.Status != tt.status {
				t.Errorf("status %d, want %d", s.Status, tt.status)
			}
		})
	}
}

// TestPhasesOfAChainAreSums has a second host that is slow to connect to: its connect must not hide the first's.
func TestPhasesOfAChainAreSums(t *testing.T) {
	wait := 20 * time.Millisecond
	slow := func(w http.ResponseWriter, r *http.Request) {
		timer := time.NewTimer(wait)
		<-timer.C
		echo(w, r)
	}
	srv := serve(t, slow)
	s := take(t, mustProber(t, &HTTP{URL: srv.URL + "/302?to=/307?to=/end"}, Env{}), OK)
	wantPhases(t, s, Connect, Request, FirstByte, Transfer)
	if d, _ := s.Phases.Get(FirstByte); d < 3*wait {
		t.Errorf("first byte %v, want the sum over three requests of %v each", d, wait)
	}
}
