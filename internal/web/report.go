package web

import (
	"bytes"
	"net/http"

	"github.com/perfwatch/perfwatch/internal/report"
)

// reports serves the report: GET /report?burst=NAME[@TIME]&format=html|markdown|json|junit|text.
func (o *Options) reports(w http.ResponseWriter, r *http.Request) {
	format := r.URL.Query().Get("format")
	kinds := map[string]string{
		"": "text/html", "html": "text/html", "markdown": "text/markdown", "json": "application/json", "junit": "application/xml",
		"text": "text/plain",
	}
	kind, ok := kinds[format]
	if !ok {
		text(w, http.StatusBadRequest, "no such format, want html, markdown, json, junit or text")
		return
	}
	if format == "" {
		format = "html"
	}
	full, err := o.Report(r.URL.Query().Get("burst"))
	if err != nil {
		text(w, http.StatusNotFound, bounded(err.Error(), maxMistakes))
		return
	}
	var page bytes.Buffer
	policy, err := report.Policy()
	if err == nil {
		err = full.Write(&page, format)
	}
	if err != nil {
		o.Logger.Error("writing report", "err", err)
		text(w, http.StatusInternalServerError, "the report cannot be written, see the log")
		return
	}
	h := w.Header()
	h.Set("Content-Type", kind+"; charset=utf-8")
	h.Set("Cache-Control", "no-store")
	if format == "html" { // its one stylesheet stands in it, and nothing else is allowed
		h.Set("Content-Security-Policy", policy+"; frame-ancestors 'none'")
	}
	_, _ = w.Write(page.Bytes()) // the reader is gone if this fails
}
