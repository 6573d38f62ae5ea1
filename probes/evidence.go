package probes

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"hash/maphash"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// The bounds of Evidence, in bytes.
const (
	maxEvidenceHead   = 2 << 10
	maxEvidenceValue  = 256 // of one header, or one redirect
	maxEvidenceBody   = 1 << 10
	maxEvidenceRedirs = (maxRedirects + 1) * (maxEvidenceValue + len("308 \n"))
)

// Evidence is what people want to see of an answer: masked, bounded to 6 KiB, and of printable characters only. It is
// never changed, and runs whose evidence is the same share it.
type Evidence struct {
	Step      string // of a journey, that the answer is to; "" of any other kind
	Redirects string // a line each: the status and where it leads, without its query
	Proto     string // "HTTP/1.1"; "" if there was no answer
	Head      string // a line for each header, "Name: value", by name; all but Date, which differs each time
	Body      string // the first KiB, decompressed
	Cut       bool   // there was more of the body
}

// Size is what it takes, in bytes.
func (e *Evidence) Size() int {
	const self = 6 * 16
	return self + len(e.Redirects) + len(e.Head) + len(e.Body)
}

// ofStep is the evidence of a step, without what m masks; nil if there is none.
func (e *Evidence) ofStep(name string, m *masks) *Evidence {
	if e == nil {
		return nil
	}
	own := *e
	own.Step = name
	for _, text := range []*string{&own.Redirects, &own.Head, &own.Body} {
		*text = string(m.text([]byte(*text), text == &own.Body && e.Cut))
	}
	return &own
}

// A witness keeps the evidence of the last run, most of which repeat those before them.
type witness struct {
	keeps     bool
	redirects []byte // of this run, as Evidence has them
	seed      maphash.Seed
	print     uint64 // of what shown is made of
	shown     *Evidence
}

// evidence describes the last answer of a chain, as far as it came; resp is nil if there was none. It is that of the run
// before if nothing changed, and nil if there is nothing to say.
func (x *exchange) evidence(p *HTTPProber, resp *http.Response) *Evidence {
	w := &x.witness
	if resp == nil && len(w.redirects) == 0 {
		return nil
	}
	before := w.print
	if w.fingerprint(resp, &x.body); w.shown != nil && w.print == before {
		return w.shown
	}
	now := &Evidence{Redirects: string(w.redirects)}
	if resp != nil {
		m := p.masks
		if resp.Request != nil { // the one that went out, with the credentials that files and token servers gave
			m = m.with(resp.Request.Header)
		}
		first := x.body.first()
		now.Proto, now.Head = resp.Proto, m.head(resp.Header)
		now.Body, now.Cut = m.bodyText(first, x.body.size > int64(len(first)))
	}
	w.shown = now
	return now
}

// fingerprint is that of an answer, whatever the order of its headers.
func (w *witness) fingerprint(resp *http.Response, body *bodyReader) {
	if w.shown == nil {
		w.seed = maphash.MakeSeed()
	}
	w.print = maphash.Bytes(w.seed, w.redirects)
	if resp == nil {
		return
	}
	first := body.first()
	w.print += 3*maphash.Bytes(w.seed, first) + uint64(min(body.size-int64(len(first)), 1)) + 5*maphash.String(w.seed, resp.Proto)
	for name, values := range resp.Header {
		if name == "Date" {
			continue
		}
		of := maphash.String(w.seed, name)
		for _, value := range values {
			of = 7*of + maphash.String(w.seed, value)
		}
		w.print += of
	}
}

// noteRedirect notes a hop of a chain.
func (x *exchange) noteRedirect(p *HTTPProber, resp *http.Response) {
	w := &x.witness
	if !w.keeps || len(w.redirects) > maxEvidenceRedirs {
		return
	}
	w.redirects = strconv.AppendInt(w.redirects, int64(resp.StatusCode), 10)
	w.redirects = append(append(w.redirects, ' '), p.masks.location(resp)...)
	w.redirects = append(w.redirects, '\n')
}

// location is where a redirect leads, without its query and what is masked.
func (m *masks) location(resp *http.Response) string {
	to := withoutQuery(resp.Header.Get("Location"))
	return printable(m.text(maskFields([]byte(to)), false), maxEvidenceValue)
}

