package server

import (
	"net"
	"slices"
	"testing"
	"testing/synctest"
	"time"
)

// deadlines is a connection that notes its write deadlines, as times from now.
type deadlines struct {
	net.Conn
	begun time.Time
	set   []time.Duration
}

func (d *deadlines) Write(p []byte) (int, error) { return len(p), nil }

func (d *deadlines) SetWriteDeadline(t time.Time) error {
	d.set = append(d.set, t.Sub(d.begun))
	return nil
}

func TestWatchedConn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		noted := &deadlines{begun: time.Now()}
		c := &watchedConn{Conn: noted, stall: 40 * time.Second}
		write := func() {
			if _, err := c.Write([]byte("x")); err != nil {
				t.Fatal(err)
			}
			if err := c.SetWriteDeadline(time.Time{}); err != nil { // as net/http does after a reply
				t.Fatal(err)
			}
		}
		write() // until 50
		time.Sleep(10 * time.Second)
		write() // 40 are left
		time.Sleep(time.Second)
		write() // until 61
		if err := c.SetWriteDeadline(time.Now().Add(5 * time.Second)); err != nil {
			t.Fatal(err)
		}
		write() // until 16
		if n := len(noted.set); n != 3 {
			t.Errorf("a write has moved another's deadline: %v", noted.set)
		}
		write() // lifted: until 61
		want := []time.Duration{50 * time.Second, 61 * time.Second, 16 * time.Second, 61 * time.Second}
		if !slices.Equal(noted.set, want) {
			t.Errorf("the deadlines are %v, want %v", noted.set, want)
		}
	})
}
