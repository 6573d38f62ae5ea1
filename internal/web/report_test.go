package web

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/perfwatch/perfwatch/internal/report"
)

func TestTheReportIsServedInEveryFormat(t *testing.T) {
	handler := serve(t, func(o *Options) {
		o.Report = func(burst string) (*report.Report, error) {
			if burst == "nobody" {
				return nil, errors.New(`no load probe "nobody"`)
			}
			return &report.Report{Format: report.Format, Verdict: report.Met, Target: burst}, nil
		}
	})
	policy, err := report.Policy()
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		query, kind, want string
		status            int
	}{
		{"", "text/html", "<h1>Nothing failed.</h1>", http.StatusOK},
		{"?burst=journey&format=json", "application/json", `"target": "journey"`, http.StatusOK},
		{"?format=markdown", "text/markdown", "## Nothing failed.", http.StatusOK},
		{"?format=junit", "application/xml", "<testsuites", http.StatusOK},
		{"?format=text&burst=%3Cb%3E", "text/plain", "perfwatch  · <b> ·", http.StatusOK},
		{"?burst=%3Cb%3E", "text/html", "<strong>&lt;b&gt;</strong>", http.StatusOK},
		{"?format=pdf", "text/plain", "no such format", http.StatusBadRequest},
		{"?burst=nobody", "text/plain", `no load probe "nobody"`, http.StatusNotFound},
	} {
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/report"+test.query, http.NoBody))
		if w.Code != test.status || !strings.HasPrefix(w.Header().Get("Content-Type"), test.kind+";") ||
			!strings.Contains(w.Body.String(), test.want) {
			t.Errorf("%s: %d %s\n%.300s\nwant %d %s %q", test.query, w.Code, w.Header().Get("Content-Type"), w.Body, test.status,
				test.kind, test.want)
		}
		if own := strings.HasPrefix(w.Header().Get("Content-Security-Policy"), policy); own != (test.kind == "text/html") {
			t.Errorf("%s: its policy is %s", test.query, w.Header().Get("Content-Security-Policy"))
		}
	}
}
