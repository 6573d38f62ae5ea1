package web

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"

	"github.com/perfwatch/perfwatch/internal/config"
)

// serve makes the handler of a night's page, changed by the test.
func serve(t *testing.T, change func(*Options)) http.Handler {
	t.Helper()
	o := Options{
		Registry: prometheus.NewRegistry(), Logger: slog.New(slog.DiscardHandler), Version: "1.2.3",
		ExternalURL: "https://perfwatch.test/prefix/", Status: nightPage,
		Probes: nightProbes, History: nightHistory,
	}
	if change != nil {
		change(&o)
	}
	h, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

// ask sends one request; headers are pairs.
func ask(h http.Handler, method, target, body string, headers ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, target, strings.NewReader(body))
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

func TestEveryPathAnswersItsMethodsAndNoOther(t *testing.T) {
	h := serve(t, nil)
	for _, c := range []struct {
		method, target string
		status         int
		body           string // what it contains
	}{
		{"GET", "/", 200, "<h2>Targets</h2>"},
		{"HEAD", "/", 200, ""},
		{"POST", "/", 405, ""},
		{"BREW", "/", 405, ""},
		{"GET", "/metrics", 200, ""},
		{"POST", "/metrics", 405, ""},
		{"GET", "/-/healthy", 200, "perfwatch is healthy\n"},
		{"DELETE", "/-/healthy", 405, ""},
		{"GET", "/-/ready", 200, "perfwatch is ready\n"},
		{"GET", "/-/reload", 405, ""},
		{"POST", "/-/reload", 403, "start perfwatch with --web.enable-lifecycle"},
		{"PUT", "/-/reload", 403, "start perfwatch with --web.enable-lifecycle"},
		{"GET", "/faults", 404, ""},
		{"POST", "/faults", 404, ""},
		{"GET", "/debug/pprof/", 200, "goroutine"},
		{"GET", "/debug/pprof/cmdline", 200, "web.test"},
		{"GET", "/debug/pprof/symbol", 200, "num_symbols"},
		{"GET", "/debug/pprof/goroutine?debug=1", 200, "goroutine profile"},
		{"GET", "/debug/pprof/nonsense", 404, ""},
		{"GET", "/debug/pprof/profile?seconds=86400", 400, "up to 300"},
		{"GET", "/debug/pprof/trace?seconds=NaN", 400, "up to 300"},
		{"GET", "/debug/pprof/trace?seconds=0.01", 200, ""},
		{"GET", "/runbooks/PerfwatchApiLatencyP95", 404, "no such runbook\n"},
		{"GET", "/static/style.css", 404, "no such file\n"},
		{"GET", "/nonsense", 404, "404 page not found\n"},
		{"GET", "/" + strings.Repeat("a/", 30_000), 404, "404 page not found\n"},
	} {
		w := ask(h, c.method, c.target, "")
		if w.Code != c.status || !strings.Contains(w.Body.String(), c.body) {
			t.Errorf("%s %.40s: status %d, body %.80q, want %d with %q", c.method, c.target, w.Code, w.Body, c.status, c.body)
		}
		if got := w.Header().Get("Content-Security-Policy"); got != policy {
			t.Errorf("%s %.40s: policy %q", c.method, c.target, got)
		}
		if w.Header().Get("X-Content-Type-Options") != "nosniff" || w.Header().Get("X-Frame-Options") != "DENY" {
			t.Errorf("%s %.40s: headers %v lack nosniff or framing", c.method, c.target, w.Header())
		}
	}
}

func TestReadyIsRefusedUntilReady(t *testing.T) {
	ready := false
	h := serve(t, func(o *Options) { o.Ready = func() bool { return ready } })
	if w := ask(h, "GET", "/-/ready", ""); w.Code != 503 || w.Body.String() != "perfwatch is not ready\n" {
		t.Errorf("before: %d %q", w.Code, w.Body)
	}
	ready = true
	if w := ask(h, "GET", "/-/ready", ""); w.Code != 200 {
		t.Errorf("after: %d %q", w.Code, w.Body)
	}
}

func TestReloadSaysWhatIsWrong(t *testing.T) {
	mistakes := config.Mistakes{
		{Line: 3, Path: "global", Message: "one"},
		{Line: 14, Path: `probes[2] "checkout": http.url`, Message: "two"},
	}
	const refused = "configuration not reloaded, the last good one stays:\n"
	for _, c := range []struct {
		name   string
		err    error
		status int
		body   string
	}{
		{"good", nil, 200, "configuration reloaded\n"},
		{"unreadable", errors.New("reading file: gone"), 500, refused + "reading file: gone\n"},
		{"mistakes", mistakes, 500, refused + mistakes[0].Error() + "\n" + mistakes[1].Error() + "\n"},
		{"a very long text", errors.New(strings.Repeat("x", 1<<20)), 500, refused + strings.Repeat("x", maxMistakes-len("…")) + "…\n"},
	} {
		h := serve(t, func(o *Options) {
			o.Lifecycle, o.Reload = true, func(context.Context) error { return c.err }
		})
		w := ask(h, "POST", "/-/reload", "")
		if w.Code != c.status || w.Body.String() != c.body {
			t.Errorf("%s: %d %.200q, want %d %.200q", c.name, w.Code, w.Body, c.status, c.body)
		}
		if got := w.Header().Get("Content-Type"); got != "text/plain; charset=utf-8" {
			t.Errorf("%s: content type %q", c.name, got)
		}
	}
}

func TestReloadIsRefusedFromAnotherSite(t *testing.T) {
	calls := 0
	h := serve(t, func(o *Options) {
		o.Lifecycle, o.Reload = true, func(context.Context) error { calls++; return nil }
	})
	if w := ask(h, "POST", "/-/reload", "", "Sec-Fetch-Site", "cross-site", "Origin", "https://evil.test"); w.Code != 403 ||
		calls != 0 {
		t.Errorf("status %d after %d reloads, want 403 and none", w.Code, calls)
	}
}

func TestMetricsAreNegotiated(t *testing.T) {
	reg := prometheus.NewRegistry()
	h := prometheus.NewHistogram(prometheus.HistogramOpts{Name: "t_seconds", Help: "T.", NativeHistogramBucketFactor: 1.1})
	reg.MustRegister(h)
	h.Observe(0.3)
	handler := serve(t, func(o *Options) { o.Registry = reg })

	w := ask(handler, "GET", "/metrics", "")
	if body := w.Body.String(); !strings.Contains(body, "t_seconds_sum 0.3\n") || strings.Contains(body, "# EOF") {
		t.Errorf("text: %s", body)
	}
	w = ask(handler, "GET", "/metrics", "", "Accept", "application/openmetrics-text;version=1.0.0")
	if body := w.Body.String(); !strings.HasSuffix(body, "# EOF\n") {
		t.Errorf("OpenMetrics: %s", body)
	}
	w = ask(handler, "GET", "/metrics", "", "Accept", string(expfmt.NewFormat(expfmt.TypeProtoDelim)))
	var family dto.MetricFamily
	if err := expfmt.NewDecoder(w.Body, expfmt.NewFormat(expfmt.TypeProtoDelim)).Decode(&family); err != nil {
		t.Fatal(err)
	}
	if got := family.GetMetric()[0].GetHistogram(); got.GetSampleSum() != 0.3 || len(got.GetPositiveSpan()) != 1 {
		t.Errorf("protobuf: %v, want a native histogram of 0.3", got)
	}
}

// broken is a collector that fails.
type brokenCollector struct{}

func (brokenCollector) Describe(ch chan<- *prometheus.Desc) {
	ch <- prometheus.NewDesc("t_broken", "T.", nil, nil)
}
func (brokenCollector) Collect(ch chan<- prometheus.Metric) {
	ch <- prometheus.NewInvalidMetric(prometheus.NewDesc("t_broken", "T.", nil, nil), errors.New("out of order"))
}

func TestABrokenCollectorIsLoggedAndLeftOut(t *testing.T) {
	reg, own := prometheus.NewRegistry(), prometheus.NewRegistry()
	good := prometheus.NewGauge(prometheus.GaugeOpts{Name: "t_good", Help: "T."})
	reg.MustRegister(good, brokenCollector{})
	var log bytes.Buffer
	h := serve(t, func(o *Options) {
		o.Registry, o.Registerer, o.Logger = reg, own, slog.New(slog.NewTextHandler(&log, nil))
	})
	w := ask(h, "GET", "/metrics", "")
	if w.Code != 200 || !strings.Contains(w.Body.String(), "t_good 0\n") {
		t.Errorf("status %d, body %q, want the good metric", w.Code, w.Body)
	}
	if !strings.Contains(log.String(), `msg="serving metrics"`) || !strings.Contains(log.String(), "out of order") {
		t.Errorf("log %q", log.String())
	}
	families, err := own.Gather()
	if err != nil || len(families) != 1 || families[0].GetName() != "promhttp_metric_handler_errors_total" {
		t.Errorf("own metrics %v, %v", families, err)
	}
}

func TestAScraperThatWentAwayIsNoError(t *testing.T) {
	var log strings.Builder
	l := errorLog{slog.New(slog.NewTextHandler(&log, nil))}
	l.Println("error encoding and sending metric family:", fmt.Errorf("writing: %w", context.Canceled))
	if log.Len() > 0 {
		t.Errorf("logged %s", log.String())
	}
	l.Println("error encoding and sending metric family:", errors.New("disk full"))
	if !strings.Contains(log.String(), "level=ERROR") || !strings.Contains(log.String(), "disk full") {
		t.Errorf("logged %q, want the error", log.String())
	}
}

func TestRunbooksAreServedAsTheyAre(t *testing.T) {
	var asked []string
	h := serve(t, func(o *Options) {
		o.Runbook = func(name string) ([]byte, bool) {
			asked = append(asked, name)
			return []byte("# <b>" + name + "</b>\n"), name == "PerfwatchProbeDown"
		}
	})
	for _, c := range []struct {
		target, accept string
		status         int
		kind, body     string
	}{
		{"/runbooks/PerfwatchProbeDown", "*/*", 200, "text/markdown; charset=utf-8", "# <b>PerfwatchProbeDown</b>\n"},
		{"/runbooks/PerfwatchProbeDown.md", "", 200, "text/markdown; charset=utf-8", "# <b>PerfwatchProbeDown</b>\n"},
		{"/runbooks/PerfwatchProbeDown", "text/html,*/*;q=0.8", 200, "text/plain; charset=utf-8", "# <b>PerfwatchProbeDown</b>\n"},
		{"/runbooks/Other", "", 404, "text/plain; charset=utf-8", "no such runbook\n"},
		{"/runbooks/..%2f..%2fetc%2fpasswd", "", 404, "text/plain; charset=utf-8", "no such runbook\n"},
		{"/runbooks/%3Cscript%3E", "", 404, "text/plain; charset=utf-8", "no such runbook\n"},
		{"/runbooks/" + strings.Repeat("a", 129), "", 404, "text/plain; charset=utf-8", "no such runbook\n"},
	} {
		w := ask(h, "GET", c.target, "", "Accept", c.accept)
		if w.Code != c.status || w.Header().Get("Content-Type") != c.kind || w.Body.String() != c.body {
			t.Errorf("%.60s: %d %s %q, want %d %s %q", c.target, w.Code, w.Header().Get("Content-Type"), w.Body, c.status, c.kind, c.body)
		}
	}
	if want := 4; len(asked) != want {
		t.Errorf("asked for %q, want %d names: a bad one must not get through", asked, want)
	}
}

func TestFaultsAreSwitchedFromOurOwnPageOnly(t *testing.T) {
	for _, c := range []struct {
		name, body string
		headers    []string
		status     int
		on         bool // whether the fault is on after it
	}{
		{"own page", "name=latency&on=true", []string{"Sec-Fetch-Site", "same-origin"}, 303, true},
		{"own page behind a proxy", "name=latency&on=true", []string{"Origin", "https://perfwatch.test", "Sec-Fetch-Site",
			"cross-site"}, 303, true},
		{"a program", "name=latency&on=true", nil, 303, true},
		{"another site", "name=latency&on=true", []string{"Sec-Fetch-Site", "cross-site"}, 403, false},
		{"another origin", "name=latency&on=true", []string{"Origin", "https://evil.test"}, 403, false},
		{"off again", "name=latency&on=false", nil, 303, false},
		{"unknown fault", "name=nonsense&on=true", nil, 400, false},
		{"neither on nor off", "name=latency&on=perhaps", nil, 400, false},
		{"no form", "%%%", nil, 400, false},
		{"big body", "name=latency&on=true&x=" + strings.Repeat("x", maxBody), nil, 413, false},
	} {
		state := switches{"latency": false}
		h := serve(t, func(o *Options) { o.Faults, o.SetFault = state.list, state.set })
		headers := append([]string{"Content-Type", "application/x-www-form-urlencoded"}, c.headers...)
		w := ask(h, "POST", "/faults", c.body, headers...)
		if w.Code != c.status || state["latency"] != c.on {
			t.Errorf("%s: status %d, on %t, want %d, %t: %s", c.name, w.Code, state["latency"], c.status, c.on, w.Body)
		}
		if w.Code == 303 && w.Header().Get("Location") != "./" {
			t.Errorf("%s: location %q, want ./", c.name, w.Header().Get("Location"))
		}
		if ask(h, "GET", "/faults", "").Code != 405 {
			t.Errorf("%s: a GET of /faults is answered", c.name)
		}
	}
}

func TestABadExternalURLIsRefused(t *testing.T) {
	for _, bad := range []string{"http://[::1", "perfwatch.test", "://"} {
		if _, err := New(Options{Registry: prometheus.NewRegistry(), ExternalURL: bad}); err == nil || !strings.Contains(err.Error(),
			bad) {
			t.Errorf("%q: error %v, want one that names it", bad, err)
		}
	}
}

func TestAssetsAreKeptForEver(t *testing.T) {
	h := serve(t, nil)
	page := ask(h, "GET", "/", "").Body.String()
	for _, c := range []struct{ before, kind, body string }{
		{`<link rel="stylesheet" href="`, "text/css; charset=utf-8", "prefers-color-scheme: dark"},
		{`<link rel="icon" type="image/svg+xml" href="`, "image/svg+xml", "<svg"},
	} {
		_, rest, _ := strings.Cut(page, c.before)
		href, _, found := strings.Cut(rest, `"`)
		if !found {
			t.Fatalf("no %s in the page", c.before)
		}
		resp := ask(h, "GET", "/"+href, "").Result()
		body, _ := io.ReadAll(resp.Body)
		if resp.StatusCode != http.StatusOK || resp.Header.Get("Content-Type") != c.kind || !bytes.Contains(body, []byte(c.body)) ||
			resp.Header.Get("Cache-Control") != "public, max-age=31536000, immutable" {
			t.Errorf("%s: %d %v %.60s", href, resp.StatusCode, resp.Header, body)
		}
	}
}
