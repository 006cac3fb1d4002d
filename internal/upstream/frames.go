package upstream

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"iter"
	"mime"
	"sync"

	"github.com/outcrop-ai/outcrop"
	"github.com/outcrop-ai/outcrop/bedrock"
	"github.com/outcrop-ai/outcrop/bedrock/eventstream"
)

// Frames reads a reply that is an event stream, frame by frame. Its exported
// fields are what differs between servers, and are set before [Frames.Stream];
// then it belongs to the stream.
type Frames struct {
	Watch   *Watch   // of the call, in its first wait
	Idle    *Limit   // of the waits between events
	Linger  *Limit   // of the wait for the end, once the last event has come
	Last    string   // the event that completes a stream; "" when the format has none
	Name    string   // what messages call the stream: "the model's stream"
	ID      string   // the server's request id
	Max     int      // how many bytes a frame may have
	Partial *Partial // keeps what comes, for the error of a stream that fails; nil: nobody wants it

	InBand  func(eventstream.Message) *outcrop.Error // the error that a frame carries
	Failure func(error) *outcrop.Error               // the error of bytes that do not come

	body    io.ReadCloser
	buffer  *bufio.Reader
	decoder *eventstream.Decoder
	pause   outcrop.Pause
	events  int
	done    bool // the event that completes the stream has come
}

// IsEventStream tells whether a Content-Type is that of an event stream.
func IsEventStream(contentType string) bool {
	media, _, err := mime.ParseMediaType(contentType)
	return err == nil && media == eventstream.ContentType
}

var buffers = sync.Pool{New: func() any { return bufio.NewReaderSize(nil, 8<<10) }}

// Stream reads the first event, since only then it is known that the model
// took the call, and returns the stream that begins with it. The body and the
// watch are the stream's from here on; they have ended when there is an error.
func (f *Frames) Stream(body io.ReadCloser) (*outcrop.Stream, error) {
	f.body = body
	f.buffer = buffers.Get().(*bufio.Reader)
	f.buffer.Reset(f.pause.Reader(body))
	f.decoder = eventstream.NewDecoder(f.buffer)
	f.decoder.MaxMessage = f.Max
	event, err := f.next()
	if errors.Is(err, io.EOF) {
		err = f.broken(errors.New("it ended before its first event"))
	}
	if err != nil {
		f.close()
		return nil, err
	}
	f.Watch.End()
	if !f.done {
		f.Watch.Expect(f.Idle)
	}
	return outcrop.NewStream(f.all(event), f.Watch.Stop).WithPause(&f.pause), nil
}

// all yields the events, beginning with the one that was read already.
func (f *Frames) all(event bedrock.Event) iter.Seq2[bedrock.Event, error] {
	return func(yield func(bedrock.Event, error) bool) {
		defer f.close()
		for yield(event, nil) {
			f.Watch.Begin()
			var err error
			event, err = f.next()
			f.Watch.End()
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
func (f *Frames) next() (bedrock.Event, error) {
	for {
		m, err := f.decoder.Next()
		if err != nil {
			return bedrock.Event{}, f.ended(err)
		}
		if kind := m.MessageType(); kind != nil && string(kind) != "event" {
			e := f.InBand(m)
			e.RequestID = f.ID
			return bedrock.Event{}, e
		}
		if string(m.EventType()) != "initial-response" { // of protocols that Bedrock does not speak
			return f.event(m)
		}
	}
}

// event takes a frame that holds an event.
func (f *Frames) event(m eventstream.Message) (bedrock.Event, error) {
	event := bedrock.ReceivedEvent(m)
	if !bedrock.Document(m.Payload).IsValid() {
		return event, f.broken(fmt.Errorf("its event %.64q is not valid JSON", event.Type()))
	}
	f.events++
	if f.Partial != nil {
		f.Partial.Add(event)
	}
	if f.Last != "" && event.Type() == f.Last {
		f.done = true
		f.Watch.Expect(f.Linger)
	}
	return event, nil
}

// ended tells what the end of the bytes means: the end of the stream, or a
// failure.
func (f *Frames) ended(err error) error {
	switch {
	case f.done:
		return io.EOF // all of it has come; how the connection ends changes nothing
	case errors.Is(err, io.EOF) && f.events > 0 && f.Last == "":
		return io.EOF // the families' own formats name no last event
	case errors.Is(err, io.EOF) && f.events > 0:
		return f.broken(fmt.Errorf("it ended before its %s event", f.Last))
	case errors.Is(err, io.EOF):
		return err
	case errors.Is(err, eventstream.ErrChecksum), errors.Is(err, eventstream.ErrMalformed), errors.Is(err, eventstream.ErrTooLarge):
		return f.broken(err)
	}
	return f.Failure(err)
}

// broken is the error of a stream that is damaged.
func (f *Frames) broken(err error) *outcrop.Error {
	e := outcrop.Errorf(bedrock.CodeModelStreamError, "%s is broken: %w", f.Name, err)
	e.RequestID = f.ID
	return e
}

// interrupted is the error of a stream that has begun, with the part of the
// reply that had arrived. What would be an unreachable server or a timeout
// before the first event is a failed stream now: a client cannot simply ask
// again. A caller who has had enough keeps his own error.
func (f *Frames) interrupted(err error) *outcrop.Error {
	e := *outcrop.AsError(err)
	_, late := errors.AsType[*LateError](e.Cause)
	if late || e.Code == bedrock.CodeServiceUnavailable && e.Cause != nil {
		e.Message = f.Name + " broke off: " + e.Message
		e.Code, e.Retryable = bedrock.CodeModelStreamError, false
	}
	if e.Partial == nil && f.Partial != nil {
		e.Partial = f.Partial.Message()
	}
	return &e
}

func (f *Frames) close() {
	f.Watch.Stop()
	_ = f.body.Close()
	f.buffer.Reset(nil)
	buffers.Put(f.buffer)
}

// LastEvent is the event that completes the stream of a call; "" where the
// bytes are a model's own format, which names none.
func LastEvent(call *outcrop.Call) string {
	switch {
	case call.Native():
		return ""
	case call.Operation == bedrock.OpConstructStream:
		return "result"
	}
	return "metadata"
}
