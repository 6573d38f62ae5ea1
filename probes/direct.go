package probes

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"net"
	"net/http"
	"slices"
	"sync"
	"time"
)

const (
	// maxDirectHosts is how many connections a session keeps on the direct path: one a host, as it sends one request at a
	// time. Redirects may lead to more hosts than anyone should keep.
	maxDirectHosts = 8
	// maxDirectBody bounds a request body on the direct path, which does not read while it writes: what fits into the
	// sockets' buffers cannot block against a server that answers first.
	maxDirectBody = 16 << 10
	// The buffers of a connection: one of a burst holds most answers whole, and one of ten thousand probes, which wait nearly
	// all of the time, most heads.
	sessionBuffer, probeBuffer = 4 << 10, 1 << 10
	// idleUnchecked is how long a connection may have been idle to be used without asking whether the peer has closed it.
	idleUnchecked = time.Millisecond
)

// errLongHead ends a head that does not end by itself.
var errLongHead = fmt.Errorf("%w: response headers exceeded %d bytes", ErrInvalidResponse, maxHeaderBytes)

// A direct is the short way to a server: HTTP/1.1 in plain text over connections of its own, written and read by the
// caller's goroutine, into buffers that are used again. It takes half of net/http's time for a request, most of which
// net/http spends between its goroutines. It reads what nearly every answer looks like; whatever looks different is read
// by net/http's own parser, so that both paths say the same of every server. It is not safe for concurrent use.
type direct struct {
	dialer dialer
	buffer int           // of a connection, bytes
	conns  []*directConn // idle ones, of which no two have the same address
	out    []byte        // the request now sent
	host   string        // the host of its URL; empty if addr is not valid
	addr   string        // where that is dialled
	watch  *watch
}

// A directConn is a connection and the response that is being read from it.
type directConn struct {
	conn  net.Conn
	addr  string          // that was dialled
	br    *bufio.Reader   // nil of one that rests
	left  int64           // bytes that the response's head may still have
	watch *watch          // of the request that uses it
	ctx   context.Context //nolint:containedctx // of the same request
	freed time.Time       // the end of the last request
	used  bool
	keep  bool // until told otherwise, another request may follow
	resp  http.Response
	body  directBody
	head  headCache
}

func newDirect(d dialer, buffer int) *direct {
	return &direct{dialer: d, buffer: buffer}
}

// newDirectFor returns nil where what the transport has is needed for every request: a proxy, credentials.
func newDirectFor(rt http.RoundTripper, d dialer, buffer int) *direct {
	if t, ok := rt.(*http.Transport); !ok || t.Proxy != nil {
		return nil
	}
	return newDirect(d, buffer)
}

// roundTrip sends the request that render has made of req, and returns its response, whose body is valid until the next
// request. A kept connection that breaks before the first byte of an answer is replaced under net/http's conditions:
// the request may have been handled, so only one that is safe to repeat is.
func (d *direct) roundTrip(req *http.Request, times *timings) (*http.Response, error) {
	ctx := req.Context()
	d.follow(ctx)
	for {
		times.start()
		c, err := d.get(ctx)
		if err != nil {
			return nil, err
		}
		kept := c.used
		resp, err := c.roundTrip(req, d.out, times)
		if err == nil {
			return resp, nil
		}
		c.close()
		_, answered, _ := times.explained()
		if !kept || answered || !replayable(req) || ctx.Err() != nil {
			return nil, err
		}
	}
}

// replayable reports whether a request may be sent twice, as RFC 9110, section 9.2.2, has it of methods.
func replayable(req *http.Request) bool {
	switch req.Method {
	case http.MethodGet, http.MethodHead, http.MethodOptions, http.MethodTrace:
		return true
	}
	return req.Header["Idempotency-Key"] != nil || req.Header["X-Idempotency-Key"] != nil
}

// get takes the idle connection or dials.
func (d *direct) get(ctx context.Context) (*directConn, error) {
	c := d.idle(d.addr)
	if c != nil && (c.br != nil && c.br.Buffered() > 0 || time.Since(c.freed) > idleUnchecked && !alive(c.conn)) {
		c.close()
		c = nil
	}
	if c == nil {
		conn, err := d.dialer.dial(ctx, "tcp", d.addr)
		if err != nil {
			return nil, err
		}
		c = &directConn{conn: newSocket(conn), addr: d.addr}
		c.body.conn = c
	}
	if c.br == nil {
		c.br = d.reader()
		c.br.Reset(c)
	}
	c.ctx, c.watch, c.body.pool = ctx, d.watch, d
	if !c.watch.over(c.conn) {
		c.close()
		return nil, context.Cause(ctx)
	}
	return c, nil
}

