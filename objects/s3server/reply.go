package s3server

import (
	"encoding/xml"
	"io"
	"net/http"
	"strconv"
	"sync"
	"time"
)

const (
	namespace = "http://s3.amazonaws.com/doc/2006-03-01/"
	isoTime   = "2006-01-02T15:04:05.000Z"
)

func iso(t time.Time) string { return t.UTC().Format(isoTime) }

// quoted is an ETag as headers and lists have it.
func quoted(etag string) string { return `"` + etag + `"` }

// begin sends the head of the reply.
func (c *call) begin(status int) {
	header := c.w.Header()
	header.Set("X-Content-Type-Options", "nosniff")
	// A page that somebody stored must not act in the name of this server.
	header.Set("Content-Security-Policy", "sandbox")
	c.begun = true
	c.deadlineAt = time.Time{}
	c.extend(c.control.SetWriteDeadline)
	c.w.WriteHeader(status)
}

// sendXML sends a whole reply.
func (c *call) sendXML(status int, value any) error {
	body, err := xml.Marshal(value)
	if err != nil {
		return err
	}
	body = append([]byte(xml.Header), body...)
	header := c.w.Header()
	header.Set("Content-Type", "application/xml")
	header.Set("Content-Length", strconv.Itoa(len(body)))
	c.begin(status)
	if c.r.Method == http.MethodHead {
		return nil
	}
	_, err = c.w.Write(body)
	return c.gone(err)
}

// sendNothing sends a reply without a body.
func (c *call) sendNothing(status int) error {
	if status != http.StatusNoContent {
		c.w.Header().Set("Content-Length", "0")
	}
	c.begin(status)
	return nil
}

// gone forgets the error of a client that went away: nobody is left to be
// told. What it got was too short, and it knows how long the reply is.
func (c *call) gone(err error) error {
	if err != nil {
		return http.ErrAbortHandler
	}
	return nil
}

// bufferSize is what a body is copied by.
const bufferSize = 128 << 10

var buffers = sync.Pool{New: func() any { b := make([]byte, bufferSize); return &b }}

// copyStream copies to the end of src, with a buffer of its own and calling
// each before each piece. The reader and the writer are not asked for shortcuts:
// their deadlines have to be moved.
func copyStream(dst io.Writer, src io.Reader, each func()) (int64, error) {
	buffer, _ := buffers.Get().(*[]byte)
	defer buffers.Put(buffer)
	var total int64
	for {
		each()
		n, err := src.Read(*buffer)
		if n > 0 {
			written, writing := dst.Write((*buffer)[:n])
			total += int64(written)
			if writing != nil {
				return total, writing
			}
		}
		if err == io.EOF { //nolint:errorlint // readers return io.EOF itself
			return total, nil
		}
		if err != nil {
			return total, err
		}
	}
}
