package probes

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
)

// A Draft is what one request says that its prober cannot know, because it differs from user to user or from request to
// request, and what more is to be read from its answer. A nil Draft is the prober's request as it is, and costs nothing;
// so does a field that is left empty. Session.Take has no use for a Draft, or what it points to, once it has returned.
type Draft struct {
	Target []byte        // path and query as they go over the wire, "/search?q=a%20b"; empty is the prober's own
	Header []HeaderField // each takes the place of the prober's header of that name
	Body   []byte        // under the prober's Content-Type; nil is the prober's own
	// Read sees an answer that is as expected. Its error makes that answer an invalid response, if it names no other
	// outcome; nil reads nothing. Its time is no part of the request's.
	Read func(context.Context, Answer) error
}

// A HeaderField is one header of a Draft. Its name is canonical, as http.CanonicalHeaderKey writes it, and not one that
// the connection sets itself; its value has no control characters but the tab.
type HeaderField struct {
	Name  string
	Value []byte
}

// An Answer is a response as a Draft reads it, valid until Read returns.
type Answer struct {
	Header func(name string) string // the first value of a header, by its canonical name; "" if there is none
	Body   []byte                   // whole and decompressed
}

// reads reports whether the answer's body is wanted.
func (d *Draft) reads() bool { return d != nil && d.Read != nil }

// read hands the answer on.
func (d *Draft) read(ctx context.Context, resp *http.Response, body []byte) error {
	err := d.Read(ctx, Answer{Header: resp.Header.Get, Body: body})
	if OutcomeOf(err) == Error {
		return fmt.Errorf("%w: %w", ErrInvalidResponse, err)
	}
	return err
}

// fill writes the draft into a copy of the prober's request.
func (d *Draft) fill(req *http.Request) error {
	if len(d.Target) > 0 {
		u, err := withTarget(req.URL, string(d.Target))
		if err != nil {
			return err
		}
		req.URL = u
	}
	if len(d.Header) > 0 {
		req.Header = req.Header.Clone()
	}
	for _, h := range d.Header {
		if h.Name == "Host" {
			req.Host = string(h.Value)
			continue
		}
		req.Header[h.Name] = []string{string(h.Value)}
	}
	if d.Body != nil {
		body := bytes.Clone(d.Body) // net/http may still be reading it when the request has failed
		req.ContentLength = int64(len(body))
		req.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(body)), nil }
	}
	return nil
}

// withTarget is a URL of the same host. Its error does not say the target: what was filled in may be a secret.
func withTarget(of *url.URL, target string) (*url.URL, error) {
	u := *of
	path, query, asked := strings.Cut(target, "?")
	var err error
	if u.Path, err = url.PathUnescape(path); err != nil || !strings.HasPrefix(path, "/") {
		return nil, errors.New("filling in the URL: want a path that begins with a slash and is percent-encoded")
	}
	u.RawPath, u.RawQuery, u.ForceQuery = path, query, asked && query == ""
	return &u, nil
}
