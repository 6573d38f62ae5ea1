package web

import (
	"encoding/json"
	"errors"
	"net/http"
	"strings"
)

// ErrNoBurst is the error of a StartBurst or StopBurst that knows no burst of the name.
var ErrNoBurst = errors.New("no such burst")

// A problem is an error as RFC 9457 writes it.
type problem struct {
	Type   string `json:"type"`
	Title  string `json:"title"`
	Status int    `json:"status"`
	Detail string `json:"detail"`
}

// burst answers POST /api/v1/bursts/{name}/start and /stop. A browser's form is sent back to the page.
func (o *Options) burst(change func(name string) error, done string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		name := r.PathValue("name")
		if !o.Lifecycle || change == nil {
			refuse(w, http.StatusForbidden, "bursts are not started and stopped by hand: start perfwatch with --web.enable-lifecycle")
			return
		}
		switch err := change(name); {
		case errors.Is(err, ErrNoBurst):
			refuse(w, http.StatusNotFound, "there is no load probe of this name")
		case err != nil:
			refuse(w, http.StatusConflict, bounded(err.Error(), maxErrorText))
		case fromForm(r):
			w.Header().Set("Location", "../../../../") // relative, so that it holds below any prefix of a proxy
			w.WriteHeader(http.StatusSeeOther)
		default:
			writeJSON(w, http.StatusAccepted, "application/json", map[string]string{"burst": name, "state": done})
		}
	}
}

// fromForm says that a browser's form asks, and not a program.
func fromForm(r *http.Request) bool { return strings.Contains(r.Header.Get("Accept"), "text/html") }

func refuse(w http.ResponseWriter, status int, detail string) {
	writeJSON(w, status, "application/problem+json", problem{
		Type: "about:blank", Title: http.StatusText(status), Status: status, Detail: detail,
	})
}

func writeJSON(w http.ResponseWriter, status int, kind string, v any) {
	body, err := json.Marshal(v)
	if err != nil {
		text(w, http.StatusInternalServerError, "the answer cannot be written")
		return
	}
	w.Header().Set("Content-Type", kind)
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_, _ = w.Write(append(body, '\n')) // the reader is gone if this fails
}
