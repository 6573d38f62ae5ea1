//go:build amd64 || arm64

package probes

import (
	"errors"
	"io"
	"net"
	"os"
	"syscall"
	"unsafe"
)

// A socket is a TCP connection that calls the kernel without telling Go's runtime. The runtime notes each call, as any may
// block, and a call from a process that was idle wakes its monitor, a thread which then polls for a while: of a probe each
// 10 ms that was nearly half of the CPU. These calls never block, since the connection does not; waiting for the peer is
// left to the runtime. It is not safe for concurrent use.
type socket struct {
	net.Conn
	raw syscall.RawConn
	try func(fd uintptr) bool // makes the call; false if it would have to wait

	call  call
	p     []byte // what the call fills or sends
	n     int    // how much of it is done
	errno syscall.Errno
	first [1]byte // of what came unasked
}

// A call is one of the kernel's.
type call uint8

const (
	receive call = iota
	peek         // receives and leaves it there; never waits
	send
)

// newSocket makes a socket of a new connection, if it is one of TCP.
func newSocket(conn net.Conn) net.Conn {
	tcp, ok := conn.(*net.TCPConn)
	if !ok {
		return conn
	}
	raw, err := tcp.SyscallConn()
	if err != nil {
		return conn
	}
	s := &socket{Conn: conn, raw: raw}
	s.try = s.once
	return s
}

// Read implements net.Conn.
func (s *socket) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	if err := s.do(receive, p); err != nil {
		return s.n, s.told("read", err)
	}
	if s.n == 0 {
		return 0, io.EOF
	}
	return s.n, nil
}

// Write implements net.Conn.
func (s *socket) Write(p []byte) (int, error) {
	if err := s.do(send, p); err != nil {
		return s.n, s.told("write", err)
	}
	return s.n, nil
}

// alive reports whether an idle connection can be used: the peer has neither closed it nor sent anything unasked.
func alive(conn net.Conn) bool {
	s, ok := conn.(*socket)
	if !ok {
		return true
	}
	_ = s.do(peek, s.first[:])
	return s.errno == syscall.EAGAIN
}

// do makes a call, again and again if it has to wait.
func (s *socket) do(c call, p []byte) (err error) {
	s.call, s.p, s.n, s.errno = c, p, 0, 0
	if c == send {
		err = s.raw.Write(s.try)
	} else {
		err = s.raw.Read(s.try)
	}
	s.p = nil
	if err == nil && s.errno != 0 && c != peek {
		err = s.errno
	}
	return err
}

// once makes the call, as often as signals interrupt it and until all is sent.
func (s *socket) once(fd uintptr) bool {
	number, flags := uintptr(syscall.SYS_RECVFROM), uintptr(0)
	switch s.call {
	case send:
		number, flags = syscall.SYS_SENDTO, syscall.MSG_NOSIGNAL
	case peek:
		flags = syscall.MSG_PEEK
	case receive:
	}
	for {
		rest := s.p[s.n:]
		at := unsafe.Pointer(unsafe.SliceData(rest)) //nolint:gosec // the kernel fills it, or reads it, within the call
		var n uintptr
		n, _, s.errno = syscall.RawSyscall6(number, fd, uintptr(at), uintptr(len(rest)), flags, 0, 0)
		switch s.errno {
		case 0:
			if s.n += int(n); s.call != send || s.n == len(s.p) {
				return true
			}
		case syscall.EINTR:
		case syscall.EAGAIN:
			return s.call == peek
		default:
			return true
		}
	}
}

// told words an error as net's own connections do.
func (s *socket) told(op string, err error) error {
	var errno syscall.Errno
	var wait *net.OpError
	switch {
	case errors.As(err, &errno):
		err = os.NewSyscallError(op, errno)
	case errors.As(err, &wait): // as a deadline has passed
		err = wait.Err
	}
	return &net.OpError{Op: op, Net: "tcp", Source: s.LocalAddr(), Addr: s.RemoteAddr(), Err: err}
}
