package web

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"html/template"
	"math"
	"net/http"
	"net/url"
	"path"
	"strconv"
	"strings"
	"time"

	"github.com/perfwatch/perfwatch/internal/objective"
)

//go:embed static/*
var static embed.FS

//go:embed templates/*.html
var templates embed.FS

// maxRefresh is the longest time between two refreshes that the page can be asked for.
const maxRefresh = 300

// pages serves the status page and what it links to.
type pages struct {
	options  *Options
	template *template.Template
	assets   map[string]asset  // by hashed name
	hashed   map[string]string // name to hashed name
}

// An asset is an embedded file. Its name carries a hash of its bytes, so that a browser may keep it for ever.
type asset struct {
	body []byte
	kind string // media type
}

// newPages reads the embedded files. What is wrong with one of them is a defect of the build, hence a panic.
func newPages(o *Options) *pages {
	p := &pages{options: o, assets: map[string]asset{}, hashed: map[string]string{}}
	kinds := map[string]string{".js": "text/javascript; charset=utf-8", ".css": "text/css; charset=utf-8", ".svg": "image/svg+xml"}
	entries, err := static.ReadDir("static")
	if err != nil {
		panic(err)
	}
	for _, e := range entries {
		body, err := static.ReadFile("static/" + e.Name())
		if err != nil {
			panic(err)
		}
		sum := sha256.Sum256(body)
		ext := path.Ext(e.Name())
		name := strings.TrimSuffix(e.Name(), ext) + "." + hex.EncodeToString(sum[:6]) + ext
		p.hashed[e.Name()] = name
		p.assets[name] = asset{body: body, kind: kinds[ext]}
	}
	p.template = template.Must(template.New("").Funcs(functions(p)).ParseFS(templates, "templates/*.html"))
	return p
}

func (p *pages) handle(mux *http.ServeMux) {
	mux.HandleFunc("GET /{$}", p.status)
	mux.HandleFunc("GET /probes/{name}", p.probe)
	mux.HandleFunc("GET /static/{name}", p.asset)
	if p.options.Config != nil {
		mux.HandleFunc("GET /config", p.config)
	}
}

func (p *pages) asset(w http.ResponseWriter, r *http.Request) {
	a, ok := p.assets[r.PathValue("name")]
	if !ok {
		text(w, http.StatusNotFound, "no such file")
		return
	}
	w.Header().Set("Content-Type", a.kind)
	w.Header().Set("Cache-Control", "public, max-age=31536000, immutable")
	_, _ = w.Write(a.body)
}

// status renders the page of everything.
func (p *pages) status(w http.ResponseWriter, r *http.Request) {
	v := newView(p.options, p.options.Status())
	v.Refresh = p.refresh(r.FormValue("refresh"))
	page, _ := strconv.Atoi(r.FormValue("page")) // what is no number is the first
	v.Shown, v.Select = selectChecks(v.Checks, r.FormValue("q"), page)
	p.render(w, r, "page.html", v)
}

// probe renders the last results of one probe.
func (p *pages) probe(w http.ResponseWriter, r *http.Request) {
	row, history, ok := p.options.History(r.PathValue("name"))
	if !ok {
		text(w, http.StatusNotFound, "there is no probe of this name")
		return
	}
	p.render(w, r, "probe.html", newHistoryView(p.options, row, &history))
}

// config renders the configuration file, without its secrets.
func (p *pages) config(w http.ResponseWriter, r *http.Request) {
	masked, err := p.options.Config()
	if err != nil {
		p.options.Logger.Error("showing configuration", "err", err)
		text(w, http.StatusInternalServerError, "the configuration cannot be shown, see the log")
		return
	}
	p.render(w, r, "config.html", map[string]any{"Text": string(masked), "Version": p.options.Version, "Now": time.Now()})
}

// render makes a page as a whole before it sends a byte, so that a mistake gives a clean answer.
func (p *pages) render(w http.ResponseWriter, r *http.Request, name string, v any) {
	var page bytes.Buffer
	if err := p.template.ExecuteTemplate(&page, name, v); err != nil {
		p.options.Logger.Error("rendering page", "page", name, "err", err)
		text(w, http.StatusInternalServerError, "the page cannot be shown")
		return
	}
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Cache-Control", "no-store")
	h.Set("Vary", "Accept-Encoding")
	if !strings.Contains(r.Header.Get("Accept-Encoding"), "gzip") {
		_, _ = page.WriteTo(w)
		return
	}
	h.Set("Content-Encoding", "gzip")
	packed := gzip.NewWriter(w)
	_, _ = page.WriteTo(packed) // the reader is gone if this fails
	_ = packed.Close()
}

// refresh is how many seconds the page stays: what the reader asked for, or the default. 0 means for ever.
func (p *pages) refresh(asked string) int {
	if n, err := strconv.Atoi(asked); err == nil && n >= 0 && n <= maxRefresh {
		return n
	}
	return int(p.options.Refresh / time.Second)
}

// A head is what stands at the top of every page.
type head struct{ Title, Up, Icon string }

func newHead(title, up, icon string) head { return head{title, up, icon} }

// functions are what the templates may call.
func functions(p *pages) template.FuncMap {
	return template.FuncMap{
		"head":    newHead,
		"asset":   func(name string) string { return "static/" + p.hashed[name] },
		"ago":     ago,
		"path":    url.PathEscape,
		"stamp":   func(t time.Time) string { return t.UTC().Format(time.RFC3339) },
		"clock":   func(t time.Time) string { return t.UTC().Format(time.DateTime) },
		"coarse":  coarse,
		"seconds": func(d time.Duration) string { return objective.Seconds.Format(d.Seconds()) },
		"exact":   objective.Seconds.Format,
		"ratio":   objective.Ratio.Format,
		"rate":    objective.PerSecond.Format,
		"bytes":   formatBytes,
		"short":   func(s string) string { return bounded(s, maxErrorText) },
		"brief":   func(s string) string { return bounded(s, briefText) }, // the page of the probe has the rest
		"said":    func(b burst) string { return progressText(&b.Burst) },
		"share":   func(b burst) string { return strconv.FormatFloat(progressShare(&b.Burst), 'f', 3, 64) },
		"known":   func(v float64) bool { return !math.IsNaN(v) },
	}
}
