package server

import (
	"bytes"
	"net/http"
	"strings"

	"github.com/outcrop-ai/outcrop"
	"github.com/outcrop-ai/outcrop/bedrock"
	"github.com/outcrop-ai/outcrop/bedrock/eventstream"
)

// streamKind is what distinguishes the streams of the operations.
type streamKind struct {
	last       string   // the event without which a stream is incomplete
	exceptions []string // the codes that the operation's event union has
}

var (
	converseEvents = &streamKind{
		last: "metadata",
		exceptions: []string{
			bedrock.CodeInternalServer, bedrock.CodeModelStreamError, bedrock.CodeValidation,
			bedrock.CodeThrottling, bedrock.CodeServiceUnavailable,
		},
	}
	invokeEvents = &streamKind{
		last:       bedrock.ChunkEvent,
		exceptions: append([]string{bedrock.CodeModelTimeout}, converseEvents.exceptions...),
	}
	constructEvents = &streamKind{
		last:       "result",
		exceptions: append([]string{bedrock.CodeSchemaValidation}, converseEvents.exceptions...),
	}
)

// inferStream sends a model's stream.
func (x *exchange) inferStream(call *outcrop.Call, reply *outcrop.Reply) error {
	if reply.Stream == nil {
		return outcrop.Errorf(bedrock.CodeInternalServer, "The back-end answered %s without a stream.", call.Operation)
	}
	if call.Native() {
		contentType := reply.Meta.ContentType
		if contentType == "" {
			contentType = contentJSON
		}
		x.w.Header()["X-Amzn-Bedrock-Content-Type"] = []string{contentType}
		return x.sendStream(reply.Stream, invokeEvents)
	}
	return x.sendStream(reply.Stream, converseEvents)
}

// sendStream writes a stream event by event, and closes it. Events that come
// together are flushed together, the last of them before the stream's source
// waits for another; where the source does not say that it waits, each is
// flushed. An error before the first event is returned, to be sent as a plain
// reply that clients know how to retry; after that it goes in band. A stream
// that lacks its last event ends with an exception too: clients take one that
// merely stops for complete.
func (x *exchange) sendStream(stream *outcrop.Stream, kind *streamKind) error {
	defer stream.Close()
	x.kind = kind
	x.collects = stream.BeforeWait(func() {
		if !x.flush() {
			_ = stream.Close() // or its source would wait for nobody
		}
	})
	var last bedrock.Event
	for event, err := range stream.Events() {
		if err == nil {
			x.frames, err = event.AppendFrame(x.frames)
		}
		if err != nil {
			return x.failStream(err)
		}
		if !x.sendFrames() {
			return nil
		}
		last = event
		x.events++
	}
	if !x.write() {
		return nil
	}
	if x.logged() {
		x.usage = streamUsage(last)
	}
	if last.Type() != kind.last {
		return x.failStream(outcrop.Errorf(bedrock.CodeModelStreamError, "The model's stream ended before its %s event: the reply is incomplete.", kind.last))
	}
	return nil
}

// maxCollected is how many bytes of frames wait to be written together, and
// the largest buffer that is kept while a stream waits.
const maxCollected = 16 << 10

// failStream ends a stream with an error.
func (x *exchange) failStream(err error) error {
	if !x.streaming {
		return err
	}
	_, e := x.judge(err)
	x.code = e.Code
	if e.Code != bedrock.CodeSchemaValidation && e.Partial != nil {
		whole := *e // the client has read what had arrived
		whole.Partial = nil
		e = &whole
	}
	return x.sendException(e)
}

// sendException writes an error as the last event of a stream.
func (x *exchange) sendException(e *outcrop.Error) error {
	name, body := x.kind.exception(e)
	x.frames = eventstream.AppendException(x.frames, name, contentJSON, body)
	x.write()
	return nil
}

// exception is the name and the payload of an error within a stream. Clients
// know the exceptions of the operation's union only, so others become a
// modelStreamErrorException that keeps what they were.
func (k *streamKind) exception(e *outcrop.Error) (name string, payload []byte) {
	for _, code := range k.exceptions {
		if e.Code == code {
			return strings.ToLower(code[:1]) + code[1:], errorBody(e)
		}
	}
	payload, err := bedrock.Marshal(struct {
		Message            string `json:"message"`
		OriginalStatusCode int    `json:"originalStatusCode"`
		OriginalMessage    string `json:"originalMessage"`
	}{e.Error(), bedrock.Code(e.Code).Status, e.Message})
	if err != nil {
		payload = errorBody(e)
	}
	return "modelStreamErrorException", payload
}

// sendFrames sends the frames that wait, unless there will be another occasion
// and they are few. It reports whether the client is still there, and reads.
func (x *exchange) sendFrames() bool {
	if !x.streaming {
		x.beginStream()
	}
	if x.collects && len(x.frames) < maxCollected {
		return true
	}
	return x.flush()
}

// flush sends the frames that wait. It reports what sendFrames does.
//
// With the first of them net/http writes the header, for which it needs 5 KB of
// stack. A goroutine of its own does that: the stream's would double its stack,
// and keep it for as long as the stream is open.
func (x *exchange) flush() bool {
	switch {
	case len(x.frames) == 0:
	case x.flushed:
		x.flushFrames()
	default:
		x.flushed = true
		panicked := make(chan any)
		go func() {
			defer func() { panicked <- recover() }()
			x.flushFrames()
		}()
		if p := <-panicked; p != nil { // in a writer of a middleware
			panic(p)
		}
	}
	return !x.gone
}

func (x *exchange) flushFrames() {
	if x.write() {
		x.gone = http.NewResponseController(x.w).Flush() != nil
	}
}

// write hands over the frames that wait; net/http sends them when the handler
// returns, if not before.
func (x *exchange) write() bool {
	if len(x.frames) == 0 || x.gone {
		return !x.gone
	}
	x.extend()
	_, err := x.w.Write(x.frames)
	x.gone = err != nil
	if x.frames = x.frames[:0]; cap(x.frames) > maxCollected {
		x.frames = nil
	}
	return !x.gone
}

func (x *exchange) beginStream() {
	header := x.w.Header()
	header["X-Amzn-Requestid"] = []string{x.id}
	header["X-Content-Type-Options"] = nosniff
	header["Content-Type"] = []string{eventstream.ContentType}
	x.status, x.streaming = http.StatusOK, true
	x.w.WriteHeader(http.StatusOK)
}

// metricsMember is the member of a stream's last chunk that holds its tokens.
const metricsMember = "amazon-bedrock-invocationMetrics"

// streamUsage reads the usage out of a stream's last event, for the log.
func streamUsage(last bedrock.Event) *bedrock.TokenUsage {
	switch last.Type() {
	case "metadata":
		if out, err := last.Output(); err == nil && out.Metadata != nil {
			return &out.Metadata.Usage
		}
	case "result":
		if out, err := last.Constructed(); err == nil && out.Result != nil {
			return &out.Result.Usage
		}
	case bedrock.ChunkEvent:
		var part struct {
			Metrics *struct {
				Input  int `json:"inputTokenCount"`
				Output int `json:"outputTokenCount"`
			} `json:"amazon-bedrock-invocationMetrics"`
		}
		chunk, err := last.Chunk()
		if err == nil && bytes.Contains(chunk, []byte(metricsMember)) && bedrock.Unmarshal(chunk, &part) == nil && part.Metrics != nil {
			return &bedrock.TokenUsage{InputTokens: part.Metrics.Input, OutputTokens: part.Metrics.Output}
		}
	}
	return nil
}
