package web

import (
	"encoding/json"
	"fmt"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/perfwatch/perfwatch/internal/objective"
)

const (
	liveEvery  = time.Second
	maxWatched = 64 // people who watch at once; the next one reads the page as it is
)

// A liveBurst is what a page that is open is told of a burst that runs.
type liveBurst struct {
	Name    string  `json:"name"`
	Share   float64 `json:"share"` // of its time, 0 to 1
	Text    string  `json:"text"`
	Running bool    `json:"running"`
}

// watch answers GET /events with the bursts as they go, as server-sent events: one when something changes, each second
// at most. The streams end when the server does.
func (o *Options) watch(watched *atomic.Int32) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if watched.Add(1) > maxWatched {
			watched.Add(-1)
			w.Header().Set("Retry-After", "60")
			text(w, http.StatusServiceUnavailable, "too many pages are open")
			return
		}
		defer watched.Add(-1)
		h := w.Header()
		h.Set("Content-Type", "text/event-stream")
		h.Set("Cache-Control", "no-store")
		h.Set("X-Accel-Buffering", "no") // nginx would keep the events back
		control := http.NewResponseController(w)
		ticker := time.NewTicker(liveEvery)
		defer ticker.Stop()
		last := ""
		for {
			if now := o.liveBursts(); now != last {
				last = now
				if _, err := fmt.Fprintf(w, "event: bursts\ndata: %s\n\n", now); err != nil {
					return
				}
				if control.Flush() != nil {
					return
				}
			}
			select {
			case <-ticker.C:
			case <-r.Context().Done():
				return
			case <-o.Closing:
				return
			}
		}
	}
}

// liveBursts writes every burst and how far it is.
func (o *Options) liveBursts() string {
	rows := o.Status().Bursts
	list := make([]liveBurst, 0, len(rows))
	for i := range rows {
		b := &rows[i]
		live := liveBurst{Name: b.Probe, Running: b.Running}
		if b.Running {
			live.Text, live.Share = progressText(b), progressShare(b)
		}
		list = append(list, live)
	}
	text, err := json.Marshal(list)
	if err != nil { // of finite numbers and text it is never one
		return "[]"
	}
	return string(text)
}

// progressShare is how much of its time a burst has had.
func progressShare(b *Burst) float64 {
	if b.Progress.Limit <= 0 {
		return 0
	}
	return min(1, max(0, b.Progress.Elapsed/b.Progress.Limit))
}

// progressText says how a burst that runs is going.
func progressText(b *Burst) string {
	p := &b.Progress
	if p.Start.IsZero() {
		return "begins"
	}
	said := fmt.Sprintf("%.0f of %.0f s", p.Elapsed, p.Limit)
	if p.Run != "" {
		said += ", " + p.Run
	}
	said += fmt.Sprintf(", %d users, %d requests, %s, p95 %s", p.Users, p.Requests, objective.PerSecond.Format(p.Rate),
		objective.Seconds.Format(p.P95))
	if p.Failures > 0 {
		said += fmt.Sprintf(", %d failed", p.Failures)
	}
	return said
}
