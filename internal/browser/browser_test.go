package browser

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"testing"
	"time"
)

// TestMain lets more tests run at once than there are processors: most of them wait for five quiet seconds, or for a page
// that never comes.
func TestMain(m *testing.M) {
	flag.Parse()
	if err := flag.Set("test.parallel", "8"); err != nil {
		panic(err)
	}
	m.Run()
}

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
	var f *PageError
	if errors.As(err, &f); err != nil && f == nil {
		t.Fatalf("%s: %v, want a failure with a reason", p.URL, err)
	}
	if f == nil && want != "" || f != nil && f.Reason != want {
		t.Fatalf("%s: got %v, want %q; console %v", p.URL, err, want, v.Evidence.Console)
	}
	return v
}

// TestAPageIsMeasured is about everything that is told of a page; TestPagesWithATruth is about how right the figures are.
func TestAPageIsMeasured(t *testing.T) {
	s := site(t, map[string]http.HandlerFunc{
		"/": func(w http.ResponseWriter, req *http.Request) {
			time.Sleep(300 * time.Millisecond) // the truth of this page: its first byte
			html(`<!doctype html><title>Home</title><h1 style="height:100px">Hello</h1><p id=p style="height:200px">there</p><script>
				const spin = (ms) => { const t = performance.now(); while (performance.now() - t < ms); };
				const busy = (at, ms, name) => setTimeout(() => {
					performance.mark(name + '0'); spin(ms); performance.mark(name + '1') }, at);
				busy(300, 200, 'a'); busy(900, 60, 'b');
				setTimeout(() => document.querySelector('h1').style.height = '194px', 700);
				console.error('bad', 7); setTimeout(() => { throw new Error('thrown') }, 100); setTimeout(() => confirm('sure?'), 200);
				fetch('/data'); fetch('/missing').catch(() => {});
				</script>`)(w, req)
		},
		"/data":    func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(make([]byte, 50_000)) },
		"/missing": http.NotFound,
	})
	b := browserFor(t)
	p := pageAt(t, s.URL, "/")
	p.Marks = []string{"a0", "a1", "b0", "b1", "never"}
	v := load(t, b, p, 40*time.Second, "")
	f := v.Figures
	m := f.Marks
	if f.Interactive < m["b1"]-10*time.Millisecond || f.Blocking < 150*time.Millisecond || f.Parsed == 0 || f.Loaded < f.Parsed {
		t.Errorf("interactive %v, blocking %v, parsed %v, loaded %v: want them after the task at %v", f.Interactive, f.Blocking, f.Parsed,
			f.Loaded, m["b1"])
	}
	if f.FirstByte < 300*time.Millisecond || f.FirstPaint < f.FirstByte || f.FirstPaint > m["a0"] || f.LargestPaint < f.FirstPaint {
		t.Errorf("first byte %v, first paint %v, largest %v: want 300 ms and then these in order", f.FirstByte, f.FirstPaint, f.LargestPaint)
	}
	if f.Shift == 0 || f.Shift > 0.1 {
		t.Errorf("a shift of %g, want some hundredths", f.Shift)
	}
	if f.Requests != 3 || f.Failed != 1 || f.Bytes < 50_000 || f.Bytes > 60_000 || f.Types["Fetch"].Requests != 2 {
		t.Errorf("got %+v, want 3 requests, one failed, some 52,000 bytes", f)
	}
	if f.Errors != 1 || f.Exceptions != 1 || f.Dialogs != 1 || len(m) != 4 {
		t.Errorf("got %+v, want an error, an exception, a dialog and four marks", f)
	}
	if v.Response.Status != 200 || v.Response.Wait < 290*time.Millisecond || v.Response.Connect <= 0 {
		t.Errorf("got %+v, want 200 after 300 ms", v.Response)
	}
	if len(v.Evidence.Console) != 3 || v.Evidence.Console[0].Text != "bad 7" || len(v.Evidence.Waterfall) != 3 {
		t.Errorf("got %+v, want three lines and three requests", v.Evidence)
	}
}

func logger(w io.Writer) *slog.Logger { return slog.New(slog.NewTextHandler(w, nil)) }
