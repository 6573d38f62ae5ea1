package main

import (
	"fmt"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
)

const onDemand = `
on_demand: {allow: ["127.0.0.0/8", "localhost"], concurrency: 1}
probes:
  - {name: web, timeout: 2s, targets: on_demand, http: {url: /health, headers: {Authorization: "Bearer t0ken"}}}
  - {name: port, timeout: 2s, targets: on_demand, file_sd: [ports.json], tcp: {}}
`

// query is a request to /probe.
func query(probe, target string, more ...string) string {
	q := url.Values{"probe": {probe}, "target": {target}}
	for i := 0; i+1 < len(more); i += 2 {
		q.Add(more[i], more[i+1])
	}
	return "/probe?" + q.Encode()
}

func TestATargetIsAskedOnDemand(t *testing.T) {
	r := start(t, onDemand)
	var asked []string
	site := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		asked = append(asked, req.URL.Path+" "+req.Header.Get("Authorization"))
		w.WriteHeader(http.StatusTeapot)
	}))
	t.Cleanup(site.Close)
	status, body := r.ask("GET", query("web", site.URL))
	for _, want := range []string{
		"perfwatch_target_success 0\n", `perfwatch_target_outcome{outcome="http_4xx"} 1` + "\n",
		`perfwatch_target_outcome{outcome="ok"} 0` + "\n", "perfwatch_target_http_status_code 418\n",
		`perfwatch_target_phase_duration_seconds{phase="connect"} `,
	} {
		if !strings.Contains(body, want) {
			t.Errorf("status %d, no %s in\n%s", status, want, body)
		}
	}
	if strings.Contains(body, "perfwatch_probe_") || strings.Contains(body, "go_goroutines") {
		t.Error("the metrics of other runs are beside those of this one")
	}
	if len(asked) != 1 || asked[0] != "/health Bearer t0ken" {
		t.Errorf("asked %q, want the template's path and headers once", asked)
	}
	_, trace := r.ask("GET", query("web", site.URL, "debug", "true"))
	for _, want := range []string{"target    " + site.URL, "dialling  127.0.0.1 at 127.0.0.1: permitted", "status    418, 0 bytes",
		": http_4xx\n", "because   fetching", "perfwatch_target_success 0"} {
		if !strings.Contains(trace, want) {
			t.Errorf("no %q in\n%s", want, trace)
		}
	}
	if strings.Contains(trace, "t0ken") {
		t.Error("the trace tells a secret")
	}
}

func TestWhatMayNotBeAskedOnDemand(t *testing.T) {
	r := start(t, strings.Replace(onDemand, `"127.0.0.0/8", "localhost"`, `"127.0.0.2/32"`, 1))
	reached := 0
	site := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { reached++ }))
	t.Cleanup(site.Close)
	port := site.URL[strings.LastIndexByte(site.URL, ':'):]
	for name, target := range map[string]string{
		"another address": "http://127.0.0.1" + port, "a name of it": "http://localhost" + port,
		"as IPv6": "http://[::ffff:127.0.0.1]" + port, "as a number": "http://2130706433" + port, "metadata": "http://169.254.169.254",
	} {
		status, trace := r.ask("GET", query("web", target, "debug", "true"))
		if status != http.StatusOK || !strings.Contains(trace, "perfwatch_target_success 0") || reached > 0 {
			t.Errorf("%s: status %d, reached %d times:\n%s", name, status, reached, trace)
		}
	}
	for request, want := range map[string]int{
		"/probe":                                http.StatusBadRequest,
		"/probe?probe=web":                      http.StatusBadRequest,
		"/probe?probe=web&target=":              http.StatusBadRequest,
		"/probe?probe=web&target=a&target=b":    http.StatusBadRequest,
		query("other", "http://127.0.0.1"):      http.StatusNotFound,
		query("web", "http://u:p@127.0.0.1/"):   http.StatusBadRequest,
		query("web", "http://127.0.0.1/\r\nx:"): http.StatusBadRequest,
		query("web", "file:///etc/passwd"):      http.StatusBadRequest,
		query("web", "http://"):                 http.StatusBadRequest,
		query("port", "127.0.0.1"):              http.StatusBadRequest,
		query("web", strings.Repeat("a", 4000)): http.StatusBadRequest,
	} {
		if status, body := r.ask("GET", request); status != want || strings.Contains(body, "u:p") {
			t.Errorf("%.80s: status %d, want %d: %s", request, status, want, body)
		}
	}
}

// A redirect is judged as the target is: by the address that it leads to.
func TestARedirectLeadsNowhereElse(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.3:0")
	if err != nil {
		t.Fatal(err)
	}
	reached := false
	inner := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { reached = true }))
	_ = inner.Listener.Close()
	inner.Listener = l
	inner.Start()
	t.Cleanup(inner.Close)
	door := httptest.NewServer(http.RedirectHandler(inner.URL+"/secret", http.StatusFound))
	t.Cleanup(door.Close)

	r := start(t, strings.Replace(onDemand, "127.0.0.0/8", "127.0.0.1", 1))
	_, trace := r.ask("GET", query("web", door.URL, "debug", "true"))
	if reached || !strings.Contains(trace, "dialling  127.0.0.3 at 127.0.0.3: refused") {
		t.Errorf("reached %v:\n%s", reached, trace)
	}
}

