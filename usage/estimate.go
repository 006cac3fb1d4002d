package usage

import (
	"github.com/outcrop-ai/outcrop"
	"github.com/outcrop-ai/outcrop/bedrock"
	"github.com/outcrop-ai/outcrop/catalog"
	"github.com/outcrop-ai/outcrop/estimate"
	"github.com/outcrop-ai/outcrop/native"
)

// EstimateInput counts the input tokens of a call about, from its texts, its
// pictures and its tools. It costs decoding the call, which happens once for
// Converse, and a few microseconds for each KB.
func EstimateInput(call *outcrop.Call) int {
	if call.Native() {
		return estimate.Native(call.ModelID, call.Raw).Input
	}
	req, err := call.Converse()
	if err != nil {
		return 0
	}
	return estimate.Converse(call.ModelID, req).Input
}

// OutputLimit is how many tokens the reply of a call may have: as it says
// itself, which is explicit, else as the model allows; 0 when neither is known.
func OutputLimit(call *outcrop.Call) (limit int, explicit bool) {
	if !call.Native() {
		if req, err := call.Converse(); err == nil && req.InferenceConfig != nil && req.InferenceConfig.MaxTokens != nil {
			return *req.InferenceConfig.MaxTokens, true
		}
	} else if family, err := native.For(call.ModelID, call.Raw); err == nil {
		if limit, ok, err := family.OutputLimit(call.Raw); err == nil && ok {
			return limit, true
		}
	}
	if m, ok := catalog.Default().Resolve(call.ModelID); ok {
		return m.Model.MaxOutput, false
	}
	return 0, false
}

// What stands around the text of an event, in bytes, and how many bytes a token
// has, about.
const (
	deltaFrame = 150 // headers and JSON of a contentBlockDelta
	chunkFrame = 100 // headers and JSON around a chunk's base64
	chunkShell = 120 // a chunk's own JSON
	tokenBytes = 4
)

// eventTokens is about how many output tokens an event carries, by its size: a
// stream whose usage never comes is booked by the sum. It decodes nothing.
func eventTokens(event bedrock.Event) int64 {
	var text int
	switch event.Type() {
	case "contentBlockDelta":
		if text = event.Size() - deltaFrame; event.Size() == 0 {
			out, err := event.Output() // made in this process: no decoding
			if err != nil || out.ContentBlockDelta == nil {
				return 0
			}
			switch delta := &out.ContentBlockDelta.Delta; {
			case delta.Text != nil:
				text = len(*delta.Text)
			case delta.ToolUse != nil:
				text = len(delta.ToolUse.Input)
			}
		}
	case bedrock.ChunkEvent:
		if text = (event.Size()-chunkFrame)*3/4 - chunkShell; event.Size() == 0 {
			chunk, err := event.Chunk()
			if err != nil {
				return 0
			}
			text = len(chunk) - chunkShell
		}
	default:
		return 0
	}
	return int64(max(1, text/tokenBytes))
}
