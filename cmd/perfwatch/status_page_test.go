package main

import (
	"context"
	_ "embed"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"github.com/perfwatch/perfwatch/internal/peer"
)

// axe finds what keeps people from reading a page. It is no part of the program.
//
//go:embed testdata/axe/axe.min.js
var axe string

// readable is how long the page may take to show something on a busy machine.
const readable = 30 * time.Second

// A reader is somebody with a browser and a keyboard.
type reader struct {
	*testing.T
	ctx  context.Context // that of its browser
	base string

	mu       sync.Mutex
	troubles []string // errors of the console, and requests that leave the origin
}

// newReader opens a browser on a daemon with probes and a page that work and fail, a burst and a pipeline.
func newReader(t *testing.T) *reader {
	t.Helper()
	platform := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/home" {
			fmt.Fprint(w, `<!doctype html><title>Shop</title><h1>Sorry</h1><script>console.error("no shop")</script>`)
		}
		fmt.Fprint(w, "here")
	}))
	t.Cleanup(platform.Close)
	file := filepath.Join(t.TempDir(), "perfwatch.yml")
	writeFile(t, file, fmt.Sprintf(`
global: {base_url: %q, schedule: "@every 1s"}
browser: {no_sandbox: true}
probes:
  - {name: dashboard, group: api, http: {url: /api/dashboard, headers: {Authorization: hunter2}}}
  - {name: broken, group: shop, http: {url: "http://%s/"}}
  - {name: home, group: shop, schedule: "@every 3s", page: {url: /home, expect: {selector: "#cart"}}}
  - name: rush
    schedule: "0 0 1 1 *"
    load:
      users: 2
      duration: 2m
      think_time: 100ms-200ms
      tasks: [{name: dashboard, http: {url: /api/dashboard}}]
pipelines:
  - {name: daily, budget: 1h, items: 60, stages: [{name: fetch, budget: 5m}, {name: predict}]}
objectives:
  - {name: shop_errors, title: "Shop errors", measure: error_ratio, probe: broken, window: 1m, target: 50%%}
  - {name: shop_median, title: "API median", measure: latency, quantile: 0.5, group: api, window: 1m, target: 5s}
  - {name: daily_run, title: "Daily run", measure: pipeline_duration, pipeline: daily, target: 1h}
`, platform.URL, peer.FreeAddress(t)))
	d, err := newDaemon(daemonOptions{configFile: &file, lifecycle: true, storage: t.TempDir()}, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	handler, err := d.handler()
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(handler)
	ctx, stop := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Go(func() { d.run(ctx) })
	r := &reader{T: t, base: server.URL}
	r.open(peer.Find(t, "chromium-headless-shell", "chromium-headless-shell"))
	t.Cleanup(func() { close(d.closing); stop(); running.Wait(); server.CloseClientConnections(); server.Close() })
	return r
}

// open starts the browser and listens to what it says.
func (r *reader) open(program string) {
	r.Helper()
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(program), chromedp.NoSandbox)
	allocator, end := chromedp.NewExecAllocator(r.Context(), options...)
	r.Cleanup(end)
	ctx, cancel := chromedp.NewContext(allocator, chromedp.WithListener(r.hears))
	r.Cleanup(cancel)
	r.ctx = ctx
	if err := chromedp.Do(ctx); err != nil { // the browser lives as long as this context, and not as one of an action
		r.Fatal(err)
	}
}

// hears notes what a browser complains of.
func (r *reader) hears(event any) {
	trouble := ""
	switch e := event.(type) {
	case *log.EventEntryAdded:
		if e.Entry.Level == log.EntryLevelError {
			trouble = fmt.Sprint(e.Entry.Text, " ", e.Entry.URL)
		}
	case *runtime.EventExceptionThrown:
		trouble = "an exception: " + e.ExceptionDetails.Text
	case *runtime.EventConsoleAPICalled:
		if string(e.Type) == "error" {
			trouble = "console.error"
		}
	case *network.EventRequestWillBeSent:
		if !strings.HasPrefix(e.Request.URL, r.base) {
			trouble = "a request to " + e.Request.URL
		}
	}
	if trouble != "" {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.troubles = append(r.troubles, trouble)
	}
}

func (r *reader) do(actions ...chromedp.Action[chromedp.Void]) {
	r.Helper()
	ctx, cancel := context.WithTimeout(r.ctx, readable)
	defer cancel()
	if err := chromedp.Do(ctx, actions...); err != nil {
		r.Fatal(err)
	}
}

// until waits for a condition in the page.
func (r *reader) until(condition string) {
	r.Helper()
	ctx, cancel := context.WithTimeout(r.ctx, readable)
	defer cancel()
	for {
		// The page may go away while it is asked.
		text, err := chromedp.Run(ctx, chromedp.Evaluate[string](`String(Boolean(`+condition+`))`))
		if err == nil && text == "true" {
			return
		}
		if err := chromedp.Do(ctx, chromedp.Sleep(100*time.Millisecond)); err != nil {
			r.Fatalf("waiting for %s: %v\n%s\n%s", condition, err, getText(r.T, r.base+"/api/v1/bursts"), r.eval("document.body.innerText"))
		}
	}
}

