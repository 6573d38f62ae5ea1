package probes

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httputil"
	"net/textproto"
	"strings"
)

// maxTrailer bounds the trailers after a chunked body, which nobody reads.
const maxTrailer = 4 << 10

// readResponse reads the head of a response; those that only inform are passed over. What it reads itself is a complete
// head in the usual form; everything else net/http's parser reads from the same bytes.
func (c *directConn) readResponse(req *http.Request) (*http.Response, error) {
	buffered, _ := c.br.Peek(c.br.Buffered())
	if end := bytes.Index(buffered, []byte("\r\n\r\n")); end >= 0 && req.Method != http.MethodHead {
		if c.head.parse(buffered[:end+2]) {
			_, _ = c.br.Discard(end + 4)
			return c.plain(req), nil
		}
	}
	for {
		resp, err := http.ReadResponse(c.br, req)
		switch {
		case err != nil && c.left <= 0: // which the parser took for the end of a line
			return nil, errLongHead
		case err != nil:
			return nil, err
		}
		if resp.StatusCode < 200 && resp.StatusCode != http.StatusSwitchingProtocols {
			continue
		}
		c.keep = !resp.Close && !req.Close && resp.StatusCode >= 200
		c.body.reset(resp.Body)
		resp.Body = &c.body
		return resp, nil
	}
}

// plain makes the response of the head that was parsed.
func (c *directConn) plain(req *http.Request) *http.Response {
	h := &c.head
	c.keep = !h.close && !req.Close
	c.resp = http.Response{
		StatusCode: h.status, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: h.header, ContentLength: h.length, TransferEncoding: h.encoding, Body: &c.body, Request: req,
	}
	if h.length >= 0 {
		c.body.left = h.length
		c.body.reset(nil)
	} else {
		c.body.reset(&chunkedBody{Reader: httputil.NewChunkedReader(c.br), conn: c})
	}
	return &c.resp
}

// A directBody is a response's body: so many bytes of the connection, or what another reader makes of them. At its end
// the connection goes back to the pool.
type directBody struct {
	conn *directConn
	pool *direct
	r    io.Reader // nil for left bytes of the connection
	left int64
	done bool // the end was read
}

func (b *directBody) reset(r io.Reader) {
	b.r, b.done = r, false
}

// Read implements io.Reader.
func (b *directBody) Read(p []byte) (n int, err error) {
	if b.done {
		return 0, io.EOF
	}
	if b.r != nil {
		n, err = b.r.Read(p)
		b.done = err == io.EOF
		return n, err
	}
	n, err = b.conn.br.Read(p[:min(int64(len(p)), b.left)])
	if b.left -= int64(n); b.left == 0 {
		b.done = true
		return n, io.EOF
	}
	return n, unexpected(err)
}

// Close implements io.Closer. It never waits for the rest of a body.
func (b *directBody) Close() error {
	c := b.conn
	if alive := c.watch.over(nil); !alive || !b.done || !c.keep {
		c.close()
		return nil
	}
	b.pool.put(c)
	return nil
}

// A chunkedBody reads the trailers after the last chunk, which end the response.
type chunkedBody struct {
	io.Reader
	conn *directConn
}

// Read implements io.Reader.
func (b *chunkedBody) Read(p []byte) (int, error) {
	n, err := b.Reader.Read(p)
	if err == io.EOF { //nolint:errorlint // the end of the chunks, not one inside an error
		err = b.trailers()
	}
	return n, err
}

// trailers returns io.EOF when it has read them, as net/http's own reader does: lines of a header, whose end must be in
// sight before the first of them is read.
func (b *chunkedBody) trailers() error {
	c := b.conn
	switch next, err := c.br.Peek(2); {
	case string(next) == "\r\n":
		_, _ = c.br.Discard(2)
		return io.EOF
	case err != nil:
		return unexpected(err)
	}
	c.br = bufio.NewReaderSize(c.br, maxTrailer)
	for n, end := 4, []byte("\r\n\r\n"); ; n++ {
		seen, err := c.br.Peek(n)
		if bytes.HasSuffix(seen, end) {
			break
		}
		if errors.Is(err, bufio.ErrBufferFull) {
			return fmt.Errorf("trailers over %d bytes", maxTrailer)
		}
		if err != nil {
			return unexpected(err)
		}
	}
	if _, err := textproto.NewReader(c.br).ReadMIMEHeader(); err != nil {
		return unexpected(err)
	}
	return io.EOF
}