// withoutQuery leaves out what a location carries: codes and tokens, as a login sends them. Of one that is no URL it shows
// what stands before them, and after a user.
func withoutQuery(location string) string {
	u, err := url.Parse(location)
	if err != nil {
		if at := strings.IndexAny(location, "?#"); at >= 0 {
			location = location[:at] + "?…"
		}
		return location[strings.LastIndexByte(location, '@')+1:]
	}
	asked := u.RawQuery != "" || u.ForceQuery || u.Fragment != ""
	u.User, u.RawQuery, u.Fragment, u.RawFragment, u.ForceQuery = nil, "", "", "", false
	if location = u.String(); asked {
		location += "?…"
	}
	return location
}

// head writes headers down.
func (m *masks) head(h http.Header) string {
	var text strings.Builder
	for _, name := range slices.Sorted(maps.Keys(h)) {
		for _, value := range h[name] {
			switch {
			case name == "Date":
				continue
			case m.secretHeader(name):
				value = hidden
			case name == "Location":
				value = withoutQuery(value)
			}
			value = printable(m.text(maskFields([]byte(value)), false), maxEvidenceValue)
			name := printable([]byte(name), maxEvidenceValue)
			if text.Len()+len(name)+len(value) > maxEvidenceHead {
				return text.String() + "…\n"
			}
			text.WriteString(name + ": " + value + "\n")
		}
	}
	return text.String()
}

// bodyText writes the beginning of a body down, and says whether it is all of it.
func (m *masks) bodyText(body []byte, more bool) (text string, cut bool) {
	if m.noBody || len(body) == 0 {
		return "", more || len(body) > 0
	}
	body = m.text(maskFields(body), more)
	return printable(body, maxEvidenceBody), more || len(body) > maxEvidenceBody
}

// said is the evidence of what is no HTTP: head says in lines what it is about, body is the beginning of so many bytes that
// came. It is nil if both are empty.
func (m *masks) said(head string, body []byte, size int64) *Evidence {
	if head == "" && len(body) == 0 {
		return nil
	}
	first := body[:min(len(body), maxEvidenceBody)]
	e := &Evidence{Head: printable([]byte(head), maxEvidenceHead)}
	e.Body, e.Cut = m.bodyText(slices.Clone(first), size > int64(len(first)))
	return e
}

// shownTLS shows what a handshake came to, and the certificate that the server sent first.
func shownTLS(state *tls.ConnectionState, chain []*x509.Certificate) string {
	var text strings.Builder
	if state.HandshakeComplete {
		_, _ = fmt.Fprintf(&text, "Version: %s\nCipher: %s\n", tls.VersionName(state.Version), tls.CipherSuiteName(state.CipherSuite))
		if state.NegotiatedProtocol != "" {
			_, _ = fmt.Fprintf(&text, "Protocol: %s\n", oneLine(state.NegotiatedProtocol))
		}
	}
	if len(chain) > 0 {
		leaf := chain[0]
		_, _ = fmt.Fprintf(&text, "Subject: %s\nIssuer: %s\nNames: %s\nNot-Before: %s\nNot-After: %s\n",
			oneLine(leaf.Subject.String()), oneLine(leaf.Issuer.String()), oneLine(strings.Join(leaf.DNSNames, ", ")),
			leaf.NotBefore.UTC().Format(time.RFC3339), leaf.NotAfter.UTC().Format(time.RFC3339))
	}
	return text.String()
}

// oneLine bounds a value that a peer chose, and keeps it on its line.
func oneLine(value string) string {
	return strings.ReplaceAll(printable([]byte(value), maxEvidenceValue), "\n", ".")
}

// printable cuts a text to a size, at most, and replaces what is not to be printed: control characters other than line
// ends and tabs, those without a width, and what is no UTF-8.
func printable(text []byte, size int) string {
	if len(text) > size {
		for text = text[:size]; len(text) > 0; text = text[:len(text)-1] {
			if r, n := utf8.DecodeLastRune(text); r != utf8.RuneError || n > 1 || size-len(text) >= utf8.UTFMax {
				break
			}
		}
	}
	if isPrintableASCII(text) {
		return string(text)
	}
	var out strings.Builder
	for len(text) > 0 {
		r, n := utf8.DecodeRune(text)
		if text = text[n:]; r == utf8.RuneError && n == 1 || !unicode.IsPrint(r) && r != '\n' && r != '\t' {
			r = '.'
		}
		out.WriteRune(r)
	}
	return out.String()
}

func isPrintableASCII(text []byte) bool {
	for _, c := range text {
		if (c < ' ' || c >= 0x7f) && c != '\n' && c != '\t' {
			return false
		}
	}
	return true
}
