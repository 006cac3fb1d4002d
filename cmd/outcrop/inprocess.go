package main

import (
	"fmt"
	"io"
	"net/http"
	"sync"
)

// inProcess is the way to a server's handler without a network: what a command
// asks, it asks as any client does, also where no server runs.
type inProcess struct{ handler http.Handler }

// RoundTrip has the handler answer. The handler runs until it has answered, or
// the reply's body is closed, or the request's context ends.
func (p inProcess) RoundTrip(r *http.Request) (*http.Response, error) {
	in := r.Clone(r.Context())
	in.RequestURI, in.RemoteAddr = r.URL.RequestURI(), "127.0.0.1:0"
	if in.Body == nil {
		in.Body = http.NoBody
	}
	reader, writer := io.Pipe()
	w := &pipedReply{header: http.Header{}, body: writer, begun: make(chan struct{})}
	go w.serve(p.handler, in)
	select {
	case <-w.begun:
	case <-r.Context().Done():
		_ = reader.CloseWithError(r.Context().Err()) // ends the handler's writes
		return nil, r.Context().Err()
	}
	return &http.Response{
		Status: http.StatusText(w.status), StatusCode: w.status, Header: w.sent, Body: reader,
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, ContentLength: -1, Request: r,
	}, nil
}

// pipedReply is the http.ResponseWriter whose reply is read from a pipe.
type pipedReply struct {
	header http.Header
	body   *io.PipeWriter
	once   sync.Once
	begun  chan struct{} // closed once status and sent stand
	status int
	sent   http.Header
}

func (w *pipedReply) serve(handler http.Handler, r *http.Request) {
	defer func() {
		failed := recover()
		w.WriteHeader(http.StatusInternalServerError) // where nothing was written
		if failed != nil {
			_ = w.body.CloseWithError(fmt.Errorf("the handler failed: %v", failed))
			return
		}
		_ = w.body.Close()
	}()
	handler.ServeHTTP(w, r)
	w.WriteHeader(http.StatusOK)
}

func (w *pipedReply) Header() http.Header { return w.header }

func (w *pipedReply) WriteHeader(status int) {
	if status < 200 {
		return
	}
	w.once.Do(func() {
		w.status, w.sent = status, w.header.Clone()
		close(w.begun)
	})
}

func (w *pipedReply) Write(b []byte) (int, error) {
	w.WriteHeader(http.StatusOK)
	return w.body.Write(b)
}

// Flush has nothing to do: a pipe holds nothing back.
func (w *pipedReply) Flush() {}
