package browser

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

func TestTheShellComesFirst(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("PATH", dir)
	install := func(name string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(dir, name), nil, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	byName := []string{"chromium-headless-shell", "chromium"} // and not where Debian has them
	for _, tt := range []struct{ installed, want string }{
		{"", ""}, {"chromium", "chromium"}, {"chromium-headless-shell", "chromium-headless-shell"},
	} {
		if tt.installed != "" {
			install(tt.installed)
		}
		got, err := first(byName)
		if (err != nil) != (tt.want == "") || filepath.Base(got) != tt.want && tt.want != "" {
			t.Errorf("with %q: got %q, %v, want %q", tt.installed, got, err, tt.want)
		}
	}
	if got := programs(); filepath.Base(got[0]) != byName[0] {
		t.Errorf("%q is looked for first, want the shell", got[0])
	}
	if got, err := Find(filepath.Join(dir, "chromium")); filepath.Base(got) != "chromium" {
		t.Errorf("got %q, %v, want what the configuration says", got, err)
	}
}

func TestASandboxThatIsForbiddenIsNamed(t *testing.T) {
	for _, tt := range []struct {
		user    int
		without bool
		good    bool
	}{{0, false, false}, {0, true, true}, {1000, false, true}} {
		if err := sandboxed(tt.user, tt.without); (err == nil) != tt.good {
			t.Errorf("user %d, without a sandbox %v: %v", tt.user, tt.without, err)
		}
	}
	const forbidden = ": its sandbox is forbidden here: allow user namespaces, or set browser.no_sandbox: true"
	for said, want := range map[string]string{
		"": "",
		"[1:1:FATAL:zygote_host_impl_linux.cc(127)] No usable sandbox! Update your kernel":             forbidden,
		"Failed to move to new namespace: PID namespaces supported, but failed: errno = Not permitted": forbidden,
		"[1:1:ERROR:a.cc] first\n[1:1:FATAL:b.cc] last\n[1:1:ERROR:dbus/bus.cc] no bus\nbye":           `: it says "[1:1:FATAL:b.cc] last"`,
	} {
		c := &complaint{}
		_, _ = c.Write([]byte(said))
		if got := c.hint(); got != want {
			t.Errorf("%q: hint %q, want %q", said, got, want)
		}
	}
}

func TestABrowserHasDoneEnough(t *testing.T) {
	for _, tt := range []struct {
		runs   int
		age    time.Duration
		memory int64
		want   Ending
	}{
		{499, 11 * time.Hour, 600 << 20, ""},
		{500, 0, 0, Worn},
		{2, 12 * time.Hour, 0, Old},
		{2, 0, 601 << 20, Heavy},
	} {
		p := &process{born: time.Now().Add(-tt.age)}
		p.taken.Store(tt.memory)
		if got := p.enough(tt.runs); got != tt.want {
			t.Errorf("%+v: ends for %q", tt, got)
		}
	}
}

// TestABrowserIsReplaced loads a page that fails quickly, and says nothing against its browser, until that has done enough.
func TestABrowserIsReplaced(t *testing.T) {
	t.Parallel()
	s := site(t, hostile())
	b := browserFor(t)
	missing := func() *process {
		load(t, b, pageAt(t, s.URL, "/missing"), 30*time.Second, Expectation)
		b.ending.Wait()
		b.mu.Lock()
		defer b.mu.Unlock()
		return b.current
	}
	for n, tt := range []struct {
		why   Ending
		spoil func(*process)
	}{
		{Worn, func(p *process) { p.runs = maxRuns - 1 }},
		{Old, func(p *process) { p.born = p.born.Add(-maxAge) }},
		{Heavy, func(p *process) { p.taken.Store(maxMemory + 1) }},
	} {
		p := missing()
		if got := b.Stats(); p == nil || p.runs != 1 || got.Memory < 50<<20 || got.Launches != int64(n+1) {
			t.Fatalf("%+v, want browser %d after one run, without the one that warmed it, and its memory", got, n+1)
		}
		tt.spoil(p)
		if left := missing(); left != nil {
			t.Errorf("%s: the browser is still there", tt.why)
		}
		allEnd(t, p.pid)
		if got := b.Stats(); got.Ends[tt.why] != 1 || len(got.Ends) != n+1 || got.Up || got.BackOff != 0 {
			t.Errorf("%+v, want one that ended for %s, and no pause", got, tt.why)
		}
	}
}

func TestNothingIsLeftAfterTheEnd(t *testing.T) {
	t.Parallel()
	s := site(t, hostile())
	b := browserFor(t)
	load(t, b, pageAt(t, s.URL, "/missing"), 30*time.Second, Expectation)
	p := b.current
	b.Close()
	allEnd(t, p.pid)
	if _, err := os.Stat(p.profile.dir); !os.IsNotExist(err) {
		t.Errorf("its profile is still there: %v", err)
	}
	if _, err := b.Load(t.Context(), pageAt(t, s.URL, "/missing")); !errors.Is(err, context.Canceled) {
		t.Errorf("a load after the end: %v, want it to be canceled", err)
	}
}

func TestOneRunAtATime(t *testing.T) {
	t.Parallel()
	most := max(1, runtime.NumCPU()/2)
	for given, want := range map[int]int{0: 1, 1: 1, 100: most} {
		if b := New(Settings{Concurrency: given}, slog.New(slog.DiscardHandler)); cap(b.slots) != want {
			t.Errorf("concurrency %d: %d runs at once, want %d", given, cap(b.slots), want)
		}
	}
	var now, highest atomic.Int64
	s := site(t, map[string]http.HandlerFunc{"/": func(w http.ResponseWriter, req *http.Request) {
		highest.Store(max(highest.Load(), now.Add(1)))
		defer now.Add(-1)
		time.Sleep(200 * time.Millisecond)
		http.NotFound(w, req)
	}})
	b := browserFor(t)
	var all sync.WaitGroup
	for range 3 {
		all.Go(func() {
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			var f *PageError
			if _, err := b.Load(ctx, pageAt(t, s.URL, "/")); !errors.As(err, &f) || f.Status != http.StatusNotFound {
				t.Errorf("got %v, want status 404", err)
			}
		})
	}
	all.Wait()
	if highest.Load() != 1 || b.Stats().Launches != 1 {
		t.Errorf("%d pages at once in %d browsers, want one in one", highest.Load(), b.Stats().Launches)
	}
}

// TestAContextThatDoesNotClose is that of a browser which is stopped after a run that was good.
func TestAContextThatDoesNotClose(t *testing.T) {
	t.Parallel()
	b := browserFor(t)
	p, err := b.acquire(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	r := newRun(p, &Page{})
	if err := r.open(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Kill(p.pid, syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	b.end(r, nil)
	if got := b.Stats(); got.Ends[Lost] != 1 || got.Up || got.BackOff != minPause {
		t.Errorf("%+v, want it to be given up", got)
	}
	allEnd(t, p.pid)
}

func TestAWaitForABrowserEnds(t *testing.T) {
	for _, tt := range []struct {
		name string
		wait func(*Browser)
	}{
		{"that another run starts", func(b *Browser) { b.launcher <- struct{}{} }},
		{"that rests", func(b *Browser) { b.rested(fmt.Errorf("a test: %w", errLost)) }},
	} {
		b := browserFor(t)
		tt.wait(b)
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
		defer cancel()
		_, err := b.Load(ctx, pageAt(t, "http://127.0.0.1/", ""))
		var f *PageError
		if !errors.As(err, &f) || f.Reason != LaunchFailed || !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%s: %v, want that there is none in time", tt.name, err)
		}
	}
}
