package browser

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/chromedp/cdproto"
	"github.com/chromedp/cdproto/target"
	"github.com/chromedp/chromedp"
)

const (
	// maxMessage bounds one message of the browser, so that a page cannot fill our memory through it.
	maxMessage = 32 << 20
	// writeLimit is how long a browser may leave what we say unread.
	writeLimit = 5 * time.Second
)

// A message is a command, the reply to one, or an event of the DevTools protocol,
// https://chromedevtools.github.io/devtools-protocol/.
type message struct {
	id      int64  // of a command and its reply; 0 for an event
	session string // "" for the browser itself
	method  string
	body    json.RawMessage // parameters of a command or an event, the result of a reply
	err     error           // of a reply
}

// A wire carries messages to and from one browser through its two pipes. All that the program uses of chromedp is here.
type wire struct {
	pipe *chromedp.PipeConn
	out  *os.File
}

func newWire(in, out *os.File) *wire {
	return &wire{chromedp.NewPipeConn(&bounded{File: in}, out), out}
}

// send writes a command. It may be called from several goroutines.
func (w *wire) send(m *message) error {
	_ = w.out.SetWriteDeadline(time.Now().Add(writeLimit))
	err := w.pipe.Write(context.Background(), &cdproto.Message{
		ID: m.id, SessionID: target.SessionID(m.session), Method: cdproto.MethodType(m.method), Params: []byte(m.body),
	})
	if err != nil {
		return fmt.Errorf("sending %s: %w", m.method, err)
	}
	return nil
}

// receive reads the next reply or event. Only one goroutine may call it.
func (w *wire) receive() (*message, error) {
	var raw cdproto.Message
	if err := w.pipe.Read(context.Background(), &raw); err != nil {
		return nil, err
	}
	m := &message{id: raw.ID, session: string(raw.SessionID), method: string(raw.Method), body: json.RawMessage(raw.Params)}
	if raw.ID != 0 {
		m.body = json.RawMessage(raw.Result)
	}
	if raw.Error != nil {
		m.err = fmt.Errorf("browser: %.500s", raw.Error.Message)
	}
	return m, nil
}

// close ends the connection, which ends the browser.
func (w *wire) close() { _ = w.pipe.Close() }

var errMessage = errors.New("a message of the browser is too long")

// A bounded is the reading end of a pipe whose messages, which end with a zero byte, may not be of any length.
type bounded struct {
	*os.File
	size int // of the message so far
}

func (b *bounded) Read(p []byte) (int, error) {
	n, err := b.File.Read(p)
	for _, c := range p[:n] {
		b.size++
		if c == 0 {
			b.size = 0
		}
	}
	if b.size > maxMessage {
		return 0, errMessage
	}
	return n, err
}

var _ io.ReadCloser = (*bounded)(nil)
