package browser

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// endless answers and never ends.
func endless(contentType string) http.HandlerFunc {
	return func(w http.ResponseWriter, req *http.Request) {
		w.Header().Set("Content-Type", contentType)
		_ = http.NewResponseController(w).Flush()
		<-req.Context().Done()
	}
}

func hostile() map[string]http.HandlerFunc {
	return map[string]http.HandlerFunc{
		"/good":     html(`<title>Good</title><p>good`),
		"/blank":    html(`<title>Blank</title>`),
		"/loop":     html(`<p>x<script>setTimeout(() => { while (true); }, 200)</script>`),
		"/alerts":   html(`<p>x<script>setTimeout(() => { for (;;) alert('again') }, 100)</script>`),
		"/streams":  html(`<p>x<script>for (const n of [1, 2, 3]) new EventSource('/events?' + n)</script>`),
		"/events":   endless("text/event-stream"),
		"/image":    html(`<p>x<img src="/hangs">`),
		"/hangs":    endless("image/png"),
		"/silent":   func(_ http.ResponseWriter, req *http.Request) { <-req.Context().Done() },
		"/busy":     html(`<p>x<script>setInterval(() => { const t = performance.now(); while (performance.now() - t < 80); }, 1000)</script>`),
		"/redirect": func(w http.ResponseWriter, req *http.Request) { http.Redirect(w, req, "/redirect", http.StatusFound) },
		"/away":     html(`<p>x<script>location = 'http://127.0.0.1:1/'</script>`),
		"/missing":  http.NotFound,
		"/broken":   func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "broken", http.StatusBadGateway) },
		"/file": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Disposition", `attachment; filename="x.bin"`)
			_, _ = w.Write(make([]byte, 1000))
		},
		"/weighs": html(`<p>x<script>fetch('/large').then((r) => r.arrayBuffer())</script>`),
		"/large": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "text/html")
			piece := bytes.Repeat([]byte("<p>large</p>"), 1<<16)
			for range 200 << 20 / len(piece) {
				if _, err := w.Write(piece); err != nil {
					return
				}
			}
		},
	}
}

func TestFailures(t *testing.T) {
	t.Parallel()
	s := site(t, hostile())
	secure := httptest.NewTLSServer(html(`<p>secure`))
	t.Cleanup(secure.Close)
	secure.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	gone := httptest.NewServer(http.NotFoundHandler())
	gone.Close()
	b := browserFor(t)
	b.slots = make(chan struct{}, 20) // most of them only wait
	tests := []struct {
		name, url string
		limit     time.Duration
		want      Reason
		net       string
		status    int
		late      bool // the deadline is why
	}{
		{"refused", gone.URL, 10 * time.Second, NoResponse, "ERR_CONNECTION_REFUSED", 0, false},
		{"no such name", "http://name.invalid/", 10 * time.Second, NoResponse, "ERR_NAME_NOT_RESOLVED", 0, false},
		{"a certificate that nobody signed", secure.URL, 10 * time.Second, Certificate, "ERR_CERT_AUTHORITY_INVALID", 0, false},
		{"redirects without end", s.URL + "/redirect", 10 * time.Second, NoResponse, "ERR_TOO_MANY_REDIRECTS", 0, false},
		{"leads away to nowhere", s.URL + "/away", 10 * time.Second, NoResponse, "ERR_UNSAFE_PORT", 0, false},
		{"a download", s.URL + "/file", 10 * time.Second, Download, "", 0, false},
		{"not found", s.URL + "/missing", 15 * time.Second, Expectation, "", 404, false},
		{"no answer", s.URL + "/silent", 3 * time.Second, NoResponse, "", 0, true},
		{"nothing painted", s.URL + "/blank", 3 * time.Second, NoPaint, "", 0, true},
		{"an image that never ends", s.URL + "/image", 8 * time.Second, NoLoad, "", 0, true},
		{"three streams that never end", s.URL + "/streams", 8 * time.Second, NetworkBusy, "", 0, true},
		{"never idle", s.URL + "/busy", 8 * time.Second, CPUBusy, "", 0, true},
		{"alerts without end", s.URL + "/alerts", 12 * time.Second, MainStuck, "", 0, false},
		{"a script that loads 200 MB", s.URL + "/weighs", 20 * time.Second, NoLoad, "", 0, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			p := pageAt(t, tt.url, "")
			p.MaxBytes = 10 << 20
			start := time.Now()
			ctx, cancel := context.WithTimeout(t.Context(), tt.limit)
			defer cancel()
			v, err := b.Load(ctx, p)
			t.Logf("%v after %v, picture of %d bytes, %d requests, %d lines", err, time.Since(start), len(v.Evidence.Screenshot), len(v.Evidence.Waterfall), len(v.Evidence.Console))
			var f *PageError
			if !errors.As(err, &f) {
				t.Fatalf("got %v, want a failure with a reason", err)
			}
			if f.Reason != tt.want || f.Net != tt.net || f.Status != tt.status || errors.Is(err, context.DeadlineExceeded) != tt.late {
				t.Errorf("got %s %q %d (%v), want %s %q %d, late %v", f.Reason, f.Net, f.Status, err, tt.want, tt.net, tt.status, tt.late)
			}
			if v.Interactive != 0 || v.FirstPaint != 0 {
				t.Errorf("figures %+v, want none", v.Figures)
			}
			if took := time.Since(start); took > tt.limit+2*time.Second {
				t.Errorf("it took %v, want %v at most", took, tt.limit)
			}
		})
	}
}