// unexpected is err, or that the connection ended where more should have come.
func unexpected(err error) error {
	if err == io.EOF { //nolint:errorlint // the end itself, as readers say it
		return io.ErrUnexpectedEOF
	}
	return err
}

// A headCache is the head of the last response. Most heads repeat those before them, line by line: what is the same is
// not made anew.
type headCache struct {
	status   int
	length   int64 // of the body; -1 if it is chunked
	close    bool  // the connection ends with the response
	header   http.Header
	encoding []string // of the transfer; nil if it has none
	lines    []headLine
	filled   bool // header is that of the lines
}

type headLine struct {
	raw    string // without its end
	name   string
	values []string
}

// parse reads a complete head, each line with its end. It is false for anything unusual, which is not judged here.
func (h *headCache) parse(head []byte) bool {
	line, rest, _ := bytes.Cut(head, []byte("\r\n"))
	if !h.statusLine(line) {
		return false
	}
	n, same := 0, true
	for ; len(rest) > 0; n++ {
		line, rest, _ = bytes.Cut(rest, []byte("\r\n"))
		if n < len(h.lines) && h.lines[n].raw == string(line) {
			continue
		}
		parsed, ok := parseLine(line)
		if !ok {
			h.filled = false
			return false
		}
		same = false
		if n < len(h.lines) {
			h.lines[n] = parsed
		} else {
			h.lines = append(h.lines, parsed)
		}
	}
	if !same || !h.filled || n != len(h.lines) {
		h.lines = h.lines[:n]
		h.filled = h.fill()
	}
	return h.filled
}

// statusLine reads a status from 200 on that may have a body.
func (h *headCache) statusLine(line []byte) bool {
	const begin = "HTTP/1.1 "
	if len(line) < len(begin)+3 || string(line[:len(begin)]) != begin || !isPlainValue(bytes.TrimSuffix(line, []byte(" "))) {
		return false
	}
	digits := line[len(begin) : len(begin)+3]
	if len(line) > len(begin)+3 && line[len(begin)+3] != ' ' {
		return false
	}
	h.status = 0
	for _, c := range digits {
		if c < '0' || c > '9' {
			return false
		}
		h.status = h.status*10 + int(c-'0')
	}
	return h.status >= 200 && h.status < 600 && h.status != http.StatusNoContent && h.status != http.StatusNotModified
}

func parseLine(line []byte) (headLine, bool) {
	name, value, ok := bytes.Cut(line, []byte(":"))
	value = bytes.Trim(value, " \t")
	if !ok || !isPlainName(name) || !isPlainValue(value) {
		return headLine{}, false
	}
	return headLine{
		raw: string(line), name: textproto.CanonicalMIMEHeaderKey(string(name)), values: []string{string(value)},
	}, true
}

// fill makes the header of the lines, and decides how the body ends. It is false unless exactly one line says so.
func (h *headCache) fill() bool {
	if h.header == nil {
		h.header = http.Header{}
	}
	clear(h.header)
	h.length, h.close, h.encoding = -1, false, nil
	framed := 0
	for i := range h.lines {
		l := &h.lines[i]
		switch l.name {
		case "Content-Length":
			framed++
			if h.length = contentLength(l.values[0]); h.length < 0 {
				return false
			}
		case "Transfer-Encoding":
			framed++
			if l.values[0] != "chunked" {
				return false
			}
			h.encoding = l.values
			continue // net/http takes that one out of the header
		case "Connection":
			h.close = strings.EqualFold(l.values[0], "close")
			if h.close {
				continue // and this one
			}
			if !strings.EqualFold(l.values[0], "keep-alive") {
				return false
			}
		case "Trailer", "Upgrade":
			return false
		}
		if before, twice := h.header[l.name]; twice {
			h.header[l.name] = append(before[:len(before):len(before)], l.values[0])
		} else {
			h.header[l.name] = l.values
		}
	}
	return framed == 1
}

// contentLength is -1 for anything but a plain number below a terabyte.
func contentLength(text string) (n int64) {
	if text == "" || len(text) > 12 {
		return -1
	}
	for i := range len(text) {
		if text[i] < '0' || text[i] > '9' {
			return -1
		}
		n = n*10 + int64(text[i]-'0')
	}
	return n
}
