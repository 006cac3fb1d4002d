package amazon

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"iter"
	"mime"
	"net/http"
	"sync"

	"github.com/outcrop-ai/outcrop"
	"github.com/outcrop-ai/outcrop/bedrock"
	"github.com/outcrop-ai/outcrop/bedrock/eventstream"
	"github.com/outcrop-ai/outcrop/internal/upstream"
)

// frames reads a stream's frames one by one. One goroutine uses it.
type frames struct {
	backend *Backend
	op      *operation
	watch   *upstream.Watch
	body    io.ReadCloser
	buffer  *bufio.Reader
	decoder *eventstream.Decoder
	native  bool
	id      string // the upstream's request id
	partial upstream.Partial
	pause   outcrop.Pause
	events  int
	done    bool // the event that completes a Converse stream has come
}

var buffers = sync.Pool{New: func() any { return bufio.NewReaderSize(nil, 8<<10) }}

// stream makes the reply of a stream, with its first event read: only then is
// it known that the model took the call.
func (b *Backend) stream(w *upstream.Watch, op *operation, call *outcrop.Call, resp *http.Response, meta outcrop.Meta) (*outcrop.Reply, error) {
	f := &frames{
		backend: b, op: op, watch: w, body: resp.Body, native: call.Native(), id: meta.RequestID,
		buffer: buffers.Get().(*bufio.Reader), partial: upstream.Partial{Native: call.Native(), Limit: b.limits.MaxPartial},
	}
	f.buffer.Reset(f.pause.Reader(resp.Body))
	f.decoder = eventstream.NewDecoder(f.buffer)
	f.decoder.MaxMessage = b.limits.MaxReply
	event, err := f.begin(resp)
	if err != nil {
		f.close()
		return nil, err
	}
	w.End()
	w.Expect(&b.waits.idle)
	return outcrop.NewStreamReply(meta, outcrop.NewStream(f.all(event), w.Stop).WithPause(&f.pause)), nil
}

// begin checks that the reply is an event stream, and reads its first event.
func (f *frames) begin(resp *http.Response) (bedrock.Event, error) {
	media, _, err := mime.ParseMediaType(first(resp.Header, "Content-Type"))
	if err != nil || media != eventstream.ContentType {
		e := outcrop.Errorf(bedrock.CodeModelError, "the reply is %s, and not an event stream", mediaType(resp))
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
			f.watch.Begin()
			var err error
			event, err = f.next()
			f.watch.End()
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

// next reads to the next event. io.EOF means that the stream is complete.
func (f *frames) next() (bedrock.Event, error) {
	for {
		m, err := f.decoder.Next()
		if err != nil {
			return bedrock.Event{}, f.ended(err)
		}
		kind := m.MessageType()
		if kind != nil && string(kind) != "event" {
			e := inBand(m)
			e.RequestID = f.id
			return bedrock.Event{}, e
		}
		if string(m.EventType()) == "initial-response" { // of protocols that Bedrock does not speak
			continue
		}
		return f.event(m)
	}
}

// event takes a frame that holds an event.
func (f *frames) event(m eventstream.Message) (bedrock.Event, error) {
	event := bedrock.ReceivedEvent(m)
	if !bedrock.Document(m.Payload).IsValid() {
		return event, f.broken(fmt.Errorf("its event %.64q is not valid JSON", event.Type()))
	}
	f.events++
	f.partial.Add(event)
	if !f.native && event.Type() == "metadata" {
		f.done = true
		f.watch.Expect(&f.backend.waits.linger)
	}
	return event, nil
}

// ended tells what the end of the bytes means: the end of the stream, or a
// failure.
func (f *frames) ended(err error) error {
	switch {
	case f.done:
		return io.EOF // all of it has come; how the connection ends changes nothing
	case errors.Is(err, io.EOF) && f.events > 0 && f.native:
		return io.EOF // the families' own formats name no last event
	case errors.Is(err, io.EOF) && f.events > 0:
		return f.broken(errors.New("it ended before its metadata event"))
	case errors.Is(err, io.EOF):
		return err
	case errors.Is(err, eventstream.ErrChecksum), errors.Is(err, eventstream.ErrMalformed), errors.Is(err, eventstream.ErrTooLarge):
		return f.broken(err)
	}
	return f.backend.failure(f.watch, f.op, err, f.id)
}

// broken is the error of a stream that is damaged.
func (f *frames) broken(err error) *outcrop.Error {
	e := outcrop.Errorf(bedrock.CodeModelStreamError, "the model's stream is broken: %w", err)
	e.RequestID = f.id
	return e
}

// interrupted is the error of a stream that has begun, with the part of the
// reply that had arrived. What would be an unreachable service or a timeout
// before the first event is a failed stream now: a client cannot simply ask
// again. A caller who has had enough keeps his own error.
func (f *frames) interrupted(err error) *outcrop.Error {
	e := *outcrop.AsError(err)
	_, late := errors.AsType[*upstream.LateError](e.Cause)
	if late || e.Code == bedrock.CodeServiceUnavailable && e.Cause != nil {
		e.Message = "the model's stream broke off: " + e.Message
		e.Code, e.Retryable = bedrock.CodeModelStreamError, false
	}
	e.Partial = f.partial.Message()
	return &e
}

func (f *frames) close() {
	f.watch.Stop()
	_ = f.body.Close()
	f.buffer.Reset(nil)
	buffers.Put(f.buffer)
}
