package probes

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/tls"
	"encoding/binary"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"
)

// socketServer answers each connection with serve, which gets the request's head read already, and is ended by the test.
func socketServer(t testing.TB, serve func(net.Conn)) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatalf("listening: %v", err)
	}
	t.Cleanup(serveAll(l, serve))
	return "http://" + l.Addr().String()
}

// serveAll accepts until the returned function is called, which ends and waits for every connection.
func serveAll(l net.Listener, serve func(net.Conn)) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			ended := make(chan struct{})
			unhook := context.AfterFunc(ctx, func() { _ = c.Close() })
			go func() {
				defer close(ended)
				defer func() { _ = c.Close() }()
				serve(c)
			}()
			defer func() {
				unhook()
				_ = c.Close()
				<-ended
			}()
		}
	}()
	return func() {
		cancel()
		_ = l.Close()
		<-done
	}
}

// readHead reads to the end of a request's head.
func readHead(c net.Conn) {
	var got []byte
	b := make([]byte, 1)
	for !bytes.HasSuffix(got, []byte("\r\n\r\n")) {
		if _, err := c.Read(b); err != nil {
			return
		}
		got = append(got, b...)
	}
}

// says sends text after the request's head and closes the connection.
func says(text string) func(net.Conn) {
	return func(c net.Conn) {
		readHead(c)
		_, _ = io.WriteString(c, text)
	}
}

// hangs waits for the peer to go.
func hangs(c net.Conn) { _, _ = io.Copy(io.Discard, c) }

// hasty sends text without waiting for anything.
func hasty(text string) func(net.Conn) {
	return func(c net.Conn) { _, _ = io.WriteString(c, text) }
}

// thenHangs sends text after the request's head and waits for the peer to go.
func thenHangs(text string) func(net.Conn) {
	return func(c net.Conn) {
		says(text)(c)
		hangs(c)
	}
}

// forEver sends head once and piece until nobody takes it.
func forEver(head, piece string, every time.Duration) func(net.Conn) {
	return func(c net.Conn) {
		says(head)(c)
		tick := time.NewTicker(max(every, 1))
		defer tick.Stop()
		for {
			if every > 0 {
				<-tick.C
			}
			if _, err := io.WriteString(c, piece); err != nil {
				return
			}
		}
	}
}

func resets(c net.Conn) {
	readHead(c)
	if tcp, ok := c.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0) // closing sends a RST
	}
}

func gzipped(size int64) string {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	_, _ = io.CopyN(z, zeros{}, size)
	_ = z.Close()
	return b.String()
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }

// goAway answers with HTTP/2 frames that end the connection with an error.
func goAway(c net.Conn) {
	frame := func(kind byte, stream uint32, payload ...byte) {
		head := append([]byte{0, 0, byte(len(payload)), kind, 0}, binary.BigEndian.AppendUint32(nil, stream)...)
		_, _ = c.Write(append(head, payload...))
	}
	frame(4, 0)                                // SETTINGS
	_, _ = io.CopyN(io.Discard, c, 24)         // the preface
	frame(7, 0, 0, 0, 0, 0x7f, 0, 0, 0, 1)     // GOAWAY: protocol error
	_, _ = io.CopyN(io.Discard, c, int64(9+1)) // some of what comes
}

// tlsServer speaks TLS with a certificate that nobody trusts.
func tlsServer(t *testing.T, serve func(net.Conn), protocols ...string) string {
	t.Helper()
	borrowed := httptest.NewUnstartedServer(nil)
	borrowed.StartTLS()
	defer borrowed.Close()
	config := &tls.Config{Certificates: borrowed.TLS.Certificates, NextProtos: protocols}
	plain := socketServer(t, func(c net.Conn) {
		tc := tls.Server(c, config)
		if tc.Handshake() == nil {
			serve(tc)
		}
		_ = tc.Close()
	})
	return "https" + plain[4:]
}

func h2Resets(t *testing.T) string {
	t.Helper()
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }))
	s.EnableHTTP2 = true
	s.StartTLS()
	t.Cleanup(s.Close)
	return s.URL
}

func deadAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatalf("listening: %v", err)
	}
	defer func() { _ = l.Close() }()
	return l.Addr().String()
}