func TestAScrapeIsAnsweredBeforeItGivesUp(t *testing.T) {
	hang := make(chan struct{})
	site := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-hang }))
	t.Cleanup(site.Close)
	defer close(hang)
	r := start(t, strings.ReplaceAll(onDemand, "timeout: 2s", "timeout: 1h"))
	ask := func(timeout string) (int, string) {
		req := httptest.NewRequest(http.MethodGet, query("web", site.URL), nil)
		req.Header.Set("X-Prometheus-Scrape-Timeout-Seconds", timeout)
		w := httptest.NewRecorder()
		r.page.ServeHTTP(w, req)
		return w.Code, w.Body.String()
	}
	if status, body := ask("0.2"); status != http.StatusOK || !strings.Contains(body, `perfwatch_target_outcome{outcome="timeout"} 1`) {
		t.Errorf("status %d: %s", status, body)
	}
	for _, bad := range []string{"x", "-1", "0", "NaN", "1e9"} {
		if status, _ := ask(bad); status != http.StatusBadRequest {
			t.Errorf("a timeout of %s: status %d", bad, status)
		}
	}
	busy := make(chan struct{})
	go func() {
		defer close(busy)
		ask("1")
	}()
	waitFor(t, "the other run", func() bool { return r.asking.Load() == 1 })
	if status, body := r.ask("GET", query("web", site.URL)); status != http.StatusServiceUnavailable {
		t.Errorf("beside another: status %d: %s", status, body)
	}
	<-busy
}

func TestDiscoveryOffersTheKnownTargets(t *testing.T) {
	r := start(t, onDemand)
	if _, body := r.ask("GET", "/sd"); body != "[]\n" {
		t.Errorf("without the file: %s", body)
	}
	if got := r.value(t, "perfwatch_target_file_read_success", nil); got != 0 {
		t.Errorf("the file that is away is read: %g", got)
	}
	seen := r.filesNow()
	r.put(t, "ports.json", `[{"targets": ["127.0.0.1:22"], "labels": {"env": "prod"}}]`)
	r.reloadIfChanged(t.Context(), seen)
	const want = `[{"targets":["example.com"],"labels":{"__metrics_path__":"/probe","__param_probe":"port",` +
		`"__param_target":"127.0.0.1:22","env":"prod","group":"tcp","instance":"127.0.0.1:22","probe":"port"}}]` + "\n"
	if _, body := r.ask("GET", "/sd"); body != want {
		t.Errorf("got  %swant %s", body, want)
	}
	if got := r.value(t, "perfwatch_target_file_targets", nil); got != 1 {
		t.Errorf("%g targets in the file, want 1", got)
	}
}

func TestAProbeFansOutOverItsTargets(t *testing.T) {
	here := strings.TrimPrefix(target(t), "http://")
	text := fmt.Sprintf(`
global: {schedule: "@every 1s"}
probes:
  - {name: shop, group: api, file_sd: [shops-*.yml], targets: [{target: %s, labels: {env: prod}}], http: {url: /}}
objectives:
  - {name: errors, title: Errors, measure: error_ratio, probe: shop, window: 5m, target: 10%%}
`, here)
	r := start(t, text)
	first := "shop/" + here
	waitFor(t, "two runs", func() bool { return r.runs(t, first) >= 2 })
	if got := r.value(t, "perfwatch_probe_label_info", map[string]string{"probe": first, "label": "env", "value": "prod"}); got != 1 {
		t.Errorf("label_info is %g, want 1", got)
	}

	seen, before := r.filesNow(), r.runs(t, first)
	r.put(t, "shops-1.yml", "- targets: [localhost"+here[strings.LastIndexByte(here, ':'):]+"]\n  labels: {env: test}\n")
	seen = r.reloadIfChanged(t.Context(), seen)
	second := "shop/localhost" + here[strings.LastIndexByte(here, ':'):]
	waitFor(t, "a run of the new target", func() bool { return r.runs(t, second) >= 1 })
	if r.runs(t, first) < before {
		t.Error("the target that stayed lost its runs")
	}
	if got := r.value(t, "perfwatch_objective_samples", nil); got < r.runs(t, second)+before {
		t.Errorf("%g samples of the objective, want those of both targets", got)
	}

	before = r.runs(t, second)
	r.put(t, "shops-1.yml", "- targets: [localhost:1, ")
	seen = r.reloadIfChanged(t.Context(), seen)
	if got := r.value(t, "perfwatch_target_file_read_success", nil); got != 0 {
		t.Errorf("a half-written file is read: %g", got)
	}
	waitFor(t, "another run", func() bool { return r.runs(t, second) > before })

	r.put(t, "shops-1.yml", "[]")
	r.reloadIfChanged(t.Context(), seen)
	if got := r.runs(t, second); got != -1 {
		t.Errorf("the target that is gone has %g runs", got)
	}
	if got := r.reloadIfChanged(t.Context(), r.filesNow()); !maps.Equal(got, r.filesNow()) {
		t.Error("files that did not change are another state")
	}
}
