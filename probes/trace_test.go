package probes

import (
	"context"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/metadata"
)

func TestTraceIDsAreThoseOfTheHeader(t *testing.T) {
	var got []string
	srv := serve(t, func(w http.ResponseWriter, r *http.Request) {
		got = append(got, r.Header.Get("Traceparent"))
		if r.URL.Path == "/moved" {
			http.Redirect(w, r, "/", http.StatusFound)
		}
	})
	plain, moved := mustProber(t, &HTTP{URL: srv.URL}, Env{}), mustProber(t, &HTTP{URL: srv.URL + "/moved"}, Env{})
	s := mustSession(t, Env{})
	if id := sessionTake(t, s, plain, OK).TraceID; got[0] != "" || id.String() != "" {
		t.Errorf("header %q and id %q of a session that does not trace, want none", got[0], id)
	}
	s.Trace(rand.NewPCG(1, 2))
	format := regexp.MustCompile(`^00-([0-9a-f]{32})-[0-9a-f]{16}-01$`)
	ids := map[string]bool{}
	for range 3 {
		sample := sessionTake(t, s, plain, OK)
		m := format.FindStringSubmatch(got[len(got)-1])
		if m == nil || m[1] != sample.TraceID.String() {
			t.Fatalf("header %q of the trace %q, want version, its id, a span, sampled", got[len(got)-1], sample.TraceID)
		}
		ids[m[1]] = true
	}
	if len(ids) != 3 {
		t.Errorf("%d trace ids of 3 requests, want one each", len(ids))
	}
	before := len(got)
	sessionTake(t, s, moved, OK)
	if len(got) != before+2 || got[before] != got[before+1] {
		t.Errorf("the requests of a redirect carry %q, want one trace", got[before:])
	}
	again := mustSession(t, Env{})
	again.Trace(rand.NewPCG(1, 2))
	if id := sessionTake(t, again, plain, OK).TraceID.String(); !ids[id] {
		t.Errorf("trace id %q from the same seed, want one of %v", id, ids)
	}
}

func TestPanicKeepsItsTrace(t *testing.T) {
	broken := mustProber(t, &HTTP{URL: "http://127.0.0.1/"}, Env{})
	broken.request = nil
	s := mustSession(t, Env{})
	s.Trace(rand.NewPCG(1, 2))
	if got := s.Take(t.Context(), plenty, broken, nil, time.Now()); got.Outcome != Panic || got.TraceID == (TraceID{}) {
		t.Errorf("outcome %v, trace %q, want a panic with its trace", got.Outcome, got.TraceID)
	}
}

// The id of a request that was never sent leads to no trace.
func TestWhatWasNeverSentHasNoTrace(t *testing.T) {
	dead := deadAddress(t)
	here := serve(t, func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "http://"+dead, http.StatusFound) })
	hanging := socketServer(t, thenHangs(""))
	for _, tt := range []struct {
		url    string
		want   Outcome
		traced bool
	}{{"http://" + dead, Refused, false}, {here.URL, Refused, true}, {hanging, Timeout, true}} {
		p := mustProber(t, &HTTP{URL: tt.url}, Env{})
		direct, full := bothPaths(t)
		samples := []Sample{takeFor(t, p, patience)}
		for _, s := range []*Session{direct, full} {
			s.Trace(rand.NewPCG(1, 2))
			samples = append(samples, s.Take(t.Context(), patience, p, nil, time.Now()))
		}
		for i, s := range samples {
			if s.Outcome != tt.want || s.TraceID != (TraceID{}) != tt.traced {
				t.Errorf("%s, way %d: outcome %v, trace %q, want %v and a trace: %v", tt.url, i, s.Outcome, s.TraceID, tt.want, tt.traced)
			}
		}
	}
}

func TestScheduledRunsHaveTracesOfTheirOwn(t *testing.T) {
	var got []string
	srv := serve(t, func(w http.ResponseWriter, r *http.Request) {
		got = append(got, r.Header.Get("Traceparent"))
		if r.URL.Path == "/broken" {
			w.WriteHeader(http.StatusInternalServerError)
		}
	})
	ids := map[TraceID]bool{}
	for _, path := range []string{"/", "/broken"} {
		p := mustProber(t, &HTTP{URL: srv.URL + path}, Env{})
		for range 3 {
			s := Take(t.Context(), p, time.Time{})
			if want := "00-" + s.TraceID.String() + "-"; len(got) == 0 || !strings.HasPrefix(got[len(got)-1], want) {
				t.Fatalf("headers %q, want the last to begin with %q", got, want)
			}
			ids[s.TraceID] = true
		}
	}
	if len(ids) != 6 || ids[TraceID{}] {
		t.Errorf("traces %v of 6 runs, want one each", ids)
	}
}

