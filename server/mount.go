package server

import (
	"bytes"
	"io"
	"net/http"

	"github.com/outcrop-ai/outcrop"
)

// route is the mount as a row of the table.
func (m Mount) route() *route {
	r := &route{name: m.Name, path: m.Path, service: m.Service, stray: m.Stray, page: m.Page, methods: m.Methods, open: !m.Verify, quiet: m.Quiet}
	if m.Handler != nil {
		r.handle = func(x *exchange) error { return x.delegate(m) }
	}
	return r
}

// delegate has the mount's handler answer.
func (x *exchange) delegate(m Mount) error {
	r := x.r
	if m.Verify {
		r = r.WithContext(outcrop.WithOrigin(r.Context(), x.origin()))
		r.Body = io.NopCloser(bytes.NewReader(x.body))
	}
	header := x.w.Header()
	header["X-Amzn-Requestid"] = []string{x.id}
	m.Handler.ServeHTTP(&witness{ResponseWriter: x.w, x: x}, r)
	return nil
}

// witness notes the status that another package's handler writes.
type witness struct {
	http.ResponseWriter
	x *exchange
}

func (w *witness) WriteHeader(status int) {
	if status >= 200 && w.x.status == 0 {
		w.x.status = status
	}
	w.ResponseWriter.WriteHeader(status)
}

func (w *witness) Write(b []byte) (int, error) {
	if w.x.status == 0 {
		w.x.status = http.StatusOK
	}
	return w.ResponseWriter.Write(b)
}

// Unwrap lets http.ResponseController reach the connection.
func (w *witness) Unwrap() http.ResponseWriter { return w.ResponseWriter }
