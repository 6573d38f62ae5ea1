package web

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/perfwatch/perfwatch/probes"
)

// Whatever the parameters and the header of a scrape say: it is answered, and what is asked is asked once, for one probe
// and one target, within the time that the scrape has.
func FuzzProbeParameters(f *testing.F) {
	for _, seed := range [][2]string{
		{"probe=web&target=http://a", ""}, {"probe=web&target=a&target=b", "10"}, {"probe=&target=", "x"}, {"", "-1"}, {"%zz", "1e309"},
		{"probe=busy&target=a", "0.1"}, {"probe=none&target=a", "NaN"}, {"probe=bad&target=%00%0d%0aX:y", "3600"}, {"a;b=c", "0x10"},
		{"probe=web&target=a&debug=true", "5"}, {"probe=web&target=%3Cscript%3E&debug=true", "5"},
	} {
		f.Add(seed[0], seed[1])
	}
	f.Fuzz(func(t *testing.T, query, timeout string) {
		asked := 0
		var left time.Duration
		o := Options{Ask: func(ctx context.Context, probe, target string) (*Asked, error) {
			asked++
			if deadline, ok := ctx.Deadline(); ok {
				left = time.Until(deadline)
			}
			if probe == "" || target == "" {
				t.Errorf("probe %q, target %q", probe, target)
			}
			switch probe {
			case "busy":
				return nil, ErrBusy
			case "none":
				return nil, ErrNoTemplate
			case "bad":
				return nil, errors.New("target " + target)
			}
			return &Asked{Sample: probes.Sample{Err: errors.New(target)}, Metrics: prometheus.NewRegistry()}, nil
		}}
		r := httptest.NewRequest(http.MethodGet, "/probe", nil)
		r.URL.RawQuery = query
		if timeout != "" {
			r.Header.Set(scrapeHeader, timeout)
		}
		w := httptest.NewRecorder()
		o.onDemand(w, r)
		values, _ := url.ParseQuery(query)
		one := len(values["probe"]) == 1 && len(values["target"]) == 1 && values.Get("probe") != "" && values.Get("target") != ""
		switch {
		case asked > 1, asked == 1 && !one:
			t.Errorf("asked %d times for %q", asked, query)
		case w.Code == http.StatusOK && asked == 0:
			t.Errorf("nothing was asked for %q", query)
		case !strings.HasPrefix(w.Header().Get("Content-Type"), "text/plain"):
			t.Errorf("content type %q", w.Header().Get("Content-Type"))
		}
		if seconds, err := strconv.ParseFloat(timeout, 64); asked == 1 && err == nil && left.Seconds() > seconds {
			t.Errorf("%v are left of %s s", left, timeout)
		}
	})
}

// What a run on demand shows to people is enough to see why it failed, and tells no secret.
func TestTheTraceOfARunShowsWhatCame(t *testing.T) {
	site := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/" {
			w.Header().Set("Location", "/login?code=hunter2hunter2")
			w.WriteHeader(http.StatusFound)
			return
		}
		w.Header().Set("Set-Cookie", "session=hunter2hunter2")
		w.Header().Set("X-From", r.Header.Get("X-Account"))
		w.WriteHeader(http.StatusServiceUnavailable)
		_, _ = io.WriteString(w, "the database is away\nstatus    200\n{\"token\": \"hunter3\"}\nfor "+r.Header.Get("X-Account"))
		_, _ = io.WriteString(w, strings.Repeat("\n.", 1000))
	}))
	defer site.Close()
	ask := func(spec *probes.HTTP) string {
		o := Options{Ask: func(ctx context.Context, _, target string) (*Asked, error) {
			p, err := spec.At(target).Prober(probes.Env{})
			if err != nil {
				return nil, err
			}
			return &Asked{Sample: probes.Take(ctx, p, time.Time{}), Metrics: prometheus.NewRegistry()}, nil
		}}
		w := httptest.NewRecorder()
		query := url.Values{"probe": {"web"}, "target": {site.URL}, "debug": {"true"}}
		o.onDemand(w, httptest.NewRequest(http.MethodGet, "/probe?"+query.Encode(), nil))
		return w.Body.String()
	}
	spec := &probes.HTTP{
		URL: "/", Headers: map[string]string{"X-Account": "hunter2hunter2"}, Mask: probes.Mask{Headers: []string{"x-account"}},
	}
	trace := ask(spec)
	for _, want := range []string{
		"status    503, ", "because   fetching", "\nredirect  302 /login?…\n", "\nhead      HTTP/1.1\nhead      Content-Type: text/plain",
		"\nhead      Set-Cookie: <secret>\nhead      X-From: <secret>\n", "\nbody      the database is away\nbody      status    200\n",
		"\nbody      {\"token\": \"<secret>\"}\nbody      for <secret>\nbody      .\n", "\nbody      … and more that is not shown\n\n",
	} {
		if !strings.Contains(trace, want) {
			t.Errorf("no %q in\n%s", want, trace)
		}
	}
	spec.Mask.Body = true
	if bare := ask(spec); strings.Contains(trace+bare, "hunter") || strings.Contains(bare, "database") {
		t.Errorf("a secret is told in\n%s\nor\n%s", trace, bare)
	}
}
