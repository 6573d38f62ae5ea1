package main

import (
	"context"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/perfwatch/perfwatch/collector"
	"github.com/perfwatch/perfwatch/internal/browser"
	"github.com/perfwatch/perfwatch/internal/config"
	"github.com/perfwatch/perfwatch/probes"
)

// newBrowser is what loads the pages of a configuration. It starts nothing before the first page.
func newBrowser(cfg *config.Config, logger *slog.Logger) *browser.Browser {
	return browser.New(browser.Settings{
		Path: cfg.Browser.ChromiumPath, NoSandbox: cfg.Browser.NoSandbox, Concurrency: cfg.Browser.Concurrency,
	}, logger)
}

// browserState is what became of the browsers of the pages; nil if there are no pages.
func (d *daemon) browserState() *collector.BrowserState {
	g := d.current.Load()
	if !slices.ContainsFunc(g.probes, func(w *watched) bool { return w.Page != nil }) {
		return nil
	}
	stats := g.browser.Stats()
	ends := map[string]int64{}
	for _, reason := range browser.Endings() {
		ends[string(reason)] = stats.Ends[reason]
	}
	return &collector.BrowserState{
		Up: stats.Up, Launches: stats.Launches, Failed: stats.Failures, Ends: ends, Memory: stats.Memory, BackOff: stats.BackOff,
	}
}

// turns keep pages and bursts of the same host apart: a page that loads during a burst measures the burst. A burst goes
// first.
type turns struct {
	mu     sync.Mutex
	bursts map[string]int                      // running, by host
	pages  map[*context.CancelCauseFunc]string // running, with their host
}

// sameHost writes a host the one way that all spellings of it have: in small letters and without the port that goes without
// saying.
func sameHost(host string) string {
	host = strings.ToLower(host)
	return strings.TrimSuffix(strings.TrimSuffix(host, ":80"), ":443")
}

// page begins a page. It is not to begin while a burst runs against its host; ctx is canceled when one begins.
func (t *turns) page(ctx context.Context, host string) (_ context.Context, end func(), free bool) {
	host = sameHost(host)
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.bursts[host] > 0 {
		return nil, nil, false
	}
	ctx, cancel := context.WithCancelCause(ctx)
	if t.pages == nil {
		t.pages = map[*context.CancelCauseFunc]string{}
	}
	t.pages[&cancel] = host
	return ctx, func() {
		cancel(nil)
		t.mu.Lock()
		defer t.mu.Unlock()
		delete(t.pages, &cancel)
	}, true
}

// burst begins a burst and stops the pages of its hosts.
func (t *turns) burst(hosts []string) (end func()) {
	hosts = slices.Clone(hosts)
	for i := range hosts {
		hosts[i] = sameHost(hosts[i])
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.bursts == nil {
		t.bursts = map[string]int{}
	}
	for _, host := range hosts {
		t.bursts[host]++
		for cancel, page := range t.pages {
			if page == host {
				(*cancel)(context.Canceled)
			}
		}
	}
	return func() {
		t.mu.Lock()
		defer t.mu.Unlock()
		for _, host := range hosts {
			t.bursts[host]--
		}
	}
}

// load runs a page, unless a burst meets its host.
func (w *watched) load(ctx context.Context, d *daemon, host string, due time.Time) {
	ctx, end, free := d.turns.page(ctx, host)
	if !free {
		w.series.Skipped("guard", 1)
		d.logger.Debug("run skipped", "probe", w.Name, "due", due, "reason", "a burst runs against its host")
		return
	}
	defer end()
	w.observe(d, probes.Take(ctx, w.prober, due))
}
