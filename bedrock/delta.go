package bedrock

import (
	"encoding/base64"
	"errors"
	"strconv"

	"github.com/go-json-experiment/json/jsontext"
)

// eventType is the wire name of the member that is set.
func (o *ConverseStreamOutput) eventType() string {
	switch {
	case o.MessageStart != nil:
		return "messageStart"
	case o.ContentBlockStart != nil:
		return "contentBlockStart"
	case o.ContentBlockDelta != nil:
		return "contentBlockDelta"
	case o.ContentBlockStop != nil:
		return "contentBlockStop"
	case o.MessageStop != nil:
		return "messageStop"
	case o.Metadata != nil:
		return "metadata"
	}
	return "unknown"
}

// appendMember appends the JSON of the member that is set, without its name,
// which travels in the frame's headers.
func (o *ConverseStreamOutput) appendMember(dst []byte) ([]byte, error) {
	switch {
	case o.ContentBlockDelta != nil:
		if text := o.ContentBlockDelta.plainText(); text != nil {
			return appendTextDelta(dst, o.ContentBlockDelta.ContentBlockIndex, *text)
		}
		return MarshalAppend(dst, o.ContentBlockDelta)
	case o.ContentBlockStop != nil:
		return MarshalAppend(dst, o.ContentBlockStop)
	case o.ContentBlockStart != nil:
		return MarshalAppend(dst, o.ContentBlockStart)
	case o.MessageStart != nil:
		return MarshalAppend(dst, o.MessageStart)
	case o.MessageStop != nil:
		return MarshalAppend(dst, o.MessageStop)
	case o.Metadata != nil:
		return MarshalAppend(dst, o.Metadata)
	}
	return dst, errors.New("an event of a Converse stream has none of its members set")
}

// plainText is the text of a delta that carries text and nothing else: nearly
// every event there is, so it has an encoder of its own.
func (e *ContentBlockDeltaEvent) plainText() *string {
	if e.Delta.Text != nil && len(e.Unknown) == 0 && len(e.Delta.Unknown) == 0 {
		return e.Delta.Text
	}
	return nil
}

func appendTextDelta(dst []byte, index int, text string) ([]byte, error) {
	dst = append(dst, `{"delta":{"text":`...)
	dst, err := jsontext.AppendQuote(dst, text)
	if err != nil {
		return dst, err
	}
	dst = append(dst, `},"contentBlockIndex":`...)
	dst = strconv.AppendInt(dst, int64(index), 10)
	return append(dst, '}'), nil
}

func appendChunk(dst, native []byte) []byte {
	dst = append(dst, `{"bytes":"`...)
	dst = base64.StdEncoding.AppendEncode(dst, native)
	return append(dst, `"}`...)
}