// TestADocumentOf200MB is one that the browser cannot lay out as fast as it comes.
func TestADocumentOf200MB(t *testing.T) {
	t.Parallel()
	s := site(t, hostile())
	b := browserFor(t)
	p := pageAt(t, s.URL, "/large")
	p.MaxBytes = 50 << 20
	start := time.Now()
	ctx, cancel := context.WithTimeout(t.Context(), 15*time.Second)
	defer cancel()
	_, err := b.Load(ctx, p)
	var f *PageError
	if !errors.As(err, &f) || f.Reason != NoLoad && f.Reason != MainStuck && f.Reason != NoPaint {
		t.Errorf("got %v, want that it did not load, or that its main thread is stuck", err)
	}
	if took := time.Since(start); took > 20*time.Second {
		t.Errorf("it took %v, want some 15 s", took)
	}
}

// children are the processes of a group whose command line has a word.
func children(t *testing.T, leader int, word string) (pids []int) {
	t.Helper()
	stats, _ := filepath.Glob("/proc/[0-9]*/stat")
	for _, path := range stats {
		text, err := os.ReadFile(path)
		if err != nil {
			continue
		}
		fields := strings.Fields(string(text[bytes.LastIndexByte(text, ')')+1:]))
		command, err := os.ReadFile(filepath.Join(filepath.Dir(path), "cmdline"))
		if err == nil && len(fields) > 2 && fields[2] == strconv.Itoa(leader) && strings.Contains(string(command), word) {
			pid, _ := strconv.Atoi(filepath.Base(filepath.Dir(path)))
			pids = append(pids, pid)
		}
	}
	return pids
}

// TestDeathsAndStops kills and stops processes of the browser while a page loads, and then loads a good one.
func TestDeathsAndStops(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, word string
		signal     syscall.Signal
		want       Reason
	}{
		{"a renderer dies", "--type=renderer", syscall.SIGKILL, RendererCrash},
		{"a renderer stops", "--type=renderer", syscall.SIGSTOP, MainStuck},
		{"the browser dies", "", syscall.SIGKILL, BrowserLost},
		{"the browser stops", "", syscall.SIGSTOP, BrowserLost},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			reached := make(chan struct{}, 1)
			pages := hostile()
			pages["/ready"] = html(`<p>x<script>fetch('/reached')</script>`)
			pages["/reached"] = func(http.ResponseWriter, *http.Request) { reached <- struct{}{} }
			s := site(t, pages)
			b := browserFor(t)
			done := make(chan error, 1)
			ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
			defer cancel()
			go func() {
				_, err := b.Load(ctx, pageAt(t, s.URL, "/ready"))
				done <- err
			}()
			<-reached
			b.mu.Lock()
			victims := []int{b.current.pid}
			b.mu.Unlock()
			if tt.word != "" {
				victims = children(t, victims[0], tt.word)
			}
			at := time.Now()
			for _, pid := range victims {
				if err := syscall.Kill(pid, tt.signal); err != nil {
					t.Fatal(err)
				}
			}
			err := <-done
			took := time.Since(at)
			var f *PageError
			if !errors.As(err, &f) || f.Reason != tt.want {
				t.Errorf("got %v, want %s", err, tt.want)
			}
			if took > 12*time.Second {
				t.Errorf("known after %v, want about 11 s at most", took)
			}
			t.Logf("%v, known after %v", err, took)
			load(t, b, pageAt(t, s.URL, "/good"), 30*time.Second, "")
		})
	}
}

// TestALoopIsFoundOut has a page whose thread never comes back.
func TestALoopIsFoundOut(t *testing.T) {
	t.Parallel()
	s := site(t, hostile())
	b := browserFor(t)
	start := time.Now()
	load(t, b, pageAt(t, s.URL, "/loop"), 40*time.Second, MainStuck)
	if took := time.Since(start); took > 25*time.Second {
		t.Errorf("known after %v, want some 12 s", took)
	}
	b.ending.Wait() // the run's context is closed behind it
	if got := b.Stats(); got.Launches != 1 || got.Ends[Stuck] != 1 || got.Up || b.current != nil || b.pause != 0 {
		t.Errorf("got %+v, a pause of %v, want the browser to be given up, and the next one without a pause", got, b.pause)
	}
}

func TestNoBrowser(t *testing.T) {
	var logged bytes.Buffer
	b := New(Settings{Path: "/nonexistent/chromium", NoSandbox: true}, logger(&logged))
	t.Cleanup(b.Close)
	for range 2 {
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		_, err := b.Load(ctx, pageAt(t, "http://127.0.0.1/", ""))
		cancel()
		var f *PageError
		if !errors.As(err, &f) || f.Reason != LaunchFailed {
			t.Errorf("got %v, want %s", err, LaunchFailed)
		}
	}
	if lines := strings.Count(logged.String(), "\n"); lines != 1 {
		t.Errorf("%d lines, want one: %s", lines, logged.String())
	}
	if got, want := b.pause, 2*time.Second; got != want {
		t.Errorf("a pause of %v after two failures, want %v", got, want)
	}
}

func TestThePauseDoubles(t *testing.T) {
	b := &Browser{}
	var got []string
	for range 8 {
		b.rested(errLost)
		got = append(got, b.pause.String())
	}
	if want := "[1s 2s 4s 8s 16s 32s 1m0s 1m0s]"; fmt.Sprint(got) != want {
		t.Errorf("got %v, want %s", got, want)
	}
}
