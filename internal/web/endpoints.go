package web

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/pprof" // adds itself to the default mux too, which nothing serves
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/perfwatch/perfwatch/internal/config"
)

const (
	// maxScrapes is how many scrapes are answered at once; the next one gets a 503. A pair of Prometheus servers and a
	// few people need less.
	maxScrapes = 8
	// scrapeTimeout is how long a page of metrics may take until it is read. Prometheus gives up after 10 s by default;
	// who has ten thousand probes on a slow machine gives it more.
	scrapeTimeout = time.Minute
	// maxProfile bounds a CPU profile or a trace, both of which slow the daemon down.
	maxProfile = 5 * time.Minute
	// maxMistakes bounds the text of a refused reload.
	maxMistakes = 64 << 10
)

// metricsHandler serves the registry as text, OpenMetrics or protobuf, whichever is asked for. A collector that fails
// is logged and left out; the rest is served. The page of ten thousand probes is written as it is made: to hold it until it
// is whole would take another 100 MB.
func metricsHandler(o *Options) *keptPages {
	page := promhttp.HandlerFor(o.Registry, promhttp.HandlerOpts{
		ErrorLog:            errorLog{o.Logger},
		ErrorHandling:       promhttp.ContinueOnError,
		Registry:            o.Registerer,
		MaxRequestsInFlight: maxScrapes,
		EnableOpenMetrics:   true,
	})
	return &keptPages{pages: map[string]*keptPage{}, make: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c := http.NewResponseController(w) // what cannot have a deadline, as a recorder of a test, goes without
		_ = c.SetWriteDeadline(time.Now().Add(scrapeTimeout))
		page.ServeHTTP(w, r)
		_ = c.Flush()
		_ = c.SetWriteDeadline(time.Time{}) // of a connection that is kept
	})}
}

// errorLog is the logger as promhttp wants it.
type errorLog struct{ *slog.Logger }

// Println implements promhttp.Logger. Of a scraper that went away it hears for each family that was not sent.
func (l errorLog) Println(v ...any) {
	for _, arg := range v {
		if err, ok := arg.(error); ok && errors.Is(err, context.Canceled) {
			l.Debug("serving metrics", "err", err)
			return
		}
	}
	l.Error("serving metrics", "err", strings.TrimSpace(fmt.Sprintln(v...)))
}

func (o *Options) ready(w http.ResponseWriter, _ *http.Request) {
	if o.Ready != nil && !o.Ready() {
		text(w, http.StatusServiceUnavailable, "perfwatch is not ready")
		return
	}
	text(w, http.StatusOK, "perfwatch is ready")
}

func (o *Options) reload(w http.ResponseWriter, r *http.Request) {
	if !o.Lifecycle || o.Reload == nil {
		text(w, http.StatusForbidden, "reload is not enabled: start perfwatch with --web.enable-lifecycle, or send it SIGHUP")
		return
	}
	if err := o.Reload(r.Context()); err != nil {
		text(w, http.StatusInternalServerError, "configuration not reloaded, the last good one stays:\n"+bounded(mistakes(err),
			maxMistakes))
		return
	}
	text(w, http.StatusOK, "configuration reloaded")
}

// mistakes writes every mistake of a configuration on a line of its own.
func mistakes(err error) string {
	var all config.Mistakes
	if !errors.As(err, &all) {
		return err.Error()
	}
	lines := make([]string, len(all))
	for i, m := range all {
		lines[i] = m.Error()
	}
	return strings.Join(lines, "\n")
}

// runbookName is what an alert's name can be: nothing in it leads out of a folder.
var runbookName = regexp.MustCompile(`^[A-Za-z0-9_-]{1,128}$`)

// runbook serves a page of Markdown as it is written. Browsers get it as plain text, because some of them offer to
// save text/markdown instead of showing it.
func (o *Options) runbook(w http.ResponseWriter, r *http.Request) {
	name := strings.TrimSuffix(r.PathValue("name"), ".md")
	if o.Runbook == nil || !runbookName.MatchString(name) {
		text(w, http.StatusNotFound, "no such runbook")
		return
	}
	page, ok := o.Runbook(name)
	if !ok {
		text(w, http.StatusNotFound, "no such runbook")
		return
	}
	kind := "text/markdown"
	if strings.Contains(r.Header.Get("Accept"), "text/html") {
		kind = "text/plain"
	}
	w.Header().Set("Content-Type", kind+"; charset=utf-8")
	w.Header().Set("Vary", "Accept")
	_, _ = w.Write(page)
}

// setFault switches one fault of the demo and sends the browser back to the page.
func (o *Options) setFault(w http.ResponseWriter, r *http.Request) {
	if err := r.ParseForm(); err != nil {
		status := http.StatusBadRequest
		var large *http.MaxBytesError
		if errors.As(err, &large) {
			status = http.StatusRequestEntityTooLarge
		}
		text(w, status, "the form cannot be read")
		return
	}
	on, err := strconv.ParseBool(r.PostForm.Get("on"))
	if err != nil {
		text(w, http.StatusBadRequest, `the field "on" is neither true nor false`)
		return
	}
	if err := o.SetFault(r.PostForm.Get("name"), on); err != nil {
		text(w, http.StatusBadRequest, "the fault was not switched: "+bounded(err.Error(), maxErrorText))
		return
	}
	w.Header().Set("Location", "./") // relative, so that it holds below any prefix of a proxy
	w.WriteHeader(http.StatusSeeOther)
}

// handleProfiles mounts the runtime's profiles.
func handleProfiles(mux *http.ServeMux) {
	mux.HandleFunc("GET /debug/pprof/", pprof.Index)
	mux.HandleFunc("GET /debug/pprof/cmdline", pprof.Cmdline)
	mux.HandleFunc("GET /debug/pprof/profile", boundedProfile(pprof.Profile))
	mux.HandleFunc("GET /debug/pprof/trace", boundedProfile(pprof.Trace))
	mux.HandleFunc("GET /debug/pprof/symbol", pprof.Symbol)
	mux.HandleFunc("POST /debug/pprof/symbol", pprof.Symbol)
}

// boundedProfile refuses a recording that would run for longer than maxProfile.
func boundedProfile(next http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if s := r.FormValue("seconds"); s != "" {
			seconds, err := strconv.ParseFloat(s, 64)
			if err != nil || !(seconds <= maxProfile.Seconds()) { // NaN is refused too
				text(w, http.StatusBadRequest, fmt.Sprintf("seconds is not a number up to %v", maxProfile.Seconds()))
				return
			}
		}
		next(w, r)
	}
}
