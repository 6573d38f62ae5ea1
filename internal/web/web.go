// Package web is what people and Prometheus see of the daemon: the status page, the metrics, health, reload, profiles
// and runbooks, as one http.Handler. It shows what it is given and decides nothing; what it shows is bounded, so that a
// hostile answer of a target cannot harm the page.
package web

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/perfwatch/perfwatch/internal/pipeline"
	"github.com/perfwatch/perfwatch/internal/report"
)

// Options say what the handler serves. Registry, Logger, Status, Probes and History are required.
type Options struct {
	Registry    prometheus.Gatherer   // what /metrics shows
	Registerer  prometheus.Registerer // counts the errors of /metrics; nil counts none
	Logger      *slog.Logger
	Version     string        // of the program, for the foot of the page
	ExternalURL string        // where people reach us; its origin may send the page's forms; "" if unknown
	Lifecycle   bool          // reload is allowed, and starting and stopping bursts
	Refresh     time.Duration // how often the page reloads itself, in whole seconds; 0 means never

	Ready    func() bool                      // nil means always
	Reload   func(ctx context.Context) error  // may be called concurrently; its error is shown to the caller
	Runbook  func(name string) ([]byte, bool) // Markdown; nil has none
	Status   func() Page                      // a page of its own for each call
	Probes   func() []Probe                   // every probe and how it does
	History  func(name string) (Probe, History, bool)
	Loads    *Loads                           // of pages; nil has none
	Faults   func() []Fault                   // nil without a demo
	SetFault func(name string, on bool) error // refuses a name that it does not know

	StartBurst func(name string) error // begins a burst now; ErrNoBurst, or why it cannot
	StopBurst  func(name string) error // ends the one that runs; ErrNoBurst, or why there is nothing to stop

	Kept    func(name string) (any, error) // all that is kept of the last burst, to be written as JSON; nil keeps none
	Trends  *Trends                        // of the objectives; nil draws none
	Closing <-chan struct{}                // closed when the server ends, so that open streams do; nil never is
	Config  func() ([]byte, error)         // the configuration file, masked; nil shows none

	Pipelines      func() []pipeline.Status // nil has none
	ReportPipeline func(name string, e pipeline.Event) (pipeline.Receipt, error)

	Ask     func(ctx context.Context, probe, target string) (*Asked, error) // nil asks nothing on demand
	Targets func(address string) []Group                                    // for service discovery; beside Ask

	Report func(burst string) (*report.Report, error) // of a burst, as NAME or NAME@TIME, or of all; nil has none
}

// maxBody bounds the body of every request. Our forms need less than a hundred bytes.
const maxBody = 16 << 10

// policy allows our own style sheet, script, icons and forms, and nothing else: no script of a page itself runs, even if
// markup slips in.
const policy = "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; img-src 'self'; " +
	"form-action 'self'; " +
	"base-uri 'none'; frame-ancestors 'none'"

// New makes the handler. It fails if the external URL is not one.
func New(o Options) (http.Handler, error) {
	sameOrigin, err := originGuard(o.ExternalURL)
	if err != nil {
		return nil, err
	}
	mux := http.NewServeMux()
	metrics := metricsHandler(&o)
	mux.Handle("GET /metrics", metrics)
	mux.HandleFunc("GET /-/healthy", func(w http.ResponseWriter, _ *http.Request) {
		text(w, http.StatusOK, "perfwatch is healthy")
	})
	mux.HandleFunc("GET /-/ready", o.ready)
	mux.HandleFunc("POST /-/reload", o.reload)
	mux.HandleFunc("PUT /-/reload", o.reload)
	mux.HandleFunc("GET /runbooks/{name}", o.runbook)
	if o.Report != nil {
		mux.HandleFunc("GET /report", o.reports)
	}
	mux.HandleFunc("GET /api/v1/openapi.yaml", openAPI)
	mux.HandleFunc("GET /api/v1/objectives", o.listObjectives)
	mux.HandleFunc("GET /api/v1/probes", o.listProbes)
	mux.HandleFunc("GET /api/v1/probes/{name}", o.showProbe)
	if o.Ask != nil {
		mux.HandleFunc("GET /probe", o.onDemand)
		mux.HandleFunc("GET /sd", o.discovery)
	}
	mux.HandleFunc("GET /api/v1/bursts", o.listBursts)
	if o.Kept != nil {
		mux.HandleFunc("GET /api/v1/bursts/{name}", o.showBurst)
	}
	mux.HandleFunc("POST /api/v1/bursts/{name}/start", o.burst(o.StartBurst, "started"))
	mux.HandleFunc("POST /api/v1/bursts/{name}/stop", o.burst(o.StopBurst, "stopped"))
	if o.Pipelines != nil && o.ReportPipeline != nil {
		mux.HandleFunc("GET /api/v1/pipelines", o.listPipelines)
		mux.HandleFunc("GET /api/v1/pipelines/{name}", o.showPipeline)
		mux.HandleFunc("POST /api/v1/pipelines/{name}/{stage}/{event}", o.reportPipeline)
	}
	if o.Faults != nil && o.SetFault != nil {
		mux.HandleFunc("POST /faults", o.setFault)
	}
	mux.HandleFunc("/api/", func(w http.ResponseWriter, _ *http.Request) {
		refuse(w, http.StatusNotFound, "the API has no such resource, or not by this method: see /api/v1/openapi.yaml")
	})
	handleProfiles(mux)
	mux.HandleFunc("GET /events", o.watch(new(atomic.Int32)))
	pages := newPages(&o)
	pages.handle(mux)
	if o.Loads != nil {
		o.handleLoads(mux, pages)
	}
	return harden(http.MaxBytesHandler(sameOrigin.Handler(metrics.after(mux)), maxBody)), nil
}

// originGuard refuses requests that change something and come from another site's page. Programs, which send no
// origin, are let through.
func originGuard(externalURL string) (*http.CrossOriginProtection, error) {
	guard := http.NewCrossOriginProtection()
	guard.SetDenyHandler(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		refuse(w, http.StatusForbidden, "the page of another site asks for it")
	}))
	if externalURL == "" {
		return guard, nil
	}
	u, err := url.Parse(externalURL)
	if err != nil {
		return nil, fmt.Errorf("parsing external URL %q: %w", externalURL, err)
	}
	if err := guard.AddTrustedOrigin(u.Scheme + "://" + u.Host); err != nil {
		return nil, fmt.Errorf("trusting external URL %q: %w", externalURL, err)
	}
	return guard, nil
}

// harden adds the headers that keep a browser from doing more with an answer than showing it.
func harden(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", policy)
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("X-Frame-Options", "DENY")
		h.Set("Referrer-Policy", "same-origin")
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		next.ServeHTTP(w, r)
	})
}

// text answers with one plain line.
func text(w http.ResponseWriter, status int, line string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_, _ = fmt.Fprintln(w, line) // the reader is gone if this fails
}
