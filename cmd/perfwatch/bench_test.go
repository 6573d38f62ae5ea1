package main

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/perfwatch/perfwatch/probes"
)

// manyProbes is how many probes are measured.
const manyProbes = 10_000

// manyYAML is their configuration, of which the first few ask for something else than before.
func manyYAML(site string, changed int) string {
	var text strings.Builder
	fmt.Fprintf(&text, "global: {base_url: %q, schedule: \"@every 10s\"}\nprobes:\n", site)
	for i := range manyProbes {
		query := ""
		if i < changed {
			query = "?changed"
		}
		fmt.Fprintf(&text, "  - {name: t%d, group: api, http: {url: \"/t/%d%s\"}}\n", i, i, query)
	}
	return text.String() + "objectives:\n  - {name: slow, measure: latency, quantile: 0.95, group: api, window: 5m, target: 400ms}\n"
}

// leanSite starts a process that answers everything, so that what is measured here is the probes' end of the connections.
func leanSite(tb testing.TB) string {
	tb.Helper()
	cmd := exec.CommandContext(tb.Context(), "lean-site")
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { // the context has ended it by then
		_ = cmd.Wait()
	})
	url, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		tb.Fatal(err)
	}
	return strings.TrimSpace(url)
}

// leanSiteMain is that process. It says its URL first.
func leanSiteMain() {
	l, err := (&net.ListenConfig{}).Listen(context.Background(), "tcp", "127.0.0.1:0")
	if err != nil {
		fmt.Fprintln(os.Stderr, "lean-site:", err)
		return
	}
	fmt.Printf("http://%s\n", l.Addr()) //nolint:forbidigo // a program of the tests
	answer := []byte("HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 2\r\n\r\nok")
	for {
		c, err := l.Accept()
		if err != nil {
			return
		}
		go func() {
			defer func() { _ = c.Close() }()
			for request := make([]byte, 512); ; {
				if n, err := c.Read(request); err != nil || !bytes.HasSuffix(request[:n], []byte("\r\n\r\n")) {
					return
				}
				if _, err := c.Write(answer); err != nil {
					return
				}
			}
		}()
	}
}

func liveHeap() uint64 {
	runtime.GC()
	runtime.GC() // what had a finalizer
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// BenchmarkManyProbes has a daemon of which every probe ran as often as the board remembers, and says what a probe
// holds in memory, its histograms included (BenchmarkProbeMemory of the collector tells what these take); how long a page
// of metrics takes until it is written; and how long a reload in which ten change.
func BenchmarkManyProbes(b *testing.B) {
	site := leanSite(b)
	for b.Loop() {
		before := liveHeap()
		r := &running{file: filepath.Join(b.TempDir(), "perfwatch.yml")}
		r.write(b, manyYAML(site, 0))
		d, err := newDaemon(daemonOptions{configFile: &r.file, lifecycle: true}, slog.New(slog.DiscardHandler))
		if err != nil {
			b.Fatal(err)
		}
		r.daemon = d
		const runs = 50
		for range runs {
			for _, w := range d.current.Load().probes {
				sample := probes.Take(b.Context(), w.prober, time.Now())
				if sample.Err != nil {
					b.Fatal(sample.Err)
				}
				w.observe(d, sample)
			}
		}
		b.ReportMetric(float64(liveHeap()-before)/manyProbes, "B/probe")
		if r.page, err = d.handler(); err != nil {
			b.Fatal(err)
		}
		start := time.Now()
		page := &discarding{ResponseWriter: httptest.NewRecorder()}
		r.page.ServeHTTP(page, httptest.NewRequest(http.MethodGet, "/metrics", nil))
		b.ReportMetric(time.Since(start).Seconds(), "s/scrape")
		b.ReportMetric(float64(page.n)/(1<<20), "MiB/scrape")
		r.write(b, manyYAML(site, 10))
		start = time.Now()
		if err := d.reload(b.Context()); err != nil {
			b.Fatal(err)
		}
		b.ReportMetric(time.Since(start).Seconds(), "s/reload")
		if got := r.total(b); got != runs*manyProbes {
			b.Errorf("%v runs are counted after the reload, want %d", got, runs*manyProbes)
		}
		d.current.Load().stop(nil)
		for _, w := range d.current.Load().probes {
			w.close()
		}
	}
}

// discarding is a page that nobody reads.
type discarding struct {
	http.ResponseWriter
	n int
}

func (d *discarding) Write(p []byte) (int, error) {
	d.n += len(p)
	return io.Discard.Write(p)
}

// total is how many runs of all probes are counted.
func (r *running) total(tb testing.TB) (n float64) {
	tb.Helper()
	families, err := r.gather()
	if err != nil {
		tb.Fatal(err)
	}
	for _, f := range families {
		for _, m := range f.GetMetric() {
			if f.GetName() == "perfwatch_probe_runs_total" {
				n += m.GetCounter().GetValue()
			}
		}
	}
	return n
}
