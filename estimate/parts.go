package estimate

import (
	"fmt"
	"strings"

	"github.com/outcrop-ai/outcrop/bedrock"
	"github.com/outcrop-ai/outcrop/catalog"
	"github.com/outcrop-ai/outcrop/native"
	"github.com/outcrop-ai/outcrop/tokens"
)

// Part is a piece of a request and what it costs.
type Part struct {
	Where  string `json:"where"` // the member: "messages.0.content.1"
	Kind   string `json:"kind"`  // system, text, image, document, toolUse, toolResult, tool, schema, examples, other, frame
	Role   string `json:"role,omitzero"`
	Tokens int    `json:"tokens"`
}

// Breakdown tells where the input tokens of a request go. All counts are
// estimates.
type Breakdown struct {
	ModelID   string `json:"modelId"`
	Tokens    int    `json:"tokens"` // of all parts together
	Parts     []Part `json:"parts"`
	MaxTokens int    `json:"maxTokens"` // the request's output limit; 0 when it has none
	MaxOutput int    `json:"maxOutput"` // the model's; 0 when not known
	Context   int    `json:"context"`   // the model's context window; 0 when not known
	Cuts      []Cut  `json:"cuts"`
}

// frames is the kind of the part that all frames make together: what a request,
// each message, each tool and each schema cost beyond their texts.
const frames = "frame"

// Parts takes a Converse request apart. Their tokens together are the Input of
// [Converse]. The result shares no memory with the request.
func Parts(modelID string, req *bedrock.ConverseRequest) Breakdown {
	w := weighing{model: tokens.Default().For(modelID), frames: tokens.FrameRequest}
	for i := range req.System {
		if t := req.System[i].Text; t != nil {
			w.text(fmt.Sprintf("system.%d", i), "system", "", *t)
			w.frames += tokens.FrameMessage
		}
	}
	if req.ToolConfig != nil {
		for i := range req.ToolConfig.Tools {
			if spec := req.ToolConfig.Tools[i].ToolSpec; spec != nil {
				w.add(fmt.Sprintf("toolConfig.tools.%d", i), "tool", "", w.model.Tool(spec))
				w.frames += tokens.FrameTool
			}
		}
	}
	for i := range req.Messages {
		w.frames += tokens.FrameMessage
		for j := range req.Messages[i].Content {
			w.block(fmt.Sprintf("messages.%d.content.%d", i, j), string(req.Messages[i].Role), &req.Messages[i].Content[j])
		}
	}
	if schema := req.OutputConfig.JSONSchema(); schema != nil {
		w.add("outputConfig", "schema", "", w.model.Schema(schema))
		w.frames += tokens.FrameTool
	}
	if c := req.InferenceConfig; c != nil && c.MaxTokens != nil {
		w.MaxTokens = *c.MaxTokens
	}
	return w.done(modelID, len(req.Messages))
}

// ConstructParts takes a Construct request apart, as its first attempt is sent:
// the schema and the examples with the prompt.
func ConstructParts(modelID string, req *bedrock.ConstructRequest) Breakdown {
	converse := &bedrock.ConverseRequest{Messages: req.Messages, System: req.System, InferenceConfig: req.InferenceConfig}
	if req.Prompt != "" {
		converse.Messages = []bedrock.Message{bedrock.UserText(req.Prompt)}
	}
	b := Parts(modelID, converse)
	m := tokens.Default().For(modelID)
	b.add(Part{Where: "schema", Kind: "schema", Tokens: m.TextBytes(req.Schema)})
	for i := range req.Examples {
		b.add(Part{Where: fmt.Sprintf("examples.%d", i), Kind: "examples", Tokens: m.Text(req.Examples[i].Input) + m.TextBytes(req.Examples[i].Output)})
	}
	return b
}

// NativeParts takes a request in the model's own format apart.
func NativeParts(modelID string, body []byte) (Breakdown, error) {
	family, err := native.For(modelID, body)
	if err != nil {
		return Breakdown{}, err
	}
	req, err := family.Request(body)
	if err != nil {
		return Breakdown{}, err
	}
	return Parts(modelID, req), nil
}

func (b *Breakdown) add(p Part) {
	b.Parts = append(b.Parts, p)
	b.Tokens += p.Tokens
}

// weighing adds a breakdown up.
type weighing struct {
	Breakdown
	model  tokens.Model
	frames int
	seen   []said
}

// said is a text of the request, for the advice.
type said struct{ where, kind, text string }

func (w *weighing) add(where, kind, role string, n int) {
	w.Breakdown.add(Part{where, kind, role, n})
}

func (w *weighing) text(where, kind, role, text string) {
	w.add(where, kind, role, w.model.Text(text))
	w.seen = append(w.seen, said{where, kind, text})
}

func (w *weighing) block(where, role string, b *bedrock.ContentBlock) {
	switch {
	case b.Text != nil:
		w.text(where, "text", role, *b.Text)
	case b.Image != nil:
		w.add(where, "image", role, w.model.Block(b))
	case b.Document != nil:
		w.add(where, "document", role, w.model.Block(b))
	case b.ToolUse != nil:
		w.add(where, "toolUse", role, w.model.Block(b))
	case b.ToolResult != nil:
		w.add(where, "toolResult", role, w.model.Block(b))
		w.seen = append(w.seen, said{where, "toolResult", resultText(b.ToolResult)})
	case b.CachePoint != nil:
	default:
		w.add(where, "other", role, w.model.Block(b))
	}
}

// resultText is what of a tool result is text.
func resultText(r *bedrock.ToolResultBlock) string {
	var b strings.Builder
	for i := range r.Content {
		if t := r.Content[i].Text; t != nil {
			b.WriteString(*t)
		} else {
			b.Write(r.Content[i].JSON)
		}
		b.WriteByte('\n')
	}
	return b.String()
}

func (w *weighing) done(modelID string, messages int) Breakdown {
	w.add("", frames, "", w.frames)
	w.ModelID = modelID
	if match, ok := catalog.Default().Resolve(modelID); ok {
		w.MaxOutput, w.Context = match.Model.MaxOutput, match.Model.Context
	}
	w.Cuts = w.cuts(messages)
	return w.Breakdown
}
