package load

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	promconfig "github.com/prometheus/common/config"

	"github.com/perfwatch/perfwatch/probes"
)

const visitToken = "hunter2-hunter2"

// A clinic is a site with a login, whose answers the tests make ill.
type clinic struct {
	visits, connections atomic.Int64
	cured               atomic.Bool
	ill                 string // the path whose answer is not as it should be
	answer              func(w http.ResponseWriter, r *http.Request)
}

func (c *clinic) start(t *testing.T) probes.Env {
	t.Helper()
	mux := http.NewServeMux()
	mux.HandleFunc("POST /login", func(w http.ResponseWriter, r *http.Request) {
		var who struct{ Name string }
		if json.NewDecoder(r.Body).Decode(&who) != nil || who.Name != "ann" || len(r.Cookies()) > 0 {
			w.WriteHeader(http.StatusBadRequest) // cookies of an earlier visit
			return
		}
		http.SetCookie(w, &http.Cookie{Name: "visit", Value: fmt.Sprint(c.visits.Add(1))})
		_, _ = fmt.Fprintf(w, `{"access": %q, "id": 7}`, visitToken)
	})
	mux.HandleFunc("GET /patients/{id}", func(w http.ResponseWriter, r *http.Request) {
		if _, err := r.Cookie("visit"); err != nil || r.Header.Get("Authorization") != "Bearer "+visitToken || r.PathValue("id") != "7" {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		_, _ = io.WriteString(w, "for "+visitToken+": well")
	})
	srv := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == c.ill && !c.cured.Load() {
			c.answer(w, r)
			return
		}
		mux.ServeHTTP(w, r)
	}))
	srv.Config.ConnState = func(_ net.Conn, s http.ConnState) {
		if s == http.StateNew {
			c.connections.Add(1)
		}
	}
	srv.Start()
	t.Cleanup(srv.Close)
	base, err := url.Parse(srv.URL)
	if err != nil {
		t.Fatal(err)
	}
	return probes.Env{BaseURL: base, HTTP: promconfig.DefaultHTTPClientConfig}
}

// hangs answers nothing. It reads the body first: a server sees only then that its client has gone.
func hangs(_ http.ResponseWriter, r *http.Request) {
	_, _ = io.Copy(io.Discard, r.Body)
	<-r.Context().Done()
}

func clinicVisit() *Journey {
	return &Journey{Steps: []Step{
		{
			Name:    "login",
			HTTP:    &probes.HTTP{Method: "POST", URL: "/login", JSON: map[string]any{"name": "ann"}},
			Capture: map[string]Capture{"token": {JSON: ".access"}, "patient": {JSON: ".id"}},
		},
		{
			Name: "patient",
			HTTP: &probes.HTTP{
				URL: "/patients/${patient}", Headers: map[string]string{"Authorization": "Bearer ${token}"},
				Expect: probes.Expect{BodyMatches: "well$"},
			},
		},
		{Name: "patient again", HTTP: &probes.HTTP{URL: "/patients/${patient}", Headers: map[string]string{"Authorization": "Bearer ${token}"}}},
	}}
}

func journeyOf(t *testing.T, j *Journey, env probes.Env) *journeyProber {
	t.Helper()
	p, err := j.Prober(env)
	if err != nil {
		t.Fatal(err)
	}
	own, ok := p.(*journeyProber)
	if !ok {
		t.Fatalf("a %T", p)
	}
	t.Cleanup(own.Close)
	return own
}

func takeJourney(t *testing.T, p probes.Prober, timeout time.Duration) probes.Sample {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), timeout)
	defer cancel()
	return probes.Take(ctx, p, time.Now())
}

func stepNames(s *probes.Sample) (names []string) {
	if s.Journey != nil {
		for _, step := range s.Journey.Steps {
			names = append(names, step.Name)
		}
	}
	return names
}

func TestAJourneyWalksThroughItsStepsAndStartsAfresh(t *testing.T) {
	var c clinic
	p := journeyOf(t, clinicVisit(), c.start(t))
	for range 3 {
		s := takeJourney(t, p, time.Minute)
		if got := strings.Join(stepNames(&s), ","); s.Err != nil || got != "login,patient,patient again" {
			t.Fatalf("%v after %s", s.Err, got)
		}
		sum := time.Duration(0)
		for _, step := range s.Journey.Steps {
			if step.Duration <= 0 {
				t.Errorf("step %q took %v", step.Name, step.Duration)
			}
			sum += step.Duration
		}
		if first, _ := s.Phases.Get(probes.FirstByte); s.Duration < sum || first <= 0 || first > sum {
			t.Errorf("the whole took %v, its steps %v, their first bytes %v", s.Duration, sum, first)
		}
		if want := int64(len(`{"access": "", "id": 7}`) + 3*len(visitToken) + 2*len("for : well")); s.Bytes != want || s.Status != 200 {
			t.Errorf("status %d, %d bytes, want %d", s.Status, s.Bytes, want)
		}
		if e := s.Evidence; e == nil || e.Step != "patient again" || e.Body != "for <secret>: well" {
			t.Errorf("evidence %+v", e)
		}
	}
	if c.visits.Load() != 3 || c.connections.Load() != 1 {
		t.Errorf("%d visits over %d connections, want 3 over 1", c.visits.Load(), c.connections.Load())
	}
}

