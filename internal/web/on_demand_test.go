package web

import (
	"context"
	"errors"
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
