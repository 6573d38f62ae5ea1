package probes

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/perfwatch/perfwatch/internal/browser"
)

// Page loads a page in a real Chromium. All fields but URL may be left out.
type Page struct {
	URL        string            `yaml:"url"`        // absolute, or relative to global.base_url
	Device     string            `yaml:"device"`     // desktop (the default) or mobile
	Viewport   Viewport          `yaml:"viewport"`   // default: that of the device
	Throttling Throttling        `yaml:"throttling"` // applied, not simulated; default: none
	Headers    map[string]string `yaml:"headers"`    // to the page's own origin only; values are secrets
	Cookies    map[string]string `yaml:"cookies"`    // of the page's URL; values are secrets
	BasicAuth  *PageAuth         `yaml:"basic_auth"` // to the page's own origin only
	Login      []PageStep        `yaml:"login"`      // before each load, not measured
	Block      []string          `yaml:"block"`      // URLs that are not loaded, with * for anything: "*://ads.example/*"
	Marks      []string          `yaml:"marks"`      // performance.marks of the page to keep
	Warm       bool              `yaml:"warm"`       // load it a second time, with what the first load left in the cache
	Trace      bool              `yaml:"trace"`      // its documents carry traceparent, for which each waits some 7 ms
	Insecure   bool              `yaml:"insecure_skip_verify"`
	MaxBytes   ByteSize          `yaml:"max_bytes"` // over the wire; default 50MiB
	Expect     PageExpect        `yaml:"expect"`
}

// A Viewport is the size of the window, in CSS pixels.
type Viewport struct {
	Width  int     `yaml:"width"`
	Height int     `yaml:"height"`
	Scale  float64 `yaml:"scale"` // device pixels in one of CSS; default: that of the device
}

// Throttling makes the network and the processor slower than they are. A preset is one of Lighthouse's; what stands
// beside it takes the place of its figure.
type Throttling struct {
	Preset   string        `yaml:"preset"`   // slow_4g, regular_3g or dense_4g
	Latency  time.Duration `yaml:"latency"`  // of each request
	Download ByteSize      `yaml:"download"` // a second
	Upload   ByteSize      `yaml:"upload"`   // a second
	CPU      float64       `yaml:"cpu"`      // 4 makes the processor four times as slow
}

// PageAuth is what a page is asked with where it asks for a password.
type PageAuth struct {
	Username     string `yaml:"username"`
	Password     string `yaml:"password"`
	PasswordFile string `yaml:"password_file"` // read with the configuration
}

// A PageStep is one action of a login. Exactly one of url, fill, click and wait_for is set.
type PageStep struct {
	URL       string `yaml:"url"`   // go there
	Fill      string `yaml:"fill"`  // CSS selector of the field that gets the value
	Value     string `yaml:"value"` // a secret
	ValueFile string `yaml:"value_file"`
	Click     string `yaml:"click"`    // CSS selector
	WaitFor   string `yaml:"wait_for"` // CSS selector of what must be there before the next step
}

// PageExpect says which pages are good ones.
type PageExpect struct {
	Status   []int  `yaml:"status"`   // of the document; default: any 2xx
	Selector string `yaml:"selector"` // CSS; an element must match
	Text     string `yaml:"text"`     // RE2 of the visible text
	Title    string `yaml:"title"`    // RE2
}

// PageResult is what a run of the kind page found out beside what every run does.
type PageResult struct {
	Reason   string           // why it could not be measured, one of PageReasons; "" if it was
	Figures  browser.Figures  // valid if it was measured
	Warm     *browser.Figures // of the second load; nil if there was none
	Evidence browser.Evidence
}

// PageReasons are all the reasons there are.
func PageReasons() (list []string) {
	for _, r := range browser.Reasons() {
		list = append(list, string(r))
	}
	return list
}

// Kind implements Spec.
func (*Page) Kind() string { return "page" }

