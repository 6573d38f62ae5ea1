package browser

import (
	"context"
	"encoding/json"
	"fmt"
	"sync"
)

const (
	// maxQueued and maxQueuedBytes bound what a page may say before its run has read it.
	maxQueued      = 100_000
	maxQueuedBytes = 64 << 20
)

// A conn is the connection to one browser. It hands replies to who waits for them and all that is of a session to that
// session.
type conn struct {
	wire *wire
	lost chan struct{} // closed when the browser is gone

	mu       sync.Mutex
	last     int64
	waiting  map[int64]chan *message
	sessions map[string]*session
}

// A session is what one run hears of its page, and of the frames of other sites in it.
type session struct {
	id   string
	wake chan struct{} // has one element while the queue is not empty

	mu      sync.Mutex
	queue   []*message
	bytes   int
	flooded bool // messages were dropped
}

// newConn starts reading. The goroutine ends with the wire.
func newConn(w *wire) *conn {
	c := &conn{wire: w, lost: make(chan struct{}), waiting: map[int64]chan *message{}, sessions: map[string]*session{}}
	go c.read()
	return c
}

func (c *conn) read() {
	defer close(c.lost)
	for {
		m, err := c.wire.receive()
		if err != nil {
			return
		}
		c.mu.Lock()
		reply, s := c.waiting[m.id], c.sessions[m.session]
		delete(c.waiting, m.id)
		c.mu.Unlock()
		switch {
		case reply != nil:
			reply <- m
		case s != nil:
			s.put(m)
		}
	}
}

func (s *session) put(m *message) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.queue) >= maxQueued || s.bytes >= maxQueuedBytes {
		s.flooded = true
		return
	}
	s.queue = append(s.queue, m)
	s.bytes += len(m.body)
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// take empties the queue.
func (s *session) take() (list []*message, flooded bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	list, s.queue, s.bytes = s.queue, nil, 0
	return list, s.flooded
}

// post sends a command of a session without waiting for its reply, which comes through the session. It returns its id.
func (c *conn) post(session, method string, params any) (int64, error) {
	body, err := encode(params)
	if err != nil {
		return 0, fmt.Errorf("sending %s: %w", method, err)
	}
	c.mu.Lock()
	c.last++
	id := c.last
	c.mu.Unlock()
	return id, c.wire.send(&message{id: id, session: session, method: method, body: body})
}

// call sends a command to the browser itself and waits for its result.
func (c *conn) call(ctx context.Context, method string, params, result any) error {
	body, err := encode(params)
	if err != nil {
		return fmt.Errorf("sending %s: %w", method, err)
	}
	reply := make(chan *message, 1)
	c.mu.Lock()
	c.last++
	id := c.last
	c.waiting[id] = reply
	c.mu.Unlock()
	defer func() {
		c.mu.Lock()
		delete(c.waiting, id)
		c.mu.Unlock()
	}()
	if err := c.wire.send(&message{id: id, method: method, body: body}); err != nil {
		return err
	}
	select {
	case m := <-reply:
		return m.result(method, result)
	case <-c.lost:
		return fmt.Errorf("waiting for %s: %w", method, errLost)
	case <-ctx.Done():
		return fmt.Errorf("waiting for %s: %w", method, ctx.Err())
	}
}

// result decodes a reply into a result, which may be nil.
func (m *message) result(method string, result any) error {
	if m.err != nil {
		return fmt.Errorf("asking for %s: %w", method, m.err)
	}
	if result == nil {
		return nil
	}
	if err := json.Unmarshal(m.body, result); err != nil {
		return fmt.Errorf("reading the result of %s: %w", method, err)
	}
	return nil
}

// encode writes parameters; nil has none.
func encode(params any) (json.RawMessage, error) {
	if params == nil {
		return nil, nil
	}
	return json.Marshal(params)
}

// session makes the session of an id.
func (c *conn) session(id string) *session {
	s := &session{id: id, wake: make(chan struct{}, 1)}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.sessions[id] = s
	return s
}

// join has a session hear also what is of another id.
func (c *conn) join(s *session, id string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.sessions[id] = s
}

// leave forgets a session with all of its ids.
func (c *conn) leave(s *session) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for id, other := range c.sessions {
		if other == s {
			delete(c.sessions, id)
		}
	}
}
