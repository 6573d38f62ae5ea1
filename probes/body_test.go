package probes

import (
	"io"
	"net/http"
	"testing"
)

// The names of codings have no case, and gzip has two.
func TestNamesOfCodings(t *testing.T) {
	zipped := gzipped(5)
	for coding, want := range map[string]Outcome{
		"gzip": OK, "GZIP": OK, "x-gzip": OK, "X-Gzip": OK, "Identity": OK, "gzip2": InvalidResponse, "br": InvalidResponse,
	} {
		srv := serve(t, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Encoding", coding)
			if coding == "Identity" {
				_, _ = io.WriteString(w, "\x00\x00\x00\x00\x00")
				return
			}
			_, _ = io.WriteString(w, zipped)
		})
		s := take(t, mustProber(t, &HTTP{URL: srv.URL, Expect: Expect{BodyMatches: `^\x00{5}$`}}, Env{}), want)
		if size := int64(len(zipped)); coding != "Identity" && s.Bytes != size {
			t.Errorf("%s: %d bytes, want the %d that came", coding, s.Bytes, size)
		}
	}
}
