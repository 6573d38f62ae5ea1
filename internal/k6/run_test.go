package k6

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/perfwatch/perfwatch/internal/config"
	"github.com/perfwatch/perfwatch/internal/load"
	"github.com/perfwatch/perfwatch/internal/peer"
)

// A register keeps what a server was asked.
type register struct {
	mu   sync.Mutex
	seen []string
}

// note writes a request down whole, but for what names its own connection or trace.
func (l *register) note(r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	r.Body = io.NopCloser(bytes.NewReader(body))
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s", r.Method, r.URL)
	for _, name := range sortedKeys(r.Header) {
		if name != "Traceparent" && name != "Referer" { // k6 sends the latter where it was redirected
			fmt.Fprintf(&b, " | %s: %s", name, strings.Join(r.Header[name], ", "))
		}
	}
	fmt.Fprintf(&b, " | %q", body)
	l.mu.Lock()
	defer l.mu.Unlock()
	l.seen = append(l.seen, b.String())
}

// sorted is what was asked, in no order of time.
func (l *register) sorted() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Sorted(slices.Values(l.seen))
}

func serve(t *testing.T, answer http.HandlerFunc) (base string, l *register) {
	t.Helper()
	l = &register{}
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		l.note(r)
		answer(w, r)
	}))
	t.Cleanup(srv.Close)
	return srv.URL, l
}

// parse reads a file whose probes ask a server.
func parse(t testing.TB, base, file string) *config.Config {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return parseText(t, strings.Replace(string(text), "BASE", base, 1))
}

func parseText(t testing.TB, text string) *config.Config {
	t.Helper()
	cfg, err := config.Parse([]byte(text), "testdata")
	if err != nil {
		t.Fatal(err)
	}
	return cfg
}

// render renders the burst named burst.
func render(t testing.TB, cfg *config.Config) *Script {
	t.Helper()
	s, err := Render(cfg, "burst", nil, 1)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// answer is a server with something to capture, to expect and to follow.
func answer(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("X-Id", "id7")
	switch r.URL.Path {
	case "/login":
		if r.URL.RawQuery != "" {
			http.SetCookie(w, &http.Cookie{Name: "session", Value: "c0", Path: "/"})
		}
		_, _ = io.WriteString(w, `{"user": {"tokens": ["old", "to/k&n (1)"]}, "list": [1, {"a": "b"}], "n": 12.5, "no": false, "nothing": null}`)
	case "/there":
		http.Redirect(w, r, "/here?way=there", http.StatusFound)
	case "/broken":
		w.WriteHeader(http.StatusInternalServerError)
	default:
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		_, _ = io.WriteString(w, "<b>Page 12</b>\nend of \u212aelvin")
	}
}

// TestK6SendsTheSameRequests holds each request of k6, whole, against those of a burst of perfwatch, and what each of
// them thinks of the answers.
func TestK6SendsTheSameRequests(t *testing.T) {
	t.Setenv("SECRET", `pa"ss`)
	files, err := filepath.Glob("testdata/requests/*.yml")
	if err != nil || len(files) != 3 {
		t.Fatalf("%q, %v, want three files", files, err)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			base, ours := serve(t, answer)
			cfg := parse(t, base, file)
			plan, err := cfg.Probes[0].Load.Plan("burst", cfg.BurstEnv())
			if err != nil {
				t.Fatal(err)
			}
			s := load.Run(t.Context(), plan, deaf{})
			base, theirs := serve(t, answer)
			run := peer.RunK6(t, render(t, parse(t, base, file)).Text,
				"--env=PERFWATCH_HEADER_X_KEY=k3y", "--env=PERFWATCH_COOKIE_C=s3cret", "--env=PERFWATCH_HEADER_X_OTHER=b-")
			if run.Code != 0 && run.Code != 99 {
				t.Fatalf("k6 ended with %d:\n%s", run.Code, run.Output)
			}
			if failed := uint64(run.Metrics[failed]["passes"]); failed != s.Failures() {
				t.Errorf("%d requests of k6 failed, and %d of perfwatch", failed, s.Failures())
			}
			// Of the answers three have a status that is none of the good ones.
			if bad := run.Metrics["http_req_failed"]["passes"]; bad != 3*float64(strings.Count(file, "answers")) {
				t.Errorf("k6 says that %g requests failed by their status, want 3 of the answers", bad)
			}
			same(t, theirs.sorted(), ours.sorted())
		})
	}
}

// same compares lists that are sorted.
func same(t *testing.T, got, want []string) {
	t.Helper()
	if slices.Equal(got, want) {
		return
	}
	for _, only := range []struct {
		who       string
		of, other []string
	}{{"k6", got, want}, {"perfwatch", want, got}} {
		for _, line := range only.of {
			if i := slices.Index(only.other, line); i >= 0 {
				only.other = slices.Delete(slices.Clone(only.other), i, i+1)
				continue
			}
			t.Errorf("only %s sent %s", only.who, line)
		}
	}
}

// TestK6KeepsTheOrderOfValues holds what users of k6 draw without a memory that they share: one after the other, each
// once, though tasks draw different numbers of them.
func TestK6KeepsTheOrderOfValues(t *testing.T) {
	base, l := serve(t, answer)
	run := peer.RunK6(t, render(t, parseText(t, `
global: {base_url: "`+base+`"}
probes:
  - name: burst
    load:
      users: 3
      iterations: 90
      setup: [{name: login, http: {url: "/setup?account=${account}"}}]
      tasks:
        - {name: two, http: {url: "/two?symbol=${symbol}&symbol=${symbol}&once=${once}&pair=${pair}${pair}"}}
        - {name: one, weight: 2, http: {url: "/one?symbol=${symbol}&once=${once}&pair=${pair}${pair}"}}
        - {name: none, weight: 3, http: {url: "/none?once=${once}&pair=${pair}${pair}"}}
      data: {symbol: {count: 20, pick: sequential}, once: {count: 90, pick: unique}, pair: {values: [a, b, c, d], pick: sequential}, account: {count: 3, pick: unique}}
`)).Text)
	if run.Code != 0 {
		t.Fatalf("k6 ended with %d:\n%s", run.Code, run.Output)
	}
	drawn := l.queries(t)
	if drawn["pair=ab"] != 45 || drawn["pair=cd"] != 45 {
		t.Errorf("pairs ab %d and cd %d times, want each 45", drawn["pair=ab"], drawn["pair=cd"])
	}
	delete(drawn, "pair=ab")
	delete(drawn, "pair=cd")
	for _, want := range []struct {
		name   string
		values int
		times  int
	}{{"account", 3, 1}, {"once", 90, 1}, {"symbol", 20, 3}} { // 15 x 2 + 30 x 1 symbols are 60
		for i := range want.values {
			value := fmt.Sprintf("%s=%d", want.name, i+1)
			if n := drawn[value]; n != want.times {
				t.Errorf("%s was drawn %d times, want %d", value, n, want.times)
			}
			delete(drawn, value)
		}
	}
	if len(drawn) > 0 {
		t.Errorf("more was drawn: %v", drawn)
	}
}

// parseElsewhere reads a configuration from a folder of its own, as on a machine that lacks what it needs.
func parseElsewhere(t *testing.T, text string) *config.Config {
	t.Helper()
	dir := t.TempDir()
	peer.WriteFile(t, dir, "binary", "\xff\xfe")
	cfg, err := config.LoadElsewhere(peer.WriteFile(t, dir, "perfwatch.yml", text))
	if err != nil {
		t.Fatal(err)
	}
	return cfg
}
