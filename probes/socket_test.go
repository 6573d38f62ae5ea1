package probes

import (
	"bytes"
	"errors"
	"io"
	"net"
	"os"
	"testing"
	"time"
)

// dialled is a connection to a peer that serves as told.
func dialled(t *testing.T, serve func(net.Conn)) net.Conn {
	t.Helper()
	conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", socketServer(t, serve)[len("http://"):])
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return conn
}

// TestSocketFailsAsNetDoes compares the errors of our own calls with those of net's.
func TestSocketFailsAsNetDoes(t *testing.T) {
	closes := func(net.Conn) {}
	for _, tt := range []struct {
		name  string
		serve func(net.Conn)
		fail  func(net.Conn) error
	}{
		{"the peer closes", closes, func(c net.Conn) error { _, err := c.Read(make([]byte, 9)); return err }},
		{"the peer resets", resets, func(c net.Conn) error {
			_, _ = io.WriteString(c, "\r\n\r\n")
			_, err := c.Read(make([]byte, 9))
			return err
		}},
		{"writing to one that has reset", resets, func(c net.Conn) error {
			_, _ = io.WriteString(c, "\r\n\r\n")
			_, _ = c.Read(make([]byte, 9))
			_, err := io.WriteString(c, "more")
			return err
		}},
		{"the deadline of a read passes", hangs, func(c net.Conn) error {
			_ = c.SetDeadline(time.Now().Add(5 * time.Millisecond))
			_, err := c.Read(make([]byte, 9))
			return err
		}},
		{"the deadline of a write has passed", hangs, func(c net.Conn) error {
			_ = c.SetDeadline(time.Unix(1, 0))
			_, err := io.WriteString(c, "late")
			return err
		}},
		{"closed by us", hangs, func(c net.Conn) error {
			_ = c.Close()
			_, err := c.Read(make([]byte, 9))
			return err
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			theirs, ours := tt.fail(dialled(t, tt.serve)), tt.fail(newSocket(dialled(t, tt.serve)))
			if theirs == nil || ours == nil || OutcomeOf(ours) != OutcomeOf(theirs) {
				t.Fatalf("error %v, want %v", ours, theirs)
			}
			for _, is := range []error{io.EOF, os.ErrDeadlineExceeded, net.ErrClosed} {
				if errors.Is(ours, is) != errors.Is(theirs, is) {
					t.Errorf("error %v is %v: %t, want %t", ours, is, errors.Is(ours, is), errors.Is(theirs, is))
				}
			}
			var a, b *net.OpError
			if errors.As(ours, &a) != errors.As(theirs, &b) || a != nil && (a.Op != b.Op || a.Err.Error() != b.Err.Error()) {
				t.Errorf("error %v, want it worded as %v", ours, theirs)
			}
		})
	}
}

// TestSocketSendsAndReceivesAll sends more than the buffers of both ends hold, and reads it back in pieces.
func TestSocketSendsAndReceivesAll(t *testing.T) {
	conn := newSocket(dialled(t, func(c net.Conn) {
		all, _ := io.ReadAll(io.LimitReader(c, 16<<20))
		_, _ = c.Write(all)
	}))
	sent := bytes.Repeat([]byte("0123456789abcdef"), 1<<20)
	if n, err := conn.Write(sent); n != len(sent) || err != nil {
		t.Fatalf("%d bytes written, error %v, want %d", n, err, len(sent))
	}
	got, err := io.ReadAll(conn)
	if err != nil || !bytes.Equal(got, sent) {
		t.Errorf("%d bytes came back, error %v, want the %d that were sent", len(got), err, len(sent))
	}
}

// TestSocketKnowsWhetherItIsAlive asks one that waits, one that was told something unasked, and one that was closed.
func TestSocketKnowsWhetherItIsAlive(t *testing.T) {
	ready := make(chan struct{})
	for _, tt := range []struct {
		name  string
		serve func(net.Conn)
		want  bool
	}{
		{"idle", func(c net.Conn) { ready <- struct{}{}; hangs(c) }, true},
		{"unasked", func(c net.Conn) { _, _ = io.WriteString(c, "408"); ready <- struct{}{}; hangs(c) }, false},
		{"closed", func(c net.Conn) { _ = c.Close(); ready <- struct{}{} }, false},
	} {
		conn := newSocket(dialled(t, tt.serve))
		<-ready
		if got := alive(conn); got != tt.want {
			t.Errorf("%s: alive %t, want %t", tt.name, got, tt.want)
		}
	}
}
