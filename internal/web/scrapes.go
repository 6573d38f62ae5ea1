package web

import (
	"maps"
	"net/http"
	"sync"
	"time"
)

// What is kept of pages of metrics. Half a second is less than any interval at which one scraper asks, so that only the
// scrapes of several share a page; the page of ten thousand probes is too large to be held.
const (
	pageLife    = 500 * time.Millisecond
	maxKeptPage = 1 << 20 // bytes, as they are sent
	maxKept     = 8       // by what the scrapers accept
)

// keptPages answers the scrapes that follow each other within half a second with one page, which is made and packed once.
type keptPages struct {
	make http.Handler

	mu      sync.Mutex           // guards what follows
	pages   map[string]*keptPage // by what is asked for
	changed time.Time            // when a request may last have changed something
}

// A keptPage is a page as it is made.
type keptPage struct {
	http.ResponseWriter
	began  time.Time
	status int
	header http.Header
	body   []byte
	whole  bool // the body is all of it
}

// ServeHTTP implements http.Handler.
func (k *keptPages) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	asked := r.URL.RawQuery + "\n" + r.Header.Get("Accept") + "\n" + r.Header.Get("Accept-Encoding")
	if p := k.page(asked); p != nil {
		maps.Copy(w.Header(), p.header)
		_, _ = w.Write(p.body)
		return
	}
	p := &keptPage{ResponseWriter: w, began: time.Now(), status: http.StatusOK, whole: true}
	k.make.ServeHTTP(p, r)
	if p.status != http.StatusOK || !p.whole || r.Method != http.MethodGet {
		return
	}
	p.header, p.ResponseWriter = w.Header().Clone(), nil
	k.mu.Lock()
	defer k.mu.Unlock()
	if p.began.After(k.changed) && len(k.pages) < maxKept {
		k.pages[asked] = p
	}
}

// page is one that is young enough; nil if there is none. Those that are not are dropped.
func (k *keptPages) page(asked string) *keptPage {
	k.mu.Lock()
	defer k.mu.Unlock()
	maps.DeleteFunc(k.pages, func(_ string, p *keptPage) bool { return time.Since(p.began) >= pageLife })
	return k.pages[asked]
}

// forget lets the next scrape see what was changed just now, which a page that is being made may not have.
func (k *keptPages) forget() {
	k.mu.Lock()
	defer k.mu.Unlock()
	clear(k.pages)
	k.changed = time.Now()
}

// after forgets the pages when a request may have changed something.
func (k *keptPages) after(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		next.ServeHTTP(w, r)
		if r.Method != http.MethodGet && r.Method != http.MethodHead {
			k.forget()
		}
	})
}

// WriteHeader implements http.ResponseWriter.
func (p *keptPage) WriteHeader(status int) {
	p.status = status
	p.ResponseWriter.WriteHeader(status)
}

// Write implements http.ResponseWriter.
func (p *keptPage) Write(b []byte) (int, error) {
	if p.whole = p.whole && len(p.body)+len(b) <= maxKeptPage; p.whole {
		p.body = append(p.body, b...)
	} else {
		p.body = nil
	}
	n, err := p.ResponseWriter.Write(b)
	p.whole = p.whole && err == nil
	return n, err
}

// Unwrap is for http.ResponseController.
func (p *keptPage) Unwrap() http.ResponseWriter { return p.ResponseWriter }
