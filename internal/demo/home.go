package demo

import (
	"bytes"
	"fmt"
	"net/http"
	"time"
)

// serveHome shows the portfolio as a page for people, and for whoever measures pages. Its fault has two thirds of its
// time before the answer, and the last one after the page is painted, when a script holds the main thread.
func (p *Platform) serveHome(w http.ResponseWriter, r *http.Request) {
	slow := time.Duration(p.faults.page.Load())
	if slow > 0 && pause(r.Context(), slow*2/3) != nil {
		return
	}
	all, err := p.store.positions(r.Context())
	if err != nil {
		p.writeError(w, r, err)
		return
	}
	value, before := worth(all)
	var page bytes.Buffer
	if err := p.home.Execute(&page, map[string]any{"Day": date(numDays - 1), "Value": value, "Change": 100 * (value/before - 1),
		"Holdings": all, "Busy": (slow / 3).Milliseconds()}); err != nil {
		p.writeError(w, r, fmt.Errorf("writing the home page: %w", err))
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	_, _ = page.WriteTo(w) // an error means that the client has left
}
