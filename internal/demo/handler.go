package demo

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"time"
)

// A refusal is an error that the caller made: it is answered with its status and its words.
type refusal struct {
	status int
	text   string
}

func (e *refusal) Error() string { return e.text }

func refuse(status int, format string, args ...any) error {
	return &refusal{status, fmt.Sprintf(format, args...)}
}

// handler answers everything that the platform has.
func (p *Platform) handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", p.serveHome)
	mux.Handle("/api/", p.troubled(p.api()))
	mux.HandleFunc("GET /faults", p.serveFaults)
	mux.Handle("POST /faults/{name}", http.NewCrossOriginProtection().Handler(http.HandlerFunc(p.serveSetFault)))
	return p.logged(p.contained(mux))
}

// logged notes every request and how long its answer took, for a logger that wants to know.
func (p *Platform) logged(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !p.logger.Enabled(r.Context(), slog.LevelDebug) {
			next.ServeHTTP(w, r)
			return
		}
		began := time.Now()
		next.ServeHTTP(w, r)
		p.logger.Debug("answered", "method", r.Method, "path", r.URL.Path, "took", time.Since(began))
	})
}

// api answers the plan's endpoints.
func (p *Platform) api() http.Handler {
	mux := http.NewServeMux()
	for pattern, parse := range p.endpoints() {
		mux.HandleFunc("GET /api/"+pattern, func(w http.ResponseWriter, r *http.Request) { p.serveQuery(w, r, parse) })
	}
	mux.HandleFunc("POST /api/auth/login", p.serveLogin)
	mux.HandleFunc("POST /api/ml/{model}/predict", p.servePredict)
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		p.writeError(w, r, refuse(http.StatusNotFound, "no %s %.100s here", r.Method, r.URL.Path))
	})
	return mux
}

// contained turns a panic into a status 500, so that one bad request costs no other.
func (p *Platform) contained(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer func() {
			if v := recover(); v != nil {
				p.writeError(w, r, fmt.Errorf("answering %.100q: panic: %v", r.URL.Path, v))
			}
		}()
		next.ServeHTTP(w, r)
	})
}

// troubled applies the faults that every request of the API meets.
func (p *Platform) troubled(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if d := time.Duration(p.faults.latency.Load()); d > 0 && pause(r.Context(), d) != nil {
			return
		}
		if p.faults.errors.next() {
			writeJSON(w, http.StatusInternalServerError, object{"error": "the errors fault is on"})
			return
		}
		next.ServeHTTP(w, r)
	})
}

// pause waits for a time, or less if nobody waits for the answer any more.
func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// serveQuery answers from the cache, or else makes the answer and caches it.
func (p *Platform) serveQuery(w http.ResponseWriter, r *http.Request, parse func(*http.Request) (query, error)) {
	q, err := parse(r)
	if err != nil {
		p.writeError(w, r, err)
		return
	}
	verdict := "hit"
	body, hit, cold := p.cache.get(r.Context(), q.key)
	if !hit {
		verdict = "miss"
		if body, err = q.make(r.Context()); err != nil {
			p.writeError(w, r, err)
			return
		}
		if !cold {
			p.cache.set(r.Context(), q.key, body)
		}
	}
	w.Header().Set("X-Cache", verdict)
	writeBody(w, http.StatusOK, body)
}

// make loads the answer and writes it as JSON.
func (q query) make(ctx context.Context) ([]byte, error) {
	v, err := q.load(ctx)
	if err != nil {
		return nil, err
	}
	body, err := json.Marshal(v)
	if err != nil {
		return nil, fmt.Errorf("writing %q: %w", q.key, err)
	}
	return body, nil
}

// warm fills the cache with what is asked for first, so that a cold start does not look like a bad hit rate.
func (p *Platform) warm(ctx context.Context) {
	bodies := map[string][]byte{}
	for _, q := range p.warmQueries() {
		if body, err := q.make(ctx); err == nil {
			bodies[q.key] = body
		}
	}
	p.cache.setAll(ctx, bodies)
}

// writeError answers with the status that an error deserves. Only an error of our own is logged.
func (p *Platform) writeError(w http.ResponseWriter, r *http.Request, err error) {
	var refused *refusal
	var large *http.MaxBytesError
	switch {
	case errors.As(err, &refused):
		writeJSON(w, refused.status, object{"error": refused.text})
	case errors.As(err, &large):
		writeJSON(w, http.StatusRequestEntityTooLarge, object{"error": fmt.Sprintf("body over %d bytes", large.Limit)})
	case errors.Is(err, errNotFound), errors.Is(err, ErrUnknownFault):
		writeJSON(w, http.StatusNotFound, object{"error": err.Error()})
	case r.Context().Err() != nil: // the client has left
	default:
		p.logger.Error("answering", "err", err)
		writeJSON(w, http.StatusInternalServerError, object{"error": "internal error"})
	}
}

func writeJSON(w http.ResponseWriter, status int, v any) {
	body, err := json.Marshal(v)
	if err != nil {
		status, body = http.StatusInternalServerError, []byte(`{"error":"internal error"}`)
	}
	writeBody(w, status, body)
}

func writeBody(w http.ResponseWriter, status int, body []byte) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(body) // an error means that the client has left
}
