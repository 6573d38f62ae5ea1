package k6

import (
	"cmp"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/perfwatch/perfwatch/internal/load"
	"github.com/perfwatch/perfwatch/probes"
)

// maxRedirects is how many a burst follows.
const maxRedirects = 10

// A request is a step of the setup or a task, as the script reads it.
type request struct {
	Task      string    `json:"task,omitempty"` // the top of the tree above it
	Name      string    `json:"name"`
	Method    string    `json:"method"`
	URL       text      `json:"url"`
	Headers   []header  `json:"headers,omitempty"`
	Body      text      `json:"body,omitempty"`
	Redirects int       `json:"redirects"`
	Timeout   float64   `json:"timeout"` // milliseconds
	Expect    expect    `json:"expect"`
	Captures  []capture `json:"captures,omitempty"`
}

// A header stands in a list and not in an object, where a name such as __proto__ would be another thing.
type header struct {
	Name  string `json:"name"`
	Value text   `json:"value"`
}

// expect says which answers are good ones.
type expect struct {
	Status  []int         `json:"status,omitempty"` // any 2xx without
	Type    string        `json:"type,omitempty"`
	Headers []headerMatch `json:"headers,omitempty"`
	Matches string        `json:"matches,omitempty"`
	JSON    []any         `json:"json,omitzero"`
}

type headerMatch struct {
	Name    string `json:"name"`
	Matches string `json:"matches"`
}

// steps compiles the setup.
func (x *exporter) steps() []request {
	all := make([]request, 0, len(x.spec.Setup))
	for i := range x.spec.Setup {
		s := &x.spec.Setup[i]
		at := place{path: "load.setup[" + strconv.Itoa(i) + "]", task: -1}
		r := x.request(at.below(".http"), s.HTTP, nil)
		r.Name, r.Captures = s.Name, x.captures(at, s.Capture)
		all = append(all, r)
	}
	return all
}

// tasks compiles the leaves of the tree, in the order of Plan.Leaves.
func (x *exporter) tasks() []request {
	var all []request
	var walk func(path string, tasks []load.Task)
	walk = func(path string, tasks []load.Task) {
		for i := range tasks {
			t, at := &tasks[i], place{path: path + "[" + strconv.Itoa(i) + "]", task: len(all)}
			if t.HTTP == nil {
				walk(at.path+".tasks", t.Tasks)
				continue
			}
			leaf := &x.plan.Leaves[len(all)]
			r := x.request(at.below(".http"), t.HTTP, x.spec.Headers)
			r.Task, r.Name, r.Captures = leaf.Task, leaf.Endpoint, x.captures(at, t.Capture)
			all = append(all, r)
		}
	}
	walk("load.tasks", x.spec.Tasks)
	return all
}

// request compiles a request with the headers of all. A mask has nothing to hide: the script shows nothing of an answer.
func (x *exporter) request(at place, h *probes.HTTP, common map[string]string) request {
	r := request{
		Method: cmp.Or(h.Method, http.MethodGet), URL: x.url(at.below(".url"), h.URL),
		Timeout: milliseconds(x.timeout), Redirects: x.redirects(at, h), Expect: x.expect(at.below(".expect"), &h.Expect),
	}
	if h.Form != nil {
		r.Method = cmp.Or(h.Method, http.MethodPost)
	}
	var media string
	r.Body, media = x.body(at, h)
	r.Headers = x.headers(at, h, common, media)
	if h.FreshConnection {
		x.fresh++
	}
	if h.ServerTiming != nil {
		x.note(at.path+".server_timing", "k6 does not read it")
	}
	if h.HTTPClient != nil || h.IPFamily != "" || h.HTTPVersion != "" || h.MaxConnection != 0 {
		x.refuse(at.path, "http_client, ip_family, http_version and max_connection_age are settings of all requests in k6")
	}
	return r
}

