package remote

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"mime"
	"net/http"
	"time"

	"github.com/outcrop-ai/outcrop"
	"github.com/outcrop-ai/outcrop/bedrock"
	"github.com/outcrop-ai/outcrop/bedrock/eventstream"
	"github.com/outcrop-ai/outcrop/internal/upstream"
)

// streamKind is what distinguishes the streams of the operations.
type streamKind struct {
	last string // the event that completes a stream; "" when the format has none
}

var (
	converseKind  = &streamKind{last: "metadata"}
	constructKind = &streamKind{last: "result"}
	nativeKind    = &streamKind{}
)

func kindOf(call *outcrop.Call) *streamKind {
	if call.Native() {
		return nativeKind
	}
	return converseKind
}

// linger is how long the server may keep a stream open after its last event;
// the connection is given up then, and the stream is complete all the same.
var linger = &upstream.Limit{D: time.Second, What: "the stream was not closed"}

// maxKept is how many bytes of events are kept as they are, for the partial
// reply of an error. Beyond that they are decoded on the way.
const maxKept = 64 << 10

// frames reads a stream's frames one by one. One goroutine uses it.
type frames struct {
	client  *Client
	kind    *streamKind
	wait    *upstream.Watch
	idle    *upstream.Limit
	body    io.ReadCloser
	decoder *eventstream.Decoder
	id      string // the server's request id
	partial upstream.Partial
	pause   outcrop.Pause
	events  int
	done    bool // the last event has come
}

// stream sends a message and returns with the first event of its stream in
// hand.
func (c *Client) stream(ctx context.Context, m message, kind *streamKind) (*outcrop.Reply, error) {
	w := upstream.NewWatch(ctx, &upstream.Limit{D: c.limits.Accept, What: "the server did not begin to answer"})
	resp, err := c.send(w, &m) //nolint:bodyclose // frames close it
	if err != nil {
		w.Stop()
		return nil, err
	}
	f := &frames{
		client: c, kind: kind, wait: w, body: resp.Body, id: resp.Header.Get(headerRequestID),
		idle:    &upstream.Limit{D: c.limits.Idle, What: "the server sent nothing more"},
		partial: upstream.Partial{Native: kind == nativeKind, Limit: maxKept},
	}
	f.decoder = eventstream.NewDecoder(bufio.NewReaderSize(f.pause.Reader(resp.Body), 8<<10))
	f.decoder.MaxMessage = c.limits.MaxReply
	event, err := f.first(resp)
	if err != nil {
		f.close()
		return nil, err
	}
	w.End()
	if !f.done {
		w.Expect(f.idle)
	}
	call := &outcrop.Call{Operation: m.op.Name, ModelID: m.labels["modelId"]}
	return outcrop.NewStreamReply(metaOf(call, resp.Header), outcrop.NewStream(f.all(event), w.Stop).WithPause(&f.pause)), nil
}

// first checks that the reply is an event stream, and reads its first event.
func (f *frames) first(resp *http.Response) (bedrock.Event, error) {
	media, _, err := mime.ParseMediaType(resp.Header.Get("Content-Type"))
	if err != nil || media != eventstream.ContentType {
		e := outcrop.Errorf(bedrock.CodeModelError, "the reply of %s is no event stream: is it an Outcrop server?", f.client.base.Host)
		e.RequestID = f.id
		return bedrock.Event{}, e
	}
	event, err := f.next()
	if errors.Is(err, io.EOF) {
		err = f.broken(errors.New("it ended before its first event"))
	}
	return event, err
}

// all yields the events, beginning with the one that was read already.
func (f *frames) all(event bedrock.Event) iter.Seq2[bedrock.Event, error] {
	return func(yield func(bedrock.Event, error) bool) {
		defer f.close()
		for yield(event, nil) {
			f.wait.Begin()
			var err error
			event, err = f.next()
			f.wait.End()
			if errors.Is(err, io.EOF) {
				return
			}
			if err != nil {
				yield(bedrock.Event{}, f.interrupted(err))
				return
			}
		}
	}
}

// next reads the next event. io.EOF means that the stream is complete.
func (f *frames) next() (bedrock.Event, error) {
	m, err := f.decoder.Next()
	if err != nil {
		return bedrock.Event{}, f.ended(err)
	}
	if kind := m.MessageType(); kind != nil && string(kind) != "event" {
		e := inBand(m)
		e.RequestID = f.id
		return bedrock.Event{}, e
	}
	event := bedrock.ReceivedEvent(m)
	if !bedrock.Document(m.Payload).IsValid() {
		return event, f.broken(fmt.Errorf("its event %.64q is not valid JSON", event.Type()))
	}
	f.events++
	if f.done = f.kind.last != "" && event.Type() == f.kind.last; f.done {
		f.wait.Expect(linger)
	}
	if f.kind != constructKind { // which takes nothing back: its reader has all there is
		f.partial.Add(event)
	}
	return event, nil
}

// ended tells what the end of the bytes means: the end of the stream, or a
// failure.
func (f *frames) ended(err error) error {
	switch {
	case f.done:
		return io.EOF // all of it has come; how the connection ends changes nothing
	case errors.Is(err, io.EOF) && f.events > 0 && f.kind.last == "":
		return io.EOF // an Outcrop server ends no stream silently
	case errors.Is(err, io.EOF) && f.events > 0:
		return f.broken(fmt.Errorf("it ended before its %s event", f.kind.last))
	case errors.Is(err, io.EOF):
		return err
	case errors.Is(err, eventstream.ErrChecksum), errors.Is(err, eventstream.ErrMalformed), errors.Is(err, eventstream.ErrTooLarge):
		return f.broken(err)
	}
	return f.client.failure(f.wait, err, f.id)
}

// broken is the error of a stream that is damaged.
func (f *frames) broken(err error) *outcrop.Error {
	e := outcrop.Errorf(bedrock.CodeModelStreamError, "the stream of %s is broken: %w", f.client.base.Host, err)
	e.RequestID = f.id
	return e
}

// interrupted is the error of a stream that has begun, with what had arrived.
// What would be an unreachable server or a timeout before the first event is a
// failed stream now: a client cannot simply ask again. A caller who has had
// enough keeps his own error.
func (f *frames) interrupted(err error) *outcrop.Error {
	e := *outcrop.AsError(err)
	_, late := errors.AsType[*upstream.LateError](e.Cause)
	if late || e.Code == bedrock.CodeServiceUnavailable && e.Cause != nil {
		e.Message = "the stream broke off: " + e.Message
		e.Code, e.Retryable = bedrock.CodeModelStreamError, false
	}
	if e.Partial == nil {
		e.Partial = f.partial.Message()
	}
	return &e
}

func (f *frames) close() {
	f.wait.Stop()
	_ = f.body.Close()
}
