package openai

import (
	"context"
	"errors"
	"io"
	"iter"
	"net/http"
	"time"

	"github.com/outcrop-ai/outcrop"
	"github.com/outcrop-ai/outcrop/bedrock"
	"github.com/outcrop-ai/outcrop/internal/upstream"
)

// stream asks for a reply as it is generated. It returns once the first event
// has come, so that whatever goes wrong before is the call's own error, and
// another back-end may be asked.
func (b *Backend) stream(ctx context.Context, a *ask) (*outcrop.Reply, error) {
	s := &streamer{backend: b, ask: a, started: b.config.Now(), open: -1}
	s.watch = upstream.NewWatch(ctx, &upstream.Limit{D: b.config.FirstByteTimeout, What: "the server sent no first event"})
	res, err := b.send(s.watch.Context(), http.MethodPost, chatPath, a.body) //nolint:bodyclose // the streamer closes it
	if err != nil {
		s.watch.Stop()
		return nil, err
	}
	s.body = res.Body
	s.sse = newSSE(s.pause.Reader(res.Body), b.config.MaxEvent, b.config.MaxReply)
	if err := s.first(); err != nil {
		s.close()
		return nil, err
	}
	s.watch.End()
	s.watch.Expect(&upstream.Limit{D: b.config.IdleTimeout, What: "the server sent no further event"})
	stream := outcrop.NewStream(s.events(), s.watch.Stop).WithPause(&s.pause)
	// A stream that nobody ranges over is closed all the same.
	stream.OnEnd(func(error) { s.close() })
	return outcrop.NewStreamReply(b.meta(res, &s.chunk, a), stream), nil
}

// streamer turns the chunks of one reply into events. Only the goroutine that
// ranges over the events uses it.
type streamer struct {
	backend *Backend
	ask     *ask
	started time.Time
	watch   *upstream.Watch
	body    io.Closer
	sse     *sse
	pause   outcrop.Pause

	chunk     completion // the one at hand; its memory is used again
	plain     string     // or instead: a chunk of text alone
	begun     bool       // the first chunk, with the reply's id and model, was read
	done      bool       // the server said so
	yield     func(bedrock.Event, error) bool
	collector bedrock.Collector // what was delivered, for Partial
	blocks    int               // how many content blocks have begun
	open      int               // the one that has not ended; -1 for none
	kind      blockKind         // what it holds
	tools     []*toolState      // in the order of their beginning
	ending    ending
	usage     *usage
}

type blockKind int

const (
	textBlock blockKind = iota
	reasoningBlock
	toolBlock
)

// errStopped is how the sending functions say that the reader has gone.
var errStopped = errors.New("the reader has stopped")

func (s *streamer) close() {
	s.watch.Stop()
	_ = s.body.Close()
}

// first reads the first chunk.
func (s *streamer) first() error {
	err := s.read()
	switch {
	case errors.Is(err, io.EOF):
		return unavailable("the server's reply ended before it began", io.ErrUnexpectedEOF)
	case err != nil:
		return err
	}
	return nil
}

func (s *streamer) events() iter.Seq2[bedrock.Event, error] {
	return func(yield func(bedrock.Event, error) bool) {
		defer s.close()
		s.yield = yield
		err := s.run()
		if err == nil || errors.Is(err, errStopped) {
			return
		}
		message := s.collector.Message()
		yield(bedrock.Event{}, withPartial(err, &message))
	}
}

func (s *streamer) run() error {
	role := bedrock.MessageStartEvent{Role: bedrock.ConversationRoleAssistant}
	if err := s.send(&bedrock.ConverseStreamOutput{MessageStart: &role}); err != nil {
		return err
	}
	for !s.done {
		if err := s.take(); err != nil {
			return err
		}
		s.watch.Begin()
		err := s.read()
		s.watch.End()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return midway(err)
		}
	}
	if err := s.finish(); err != nil {
		return err
	}
	s.drain()
	return nil
}

// drainTimeout bounds the wait for the end of a reply that is complete.
const drainTimeout = time.Second

// drain reads what comes after the last event: nothing, from most servers,
// but only a connection that was read to its end can be used again.
func (s *streamer) drain() {
	s.watch.Expect(&upstream.Limit{D: drainTimeout, What: "the server did not end its reply"})
	s.watch.Begin()
	for range 16 {
		if _, _, err := s.sse.next(); err != nil {
			return
		}
	}
}

// read reads the next chunk. The error is io.EOF at the end of the reply.
func (s *streamer) read() error {
	event, data, err := s.sse.next()
	switch {
	case errors.Is(err, io.EOF):
		return err
	case err != nil:
		return s.broken(err)
	case string(data) == "[DONE]":
		s.done = true
		return io.EOF
	}
	c := &s.chunk
	if s.begun && len(event) == 0 {
		if text, ok := scanText(data); ok {
			s.plain = text
			return nil
		}
	}
	s.begun, s.plain = true, ""
	*c = completion{Choices: c.Choices[:0]}
	if err := bedrock.Unmarshal(data, c); err != nil {
		return unreadable(err)
	}
	if len(c.Error) > 0 && string(c.Error) != "null" || string(event) == "error" {
		return classify(0, data)
	}
	return nil
}

