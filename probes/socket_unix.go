//go:build unix && !(linux && (amd64 || arm64))

package probes

import (
	"errors"
	"net"
	"syscall"
)

// newSocket is for systems whose calls this package makes itself.
func newSocket(conn net.Conn) net.Conn { return conn }

// alive reports whether an idle connection can be used: the peer has neither closed it nor sent anything unasked.
func alive(conn net.Conn) bool {
	tcp, ok := conn.(*net.TCPConn)
	if !ok {
		return true
	}
	raw, err := tcp.SyscallConn()
	if err != nil {
		return false
	}
	waiting := false
	err = raw.Read(func(fd uintptr) bool {
		var b [1]byte
		_, _, err := syscall.Recvfrom(int(fd), b[:], syscall.MSG_PEEK|syscall.MSG_DONTWAIT)
		waiting = errors.Is(err, syscall.EAGAIN)
		return true
	})
	return err == nil && waiting
}
