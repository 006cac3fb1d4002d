package bedrock

import (
	"fmt"

	"github.com/outcrop-ai/outcrop/bedrock/eventstream"
)

// Event is one event of a reply stream: of ConverseStream, of
// InvokeModelWithResponseStream ("chunk"), or of ConstructStream.
//
// An event that came from the wire keeps its frame and is decoded only when
// somebody asks; one that a back-end made keeps its value and is framed only
// when somebody sends it. Events are values and are never changed.
type Event struct {
	name    string
	frame   []byte // as received, or nil
	payload []byte // the frame's payload, or nil
	output  *ConverseStreamOutput
	chunk   []byte // model-native JSON
	built   *ConstructStreamOutput
}

// ChunkEvent is the event type of InvokeModelWithResponseStream.
const ChunkEvent = "chunk"

const jsonContent = "application/json"

// NewEvent makes an event of a Converse stream. The event keeps out.
func NewEvent(out *ConverseStreamOutput) Event {
	return Event{name: out.eventType(), output: out}
}

// NewChunk makes an event that carries model-native JSON. The event keeps it.
func NewChunk(native []byte) Event { return Event{name: ChunkEvent, chunk: native} }

// NewConstructEvent makes an event of a ConstructStream. The event keeps out.
func NewConstructEvent(out *ConstructStreamOutput) Event {
	name := "partial"
	if out.Result != nil {
		name = "result"
	}
	return Event{name: name, built: out}
}

// ReceivedEvent makes an event of a frame from the wire. The event keeps it.
func ReceivedEvent(m eventstream.Message) Event {
	return Event{name: intern(m.EventType()), frame: m.Raw, payload: m.Payload}
}

// Type is the event's type on the wire: "messageStart", "chunk", and so on.
func (e Event) Type() string { return e.name }

// Size is the length in bytes of the frame that was received; 0 for an event
// that a back-end made.
func (e Event) Size() int { return len(e.frame) }

// Output is the event of a Converse stream. An event of a type that this
// version does not know comes back with its payload in Unknown.
func (e Event) Output() (*ConverseStreamOutput, error) {
	if e.output != nil {
		return e.output, nil
	}
	if e.frame == nil {
		return nil, fmt.Errorf("a %s event is no event of a Converse stream", e.name)
	}
	out := new(ConverseStreamOutput)
	if err := Unmarshal(wrap(e.name, e.payload), out); err != nil {
		return nil, fmt.Errorf("event %s: %w", e.name, err)
	}
	return out, nil
}

// Chunk is the model-native JSON of a chunk event.
func (e Event) Chunk() ([]byte, error) {
	if e.chunk != nil {
		return e.chunk, nil
	}
	if e.frame == nil || e.name != ChunkEvent {
		return nil, fmt.Errorf("a %s event carries no chunk", e.name)
	}
	var part struct {
		Bytes []byte `json:"bytes"`
	}
	if err := Unmarshal(e.payload, &part); err != nil {
		return nil, fmt.Errorf("event chunk: %w", err)
	}
	return part.Bytes, nil
}

// Constructed is the event of a ConstructStream.
func (e Event) Constructed() (*ConstructStreamOutput, error) {
	if e.built != nil {
		return e.built, nil
	}
	if e.frame == nil {
		return nil, fmt.Errorf("a %s event is no event of a ConstructStream", e.name)
	}
	out := new(ConstructStreamOutput)
	if err := Unmarshal(wrap(e.name, e.payload), out); err != nil {
		return nil, fmt.Errorf("event %s: %w", e.name, err)
	}
	return out, nil
}

// Payload is the event's JSON on the wire.
func (e Event) Payload() ([]byte, error) { return e.appendPayload(nil) }

// AppendFrame appends the event as a frame: the bytes that were received, or
// a new frame of the event's value.
func (e Event) AppendFrame(dst []byte) ([]byte, error) {
	if e.frame != nil {
		return append(dst, e.frame...), nil
	}
	start := len(dst)
	dst, err := e.appendPayload(eventstream.BeginEvent(dst, e.name, jsonContent))
	if err != nil {
		return dst[:start], err
	}
	return eventstream.End(dst, start), nil
}

func (e Event) appendPayload(dst []byte) ([]byte, error) {
	switch {
	case e.frame != nil:
		return append(dst, e.payload...), nil
	case e.output != nil:
		return e.output.appendMember(dst)
	case e.built != nil:
		if e.built.Result != nil {
			return MarshalAppend(dst, e.built.Result)
		}
		return MarshalAppend(dst, e.built.Partial)
	}
	return appendChunk(dst, e.chunk), nil
}

// intern gives the common event types without an allocation for each event.
func intern(eventType []byte) string {
	switch string(eventType) {
	case "contentBlockDelta":
		return "contentBlockDelta"
	case ChunkEvent:
		return ChunkEvent
	}
	return string(eventType)
}

// wrap makes the union's JSON of an event: its type around its payload.
func wrap(name string, payload []byte) []byte {
	text := make([]byte, 0, len(name)+len(payload)+5)
	text = append(append(text, `{"`...), name...)
	return append(append(append(text, `":`...), payload...), '}')
}
