package collector

import (
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"

	"github.com/perfwatch/perfwatch/internal/browser"
	"github.com/perfwatch/perfwatch/probes"
)

// TestAPageIsFoundByItsTrace loads a page in a real browser, twice in one run: every histogram of a duration names the trace
// that the server was told.
func TestAPageIsFoundByItsTrace(t *testing.T) {
	var mu sync.Mutex
	var told []string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		if r.URL.Path == "/" {
			told = append(told, r.Header.Get("Traceparent"))
		}
		w.Header().Set("Content-Type", "text/html")
		_, _ = w.Write([]byte("<!doctype html><title>x</title><p>Hello"))
	}))
	defer server.Close()
	b := browser.New(browser.Settings{NoSandbox: true}, slog.New(slog.DiscardHandler))
	defer b.Close()
	p, err := (&probes.Page{URL: server.URL, Warm: true, Trace: true}).Prober(probes.Env{Browser: b})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	sample := probes.Take(ctx, p, time.Now())
	if sample.Err != nil {
		t.Fatal(sample.Err)
	}
	reg := prometheus.NewRegistry()
	rec := NewRecorder(reg, emptyBook())
	rec.Probe(ProbeInfo{Name: "front", Group: "page", Kind: "page", Warm: true}).Observe(&sample)

	mu.Lock()
	defer mu.Unlock()
	if len(told) != 2 || len(told[0]) != len("00-")+32+len("-0123456789abcdef-01") || told[1] != told[0] {
		t.Fatalf("the server was told %q, want one trace twice", told)
	}
	families, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	id, n := told[0][3:35], 0
	for _, f := range families {
		if f.GetType() != dto.MetricType_HISTOGRAM || !strings.HasSuffix(f.GetName(), "_seconds") {
			continue
		}
		for _, m := range f.GetMetric() {
			if m.GetHistogram().GetSampleCount() == 0 {
				continue
			}
			n++
			if got := m.GetHistogram().GetExemplars(); len(got) != 1 || got[0].GetLabel()[0].GetValue() != id {
				t.Errorf("%s: exemplars %v, want one of %q", f.GetName(), got, id)
			}
		}
	}
	if want := 2*numPageFigures + 2; n < want { // the duration, and a phase at the least
		t.Errorf("%d histograms of durations, want %d at the least", n, want)
	}
}