// eval is what an expression of the page is.
func (r *reader) eval(expression string) string {
	r.Helper()
	ctx, cancel := context.WithTimeout(r.ctx, readable)
	defer cancel()
	text, err := chromedp.Run(ctx, chromedp.Evaluate[string](expression, chromedp.EvalAwaitPromise))
	if err != nil {
		r.Fatalf("evaluating %.200s: %v", expression, err)
	}
	return text
}

// tabTo presses Tab until something has the focus, and Enter on it.
func (r *reader) tabTo(condition string) {
	r.Helper()
	for range 200 {
		r.do(chromedp.KeyEvent(kb.Tab))
		if r.eval(`String(document.activeElement.matches('`+condition+`'))`) == "true" {
			r.do(chromedp.KeyEvent(kb.Enter))
			return
		}
	}
	r.Fatalf("the keyboard does not lead to %s", condition)
}

// checks runs axe on the page that is open.
func (r *reader) checks(where string) {
	r.Helper()
	r.eval(axe + `; ""`)
	found := r.eval(`axe.run().then((r) => r.violations.map((v) => v.id + ": " + v.nodes.map((n) => n.html).join(" ")).join("\n"))`)
	if found != "" {
		r.Errorf("%s: %s", where, found)
	}
}

// Somebody with nothing but a keyboard reads the targets, starts a burst, watches it live, stops it, and follows an
// objective to what was seen.
func TestTheStatusPageInABrowser(t *testing.T) {
	r := newReader(t)
	r.do(chromedp.Navigate(r.base))
	r.until(`document.readyState === "complete"`)
	for tries := 0; !strings.Contains(r.eval(`document.querySelector("#targets").innerText`), "missed"); tries++ {
		if tries > 50 {
			t.Fatalf("no target is missed: %s", r.eval(`document.querySelector("#targets").innerText`))
		}
		r.do(chromedp.Sleep(200*time.Millisecond), chromedp.Reload())
	}
	if row := r.eval(`document.querySelector(".targets tbody tr").innerText`); !strings.Contains(row, "Shop errors") || !strings.Contains(row, "100%") {
		t.Errorf("the first row is %q, want the target that is missed", row)
	}

	r.eval(`window.before = "the burst"`)
	r.tabTo(`[data-key="start rush"]`)
	r.tabTo(`[data-key="send rush"]`)
	said := `document.querySelector('[data-burst="rush"]:not([hidden]) .said')?.textContent`
	r.until(`!window.before && ` + said + `?.includes("requests")`)
	same := r.eval(said)
	r.eval(`window.here = "yes"`)
	r.until(fmt.Sprintf(`%s !== %q && window.here`, said, same)) // without another page
	r.tabTo(`[data-key="stop rush"]`)
	r.until(`document.querySelector("#bursts")?.innerText.includes("aborted")`)

	r.tabTo(`a[href="probes/broken"]`) // the evidence of the target comes first
	r.until(`document.querySelector("h1")?.innerText.includes("broken")`)
	if text := r.eval(`document.querySelector("#failures").innerText`); !strings.Contains(text, "connection refused") {
		t.Errorf("the evidence is %.300s", text)
	}

	r.readsEveryPage()
	if text := r.eval(`fetch("` + r.base + `/config").then((r) => r.text())`); strings.Contains(text, "hunter2") {
		t.Error("a secret is shown")
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.troubles) > 0 {
		t.Errorf("the browser complains: %q", r.troubles)
	}
}

// readsEveryPage opens every page that there is, on a phone and on a screen, in the light and in the dark.
func (r *reader) readsEveryPage() {
	r.Helper()
	for tries := 0; !strings.Contains(getText(r.T, r.base+"/pages/home"), "film/0.jpg"); tries++ {
		if tries > 150 {
			r.Fatalf("no failed load has a film: %s", getText(r.T, r.base+"/pages/home"))
		}
		r.do(chromedp.Sleep(200 * time.Millisecond))
	}
	for _, width := range []int64{360, 1440} {
		for _, theme := range []string{"light", "dark"} {
			r.do(chromedp.EmulateViewport(width, 800))
			media := emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: theme}}}
			if _, err := chromedp.Call(r.ctx, emulation.SetEmulatedMedia, media); err != nil {
				r.Fatal(err)
			}
			for i, page := range []string{"/", "/config", "/probes/broken", "/pages/home", "/report", "/report?burst=rush", "/?q=nothing"} {
				where := fmt.Sprintf("%s at %d px, %s", page, width, theme)
				r.do(chromedp.Navigate(r.base + page))
				r.until(`document.readyState === "complete"`)
				r.eval(`document.querySelectorAll("details").forEach((d) => { d.open = true }); ""`)
				if wide := r.eval(`String(document.documentElement.scrollWidth - innerWidth)`); wide != "0" && !strings.HasPrefix(wide, "-") {
					r.Errorf("%s is %s px wider than the window", where, wide)
				}
				r.checks(where)
				r.shoots(fmt.Sprintf("%d-%d-%s.png", i, width, theme))
			}
		}
	}
}

// shoots keeps a picture of the page in the folder PERFWATCH_SHOTS, if there is one, for people to look at.
func (r *reader) shoots(name string) {
	r.Helper()
	dir := os.Getenv("PERFWATCH_SHOTS")
	if dir == "" {
		return
	}
	picture, err := chromedp.Run(r.ctx, chromedp.FullScreenshot(100))
	if err != nil {
		r.Fatal(err)
	}
	writeFile(r.T, filepath.Join(dir, name), string(picture))
}