// broken is the error of a stream that cannot be read on.
func (s *streamer) broken(err error) error {
	if e := ended(s.watch.Context()); e != nil {
		return e
	}
	if errors.Is(err, errEventTooLong) || errors.Is(err, errStreamTooLong) {
		return outcrop.Errorf(bedrock.CodeModelError, "%w", err)
	}
	return unavailable("the server's reply broke off", err)
}

// midway is an error of a stream of which a part was delivered.
func midway(err error) error {
	e := *outcrop.AsError(err)
	switch e.Code {
	case bedrock.CodeServiceUnavailable, bedrock.CodeModelError:
		e.Code = bedrock.CodeModelStreamError
		e.Retryable = bedrock.Code(e.Code).Retryable
	}
	return &e
}

// take turns the chunk at hand into events.
func (s *streamer) take() error {
	if s.plain != "" {
		return s.text(s.plain)
	}
	if s.chunk.Usage != nil {
		s.usage = s.chunk.Usage
	}
	for i := range s.chunk.Choices {
		c := &s.chunk.Choices[i]
		if c.Index != 0 {
			continue
		}
		if err := s.message(&c.Delta); err != nil {
			return err
		}
		if c.FinishReason != "" {
			s.ending.finish = c.FinishReason
			s.ending.matched = c.matchedStop(s.ask.request)
		}
	}
	return nil
}

func (s *streamer) message(m *message) error {
	if thoughts := m.thoughts(); thoughts != "" {
		if err := s.begin(reasoningBlock); err != nil {
			return err
		}
		delta := bedrock.ContentBlockDelta{ReasoningContent: &bedrock.ReasoningContentBlockDelta{Text: &thoughts}}
		if err := s.delta(delta); err != nil {
			return err
		}
	}
	if m.Refusal != "" {
		s.ending.refused = true
		if err := s.text(m.Refusal); err != nil {
			return err
		}
	}
	if m.Content != "" {
		if err := s.text(m.Content); err != nil {
			return err
		}
	}
	for i := range m.ToolCalls {
		if err := s.toolCall(&m.ToolCalls[i]); err != nil {
			return err
		}
	}
	return nil
}

// textEvent is a text delta in one allocation: nearly every event is one.
type textEvent struct {
	out   bedrock.ConverseStreamOutput
	event bedrock.ContentBlockDeltaEvent
	text  string
}

func (s *streamer) text(text string) error {
	if err := s.begin(textBlock); err != nil {
		return err
	}
	e := &textEvent{text: text}
	e.event.ContentBlockIndex = s.open
	e.event.Delta.Text = &e.text
	e.out.ContentBlockDelta = &e.event
	return s.send(&e.out)
}

func (s *streamer) delta(d bedrock.ContentBlockDelta) error {
	return s.send(&bedrock.ConverseStreamOutput{ContentBlockDelta: &bedrock.ContentBlockDeltaEvent{ContentBlockIndex: s.open, Delta: d}})
}

// begin makes sure that a block of text or reasoning is open. These have no
// start event, as on Bedrock.
func (s *streamer) begin(kind blockKind) error {
	if s.open >= 0 && s.kind == kind {
		return nil
	}
	if err := s.flushTools(); err != nil {
		return err
	}
	if err := s.end(); err != nil {
		return err
	}
	s.open, s.kind = s.blocks, kind
	s.blocks++
	return nil
}

// end ends the open block.
func (s *streamer) end() error {
	if s.open < 0 {
		return nil
	}
	index := s.open
	s.open = -1
	return s.send(&bedrock.ConverseStreamOutput{ContentBlockStop: &bedrock.ContentBlockStopEvent{ContentBlockIndex: index}})
}

// finish ends the reply: the stop reason and the usage, which servers send
// after it.
func (s *streamer) finish() error {
	if s.ending.finish == "" && !s.done {
		return outcrop.Errorf(bedrock.CodeModelStreamError, "the server's reply broke off before it ended")
	}
	if err := s.flushTools(); err != nil {
		return err
	}
	if err := s.end(); err != nil {
		return err
	}
	for _, t := range s.tools {
		if !t.valid() && s.ending.finish != "length" {
			return badInput(bedrock.CodeModelStreamError)
		}
		s.ending.tools = append(s.ending.tools, t.name)
	}
	var message bedrock.Message
	if s.ask.schema != "" || s.usage == nil {
		message = s.collector.Message()
		s.ending.text = message.Text()
	}
	if err := s.send(&bedrock.ConverseStreamOutput{MessageStop: &bedrock.MessageStopEvent{
		StopReason: s.backend.stop(s.ask, &s.ending), AdditionalModelResponseFields: s.ask.additional(s.ending.matched),
	}}); err != nil {
		return err
	}
	metadata := &bedrock.ConverseStreamMetadataEvent{}
	metadata.Metrics.LatencyMs = int(s.backend.config.Now().Sub(s.started).Milliseconds())
	if s.usage != nil {
		metadata.Usage = s.usage.converse()
	} else {
		metadata.Usage = estimatedUsage(s.ask, &message)
	}
	return s.send(&bedrock.ConverseStreamOutput{Metadata: metadata})
}

func (s *streamer) send(out *bedrock.ConverseStreamOutput) error {
	if err := s.collector.Add(out); err != nil {
		return outcrop.Errorf(bedrock.CodeModelStreamError, "%w", err)
	}
	if !s.yield(bedrock.NewEvent(out), nil) {
		return errStopped
	}
	return nil
}
