package probes

import (
	"net/http"
	"net/http/httptest"
	"testing"
	"time"
)

// BenchmarkProbe is one run of a scheduled probe over its kept connection, the server's half included.
func BenchmarkProbe(b *testing.B) {
	body := make([]byte, 2048)
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write(body)
	}))
	defer srv.Close()
	p := mustProber(b, &HTTP{URL: srv.URL + "/api/dashboard"}, Env{})
	b.ReportAllocs()
	for b.Loop() {
		if s := Take(b.Context(), p, time.Time{}); s.Err != nil {
			b.Fatal(s.Err)
		}
	}
}
