package web

import (
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/perfwatch/perfwatch/internal/browser"
	"github.com/perfwatch/perfwatch/probes"
)

const (
	// keptLoads is how many failed loads of a page are kept, beside the last good one: failures must not be pushed out by
	// successes.
	keptLoads = 20
	// maxLoadBytes bounds what they take, for each page.
	maxLoadBytes = 4 << 20
)

// Loads keep what was seen of the last loads of pages, for people to look at. Its zero value is empty and ready. It is
// safe for concurrent use.
type Loads struct {
	mu    sync.Mutex
	pages map[string]*loads
}

// loads are those of one page.
type loads struct {
	good   *Load
	failed []*Load // oldest first
}

// A Load is one load of a page.
type Load struct {
	At       time.Time // when it began
	Outcome  probes.Outcome
	Error    string // at most 240 bytes; "" for a success
	Reason   string // why it could not be measured; "" for a success
	Figures  browser.Figures
	Evidence browser.Evidence
}

// Observe keeps a run of a probe, if it loaded a page. It keeps nothing of the sample but its evidence.
func (l *Loads) Observe(name string, s *probes.Sample) {
	if s.Page == nil || s.Outcome == probes.Canceled {
		return
	}
	load := &Load{At: s.Start, Outcome: s.Outcome, Reason: s.Page.Reason, Figures: s.Page.Figures, Evidence: s.Page.Evidence}
	if s.Err != nil {
		load.Error = strings.Clone(bounded(s.Err.Error(), maxErrorText))
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.pages == nil {
		l.pages = map[string]*loads{}
	}
	p := l.pages[name]
	if p == nil {
		p = &loads{}
		l.pages[name] = p
	}
	if s.Outcome == probes.OK {
		p.good = load
	} else {
		p.failed = append(p.failed, load)
	}
	p.trim()
}

// trim keeps what the failed loads take within bounds. Films go first.
func (p *loads) trim() {
	p.failed = append(p.failed[:0:0], p.failed[max(0, len(p.failed)-keptLoads):]...)
	last := len(p.failed) - 1
	for i := 0; i < last && p.size() > maxLoadBytes; i++ {
		bare := *p.failed[i] // the load itself may be on its way to a reader
		bare.Evidence.Film = nil
		p.failed[i] = &bare
	}
	for len(p.failed) > 1 && p.size() > maxLoadBytes {
		p.failed = p.failed[1:]
	}
}

// size is about what the failed loads take, bytes.
func (p *loads) size() (sum int) {
	for _, l := range p.failed {
		sum += len(l.Evidence.Screenshot)
		for _, f := range l.Evidence.Film {
			sum += len(f.JPEG)
		}
		for i := range l.Evidence.Waterfall {
			sum += 150 + len(l.Evidence.Waterfall[i].URL)
		}
		for i := range l.Evidence.Console {
			sum += 50 + len(l.Evidence.Console[i].Text)
		}
	}
	return sum
}

// Remove forgets a page.
func (l *Loads) Remove(name string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.pages, name)
}

// of lists the loads of a page, the newest first.
func (l *Loads) of(name string) (list []*Load) {
	l.mu.Lock()
	defer l.mu.Unlock()
	p := l.pages[name]
	if p == nil {
		return nil
	}
	for i := len(p.failed) - 1; i >= 0; i-- {
		list = append(list, p.failed[i])
	}
	if p.good == nil {
		return list
	}
	at := 0
	for at < len(list) && list[at].At.After(p.good.At) {
		at++
	}
	return append(list[:at:at], append([]*Load{p.good}, list[at:]...)...)
}

// ID names a load in a URL.
func (l *Load) ID() int64 { return l.At.UnixNano() }

// Good says that the page was measured.
func (l *Load) Good() bool { return l.Outcome == probes.OK }

// A Bar is one request in the picture of a waterfall, whose width is 1000.
type Bar struct {
	browser.Request
	X, Width int64
}

// Bars draws the requests over the whole time of the load.
func (l *Load) Bars() []Bar {
	const width = 1000
	whole := time.Millisecond
	for _, r := range l.Evidence.Waterfall {
		whole = max(whole, r.End, r.Start)
	}
	bars := make([]Bar, 0, len(l.Evidence.Waterfall))
	for _, r := range l.Evidence.Waterfall {
		end := r.End
		if end == 0 { // it has not ended
			end = whole
		}
		start := max(r.Start, 0)
		bars = append(bars, Bar{r, int64(start * width / whole), max(2, int64((end-start)*width/whole))})
	}
	return bars
}

func (o *Options) handleLoads(mux *http.ServeMux, p *pages) {
	mux.HandleFunc("GET /pages/{name}", func(w http.ResponseWriter, r *http.Request) {
		name := r.PathValue("name")
		list := o.Loads.of(name)
		if len(list) == 0 {
			text(w, http.StatusNotFound, "no such page, or it was not loaded yet")
			return
		}
		p.render(w, r, "loads.html", map[string]any{"Name": name, "Loads": list, "Now": time.Now(), "Version": o.Version})
	})
	mux.HandleFunc("GET /pages/{name}/{load}/screenshot.jpg", o.picture(func(_ *http.Request, e *browser.Evidence) []byte {
		return e.Screenshot
	}))
	mux.HandleFunc("GET /pages/{name}/{load}/film/{frame}", o.picture(func(r *http.Request, e *browser.Evidence) []byte {
		i, err := strconv.Atoi(strings.TrimSuffix(r.PathValue("frame"), ".jpg"))
		if err != nil || i < 0 || i >= len(e.Film) {
			return nil
		}
		return e.Film[i].JPEG
	}))
}

// picture serves one of the pictures of a load.
func (o *Options) picture(choose func(*http.Request, *browser.Evidence) []byte) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		id, _ := strconv.ParseInt(r.PathValue("load"), 10, 64)
		for _, l := range o.Loads.of(r.PathValue("name")) {
			if l.ID() != id {
				continue
			}
			if jpeg := choose(r, &l.Evidence); len(jpeg) > 0 {
				w.Header().Set("Content-Type", "image/jpeg")
				w.Header().Set("Cache-Control", "private, max-age=3600")
				_, _ = w.Write(jpeg)
				return
			}
		}
		text(w, http.StatusNotFound, "no such picture")
	}
}
