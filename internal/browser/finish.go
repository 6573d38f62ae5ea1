package browser

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"
)

const (
	// evidenceTime is what is left of a run for its evidence, and screenshotLimit how long a picture may take.
	evidenceTime    = 2 * time.Second
	screenshotLimit = 1500 * time.Millisecond
	// maxScreenshot is the largest picture that is kept.
	maxScreenshot = 512 << 10
	// maxText is how much of the text of a page is read, in characters.
	maxText = 1 << 20
)

// netFailure is a document that did not come. Text is Chromium's: "net::ERR_CONNECTION_REFUSED".
func netFailure(text string) *PageError {
	name := strings.TrimPrefix(text, "net::")
	f := &PageError{Reason: NoResponse, Net: name, Err: errors.New(name)}
	if strings.HasPrefix(name, "ERR_CERT_") {
		f.Reason = Certificate
	}
	return f
}

// status holds the status of the document against what is expected of it.
func (r *run) status() error {
	good := r.page.Expect.Status
	if good == nil {
		good = func(code int) bool { return code >= 200 && code < 400 }
	}
	if s := r.response.Status; s != 0 && !good(s) { // what comes from elsewhere than HTTP has none
		return &PageError{Reason: Expectation, Status: s, Err: fmt.Errorf("status %d", s)}
	}
	return nil
}

// expect holds the page against what is expected of it.
func (r *run) expect(ctx context.Context) error {
	e := &r.page.Expect
	if e.Selector == "" && e.Text == nil && e.Title == nil {
		return nil
	}
	selector, err := json.Marshal(e.Selector)
	if err != nil {
		return failed(Expectation, "%w", err)
	}
	var got struct {
		Found       bool
		Text, Title string
	}
	script := fmt.Sprintf(`(() => { const s = %s; return {
		found: !s || !!document.querySelector(s), title: document.title.slice(0, 1000),
		text: document.body ? document.body.innerText.slice(0, %d) : '' } })()`, selector, maxText)
	if err := r.evaluate(ctx, script, &got); err != nil {
		return err
	}
	switch {
	case !got.Found:
		return failed(Expectation, "no element matches %q", e.Selector)
	case e.Title != nil && !e.Title.MatchString(got.Title):
		return failed(Expectation, "title %q does not match %q", clip(got.Title, 100), e.Title)
	case e.Text != nil && !e.Text.MatchString(got.Text):
		return failed(Expectation, "no text matches %q", e.Text)
	}
	return nil
}

// collect keeps what shows how the page came to be what it is.
func (r *run) collect(v *Visit, err error) {
	v.Response = r.response
	v.Evidence = Evidence{URL: shown(r.doc.url), Console: r.lines}
	start := r.doc.start
	if start == 0 && len(r.requests.all) > 0 {
		start = r.requests.all[0].start
	}
	v.Evidence.Waterfall = r.requests.waterfall(start)
	if err != nil && v.Evidence.URL == "" {
		v.Evidence.URL = shown(r.page.URL.Redacted())
	}
}

// screenshot shows a page that failed. One that is stuck never answers.
func (r *run) screenshot(ctx context.Context, err error) []byte {
	var f *PageError
	if r.s == nil || !r.doc.committed || !errors.As(err, &f) {
		return nil
	}
	if f.Reason == MainStuck || f.Reason == RendererCrash || f.Reason.OfBrowser() {
		return nil
	}
	limit := screenshotLimit
	if d, ok := ctx.Deadline(); ok {
		limit = min(limit, time.Until(d)*2/3)
	}
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	var picture struct{ Data []byte }
	r.failure = nil // what failed is known
	err = r.ask(ctx, "Page.captureScreenshot", object{"format": "jpeg", "quality": 50}, &picture)
	if err != nil || len(picture.Data) > maxScreenshot {
		return nil
	}
	return picture.Data
}