func TestATraceThatIsConfiguredStays(t *testing.T) {
	const own = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00"
	var got string
	srv := serve(t, func(_ http.ResponseWriter, r *http.Request) { got = r.Header.Get("Traceparent") })
	p := mustProber(t, &HTTP{URL: srv.URL, Headers: map[string]string{"traceparent": own}}, Env{})
	if s := Take(t.Context(), p, time.Time{}); got != own || s.TraceID != (TraceID{}) {
		t.Errorf("header %q and trace %q, want the one given and none of ours", got, s.TraceID)
	}
}

// What is no HTTP is told its trace as it may be told, and nobody's own trace is replaced.
func TestTracesOfOtherKinds(t *testing.T) {
	const own = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00"
	format := regexp.MustCompile(`^00-([0-9a-f]{32})-[0-9a-f]{16}-01$`)
	var seen string
	address, stop := startGRPC(t, doctor{check: func(ctx context.Context) (*grpc_health_v1.HealthCheckResponse, error) {
		md, _ := metadata.FromIncomingContext(ctx)
		seen = strings.Join(md["traceparent"], ",")
		return &grpc_health_v1.HealthCheckResponse{Status: grpc_health_v1.HealthCheckResponse_SERVING}, nil
	}})
	defer stop()
	dir, name := shellScript(t, `printf %s "$TRACEPARENT" > trace`)
	command := []string{name}
	for _, tt := range []struct {
		spec, traced Spec
		seen         func() string
	}{
		{&GRPC{Address: address}, &GRPC{Address: address, Headers: map[string]string{"TraceParent": own}}, func() string { return seen }},
		{&Exec{Command: command}, &Exec{Command: command, Env: map[string]string{"TRACEPARENT": own}}, func() string {
			text, err := os.ReadFile(filepath.Join(dir, "trace"))
			if err != nil {
				t.Fatal(err)
			}
			return string(text)
		}},
	} {
		p, ids := mustBuild(t, tt.spec, Env{Dir: dir}), map[TraceID]bool{}
		for range 2 {
			s := takeWithin(t, p, OK)
			if m := format.FindStringSubmatch(tt.seen()); s.Outcome != OK || m == nil || m[1] != s.TraceID.String() {
				t.Errorf("%s: %v, it saw %q of the trace %q: %v", tt.spec.Kind(), s.Outcome, tt.seen(), s.TraceID, s.Err)
			}
			ids[s.TraceID] = true
		}
		if len(ids) != 2 {
			t.Errorf("%s: %d traces of 2 runs", tt.spec.Kind(), len(ids))
		}
		s := takeWithin(t, mustBuild(t, tt.traced, Env{Dir: dir}), OK)
		if s.Outcome != OK || tt.seen() != own || s.TraceID != (TraceID{}) {
			t.Errorf("%s: %v, it saw %q of the trace %q, want the one given and none of ours: %v", tt.spec.Kind(), s.Outcome, tt.seen(),
				s.TraceID, s.Err)
		}
	}
}

// Runs of one prober may overlap, as /probe and the schedule do: none gets what belongs to another.
func TestOverlappingRunsShareNothing(t *testing.T) {
	srv := serve(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Server-Timing", "t"+r.Header.Get("Traceparent")[3:35]+";dur=1")
	})
	p := mustProber(t, &HTTP{URL: srv.URL}, Env{})
	var runs sync.WaitGroup
	for range 8 {
		runs.Go(func() {
			for range 50 {
				s := Take(t.Context(), p, time.Time{})
				if len(s.ServerTimings) != 1 || s.ServerTimings[0].Name != "t"+s.TraceID.String() {
					t.Errorf("timings %v of trace %q: %v", s.ServerTimings, s.TraceID, s.Err)
				}
			}
		})
	}
	runs.Wait()
}
