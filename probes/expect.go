package probes

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strconv"
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
	minBody     int64
	maxBody     int64
	headers     []headerExpectation
	minTLS      uint16 // version; 0 for any, or none
	minDays     int
}

// A headerExpectation is what the values of one header must match.
type headerExpectation struct {
	name  string // canonical
	match *regexp.Regexp
}

func (e *expectation) needsBody() bool { return e.match != nil || e.code != nil }

func (e *expectation) goodStatus(code int) bool {
	if len(e.status) == 0 {
		return code/100 == 2
	}
	return slices.Contains(e.status, code)
}

// check judges everything but the status; size is that of the body after decompression. Its error wraps
// ErrInvalidResponse, is a failure of TLS, or says why it could not judge.
func (e *expectation) check(ctx context.Context, resp *http.Response, body []byte, size int64) error {
	if err := e.checkTLS(resp.TLS); err != nil {
		return err
	}
	if err := e.checkHead(resp.Header); err != nil {
		return err
	}
	if size < e.minBody {
		return fmt.Errorf("%w: body of %d bytes, want at least %d", ErrInvalidResponse, size, e.minBody)
	}
	return e.checkBody(ctx, resp, body)
}

// checkHead judges the headers. It does not tell the value of one that may be a secret.
func (e *expectation) checkHead(h http.Header) error {
	if e.contentType != "" {
		got, _, _ := strings.Cut(h.Get("Content-Type"), ";")
		if !strings.EqualFold(strings.TrimSpace(got), e.contentType) {
			return fmt.Errorf("%w: content type %.100q, want %q", ErrInvalidResponse, got, e.contentType)
		}
	}
	for _, x := range e.headers {
		if got := strings.Join(h[x.name], ", "); !x.match.MatchString(got) {
			if got != "" && isSecretName(x.name) {
				got = hidden
			}
			return fmt.Errorf("%w: header %s is %.100q, want a match of %q", ErrInvalidResponse, x.name, got, x.match)
		}
	}
	return nil
}

func (e *expectation) checkBody(ctx context.Context, resp *http.Response, body []byte) error {
	if !e.needsBody() {
		return nil
	}
	coding := resp.Header.Get("Content-Encoding")
	if len(body) > 0 && coding != "" && !isGzip(coding) && !strings.EqualFold(coding, "identity") {
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

// checkTLS judges the handshake of the connection that gave the answer; state is nil without TLS.
func (e *expectation) checkTLS(state *tls.ConnectionState) error {
	if e.minTLS == 0 && e.minDays == 0 {
		return nil
	}
	if state == nil {
		return &outcomeError{TLSFailure, errors.New("the answer came without TLS")}
	}
	if state.Version < e.minTLS {
		return &outcomeError{TLSFailure, fmt.Errorf("version %s, want at least %s",
			tls.VersionName(state.Version), tls.VersionName(e.minTLS))}
	}
	expiry := earliestExpiry(state.PeerCertificates)
	if left := time.Until(expiry); e.minDays > 0 && left < time.Duration(e.minDays)*24*time.Hour {
		return &outcomeError{TLSFailure, fmt.Errorf("certificate expires %s, in %d days, want at least %d",
			expiry.UTC().Format(time.RFC3339), left/(24*time.Hour), e.minDays)}
	}
	return nil
}

// checkJSON runs the query on the body.
func (e *expectation) checkJSON(ctx context.Context, body []byte) error {
	if !json.Valid(body) { // a decoder would leave what follows the value unread
		var doc any
		return fmt.Errorf("%w: parsing body as JSON: %w", ErrInvalidResponse, json.Unmarshal(body, &doc))
	}
	var doc any
	decoder := json.NewDecoder(bytes.NewReader(body))
	decoder.UseNumber()
	if err := decoder.Decode(&doc); err != nil {
		return fmt.Errorf("%w: parsing body as JSON: %w", ErrInvalidResponse, err)
	}
	return e.checkValue(ctx, numbers(doc))
}

// numbers makes whole numbers of a document exact, as far as 64 bits hold them, and all others floating. Longer ones, which
// gojq would read in full, take it too long.
func numbers(doc any) any {
	switch v := doc.(type) {
	case json.Number:
		if n, err := strconv.Atoi(string(v)); err == nil {
			return n
		}
		f, _ := v.Float64() // infinite if it is too large
		return f
	case []any:
		for i := range v {
			v[i] = numbers(v[i])
		}
	case map[string]any:
		for key := range v {
			v[key] = numbers(v[key])
		}
	}
	return doc
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
