package load

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/perfwatch/perfwatch/probes"
)

// A shop knows its users by the tokens that it gave them, and notes what they asked.
type shop struct {
	mu    sync.Mutex
	asked []string
}

func (s *shop) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	if r.URL.Path == "/login" {
		var who struct{ Username, Password string }
		if json.Unmarshal(body, &who) != nil || who.Password != "pa ss" {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		w.Header().Set("X-Session", "s-"+who.Username)
		_, _ = fmt.Fprintf(w, `{"access_token": "t-%s", "csrf": "value=\"c-%s\""}`, who.Username, who.Username)
		return
	}
	user, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer t-")
	if !ok || r.Header.Get("X-Session") != "s-"+user {
		w.WriteHeader(http.StatusForbidden)
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.asked = append(s.asked, strings.TrimSpace(fmt.Sprint(user, " ", r.Method, " ", r.URL.RequestURI(), " ", string(body))))
}

func loginStep(password string) Step {
	return Step{
		Name: "login",
		HTTP: &probes.HTTP{Method: "POST", URL: "/login", JSON: map[string]any{"username": "user${user}", "password": password}},
		Capture: map[string]Capture{
			"token": {JSON: ".access_token"}, "session": {Header: "x-session"}, "csrf": {Regexp: `value=\\"([^\\]+)`},
		},
	}
}

// visit runs a burst against a new shop and returns what was asked of it.
func visit(t *testing.T, spec Spec) (*Summary, []string) {
	t.Helper()
	s := &shop{}
	server := httptest.NewServer(s)
	defer server.Close()
	base, err := url.Parse(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	p, err := spec.Plan("burst", probes.Env{BaseURL: base})
	if err != nil {
		t.Fatal(err)
	}
	p.usage = func() usage { return usage{} }
	p.Seed = 42
	return Run(t.Context(), p, &log{}), s.asked
}

func journeySpec() Spec {
	return Spec{
		Users: 1, Iterations: 6, Setup: []Step{loginStep("pa ss")},
		Headers: map[string]string{"authorization": "Bearer ${token}", "X-Session": "wrong"},
		Data:    map[string]Feed{"symbol": {Values: []string{"A", "B/C", "D"}, Pick: Unique}},
		Tasks: []Task{{Name: "buy", HTTP: &probes.HTTP{
			Method: "POST", URL: "/buy/${symbol}?n=${int:3:3}", Headers: map[string]string{"x-session": "${session}"},
			JSON: map[string]any{"csrf": "${csrf}", "features": "${vector:1}", "text": "n${user}", "fixed": []any{1.5, nil, true}},
		}}},
	}
}

func TestUsersLogInAndFillInTheirRequests(t *testing.T) {
	s, asked := visit(t, journeySpec())
	if s.Requests() != 3 || s.Failures() != 0 || s.Result == Aborted {
		t.Errorf("%s: %d requests, %d failed (%s), want 3 for three values", s.Result, s.Requests(), s.Failures(), s.Reason)
	}
	for i, symbol := range []string{"A", "B%2FC", "D"} {
		want := "user1 POST /buy/" + symbol + `?n=3 {"csrf":"c-user1","features":[0.######],"fixed":[1.5,null,true],"text":"n1"}`
		if i >= len(asked) || !sameButDigits(asked[i], want) {
			t.Errorf("request %d: %q, want %s", i, asked[min(i, len(asked)-1)], want)
		}
	}
}

// sameButDigits lets the # of a pattern stand for a digit.
func sameButDigits(got, pattern string) bool {
	if len(got) != len(pattern) {
		return false
	}
	for i := range len(got) {
		digit := pattern[i] == '#' && got[i] >= '0' && got[i] <= '9'
		if got[i] != pattern[i] && !digit {
			return false
		}
	}
	return true
}

func TestASeedRepeatsABurst(t *testing.T) {
	spec := journeySpec()
	spec.Iterations = 50
	spec.Data = map[string]Feed{"symbol": {Count: 1000, Pick: Zipf}}
	_, first := visit(t, spec)
	_, second := visit(t, spec)
	if len(first) != 50 || !slices.Equal(first, second) {
		t.Errorf("one seed sent\n%q\nand\n%q", first, second)
	}
}

func TestABurstWhoseUsersCannotBeginIsAborted(t *testing.T) {
	spec := journeySpec()
	spec.Users, spec.Iterations, spec.Duration = 10, 0, time.Minute
	spec.Setup = []Step{loginStep("secret-${user}")}
	s, asked := visit(t, spec)
	if s.Result != Aborted || s.Cause != BySetup || len(asked) != 0 {
		t.Errorf("%s by %s, %d requests, want aborted by setup", s.Result, s.Cause, len(asked))
	}
	if !strings.Contains(s.Reason, `users could not begin: step "login": status 401, want 2xx`) || strings.Contains(s.Reason, "secret") {
		t.Errorf("reason %q, want the step and its status, and no password", s.Reason)
	}
}

func TestABurstThatSomeUsersCannotJoinIsInvalid(t *testing.T) {
	spec := journeySpec()
	spec.Users, spec.Iterations, spec.IterationsPerUser = 3, 0, 1
	step := loginStep("pa ss")
	step.Capture["token"] = Capture{JSON: `if .access_token == "t-user2" then null else .access_token end`}
	spec.Setup = []Step{step}
	s, _ := visit(t, spec)
	if s.Result != Invalid || s.Reason != `1 users could not begin: step "login": capturing "token": nothing there` || s.Requests() != 2 {
		t.Errorf("%s: %s with %d requests, want invalid with 2", s.Result, s.Reason, s.Requests())
	}
}

func TestMistakesOfTemplatesHaveTheirPlace(t *testing.T) {
	tests := []struct {
		change func(*Spec)
		want   string
	}{
		{func(s *Spec) { s.Tasks[0].HTTP.URL = "/x/${symbl}" }, `tasks[0].http.url: "${symbl}", want at column 4 one of ${symbol}, ${csrf}`},
		{func(s *Spec) { s.Tasks[0].HTTP.URL = "http://${symbol}.test/" }, `tasks[0].http.url: "http://${symbol}.test/", want templates in the path`},
		{func(s *Spec) { s.Tasks[0].HTTP.URL = "/x#${symbol}" }, `want templates in the path and the query only`},
		{func(s *Spec) { s.Tasks[0].HTTP.JSON = map[string]any{"a": []any{"${x}"}} }, `tasks[0].http.json.a[0]: "${x}", want at column 1`},
		{func(s *Spec) { s.Tasks[0].HTTP.Headers["x-session"] = "${x}" }, `tasks[0].http.headers.x-session: "${x}"`},
		{func(s *Spec) { s.Tasks[0].HTTP.Method = "DELETE"; s.Tasks[0].HTTP.JSON = nil }, `tasks[0].http.method: "DELETE", want GET, HEAD, OPTIONS or POST, or writes: true`},
		{func(s *Spec) { s.Tasks[0].Capture = map[string]Capture{"other": {JSON: "."}} }, `tasks[0].capture.other: "other", want the name of a value that a step of setup`},
		{func(s *Spec) { s.Setup[0].HTTP.URL = "/${token}" }, `setup[0].http.url: "${token}"`},
		{func(s *Spec) { s.Setup[0].Capture["token"] = Capture{JSON: ".["} }, `setup[0].capture.token: ".[", want a gojq query`},
		{func(s *Spec) { s.Setup[0].Capture["token"] = Capture{} }, `setup[0].capture.token: missing, want a gojq query, or one of json, header and regexp`},
		{func(s *Spec) { s.Setup[0].Capture["csrf"] = Capture{Regexp: "("} }, `setup[0].capture.csrf.regexp: "(", want an RE2`},
		{func(s *Spec) { s.Setup[0].Capture["user"] = Capture{JSON: "."} }, `setup[0].capture.user: "user", want a name of letters`},
		{func(s *Spec) { s.Setup[0].HTTP = nil }, `setup[0].http: missing`},
		{func(s *Spec) { s.Data["symbol"] = Feed{Count: 3, Pick: "odd"} }, `data.symbol.pick: "odd", want uniform, zipf, sequential or unique`},
		{func(s *Spec) { s.Data["symbol"] = Feed{Count: 3, Exponent: 2} }, `data.symbol.exponent: "2", want only beside pick: zipf`},
		{func(s *Spec) { s.Users, s.Iterations, s.Rate, s.MaxUsers, s.Duration = 0, 0, 1, 1, time.Second }, `data.symbol.pick: "unique", want unique only beside users`},
	}
	for _, tt := range tests {
		spec := journeySpec()
		tt.change(&spec)
		_, err := spec.Plan("burst", probes.Env{BaseURL: &url.URL{Scheme: "http", Host: "127.0.0.1"}})
		if err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%v\nwant %s", err, tt.want)
		}
	}
	spec := journeySpec()
	spec.Tasks[0].HTTP.Method, spec.Writes = "PUT", true
	if _, err := spec.Plan("burst", probes.Env{BaseURL: &url.URL{Scheme: "http", Host: "127.0.0.1"}}); err != nil {
		t.Error(err)
	}
}

func TestARequestWithoutTemplatesIsTheProbersOwn(t *testing.T) {
	spec := Spec{Users: 1, Duration: time.Second, Tasks: []Task{{Name: "a", HTTP: &probes.HTTP{URL: "/a?b=$${c}"}}}}
	p, err := spec.Plan("burst", probes.Env{BaseURL: &url.URL{Scheme: "http", Host: "127.0.0.1"}})
	if err != nil {
		t.Fatal(err)
	}
	if !p.Leaves[0].message.plain() || p.Leaves[0].Prober.Target() != "/a?b=${c}" {
		t.Errorf("%+v, target %s", p.Leaves[0].message, p.Leaves[0].Prober.Target())
	}
}
