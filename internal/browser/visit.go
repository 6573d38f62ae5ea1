package browser

import (
	"fmt"
	"time"
)

// Figures are the measures of one load of a page, all counted from the start of its navigation.
type Figures struct {
	// FirstByte is when the first byte of the document came: responseStart of
	// https://www.w3.org/TR/navigation-timing-2/, redirects included.
	FirstByte time.Duration
	// FirstPaint is the first contentful paint of https://www.w3.org/TR/paint-timing/; Chromium gives it in steps of 4 ms.
	FirstPaint time.Duration
	// LargestPaint is the last candidate of https://www.w3.org/TR/largest-contentful-paint/ until the page was interactive.
	LargestPaint time.Duration
	Interactive  time.Duration // see interactive
	Blocking     time.Duration // see blocking
	Shift        float64       // see layoutShift
	// BlinkInteractive is when the browser's own detector, InteractiveTime, found the page interactive; 0 if it did not.
	BlinkInteractive time.Duration
	Parsed, Loaded   time.Duration // DOM content loaded and load, both with their handlers

	Requests int
	Failed   int   // requests without an answer, or with one of 400 or more
	Bytes    int64 // over the wire, headers included
	Types    map[string]TypeCount

	Errors     int // console errors
	Exceptions int // that nobody caught
	Dialogs    int // opened by the page; they were accepted
	Marks      map[string]time.Duration
}

// A TypeCount is what was loaded of one type, as Script or Image.
type TypeCount struct {
	Requests int
	Bytes    int64
}

// Response is what the document's server answered.
type Response struct {
	Status  int // 0 if there was none
	Address string
	// The phases of its request; 0 where there was none.
	DNS, Connect, TLS, Request, Wait time.Duration
	CertNotAfter                     time.Time
}

// A Visit is what one run found out.
type Visit struct {
	Figures  // valid if the visit did not fail
	Warm     *Figures
	Response Response
	Evidence Evidence
	Waited   time.Duration // for the browser and for the login, before the navigation
}

// Evidence shows how a page came to be what it is.
type Evidence struct {
	URL        string // where the page ended up
	Waterfall  []Request
	Console    []Line
	Screenshot []byte  // JPEG, of a failed visit; empty if the page did not let itself be seen
	Film       []Frame // of a failed visit, the oldest first; what the page looked like on its way there
}

// A Request is one line of the waterfall.
type Request struct {
	Method, URL, Type string
	Status            int    // 0 if there was no answer
	Error             string // "" for none
	Start, End        time.Duration
	Bytes             int64
	Cached            bool
}

// A Line is something that the page said.
type Line struct {
	At    time.Duration
	Level string // log, warning, error, exception, dialog
	Text  string
}

// A PageError says why a page could not be measured.
type PageError struct {
	Reason Reason
	Net    string // Chromium's name of a network error without "net::", as ERR_CONNECTION_REFUSED; "" for none
	Status int    // HTTP status that was not expected; 0 otherwise
	Size   bool   // too many bytes
	Err    error
}

func (f *PageError) Error() string { return string(f.Reason) + ": " + f.Err.Error() }

// Unwrap lets whoever asks see what a deadline or a cancellation did.
func (f *PageError) Unwrap() error { return f.Err }

func failed(r Reason, format string, args ...any) *PageError {
	return &PageError{Reason: r, Err: fmt.Errorf(format, args...)}
}
