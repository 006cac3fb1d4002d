package benchproc

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httputil"
	"strconv"
	"testing"
)

// Connection is a client of HTTP/1.1 that costs next to nothing: it sends
// requests that were made before, and reads of a reply what it has to.
type Connection struct {
	net.Conn
	r    *bufio.Reader
	body []byte
}

// Connect opens a connection, which is closed with the benchmark.
func (p *Process) Connect(b *testing.B) *Connection {
	b.Helper()
	c, err := new(net.Dialer).DialContext(b.Context(), "tcp", p.Addr)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { c.Close() })
	return &Connection{Conn: c, r: bufio.NewReader(c)}
}

// RoundTrip sends a request and returns the reply's body, which holds until
// the next one. A status other than 200 is an error.
func (c *Connection) RoundTrip(request []byte) ([]byte, error) {
	if _, err := c.Write(request); err != nil {
		return nil, err
	}
	length, err := c.ReadHeader()
	if err != nil {
		return nil, err
	}
	if length < 0 {
		return c.chunked()
	}
	if cap(c.body) < length {
		c.body = make([]byte, length)
	}
	_, err = io.ReadFull(c.r, c.body[:length])
	return c.body[:length], err
}

// chunked reads a body whose length is not known beforehand.
func (c *Connection) chunked() ([]byte, error) {
	buf := bytes.NewBuffer(c.body[:0])
	if _, err := buf.ReadFrom(httputil.NewChunkedReader(c.r)); err != nil {
		return nil, err
	}
	c.body = buf.Bytes()
	_, err := c.r.Discard(2) // the end of the trailers
	return c.body, err
}

// ReadHeader reads the header of a reply; the length of its body is -1 when it
// comes in chunks.
func (c *Connection) ReadHeader() (length int, err error) {
	line, err := c.r.ReadSlice('\n')
	if err != nil {
		return 0, err
	}
	if !bytes.Contains(line, []byte(" 200 ")) {
		return 0, fmt.Errorf("the reply is %s", line)
	}
	for {
		if line, err = c.r.ReadSlice('\n'); err != nil || len(line) <= 2 {
			return length, err
		}
		if value, ok := bytes.CutPrefix(line, []byte("Content-Length: ")); ok {
			if length, err = strconv.Atoi(string(bytes.TrimSpace(value))); err != nil {
				return 0, err
			}
		} else if bytes.HasPrefix(line, []byte("Transfer-Encoding: chunked")) {
			length = -1
		}
	}
}

// Wire is a whole request as bytes.
func Wire(b *testing.B, r *http.Request) []byte {
	b.Helper()
	var buf bytes.Buffer
	if err := r.Write(&buf); err != nil {
		b.Fatal(err)
	}
	return buf.Bytes()
}