// probeReaders are those of probes that rest.
//
//nolint:gochecknoglobals // memory for whoever runs next, whichever probe that is
var probeReaders = sync.Pool{New: func() any { return bufio.NewReaderSize(nil, probeBuffer) }}

func (d *direct) reader() *bufio.Reader {
	if d.buffer == probeBuffer {
		return probeReaders.Get().(*bufio.Reader) //nolint:errcheck,forcetypeassert // nothing else is in it
	}
	return bufio.NewReaderSize(nil, d.buffer)
}

// idle takes the connection to an address; nil if there is none.
func (d *direct) idle(addr string) *directConn {
	for i, c := range d.conns {
		if c.addr == addr {
			d.conns = slices.Delete(d.conns, i, i+1)
			return c
		}
	}
	return nil
}

// put keeps a connection for the next request to its host.
func (d *direct) put(c *directConn) {
	if len(d.conns) >= maxDirectHosts {
		d.close()
	}
	c.used, c.freed = true, time.Now()
	d.conns = append(d.conns, c)
}

// follow makes the end of ctx the end of the request. It is one hook for as long as the context stays the same.
func (d *direct) follow(ctx context.Context) {
	if d.watch != nil && d.watch.ctx == ctx {
		return
	}
	d.unfollow()
	d.watch = &watch{ctx: ctx}
	d.watch.stop = context.AfterFunc(ctx, d.watch.fire)
}

// rest lets go of the buffers too: of ten thousand probes few run at a time. Only probes rest. A nil direct has none.
func (d *direct) rest() {
	if d == nil {
		return
	}
	d.unfollow()
	d.out = nil
	for _, c := range d.conns {
		if c.br != nil && c.br.Buffered() == 0 { // or the peer said something unasked, which get is to see
			if c.br.Size() == probeBuffer { // trailers need a larger one
				c.br.Reset(nil)
				probeReaders.Put(c.br)
			}
			c.br = nil
		}
	}
}

// unfollow lets go of the context of the last request, and of all that its response holds. A nil direct has none.
func (d *direct) unfollow() {
	if d == nil || d.watch == nil {
		return
	}
	d.watch.stop()
	d.watch = nil
	for _, c := range d.conns {
		c.ctx, c.watch, c.resp = nil, nil, http.Response{}
	}
}

// close closes the idle connections. A nil direct has none.
func (d *direct) close() {
	if d == nil {
		return
	}
	d.unfollow()
	for _, c := range d.conns {
		c.close()
	}
	d.conns = nil
}

// A watch breaks the connection that a request uses when its context ends.
type watch struct {
	ctx  context.Context //nolint:containedctx // only compared
	stop func() bool

	mu    sync.Mutex
	conn  net.Conn
	fired bool
}

func (w *watch) fire() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.fired = true
	if w.conn != nil {
		_ = w.conn.SetDeadline(time.Unix(1, 0))
	}
}

// over watches over conn from now on, or over nothing. It is false if the context has ended: the connection that was
// watched is then of no further use.
func (w *watch) over(conn net.Conn) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.conn = conn
	return !w.fired
}

func (c *directConn) close() {
	if c.watch != nil {
		c.watch.over(nil)
	}
	_ = c.conn.Close()
}

// Read implements io.Reader for c.br. Heads are bounded, and what breaks because the context ended says so.
func (c *directConn) Read(p []byte) (int, error) {
	if c.left <= 0 {
		return 0, errLongHead
	}
	n, err := c.conn.Read(p)
	c.left -= int64(n)
	return n, c.ended(err)
}

func (c *directConn) ended(err error) error {
	if err != nil && !errors.Is(err, io.EOF) && c.ctx.Err() != nil {
		return context.Cause(c.ctx)
	}
	return err
}

func (c *directConn) roundTrip(req *http.Request, out []byte, times *timings) (*http.Response, error) {
	times.gotConn()
	_, err := c.conn.Write(out)
	times.wroteRequest()
	if err != nil {
		return nil, fmt.Errorf("writing request: %w", c.ended(err))
	}
	c.left = maxHeaderBytes
	if _, err := c.br.Peek(1); err != nil {
		return nil, fmt.Errorf("reading response: %w", err)
	}
	times.firstByte()
	resp, err := c.readResponse(req)
	c.left = math.MaxInt64
	if err != nil && c.ctx.Err() != nil {
		err = context.Cause(c.ctx) // what of a head had come by then is not to be judged
	}
	return resp, err
}
