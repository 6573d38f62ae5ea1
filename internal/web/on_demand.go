package web

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"github.com/prometheus/common/expfmt"

	"github.com/perfwatch/perfwatch/internal/objective"
	"github.com/perfwatch/perfwatch/probes"
)

// What Ask may say. Any other error is the caller's mistake, and said to it.
var (
	// ErrNoTemplate is the error of an Ask that knows no probe of the name.
	ErrNoTemplate = errors.New("no probe of this name is asked on demand")
	// ErrBusy is the error of an Ask while too many others run.
	ErrBusy = errors.New("too many probes are asked on demand at once")
)

// An Asked is one run on demand.
type Asked struct {
	Sample  probes.Sample
	Dialled []Dial // in their order, those refused too
	Metrics prometheus.Gatherer
}

// A Dial is one address that a run on demand came to.
type Dial struct {
	Host, Address string
	Refused       error // nil if it was permitted
}

const (
	// scrapeHeader says how long Prometheus will wait.
	scrapeHeader = "X-Prometheus-Scrape-Timeout-Seconds"
	// scrapeOffset is what is kept of that time for the way back.
	scrapeOffset = 500 * time.Millisecond
)

// onDemand answers GET /probe?probe=NAME&target=TARGET, as an exporter for many targets does.
func (o *Options) onDemand(w http.ResponseWriter, r *http.Request) {
	query := r.URL.Query()
	for _, name := range []string{"probe", "target"} {
		if len(query[name]) != 1 || query.Get(name) == "" {
			text(w, http.StatusBadRequest, fmt.Sprintf("want one %s: /probe?probe=NAME&target=TARGET", name))
			return
		}
	}
	ctx, cancel, err := scrapeContext(r)
	if err != nil {
		text(w, http.StatusBadRequest, err.Error())
		return
	}
	defer cancel()
	asked, err := o.Ask(ctx, query.Get("probe"), query.Get("target"))
	switch {
	case errors.Is(err, ErrNoTemplate):
		text(w, http.StatusNotFound, err.Error())
	case errors.Is(err, ErrBusy):
		w.Header().Set("Retry-After", "1")
		text(w, http.StatusServiceUnavailable, err.Error())
	case err != nil:
		text(w, http.StatusBadRequest, bounded(err.Error(), maxErrorText))
	case query.Get("debug") == "true":
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		asked.write(w, query.Get("probe"), query.Get("target"))
	default:
		promhttp.HandlerFor(asked.Metrics, promhttp.HandlerOpts{EnableOpenMetrics: true}).ServeHTTP(w, r)
	}
}

// scrapeContext ends a little before whoever asks gives up.
func scrapeContext(r *http.Request) (context.Context, context.CancelFunc, error) {
	given := r.Header.Get(scrapeHeader)
	if given == "" {
		return r.Context(), func() {}, nil
	}
	seconds, err := strconv.ParseFloat(given, 64)
	if err != nil || !(seconds > 0) || seconds > time.Hour.Seconds() {
		return nil, nil, fmt.Errorf("%s: %.40q, want seconds above 0", scrapeHeader, given)
	}
	left := time.Duration(seconds * float64(time.Second))
	left -= min(scrapeOffset, left/5)
	ctx, cancel := context.WithTimeout(r.Context(), left)
	return ctx, cancel, nil
}

// write tells a run for people, and then its metrics.
func (a *Asked) write(w io.Writer, probe, target string) {
	s := &a.Sample
	fmt.Fprintf(w, "probe     %s\ntarget    %s\nstarted   %s\n", probe, target, s.Start.UTC().Format(time.RFC3339Nano))
	for _, d := range a.Dialled {
		verdict := "permitted"
		if d.Refused != nil {
			verdict = "refused: " + d.Refused.Error()
		}
		fmt.Fprintf(w, "dialling  %s at %s: %s\n", d.Host, d.Address, verdict)
	}
	for p := range probes.NumPhases {
		if d, ok := s.Phases.Get(p); ok {
			fmt.Fprintf(w, "phase     %-10s %s\n", p, objective.Seconds.Format(d.Seconds()))
		}
	}
	if s.Status > 0 {
		fmt.Fprintf(w, "status    %d, %d bytes\n", s.Status, s.Bytes)
	}
	if !s.CertNotAfter.IsZero() {
		fmt.Fprintf(w, "tls       certificate until %s\n", s.CertNotAfter.UTC().Format(time.RFC3339))
	}
	fmt.Fprintf(w, "ended     after %s: %s\n", objective.Seconds.Format(s.Duration.Seconds()), s.Outcome)
	if s.Err != nil {
		fmt.Fprintf(w, "because   %s\n", bounded(s.Err.Error(), maxErrorText))
	}
	if s.Evidence != nil {
		writeEvidence(w, s.Evidence)
	}
	fmt.Fprintln(w)
	families, err := a.Metrics.Gather()
	if err != nil {
		fmt.Fprintln(w, err)
	}
	for _, f := range families {
		_, _ = expfmt.MetricFamilyToText(w, f) // the reader is gone if this fails
	}
}

// writeEvidence shows what came, which is masked and printable. Every line says what it is of, so that none passes for
// another.
func writeEvidence(w io.Writer, e *probes.Evidence) {
	head := e.Head
	if e.Proto != "" {
		head = e.Proto + "\n" + head
	}
	body := e.Body
	if e.Cut {
		body = strings.TrimSuffix(body, "\n") + "\n… and more that is not shown\n"
	}
	for _, part := range []struct{ name, text string }{{"redirect", e.Redirects}, {"head", head}, {"body", body}} {
		for line := range strings.Lines(part.text) {
			fmt.Fprintf(w, "%-9s %s\n", part.name, strings.TrimSuffix(line, "\n"))
		}
	}
}

// A Group is what HTTP service discovery tells Prometheus.
type Group struct {
	Targets []string          `json:"targets"`
	Labels  map[string]string `json:"labels"`
}

// discovery answers GET /sd: the targets of every probe that is asked on demand, ready to be scraped through /probe at
// the address that Prometheus reached us by.
func (o *Options) discovery(w http.ResponseWriter, r *http.Request) {
	groups := o.Targets(r.Host)
	if groups == nil {
		groups = []Group{}
	}
	writeJSON(w, http.StatusOK, "application/json", groups)
}