func TestTheFirstStepThatFailsEndsAJourney(t *testing.T) {
	says := func(status int, body string) func(http.ResponseWriter, *http.Request) {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(status)
			_, _ = io.WriteString(w, body)
		}
	}
	large := strings.Repeat("x", maxCaptured+1)
	for _, tt := range []struct {
		name, ill string
		answer    func(http.ResponseWriter, *http.Request)
		want      probes.Outcome
		reason    string
		steps     string
	}{
		{"refuses", "/login", says(403, ""), probes.HTTP4xx, `step "login": status 403`, "login"},
		{"breaks later", "/patients/7", says(500, "on "+visitToken), probes.HTTP5xx, `step "patient": status 500`, "login,patient"},
		{"is ill", "/patients/7", says(200, "ill"), probes.InvalidResponse, `step "patient": `, "login,patient"},
		{"gives no token", "/login", says(200, `{"id": 7}`), probes.InvalidResponse, `step "login": `, "login"},
		{"gives no JSON", "/login", says(200, visitToken), probes.InvalidResponse, "the body is no JSON", "login"},
		{"gives a huge token", "/login", says(200, `{"id": 7, "access": "`+large+`"}`), probes.InvalidResponse, `capturing "token": over 65536 bytes`, "login"},
		{"gives a huge page", "/login", says(200, strings.Repeat(" ", 11<<20)), probes.BodyTooLarge, `step "login": `, "login"},
		{"gives a token that is no header", "/login", says(200, `{"id": 7, "access": "a\nHost: b"}`), probes.InvalidResponse,
			`step "patient": invalid response: filling in a header: a control character`, "login"},
		{"gives a path", "/login", says(200, `{"id": "../../admin?x=/", "access": "`+visitToken+`"}`), probes.HTTP4xx, `step "patient": `, "login,patient"},
		{"says nothing", "/patients/7", hangs, probes.Timeout, `step "patient": `,
			"login,patient"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := clinic{ill: tt.ill, answer: tt.answer}
			timeout := time.Minute
			if tt.want == probes.Timeout {
				timeout = time.Second
			}
			p := journeyOf(t, clinicVisit(), c.start(t))
			s := takeJourney(t, p, timeout)
			if got := strings.Join(stepNames(&s), ","); s.Outcome != tt.want || got != tt.steps {
				t.Errorf("%v after %s, want %v after %s: %v", s.Outcome, got, tt.want, tt.steps, s.Err)
			}
			if s.Err == nil || !strings.Contains(s.Err.Error(), tt.reason) || strings.Contains(s.Err.Error(), visitToken) {
				t.Errorf("%v, want %q", s.Err, tt.reason)
			}
			if e := s.Evidence; e != nil && (strings.Contains(e.Body+e.Head, visitToken) && tt.ill != "/login" ||
				e.Step != tt.steps[strings.LastIndex(tt.steps, ",")+1:]) {
				t.Errorf("evidence %+v", e)
			}
		})
	}
}

// A step that hangs has what the others left of the run's time, and leaves nothing to those after it.
func TestStepsShareTheDeadlineOfTheRun(t *testing.T) {
	c := clinic{ill: "/login", answer: hangs}
	p := journeyOf(t, clinicVisit(), c.start(t))
	s := takeJourney(t, p, 300*time.Millisecond)
	if s.Outcome != probes.Timeout || len(stepNames(&s)) != 1 || s.Duration < 300*time.Millisecond {
		t.Fatalf("%v of %q in %v", s.Outcome, stepNames(&s), s.Duration)
	}
	c.cured.Store(true)
	if s := takeJourney(t, p, time.Minute); s.Err != nil {
		t.Errorf("after one that hung: %v", s.Err)
	}
}

func TestJourneysMayRunAtOnceAndAfterTheirEnd(t *testing.T) {
	var c clinic
	p := journeyOf(t, clinicVisit(), c.start(t))
	done := make(chan error)
	for range 8 {
		go func() {
			for range 5 {
				if _, err := p.Probe(t.Context()); err != nil {
					done <- err
					return
				}
			}
			done <- nil
		}()
	}
	for range 8 {
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
	p.Close()
	if s := takeJourney(t, p, time.Minute); s.Err != nil || p.idle.Load() != nil {
		t.Errorf("%v, and a session is kept: %v", s.Err, p.idle.Load() != nil)
	}
}

func TestJourneyMistakes(t *testing.T) {
	page := &probes.HTTP{URL: "http://a.example/"}
	many := make([]Step, maxJourney+1)
	for i := range many {
		many[i] = Step{Name: fmt.Sprint(i), HTTP: page}
	}
	for _, tt := range []struct {
		name  string
		steps []Step
		want  string
	}{
		{"none", nil, "steps: missing, want 1 to 50 steps"},
		{"many", many, `steps: "51", want at most 50 steps`},
		{"twice", []Step{{Name: "a", HTTP: page}, {Name: "a", HTTP: page}}, `steps[1].name: "a", want a name that no task beside it has`},
		{"nameless", []Step{{HTTP: page}}, "steps[0].name: missing, want a name"},
		{"nothing asked", []Step{{Name: "a"}}, "steps[0].http: missing, want a request"},
		{"captured later", []Step{
			{Name: "a", HTTP: &probes.HTTP{URL: "http://a.example/${id}"}},
			{Name: "b", HTTP: page, Capture: map[string]Capture{"id": {JSON: ".id"}}},
		}, `steps[0].http.url: "${id}", want at column 18 one of`},
		{"own connections", []Step{{Name: "a", HTTP: &probes.HTTP{URL: page.URL, IPFamily: "ip4"}}},
			`steps[0].http.ip_family: "ip4", want nothing in a step`},
	} {
		if _, err := (&Journey{Steps: tt.steps}).Prober(probes.Env{}); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v, want %s", tt.name, err, tt.want)
		}
	}
}
