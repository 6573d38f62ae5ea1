package probes

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"
)

// Figures reads what a web server says in JSON, for a collector.
type Figures struct {
	http  *HTTPProber
	query expectation
}

// NewFigures validates a request and the gojq query that takes the figures out of its answer. Its error joins a
// *FieldError for every mistake: those of "http", as a probe of that kind has them, and of "json".
func NewFigures(h *HTTP, query string, env Env) (*Figures, error) {
	var ms mistakes
	f := &Figures{query: ms.query("json", query)}
	if query == "" {
		ms.add("json", nil, "a gojq query that gives a number, or an object of numbers")
	}
	var err error
	if f.http, err = h.HTTPProber(env); err != nil {
		ms.below("http", err)
	}
	if err := errors.Join(ms...); err != nil {
		return nil, err
	}
	return f, nil
}

// below takes over the mistakes of a spec that stands in another.
func (ms *mistakes) below(at string, err error) {
	all := []error{err}
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		all = joined.Unwrap()
	}
	for _, err := range all {
		if field := new(FieldError); errors.As(err, &field) {
			moved := *field
			moved.Field = at + "." + field.Field
			err = &moved
		}
		*ms = append(*ms, err)
	}
}

// Read asks once and gives what the query gave, which is one value of JSON.
func (f *Figures) Read(ctx context.Context) (v any, err error) {
	read := func(ctx context.Context, a Answer) error {
		var doc any
		if err := json.Unmarshal(a.Body, &doc); err != nil {
			return fmt.Errorf("%w: parsing body as JSON: %w", ErrInvalidResponse, err)
		}
		values, err := f.query.project(ctx, doc)
		if err == nil && len(values) != 1 {
			err = fmt.Errorf("%w: %q gave %d values, want one", ErrInvalidResponse, f.query.query, len(values))
		}
		if err == nil {
			v = values[0]
		}
		return err
	}
	s := sampled(time.Now(), func() (Result, error) { return f.http.fill(ctx, &Draft{Read: read}) })
	return v, s.Err
}

// Close closes the connection.
func (f *Figures) Close() { f.http.Close() }