// redirects is how many are followed. One that is named as a good status is not.
func (x *exporter) redirects(at place, h *probes.HTTP) int {
	named := slices.ContainsFunc(h.Expect.Status, func(code int) bool { return code/100 == 3 })
	follow := x.follow
	if h.FollowRedirects != nil {
		follow = *h.FollowRedirects
	}
	switch {
	case follow && named:
		x.note(at.path+".expect.status", "k6 follows no redirect here, also none that is not named")
		return 0
	case follow:
		return maxRedirects
	}
	return 0
}

// url resolves a URL around its templates.
func (x *exporter) url(at place, written string) text {
	mark := "perfwatch-template-"
	for strings.Contains(written, mark) || x.env.BaseURL != nil && strings.Contains(x.env.BaseURL.String(), mark) {
		mark += "x-"
	}
	pieces := load.Pieces(written)
	var b strings.Builder
	for i, p := range pieces {
		if p.Literal {
			b.WriteString(p.Text)
		} else {
			b.WriteString(mark + strconv.Itoa(i) + "-") // of unreserved characters: it comes out as it went in
		}
	}
	u, err := url.Parse(b.String())
	if err != nil {
		x.refuse(at.path, "no URL: %v", err)
		return nil
	}
	if x.env.BaseURL != nil {
		u = x.env.BaseURL.ResolveReference(u)
	}
	if u.User != nil {
		x.refuse(at.path, "a user in the URL would stand in the script: give it as the header Authorization, of ${env:NAME}")
		return nil
	}
	u.Fragment, u.RawFragment = "", ""
	rest := u.String()
	var t text
	for i, p := range pieces {
		if p.Literal {
			continue
		}
		before, after, _ := strings.Cut(rest, mark+strconv.Itoa(i)+"-")
		t = append(t.literal(before), x.blank(at, p, urlEncoded))
		rest = after
	}
	return t.literal(rest)
}

// body is what is sent, and its media type if that is known.
func (x *exporter) body(at place, h *probes.HTTP) (t text, media string) {
	switch {
	case h.JSON != nil:
		return x.json(at.below(".json"), h.JSON), "application/json"
	case h.Form != nil:
		form := url.Values{}
		for name, value := range h.Form {
			form.Set(name, value)
		}
		return text{}.literal(form.Encode()), "application/x-www-form-urlencoded"
	case h.BodyFile != "":
		return x.file(at.below(".body_file"), h), ""
	}
	return x.text(at.below(".body"), h.Body, raw), ""
}

// file is a body's content. Strings of k6 are Unicode.
func (x *exporter) file(at place, h *probes.HTTP) text {
	spec := *h
	spec.URL, spec.Headers = "http://127.0.0.1/", nil // only its content is wanted, with templates nowhere
	if _, err := spec.HTTPProber(x.env); err != nil {
		x.refuse(at.path, "%v", err)
	}
	if !utf8.Valid(spec.Content) {
		x.refuse(at.path, "%q is no UTF-8 text", h.BodyFile)
	}
	return text{}.literal(string(spec.Content))
}

// expect compiles what is expected, and notes what k6 does not see.
func (x *exporter) expect(at place, e *probes.Expect) expect {
	out := expect{Status: e.Status, Type: strings.ToLower(e.ContentType)}
	if e.BodyMatches != "" {
		out.Matches = x.pattern(at.below(".body_matches"), e.BodyMatches)
	}
	for _, name := range slices.Sorted(maps.Keys(e.Headers)) {
		p := x.pattern(at.below(".headers.%s", name), e.Headers[name])
		out.Headers = append(out.Headers, headerMatch{http.CanonicalHeaderKey(name), p})
	}
	if e.JSON != "" {
		out.JSON = x.path(at.below(".json"), e.JSON)
	}
	for _, unseen := range []struct {
		name string
		set  bool
	}{
		{"min_body", e.MinBody != 0}, {"max_body", e.MaxBody != 0},
		{"min_tls_version", e.MinTLSVersion != 0}, {"min_days", e.MinDays != 0},
	} {
		if unseen.set {
			x.note(at.path+"."+unseen.name, "k6 does not judge it")
		}
	}
	return out
}

func (x *exporter) pattern(at place, re2 string) string {
	p, err := pattern(re2)
	if err != nil {
		x.refuse(at.path, "%v", err)
	}
	return p
}
