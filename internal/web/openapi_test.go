package web

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
	"github.com/getkin/kin-openapi/routers/gorillamux"

	"github.com/perfwatch/perfwatch/internal/pipeline"
)

// described is the API as its file describes it.
func described(t *testing.T) (*openapi3.T, routers.Router) {
	t.Helper()
	doc, err := openapi3.NewLoader().LoadFromData(openapi)
	if err != nil {
		t.Fatal(err)
	}
	if err := doc.Validate(t.Context()); err != nil {
		t.Fatal(err)
	}
	router, err := gorillamux.NewRouter(doc)
	if err != nil {
		t.Fatal(err)
	}
	return doc, router
}

// apiHandler serves an API with something of everything.
func apiHandler(t *testing.T) http.Handler {
	t.Helper()
	daily, err := pipeline.New(pipeline.Spec{
		Name: "daily", Budget: time.Hour, StuckAfter: time.Hour, Items: 10, Stages: []pipeline.Stage{{Name: "fetch", Budget: time.Minute}, {Name: "predict"}},
	}, nil, nil, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	full := errors.New("disk full")
	return serve(t, func(o *Options) {
		o.Lifecycle = true
		o.Pipelines = func() []pipeline.Status { return []pipeline.Status{daily.Status(time.Now())} }
		o.ReportPipeline = func(name string, e pipeline.Event) (pipeline.Receipt, error) {
			switch {
			case name != "daily":
				return pipeline.Receipt{}, ErrNoPipeline
			case e.Run == "full":
				return pipeline.Receipt{}, full
			}
			return daily.Report(e, time.Now())
		}
		o.StartBurst = func(name string) error {
			return map[string]error{"nobody": ErrNoBurst, "busy": errors.New("it runs")}[name]
		}
		o.StopBurst = o.StartBurst
		o.Kept = func(name string) (any, error) {
			if name == "nobody" {
				return nil, ErrNoBurst
			}
			return map[string]any{"probe": name, "start": now(), "end": now(), "result": "completed", "leaves": []any{}}, nil
		}
	})
}

// Each operation that the file describes answers as it says, in each of its statuses that a caller can bring about.
func TestTheAPIIsAsItIsDescribed(t *testing.T) {
	doc, router := described(t)
	h := apiHandler(t)
	seen := map[string]bool{}
	for _, c := range []struct {
		method, target string
		status         int
	}{
		{"GET", "/api/v1/objectives", 200},
		{"GET", "/api/v1/probes", 200},
		{"GET", "/api/v1/probes/dashboard", 200},
		{"GET", "/api/v1/probes/nobody", 404},
		{"GET", "/api/v1/bursts", 200},
		{"GET", "/api/v1/bursts/journey", 200},
		{"GET", "/api/v1/bursts/nobody", 404},
		{"POST", "/api/v1/bursts/journey/start", 202},
		{"POST", "/api/v1/bursts/nobody/start", 404},
		{"POST", "/api/v1/bursts/busy/start", 409},
		{"POST", "/api/v1/bursts/journey/stop", 202},
		{"POST", "/api/v1/bursts/nobody/stop", 404},
		{"POST", "/api/v1/bursts/busy/stop", 409},
		{"POST", "/api/v1/pipelines/daily/fetch/start?run=a", 200},
		{"POST", "/api/v1/pipelines/daily/fetch/progress?run=a&items=5", 200},
		{"GET", "/api/v1/pipelines", 200},
		{"POST", "/api/v1/pipelines/daily/fetch/finish?run=a&items=10&exit_code=0&memory_peak_bytes=4096", 200},
		{"POST", "/api/v1/pipelines/daily/fetch/fail?run=a", 409},
		{"POST", "/api/v1/pipelines/daily/predict/fail?run=a&exit_code=137&at=" + time.Now().UTC().Format(time.RFC3339), 200},
		{"GET", "/api/v1/pipelines/daily", 200},
		{"GET", "/api/v1/pipelines/nobody", 404},
		{"POST", "/api/v1/pipelines/nobody/fetch/start", 404},
		{"POST", "/api/v1/pipelines/daily/other/start", 404},
		{"POST", "/api/v1/pipelines/daily/fetch/start?run=full", 503},
	} {
		w := httptest.NewRecorder()
		req := httptest.NewRequestWithContext(t.Context(), c.method, c.target, nil)
		h.ServeHTTP(w, req)
		if w.Code != c.status {
			t.Errorf("%s %s: %d %s, want %d", c.method, c.target, w.Code, w.Body, c.status)
		}
		seen[conforms(t, router, req, w)] = true
	}
	for path, item := range doc.Paths.Map() {
		for method, operation := range item.Operations() {
			for status := range operation.Responses.Map() {
				if key := fmt.Sprint(method, path, status); !seen[key] && status != "403" && status != "400" {
					t.Errorf("%s is described and was not seen", key)
				}
			}
		}
	}
}

// conforms checks a request and its answer, and says what was seen.
func conforms(t *testing.T, router routers.Router, req *http.Request, w *httptest.ResponseRecorder) string {
	t.Helper()
	route, params, err := router.FindRoute(req)
	if err != nil {
		t.Fatalf("%s %s is not described: %v", req.Method, req.URL, err)
	}
	in := &openapi3filter.RequestValidationInput{Request: req, PathParams: params, Route: route}
	if err := openapi3filter.ValidateRequest(t.Context(), in); err != nil {
		t.Errorf("%s %s: %v", req.Method, req.URL, err)
	}
	out := &openapi3filter.ResponseValidationInput{
		RequestValidationInput: in, Status: w.Code, Header: w.Header(), Body: io.NopCloser(bytes.NewReader(w.Body.Bytes())),
		Options: &openapi3filter.Options{IncludeResponseStatus: true},
	}
	if err := openapi3filter.ValidateResponse(t.Context(), out); err != nil {
		t.Errorf("%s %s answers otherwise than described: %v", req.Method, req.URL, err)
	}
	return fmt.Sprint(req.Method, route.Path, w.Code)
}

// What the file does not allow is refused with a problem, and leaves nothing behind.
func TestWhatTheAPIDoesNotTake(t *testing.T) {
	h := apiHandler(t)
	for _, c := range []struct {
		target string
		status int
	}{
		{"/api/v1/pipelines/daily/fetch/start?itmes=3", 400},
		{"/api/v1/pipelines/daily/fetch/start?items=-1", 400},
		{"/api/v1/pipelines/daily/fetch/start?items=1e3", 400},
		{"/api/v1/pipelines/daily/fetch/start?items=9999999999999999999999", 400},
		{"/api/v1/pipelines/daily/fetch/start?run=", 400},
		{"/api/v1/pipelines/daily/fetch/start?run=a&run=b", 400},
		{"/api/v1/pipelines/daily/fetch/start?run=%3Cb%3E", 400},
		{"/api/v1/pipelines/daily/fetch/start?at=yesterday", 400},
		{"/api/v1/pipelines/daily/fetch/start?at=1999-01-01T00:00:00Z", 400},
		{"/api/v1/pipelines/daily/fetch/begin", 400},
		{"/api/v1/pipelines/daily/fetch/progress?run=a", 400},
		{"/api/v1/pipelines/daily/fetch", 404},
		{"/api/v1/nothing", 404},
		{"/api/v1/objectives", 404},
	} {
		w := ask(h, "POST", c.target, "")
		if w.Code != c.status || w.Header().Get("Content-Type") != "application/problem+json" {
			t.Errorf("%s: %d %s %s, want %d and a problem", c.target, w.Code, w.Header().Get("Content-Type"), w.Body, c.status)
		}
	}
	if got := ask(h, "GET", "/api/v1/pipelines/daily", "").Body.String(); !bytes.Contains([]byte(got), []byte(`"open":[],"ended":[]`)) {
		t.Errorf("something is left: %s", got)
	}
	if w := ask(h, "GET", "/api/v1/openapi.yaml", ""); !bytes.Equal(w.Body.Bytes(), openapi) {
		t.Error("the description is not served")
	}
}
