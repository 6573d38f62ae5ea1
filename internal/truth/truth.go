// Package truth serves pages whose figures are known: when their first byte comes and what they paint when, how long their
// tasks take, how far their parts shift. Tests and benchmarks hold a browser against it. What a busy machine changes, a page
// says itself, by marks.
package truth

import (
	"fmt"
	"net/http"
	"time"
)

// A Page is one of them, at the path of its name.
type Page struct {
	Name string
	// Marks are the names of the performance.marks that Truth reads.
	Marks []string
	// Truth is what is right for a load in which the page set its marks.
	Truth func(marks map[string]time.Duration) Truth
	Quiet bool // it becomes interactive; the other ones never do

	body string // what stands in it
	late time.Duration
}

// A Truth has the figures of one load, as far as they are known; a duration of 0 is not.
type Truth struct {
	FirstByte   time.Duration // cannot come before
	FirstPaint  time.Duration // cannot come before
	Interactive time.Duration
	Blocking    time.Duration
	Shift       float64
}

// The window for which the shifts are right, CSS pixels.
const (
	Width  = 1350
	Height = 940
)

const (
	firstByte = 300 * time.Millisecond
	// style and image are how late the parts come that hold up the first paint and the load, and fetch how long one takes.
	style = 500 * time.Millisecond
	image = 700 * time.Millisecond
	fetch = 4 * time.Second
	// quiet is what a task may take without being long.
	quiet = 50 * time.Millisecond
)

// Pages are all of them.
func Pages() []Page {
	tasks := []string{"a", "b", "c", "d"}
	return []Page{
		{
			Name: "late", Quiet: true, late: firstByte, Marks: []string{"frame"},
			body: `<p>late<script>requestAnimationFrame(() => performance.mark('frame'))</script>`,
			Truth: func(m map[string]time.Duration) Truth {
				return Truth{FirstByte: firstByte, FirstPaint: m["frame"]}
			},
		},
		{
			Name: "style", Quiet: true, Marks: []string{"style"},
			body: `<link rel=stylesheet href="/slow.css"><p>styled<img src="/slow.svg" width=10 height=10><script>
				addEventListener('load', () => {
					const css = performance.getEntriesByType('resource').find((e) => e.name.endsWith('/slow.css'));
					performance.mark('style', { startTime: css.responseEnd }) })</script>`,
			Truth: func(m map[string]time.Duration) Truth { return Truth{FirstPaint: m["style"]} },
		},
		{
			Name: "tasks", Quiet: true, Marks: ends(tasks),
			body: `<p>tasks<script>task('a', 400, 60); task('b', 700, 120); task('c', 1200, 30); task('d', 2000, 800)</script>`,
			Truth: func(m map[string]time.Duration) Truth {
				return Truth{Interactive: m["d1"], Blocking: blocking(m, tasks)}
			},
		},
		{
			Name: "shift", Quiet: true,
			// Each shift waits for the frame of the one before, so that a busy machine does not make one of two.
			body: `<div id=spacer></div><div style="height:200px;background:#ccc">moves</div><script>
				(async () => {
					for (const [wait, height] of [[600, 94], [300, 188], [1900, 235]]) {
						await new Promise((done) => setTimeout(done, wait));
						document.getElementById('spacer').style.height = height + 'px';
						await new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)));
					}
				})()</script>`,
			// The worst burst is the first one, of two shifts.
			Truth: func(map[string]time.Duration) Truth { return Truth{Shift: shift(200, 94) + shift(200, 94)} },
		},
		{
			// Without its fetches it would be interactive after the first task, since more than five seconds pass before the next.
			// Its tasks are long enough for 1 % to be more than the millisecond that Lighthouse counts beside each.
			Name: "fetches", Quiet: true, Marks: ends([]string{"a", "b"}),
			body: `<p>fetches<script>for (const n of [1, 2, 3]) fetch('/fetch?' + n); task('a', 800, 100); task('b', 6500, 400)</script>`,
			Truth: func(m map[string]time.Duration) Truth {
				return Truth{Interactive: m["b1"], Blocking: blocking(m, []string{"a", "b"})}
			},
		},
		{
			Name: "restless", body: `<p>restless<script>setInterval(() => spin(80), 1000)</script>`,
			Truth: func(map[string]time.Duration) Truth { return Truth{} },
		},
	}
}

// ends are the marks at the start and the end of tasks.
func ends(tasks []string) (list []string) {
	for _, name := range tasks {
		list = append(list, name+"0", name+"1")
	}
	return list
}

// blocking is by how much tasks go beyond 50 ms.
func blocking(m map[string]time.Duration, tasks []string) (sum time.Duration) {
	for _, name := range tasks {
		sum += max(0, m[name+"1"]-m[name+"0"]-quiet)
	}
	return sum
}

// shift is the score of a box as wide as the window that moves down, https://github.com/WICG/layout-instability: the part of
// the window that it covers before or after, times the way that it goes in longest sides of the window.
func shift(height, way float64) float64 { return (height + way) / Height * way / max(Width, Height) }

// Handler serves them.
func Handler() http.Handler {
	mux := http.NewServeMux()
	for _, p := range Pages() {
		mux.HandleFunc("GET /"+p.Name, func(w http.ResponseWriter, r *http.Request) {
			after(r, p.late)
			w.Header().Set("Content-Type", "text/html; charset=utf-8")
			_, _ = fmt.Fprintf(w, `<!doctype html><html lang=en><title>%s</title><link rel=icon href="data:,">
				<body style="margin:0"><script>
				const spin = (ms) => { const t = performance.now(); while (performance.now() - t < ms); };
				// Its marks come later: that they are set takes a browser as long as it takes to tell 100 ms from 101.
				const task = (name, at, ms) => {
					let from, to;
					setTimeout(() => { from = performance.now(); spin(ms); to = performance.now() }, at);
					setTimeout(() => {
						performance.mark(name + '0', { startTime: from });
						performance.mark(name + '1', { startTime: to }) }, at + ms + 200);
				};
				</script>%s`, p.Name, p.body)
		})
	}
	for path, part := range map[string]struct {
		late       time.Duration
		kind, text string
	}{
		"/slow.css": {style, "text/css", "p { color: #111 }"},
		"/slow.svg": {image, "image/svg+xml", `<svg xmlns="http://www.w3.org/2000/svg" width="10" height="10"/>`},
		"/fetch":    {fetch, "text/plain", "done"},
	} {
		mux.HandleFunc("GET "+path, func(w http.ResponseWriter, r *http.Request) {
			after(r, part.late)
			w.Header().Set("Content-Type", part.kind)
			_, _ = fmt.Fprint(w, part.text)
		})
	}
	return mux
}

// after waits, or until who asks is gone.
func after(r *http.Request, late time.Duration) {
	timer := time.NewTimer(late)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-r.Context().Done():
	}
}