// A pageProber loads one page.
//
// The duration of a good run ends when the page is interactive and loaded; the five quiet seconds that prove it do not
// count. The phases are those of the document, its status too, and the bytes are those of all requests together. Where
// it is traced, the documents of the page's origin carry the run's trace, those of its login and of a second load too.
type pageProber struct {
	browser *browser.Browser
	page    *browser.Page
	want    string // statuses
	traces  bool
}

// Probe implements Prober.
func (p *pageProber) Probe(ctx context.Context) (Result, error) {
	if p.browser == nil {
		return Result{}, errors.New("pages are loaded by the daemon only")
	}
	var trace TraceID
	page := *p.page
	if p.traces {
		trace, page.Traceparent = newTrace()
	}
	start := time.Now()
	visit, err := p.browser.Load(ctx, &page)
	found := &PageResult{Figures: visit.Figures, Warm: visit.Warm, Evidence: visit.Evidence}
	res := Result{
		Page: found, Status: visit.Response.Status, CertNotAfter: visit.Response.CertNotAfter, Bytes: visit.Bytes,
		Phases: documentPhases(&visit.Response), TraceID: trace, ended: time.Now(),
	}
	if err == nil {
		res.ended = start.Add(visit.Waited + max(visit.Interactive, visit.Loaded))
		return res, nil
	}
	var f *browser.PageError
	if errors.As(err, &f) {
		found.Reason = string(f.Reason)
		err = p.name(f)
	}
	return res, fmt.Errorf("loading %q: %w", shownURL(p.page.URL), err)
}

func documentPhases(r *browser.Response) (ps Phases) {
	for phase, d := range map[Phase]time.Duration{
		DNS: r.DNS, Connect: r.Connect, TLS: r.TLS, Request: r.Request, FirstByte: r.Wait,
	} {
		if d > 0 {
			ps.Set(phase, d)
		}
	}
	return ps
}

// name gives a failure its outcome. What is the browser's fault is an error, and says nothing of the page.
func (p *pageProber) name(f *browser.PageError) error {
	as := func(o Outcome) error { return &outcomeError{o, f} }
	switch {
	case f.Size:
		return fmt.Errorf("%w: %w", ErrBodyTooLarge, f)
	case f.Status != 0:
		return fmt.Errorf("%w: %w", f, &StatusError{f.Status, p.want})
	case f.Reason == browser.Certificate:
		return as(TLSFailure)
	case f.Reason.OfBrowser(), f.Reason == browser.RendererCrash:
		return as(Error)
	case f.Net != "":
		return as(netOutcome(f.Net))
	case errors.Is(f, context.DeadlineExceeded), f.Reason == browser.MainStuck:
		return as(Timeout)
	}
	return fmt.Errorf("%w: %w", ErrInvalidResponse, f)
}

// netOutcome names one of Chromium's network errors,
// https://chromium.googlesource.com/chromium/src/+/main/net/base/net_error_list.h.
func netOutcome(name string) Outcome {
	switch name {
	case "ERR_CONNECTION_REFUSED":
		return Refused
	case "ERR_TIMED_OUT", "ERR_CONNECTION_TIMED_OUT":
		return Timeout
	case "ERR_CONNECTION_RESET", "ERR_CONNECTION_CLOSED", "ERR_CONNECTION_ABORTED", "ERR_EMPTY_RESPONSE",
		"ERR_CONTENT_LENGTH_MISMATCH", "ERR_INCOMPLETE_CHUNKED_ENCODING":
		return Reset
	case "ERR_TOO_MANY_REDIRECTS", "ERR_INVALID_HTTP_RESPONSE", "ERR_INVALID_REDIRECT", "ERR_UNSAFE_REDIRECT":
		return InvalidResponse
	}
	switch {
	case strings.HasPrefix(name, "ERR_NAME_"), strings.HasPrefix(name, "ERR_DNS_"):
		return DNSFailure
	case strings.HasPrefix(name, "ERR_SSL_"), strings.HasPrefix(name, "ERR_TLS_"):
		return TLSFailure
	}
	return Error
}

// PageHost is the host, and the port if it is given, that the page is asked of.
func (p *pageProber) PageHost() string { return p.page.URL.Host }
