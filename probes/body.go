package probes

import (
	"bufio"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
)

const (
	smallRead = 4 << 10  // read at a time, until a body proves to be larger: five thousand users each have a buffer
	readSize  = 32 << 10 // and from then on
	maxKept   = 1 << 20  // the largest buffer that is kept for the next body
)

// A bodyReader reads one response body after the other into buffers that it keeps.
type bodyReader struct {
	wire wireReader
	br   *bufio.Reader // gives gzip single bytes
	gz   *gzip.Reader
	buf  []byte
	kept []byte
	size int64 // of the last body after decompression, as far as it was read

	keepFirst int // how many bytes of the last body first gives; less than smallRead
}

// first is the beginning of the last body, as far as it was read.
func (b *bodyReader) first() []byte { return b.buf[:min(b.size, int64(b.keepFirst))] }

// wireReader counts what it reads and remembers why it stopped.
type wireReader struct {
	r   io.Reader
	n   int64
	err error
}

func (w *wireReader) Read(p []byte) (n int, err error) {
	n, err = w.r.Read(p)
	w.n, w.err = w.n+int64(n), err
	return n, err
}

// read reads the body of resp to its end and closes it, so that the connection lives. It returns the bytes off the
// wire and, if keep is set, the decompressed body, valid until the next read. It stops with ErrBodyTooLarge when more
// than limit bytes have come out of the decompression, so that nothing larger is ever held.
func (b *bodyReader) read(resp *http.Response, limit int64, keep bool) (n int64, body []byte, err error) {
	defer func() { err = errors.Join(err, resp.Body.Close()) }()
	if want := firstRead(resp); len(b.buf) < want {
		b.buf = make([]byte, want)
	}
	if cap(b.kept) > maxKept {
		b.kept = nil
	}
	b.wire = wireReader{r: resp.Body}
	b.kept = b.kept[:0]
	r, err := b.decoded(resp)
	for b.size = 0; err == nil; {
		var k int
		into := b.buf[len(b.first()):] // which stays
		k, err = r.Read(into)
		if b.size += int64(k); b.size > limit {
			return b.wire.n, nil, fmt.Errorf("%w: over %d bytes", ErrBodyTooLarge, limit)
		}
		if keep {
			b.kept = append(b.kept, into[:k]...)
		}
		if k == len(into) && len(b.buf) < readSize {
			first := b.first()
			b.buf = make([]byte, readSize)
			copy(b.buf, first)
		}
	}
	if errors.Is(err, io.EOF) && errors.Is(b.wire.err, io.EOF) {
		return b.wire.n, b.kept, nil
	}
	return b.wire.n, nil, b.explain(err)
}

// firstRead is how large a buffer a body begins with: one that holds all of a short one, and tells its end.
func firstRead(resp *http.Response) int {
	if n := resp.ContentLength; n >= 0 && n < smallRead && len(resp.Header["Content-Encoding"]) == 0 {
		return int(n) + 1
	}
	return smallRead
}

// decoded undoes the compression that we asked for.
func (b *bodyReader) decoded(resp *http.Response) (io.Reader, error) {
	if encoding := resp.Header["Content-Encoding"]; len(encoding) != 1 || !isGzip(encoding[0]) {
		return &b.wire, nil
	}
	if b.gz == nil {
		b.gz, b.br = new(gzip.Reader), bufio.NewReader(nil)
	}
	b.br.Reset(&b.wire)
	return b.gz, b.gz.Reset(b.br) // io.EOF if there is no body at all
}

// isGzip knows the names of the coding, RFC 9110, section 8.4.1.
func isGzip(coding string) bool {
	return strings.EqualFold(coding, "gzip") || strings.EqualFold(coding, "x-gzip")
}

// explain tells a broken connection from a broken body.
func (b *bodyReader) explain(err error) error {
	if broken := b.wire.err; broken != nil && !errors.Is(broken, io.EOF) && OutcomeOf(broken) != Error {
		return fmt.Errorf("reading body: %w", broken)
	}
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		err = errors.New("unexpected end") // of the gzip stream, not of the connection
	}
	return fmt.Errorf("%w: reading body: %w", ErrInvalidResponse, err)
}
