package browser

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"testing"
	"time"
)

// browserFor is a browser for one test, which ends with it. Tests run as root too, where there is no sandbox.
func browserFor(t testing.TB) *Browser {
	t.Helper()
	b := New(Settings{NoSandbox: true}, slog.New(slog.DiscardHandler))
	t.Cleanup(b.Close)
	return b
}

// site serves pages whose truth is known.
func site(t testing.TB, pages map[string]http.HandlerFunc) *httptest.Server {
	t.Helper()
	mux := http.NewServeMux()
	for path, h := range pages {
		mux.HandleFunc(path, h)
	}
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	return server
}

func html(text string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		fmt.Fprint(w, text)
	}
}

func pageAt(t testing.TB, base, path string) *Page {
	t.Helper()
	u, err := url.Parse(base + path)
	if err != nil {
		t.Fatal(err)
	}
	return &Page{URL: u, Width: 1350, Height: 940, Scale: 1, UserAgent: "perfwatch/test"}
}

// load loads a page and expects it to fail for a reason, or not at all if that is empty.
func load(t testing.TB, b *Browser, p *Page, limit time.Duration, want Reason) *Visit {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	defer cancel()
	v, err := b.Load(ctx, p)
	var f *Failure
	if errors.As(err, &f); err != nil && f == nil {
		t.Fatalf("%s: %v, want a failure with a reason", p.URL, err)
	}
	if f == nil && want != "" || f != nil && f.Reason != want {
		t.Fatalf("%s: got %v, want %q; console %v", p.URL, err, want, v.Evidence.Console)
	}
	return v
}

func TestAPageIsMeasured(t *testing.T) {
	s := site(t, map[string]http.HandlerFunc{
		"/": html(`<!doctype html><title>Home</title><h1>Hello</h1><script>
			const spin = (ms) => { const t = performance.now(); while (performance.now() - t < ms); };
			setTimeout(() => { performance.mark('a'); spin(200); performance.mark('b'); }, 300);
			</script>`),
	})
	b := browserFor(t)
	p := pageAt(t, s.URL, "/")
	p.Marks = []string{"a", "b"}
	start := time.Now()
	v := load(t, b, p, 30*time.Second, "")
	t.Logf("first %v %+v", time.Since(start), v.Figures)
	start = time.Now()
	v = load(t, b, p, 30*time.Second, "")
	t.Logf("second %v %+v\n%+v\n%+v", time.Since(start), v.Figures, v.Response, v.Evidence)
}

func logger(w io.Writer) *slog.Logger { return slog.New(slog.NewTextHandler(w, nil)) }
