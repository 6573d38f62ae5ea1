package main

import (
	"strings"
	"testing"

	"github.com/perfwatch/perfwatch/internal/demo"
)

// TestDemoWithoutABrowser has the demo's configuration on a machine that has none: its page says so, and the rest goes on.
func TestDemoWithoutABrowser(t *testing.T) {
	t.Parallel()
	text := strings.NewReplacer("browser: {", "browser: {chromium_path: /nonexistent/chromium, ",
		`"12,21,42,51 * * * * *"`, `"@every 1s"`).Replace(string(demo.Config(target(t), "127.0.0.1:1")))
	r := start(t, text)
	waitFor(t, "the page to be tried and the rest to be asked", func() bool {
		return r.value(t, "perfwatch_page_failures_total", map[string]string{"probe": "home_page", "reason": "launch_failed"}) >= 2 &&
			r.runs(t, "dashboard") >= 2 && r.runs(t, "other_price") >= 2
	})
	failed := r.value(t, "perfwatch_probe_runs_total", map[string]string{"probe": "home_page", "outcome": "error"})
	if good := r.runs(t, "home_page"); good != 0 || failed < 2 {
		t.Errorf("%v loads are good and %v have the outcome error, want none and two or more", good, failed)
	}
	if _, page := r.ask("GET", "/"); !strings.Contains(page, "/nonexistent/chromium") {
		t.Error("the status page does not say which browser is missing")
	}
}

func TestABurstGoesBeforeThePagesOfItsHost(t *testing.T) {
	var ts turns
	here, endHere, free := ts.page(t.Context(), "a:80")
	there, endThere, other := ts.page(t.Context(), "b:80")
	if !free || !other {
		t.Fatal("without a burst a page may not begin")
	}
	endBurst := ts.burst([]string{"a:80"})
	if here.Err() == nil || there.Err() != nil {
		t.Errorf("of the burst's host %v, of another %v, want only the first to be canceled", here.Err(), there.Err())
	}
	if _, _, free := ts.page(t.Context(), "a:80"); free {
		t.Error("a page begins while a burst runs against its host")
	}
	endHere()
	endThere()
	endBurst()
	if _, end, free := ts.page(t.Context(), "a:80"); !free {
		t.Error("after the burst no page may begin")
	} else {
		end()
	}
	endBurst = ts.burst([]string{"Shop.example:443"})
	if _, _, free := ts.page(t.Context(), "shop.example"); free {
		t.Error("a page begins while a burst runs against its host, which is spelt otherwise")
	}
	endBurst()
	if len(ts.pages) != 0 {
		t.Errorf("%d pages are still known, want none", len(ts.pages))
	}
}
