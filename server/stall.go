package server

import (
	"net"
	"sync/atomic"
	"time"
)

// watchedListener accepts connections on which each write has to get on within
// a time.
type watchedListener struct {
	net.Listener
	stall time.Duration
}

func (l *watchedListener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return &watchedConn{Conn: c, stall: l.stall}, nil
}

// watchedConn sets the write deadline of a connection before it writes, and
// only when less than stall is left of the last one, so that most replies need
// none of their own: a deadline costs a timer. Deadlines that
// others set are kept to until they are lifted.
type watchedConn struct {
	net.Conn
	stall time.Duration
	until atomic.Int64 // the deadline in force, in ns of Unix time, or others
}

// others stands for a deadline that somebody else has set.
const others = -1

// Write fails when the client takes nothing, or too little, for stall or a
// little longer.
func (c *watchedConn) Write(p []byte) (int, error) {
	until := c.until.Load()
	if now := time.Now(); until != others && until < now.Add(c.stall).UnixNano() {
		deadline := now.Add(c.stall + c.stall/4)
		if err := c.Conn.SetWriteDeadline(deadline); err != nil {
			return 0, err
		}
		c.until.Store(deadline.UnixNano())
	}
	return c.Conn.Write(p)
}

// SetWriteDeadline sets a deadline that is not the connection's own, or lifts
// it. Its own stays: one that passes while nobody writes does no harm.
func (c *watchedConn) SetWriteDeadline(t time.Time) error {
	if t.IsZero() {
		c.until.CompareAndSwap(others, 0)
		return nil
	}
	c.until.Store(others)
	return c.Conn.SetWriteDeadline(t)
}

// SetDeadline is both deadlines.
func (c *watchedConn) SetDeadline(t time.Time) error {
	if err := c.Conn.SetReadDeadline(t); err != nil {
		return err
	}
	return c.SetWriteDeadline(t)
}
