package probes

import (
	"net"
	"sync"
	"time"
)

// hangUpTime is how long net/http may take to see that a connection has ended, which it does at once.
const hangUpTime = time.Second

// A pooledConn is a connection of net/http's pool, which says when net/http has let go of it.
type pooledConn struct {
	net.Conn
	once sync.Once
	gone chan struct{}
}

// Close is net/http's own: it gives the connection to no request any more.
func (c *pooledConn) Close() error {
	c.once.Do(func() { close(c.gone) })
	return c.Conn.Close()
}

// hangUp ends the connection, and waits for net/http to know, so that the next request gets another.
func (c *pooledConn) hangUp() {
	_ = c.Conn.Close()
	timer := time.NewTimer(hangUpTime)
	defer timer.Stop()
	select {
	case <-c.gone:
	case <-timer.C:
	}
}

// A pooledAddr is the own address of a pooledConn, which leads back to it: whatever stands around a connection, be it TLS or
// what counts connections, hands its address on.
type pooledAddr struct {
	net.Addr
	of *pooledConn
}

// LocalAddr implements net.Conn.
func (c *pooledConn) LocalAddr() net.Addr { return pooledAddr{c.Conn.LocalAddr(), c} }

// pooledOf is what is at the bottom of a connection; nil if that is none of the pool.
func pooledOf(conn net.Conn) *pooledConn {
	if a, ok := conn.LocalAddr().(pooledAddr); ok {
		return a.of
	}
	return nil
}
