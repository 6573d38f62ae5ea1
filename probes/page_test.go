package probes

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/perfwatch/perfwatch/internal/browser"
)

func TestFailuresOfPagesHaveOutcomes(t *testing.T) {
	late := context.DeadlineExceeded
	other := errors.New("something")
	tests := []struct {
		failure browser.PageError
		want    Outcome
	}{
		{browser.PageError{Reason: browser.NoResponse, Net: "ERR_CONNECTION_REFUSED", Err: other}, Refused},
		{browser.PageError{Reason: browser.NoResponse, Net: "ERR_EMPTY_RESPONSE", Err: other}, Reset},
		{browser.PageError{Reason: browser.NoResponse, Net: "ERR_NAME_NOT_RESOLVED", Err: other}, DNSFailure},
		{browser.PageError{Reason: browser.NoResponse, Net: "ERR_CONNECTION_TIMED_OUT", Err: other}, Timeout},
		{browser.PageError{Reason: browser.NoResponse, Net: "ERR_TOO_MANY_REDIRECTS", Err: other}, InvalidResponse},
		{browser.PageError{Reason: browser.NoResponse, Net: "ERR_SSL_PROTOCOL_ERROR", Err: other}, TLSFailure},
		{browser.PageError{Reason: browser.NoResponse, Net: "ERR_UNSAFE_PORT", Err: other}, Error},
		{browser.PageError{Reason: browser.Certificate, Net: "ERR_CERT_DATE_INVALID", Err: other}, TLSFailure},
		{browser.PageError{Reason: browser.NoResponse, Err: late}, Timeout},
		{browser.PageError{Reason: browser.NoPaint, Err: late}, Timeout},
		{browser.PageError{Reason: browser.NetworkBusy, Err: late}, Timeout},
		{browser.PageError{Reason: browser.CPUBusy, Err: late}, Timeout},
		{browser.PageError{Reason: browser.MainStuck, Err: other}, Timeout},
		{browser.PageError{Reason: browser.RendererCrash, Err: other}, Error},
		{browser.PageError{Reason: browser.BrowserLost, Err: late}, Error},
		{browser.PageError{Reason: browser.LaunchFailed, Err: other}, Error},
		{browser.PageError{Reason: browser.Download, Err: other}, InvalidResponse},
		{browser.PageError{Reason: browser.Expectation, Err: other}, InvalidResponse},
		{browser.PageError{Reason: browser.Expectation, Status: 404, Err: other}, HTTP4xx},
		{browser.PageError{Reason: browser.Expectation, Status: 429, Err: other}, HTTP429},
		{browser.PageError{Reason: browser.Expectation, Status: 503, Err: other}, HTTP5xx},
		{browser.PageError{Reason: browser.NoLoad, Size: true, Err: other}, BodyTooLarge},
	}
	for _, tt := range tests {
		if got := OutcomeOf((&pageProber{want: "2xx"}).name(&tt.failure)); got != tt.want {
			t.Errorf("%+v: outcome %s, want %s", tt.failure, got, tt.want)
		}
	}
}

// pageProbe is the prober of a page with a browser of its own.
func pageProbe(t *testing.T, s *Page) Prober {
	t.Helper()
	b := browser.New(browser.Settings{NoSandbox: true}, slog.New(slog.DiscardHandler))
	t.Cleanup(b.Close)
	p, err := s.Prober(Env{Browser: b})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestAPageIsASample(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		if r.URL.Path != "/" {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
		_, _ = w.Write([]byte(`<!doctype html><title>x</title><p>Hello<script>setTimeout(() => {
			const t = performance.now(); while (performance.now() - t < 100); }, 300)</script>`))
	}))
	defer server.Close()
	p := pageProbe(t, &Page{URL: server.URL})
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	s := Take(ctx, p, time.Now())
	if s.Outcome != OK || s.Page.Reason != "" || s.Status != http.StatusOK || s.Bytes < 100 {
		t.Fatalf("%s, %+v, %v, want a good page", s.Outcome, s, s.Err)
	}
	f := s.Page.Figures
	if _, ok := s.Phases.Get(FirstByte); !ok || f.Interactive < 400*time.Millisecond || f.Blocking < 40*time.Millisecond {
		t.Errorf("phases %+v, figures %+v, want those of a task of 100 ms at 300 ms", s.Phases, f)
	}
	if took := time.Since(s.Start); s.Duration < f.Interactive || s.Duration > took-4500*time.Millisecond {
		t.Errorf("a duration of %v in %v, want it without the five quiet seconds", s.Duration, took)
	}
	if page, ok := p.(interface{ PageHost() string }); !ok || "http://"+page.PageHost() != server.URL {
		t.Errorf("%v does not say that its host is that of %q", p, server.URL)
	}
}

func TestAPageWithoutABrowser(t *testing.T) {
	p, err := (&Page{URL: "http://127.0.0.1/"}).Prober(Env{})
	if err != nil {
		t.Fatal(err)
	}
	if s := Take(t.Context(), p, time.Now()); s.Outcome != Error {
		t.Errorf("outcome %s, want error", s.Outcome)
	}
}

func TestPresetsOfThrottling(t *testing.T) {
	var ms mistakes
	for _, tt := range []struct {
		in       Throttling
		slowdown float64
		want     browser.Network
	}{
		{Throttling{}, 0, browser.Network{}},
		{Throttling{Preset: "slow_4g"}, 4, browser.Network{Latency: 562500 * time.Microsecond, Download: 188743.68, Upload: 86400}},
		{Throttling{Preset: "dense_4g", CPU: 2, Upload: 1000}, 2, browser.Network{
			Latency: 150 * time.Millisecond, Download: 1179648, Upload: 1000,
		}},
		{Throttling{Latency: time.Second}, 0, browser.Network{Latency: time.Second}},
	} {
		slowdown, got := tt.in.figures(&ms)
		if slowdown != tt.slowdown || got != tt.want || len(ms) > 0 {
			t.Errorf("%+v: %g, %+v, %v, want %g, %+v", tt.in, slowdown, got, ms, tt.slowdown, tt.want)
		}
	}
}
