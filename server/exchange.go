package server

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"runtime"
	"runtime/debug"
	"strconv"
	"time"

	"github.com/outcrop-ai/outcrop"
	"github.com/outcrop-ai/outcrop/bedrock"
	"github.com/outcrop-ai/outcrop/sigv4"
)

// exchange is one request and its reply, with what the log will tell of them.
// It belongs to the request's goroutine.
type exchange struct {
	server *Server
	w      http.ResponseWriter
	r      *http.Request
	id     string
	begun  time.Time

	claims    *sigv4.Request // what the request says of its sender, or
	unclaimed error          // why it says nothing that can be read; without keys nobody asks
	scope     sigv4.Scope    // that it claims to be signed for
	route     *route
	labels    labels
	caller    outcrop.Caller
	class     outcrop.Class
	body      []byte
	held      *guest // room for the body; nil for a short one

	room       [8]string // for values of the reply's header
	values     []string  // in the room, or beyond
	deadlineAt time.Time // when the write deadline has to be moved again
	status     int       // 0 until the reply has begun
	kind       *streamKind
	streaming  bool   // the reply is an event stream and has begun
	collects   bool   // its source says when it waits, so that not each event is flushed
	frames     []byte // of the stream, that were not sent yet
	flushed    bool   // some of them were sent
	gone       bool   // the client went away, or read too slowly
	model      string
	backend    string
	code       string // of the error that was sent
	usage      *bedrock.TokenUsage
	events     int
}

func newExchange(s *Server, w http.ResponseWriter, r *http.Request) *exchange {
	return &exchange{server: s, w: w, r: r, id: s.config.NewID(), begun: time.Now()}
}

// origin is what the manager should know of the request.
func (x *exchange) origin() outcrop.Origin {
	return outcrop.Origin{Caller: x.caller, RequestID: x.id, Class: x.class, ClientToken: x.clientToken(), Via: x.passed()}
}

// context is the request's context with its origin.
func (x *exchange) context() context.Context { return outcrop.WithOrigin(x.r.Context(), x.origin()) }

// errDraining is the cause with which requests end that outlast the drain.
var errDraining = errors.New("the server is shutting down")

// draining tells whether the server gave up waiting for the request.
func (x *exchange) draining() bool {
	return errors.Is(context.Cause(x.r.Context()), errDraining)
}

// finish recovers from a panic and logs the request.
func (x *exchange) finish() {
	defer x.server.active.Add(-1)
	defer x.keep(0)
	if p := recover(); p != nil {
		if p == http.ErrAbortHandler { //nolint:errorlint // the value itself is the signal
			x.gone = true
			x.logLine()
			panic(p)
		}
		x.recovered(p)
	}
	x.logLine()
}

// recovered answers for a handler that panicked. The panic's value is not
// logged unless the runtime made it, since it may hold anything.
func (x *exchange) recovered(p any) {
	what := fmt.Sprintf("%T", p)
	if err, ok := p.(runtime.Error); ok {
		what = err.Error()
	}
	x.server.log.LogAttrs(x.r.Context(), slog.LevelError, "panic",
		slog.String("requestId", x.id), slog.String("operation", x.operation()),
		slog.String("panic", what), slog.String("stack", string(debug.Stack())))
	err := outcrop.Errorf(bedrock.CodeInternalServer, "The server failed to process the request.")
	switch {
	case x.streaming:
		_ = x.sendException(err)
	case x.status == 0:
		x.fail(err)
	default:
		x.logLine()
		panic(http.ErrAbortHandler) // a part of the reply is out: cut it off visibly
	}
}

func (x *exchange) operation() string {
	if x.route != nil {
		return x.route.name
	}
	return "unknown"
}

func (x *exchange) level() slog.Level {
	switch {
	case x.route != nil && x.route.quiet:
		return slog.LevelDebug
	case x.status >= 500:
		return slog.LevelError
	}
	return slog.LevelInfo
}

// logged tells whether there will be a line for the request. What only the log
// wants to know is not found out otherwise.
func (x *exchange) logged() bool { return x.server.log.Enabled(x.r.Context(), x.level()) }

// extend moves the write deadline on, unless the connection does. It does so a
// few times in a WriteStall, and not for each write: a deadline costs a timer.
// A stream of HTTP/2 has a deadline of its own.
func (x *exchange) extend() {
	stall := x.server.config.WriteStall
	if stall < 0 || x.r.ProtoMajor == 1 && x.server.watched.Load() {
		return
	}
	now := time.Now()
	if now.Before(x.deadlineAt) {
		return
	}
	x.deadlineAt = now.Add(stall / 4)
	_ = http.NewResponseController(x.w).SetWriteDeadline(now.Add(stall + stall/4)) // not supported by recorders in tests
}

// value is a text as the value of a header of the reply. The values share
// pieces of memory.
func (x *exchange) value(text string) []string {
	switch {
	case x.values == nil:
		x.values = x.room[:0]
	case len(x.values) == cap(x.values):
		x.values = make([]string, 0, len(x.room))
	}
	x.values = append(x.values, text)
	n := len(x.values)
	return x.values[n-1 : n : n]
}

// piece is how much of a body has to go out within one write deadline.
const piece = 64 << 10

// send writes a whole reply. The header may hold more already.
func (x *exchange) send(status int, contentType string, body []byte) error {
	header := x.w.Header()
	header["X-Amzn-Requestid"] = x.value(x.id)
	header["X-Content-Type-Options"] = nosniff
	if x.r.Method != http.MethodPost { // whose replies no cache keeps (RFC 9110, section 9.3.3)
		header["Cache-Control"] = noStore
	}
	header["Content-Type"] = x.value(contentType)
	header["Content-Length"] = x.value(strconv.Itoa(len(body)))
	x.status = status
	x.extend()
	x.w.WriteHeader(status)
	if x.r.Method == http.MethodHead {
		return nil
	}
	for first := true; len(body) > 0; first = false {
		n := min(len(body), piece)
		if !first {
			x.extend()
		}
		if _, err := x.w.Write(body[:n]); err != nil {
			x.gone = true
			return nil //nolint:nilerr // the client has gone: nobody is left to be told
		}
		body = body[n:]
	}
	return nil
}

var (
	nosniff = []string{"nosniff"}
	noStore = []string{"no-store"}
)

const contentJSON = "application/json"

// sendValue writes a value of package bedrock as a reply.
func (x *exchange) sendValue(v any) error {
	body, err := bedrock.Marshal(v)
	if err != nil {
		return err
	}
	return x.send(http.StatusOK, contentJSON, body)
}
