package browser

import (
	"fmt"
	"net/http"
	"os"
	"runtime"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/perfwatch/perfwatch/internal/trend"
)

// soakLoads is the variable that says how many pages TestLoadsLeaveNothingBehind loads; `make soak-pages` sets it.
const soakLoads = "PERFWATCH_SOAK_LOADS"

// rich is a page with something of everything that a browser might keep: nodes, a script, an image, a style and data.
func rich() map[string]http.HandlerFunc {
	page := html(`<!doctype html><title>Rich</title><style>p { color: #234 }</style><img src="/image.svg" width=20 height=20><div id=d></div>
			<script>
			for (let i = 0; i < 2000; i++) d.append(Object.assign(document.createElement('p'), { textContent: 'paragraph ' + i }));
			globalThis.kept = Array.from({ length: 1e5 }, (_, i) => ({ i })); console.log('made'); fetch('/data');
			localStorage.setItem('much', 'x'.repeat(1e5));
			</script>`)
	return map[string]http.HandlerFunc{
		"/rich": page,
		"/missing": func(w http.ResponseWriter, req *http.Request) {
			w.Header().Set("Content-Type", "text/html")
			w.WriteHeader(http.StatusNotFound)
			page(w, req)
		},
		"/image.svg": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "image/svg+xml")
			fmt.Fprint(w, `<svg xmlns="http://www.w3.org/2000/svg" width="20" height="20"><circle cx="10" cy="10" r="9"/></svg>`)
		},
		"/data": func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(make([]byte, 500_000)) },
	}
}

// TestLoadsLeaveNothingBehind loads a page again and again in one browser. Between two rounds, when every context is closed,
// it reads the memory of the browser and counts our goroutines: a slope of either is a leak. The first rounds fill caches and
// do not count. make test has some loads that end at once, since nobody expects their status; make soak-pages has 300 whole
// ones, some at the same time, since most of a load is waiting.
func TestLoadsLeaveNothingBehind(t *testing.T) {
	const first = 3
	rounds, atOnce, path, want := 12, 1, "/missing", Expectation
	if text := os.Getenv(soakLoads); text != "" {
		loads, err := strconv.Atoi(text)
		if err != nil {
			t.Fatal(err)
		}
		atOnce, path, want = 6, "/rich", ""
		rounds = loads / atOnce
	}
	s := site(t, rich())
	b := browserFor(t)
	b.slots = make(chan struct{}, atOnce)
	var bytes, goroutines []trend.Reading
	for n := range first + rounds {
		var loads sync.WaitGroup
		for range atOnce {
			loads.Go(func() { load(t, b, pageAt(t, s.URL, path), time.Minute, want) })
		}
		loads.Wait()
		b.ending.Wait()
		s.CloseClientConnections() // of which the server has a goroutine each, for a while
		if n < first {
			continue
		}
		if b.current == nil {
			t.Fatalf("%+v after %d loads, want one browser for all of it", b.Stats(), (n+1)*atOnce)
		}
		at := float64((n - first + 1) * atOnce)
		bytes = append(bytes, trend.Reading{At: at, Value: float64(memory(b.current.pid)) / (1 << 20)})
		goroutines = append(goroutines, trend.Reading{At: at, Value: float64(runtime.NumGoroutine())})
	}
	if got := b.Stats().Launches; got != 1 {
		t.Errorf("%d browsers, want one for all of it", got)
	}
	// A context that stays takes more than 10 MiB in each load, and what waits for it a goroutine.
	flat(t, "MiB of the browser", bytes, 1)
	flat(t, "goroutines", goroutines, 0.1)
}

// flat wants readings over loads without a slope, or with one that is less than so much a load.
func flat(t *testing.T, what string, readings []trend.Reading, most float64) {
	t.Helper()
	fit, ok := trend.Fit(readings)
	first, last := readings[0], readings[len(readings)-1]
	t.Logf("%s: %.1f after %v loads, %.1f after %v; slope %+.4f a load (%+.4f to %+.4f), p %.3f", what, first.Value, first.At, last.Value,
		last.At, fit.Slope, fit.Low, fit.High, fit.P)
	if !ok || fit.P < 0.01 && fit.Low > most {
		t.Errorf("%s grow by %.2f a load (%.2f to %.2f, p %.4f), want them flat", what, fit.Slope, fit.Low, fit.High, fit.P)
	}
}
