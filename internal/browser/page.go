package browser

import (
	"net/url"
	"regexp"
	"time"
)

// A Page says what to load and how.
type Page struct {
	URL       *url.URL
	UserAgent string // stands at the end of the browser's own

	Width, Height int     // of the window, CSS pixels
	Scale         float64 // device pixels in a CSS pixel
	Mobile        bool
	Slowdown      float64 // of the processor: 4 makes it four times as slow; 1 or less leaves it alone
	Network       Network

	// Headers and the password go to the page's own origin only.
	Headers            map[string]string
	Traceparent        string // a header of the documents of that origin; "" for none
	Username, Password string
	Cookies            []Cookie
	Blocked            []string // patterns of URLs that are not loaded, with * for anything
	Insecure           bool     // certificates are not verified

	Login []Step // before the page, in the same context
	Warm  bool   // load the page once more, with what the first load left in the cache

	Marks    []string // performance.marks of the page to keep
	Expect   Expect
	MaxBytes int64 // over the wire, in both loads together; 0 for no limit
}

// A Network is made slower than it is; zero values leave it alone.
type Network struct {
	Latency          time.Duration // of each request, beside that of the network
	Download, Upload float64       // bytes a second
}

// A Cookie is set for the page's URL before anything is loaded.
type Cookie struct{ Name, Value string }

// A Step is one action of a login. Exactly one of URL, Click, Fill and WaitFor is set.
type Step struct {
	URL     *url.URL // goes there and waits for its load
	Click   string   // selector of what is clicked
	Fill    string   // selector of the field that gets the value
	Value   string
	WaitFor string // selector of what must be there before the next step
}

// Expect says which pages are good ones.
type Expect struct {
	Status   func(code int) bool // nil takes 200 to 399
	Selector string              // matches an element
	Text     *regexp.Regexp      // of the visible text
	Title    *regexp.Regexp
}
