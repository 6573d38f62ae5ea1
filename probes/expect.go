package probes

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/itchyny/gojq"
)

// maxQueryTime bounds a query on one body; what the platform answers must not keep us busy.
const maxQueryTime = time.Second

// An expectation is an Expect ready to be checked. It is immutable.
type expectation struct {
	status      []int  // empty for any 2xx
	want        string // status in words
	contentType string // lower case; empty for any
	match       *regexp.Regexp
	query       string
	code        *gojq.Code
	maxBody     int64
}

func (e *expectation) needsBody() bool { return e.match != nil || e.code != nil }

func (e *expectation) goodStatus(code int) bool {
	if len(e.status) == 0 {
		return code/100 == 2
	}
	return slices.Contains(e.status, code)
}

// check judges everything but the status. Its error wraps ErrInvalidResponse, or says why it could not judge.
func (e *expectation) check(ctx context.Context, resp *http.Response, body []byte) error {
	if e.contentType != "" {
		got, _, _ := strings.Cut(resp.Header.Get("Content-Type"), ";")
		if !strings.EqualFold(strings.TrimSpace(got), e.contentType) {
			return fmt.Errorf("%w: content type %.100q, want %q", ErrInvalidResponse, got, e.contentType)
		}
	}
	if !e.needsBody() {
		return nil
	}
	if coding := resp.Header.Get("Content-Encoding"); len(body) > 0 && coding != "" && coding != "gzip" && coding != "identity" {
		return fmt.Errorf("%w: content encoding %.100q, want gzip or none", ErrInvalidResponse, coding)
	}
	if e.match != nil && !e.match.Match(body) {
		return fmt.Errorf("%w: no match of %q in %d bytes", ErrInvalidResponse, e.match, len(body))
	}
	if e.code != nil {
		return e.checkJSON(ctx, body)
	}
	return nil
}

// checkJSON runs the query on the body.
func (e *expectation) checkJSON(ctx context.Context, body []byte) error {
	var doc any
	if err := json.Unmarshal(body, &doc); err != nil {
		return fmt.Errorf("%w: parsing body as JSON: %w", ErrInvalidResponse, err)
	}
	return e.checkValue(ctx, doc)
}

// checkValue runs the query on a value of JSON. Each value that it gives must be other than false and null, and there must
// be one. A panic in the query's machinery is returned, as no caller of a Session would catch it.
func (e *expectation) checkValue(ctx context.Context, doc any) (err error) {
	defer func() {
		if v := recover(); v != nil {
			err = &PanicError{Value: v}
		}
	}()
	limited, cancel := context.WithTimeout(ctx, maxQueryTime)
	defer cancel()
	values := e.code.RunWithContext(limited, doc)
	for n := 0; ; n++ {
		v, ok := values.Next()
		if !ok && n > 0 {
			return nil
		}
		if err, failed := v.(error); failed {
			return e.queryFailed(ctx, err)
		}
		if v == nil || v == false {
			return fmt.Errorf("%w: %q gave %s", ErrInvalidResponse, e.query, verdict(v, ok))
		}
	}
}

// verdict names what a query gave instead of a value.
func verdict(v any, ok bool) string {
	switch {
	case !ok:
		return "no value"
	case v == nil:
		return "null"
	}
	return fmt.Sprint(v)
}

// queryFailed tells the end of the run from a query that is too slow or does not fit the body.
func (e *expectation) queryFailed(ctx context.Context, err error) error {
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case errors.Is(err, context.DeadlineExceeded):
		return fmt.Errorf("%w: %q took over %v", ErrInvalidResponse, e.query, maxQueryTime)
	}
	return fmt.Errorf("%w: %q: %w", ErrInvalidResponse, e.query, err)
}
