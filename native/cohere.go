package native

import (
	"errors"
	"strconv"
	"strings"
	"time"

	"github.com/outcrop-ai/outcrop/bedrock"
)

// cohereCommandR is Cohere's format for Command R and R+: a message, what
// was said before it, and documents to answer from.
var cohereCommandR = &Family{
	name:    "cohere-command-r",
	request: cohereToConverse,
	reply:   cohereReply,
	encoder: newCohereEncoder,
	limits:  []string{"max_tokens"},
	sampled: cohereSampling,
	ask:     askCohere,
}

func askCohere(q Question) any {
	body := map[string]any{"message": q.Prompt}
	if q.System != "" {
		body["preamble"] = q.System
	}
	return withLimit(body, "max_tokens", q)
}

type cohereRequest struct {
	Message       string           `json:"message"`
	ChatHistory   []cohereTurn     `json:"chat_history"`
	Preamble      string           `json:"preamble"`
	Documents     []object         `json:"documents"`
	MaxTokens     *int             `json:"max_tokens"`
	Temperature   *float64         `json:"temperature"`
	P             *float64         `json:"p"`
	StopSequences []string         `json:"stop_sequences"`
	Tools         []cohereTool     `json:"tools"`
	ToolResults   []cohereResult   `json:"tool_results"`
	QueriesOnly   bool             `json:"search_queries_only"`
	RawPrompting  bool             `json:"raw_prompting"`
	ReturnPrompt  bool             `json:"return_prompt"`
	Stream        bedrock.Document `json:"stream"` // the operation says it

	Unknown bedrock.Document `json:",embed"` // k, seed, penalties, ...
}

type cohereTurn struct {
	Role    string `json:"role"`
	Message string `json:"message"`

	Unknown bedrock.Document `json:",embed"`
}

type cohereTool struct {
	Name        string                     `json:"name"`
	Description string                     `json:"description"`
	Parameters  map[string]cohereParameter `json:"parameter_definitions"`
}

type cohereParameter struct {
	Description string `json:"description"`
	Type        string `json:"type"`
	Required    bool   `json:"required"`
}

type cohereCall struct {
	Name       string           `json:"name"`
	Parameters bedrock.Document `json:"parameters"`
}

type cohereResult struct {
	Call    cohereCall         `json:"call"`
	Outputs []bedrock.Document `json:"outputs"`
}

func cohereToConverse(body []byte) (*bedrock.ConverseRequest, error) {
	var in cohereRequest
	if err := read(body, &in, ""); err != nil {
		return nil, err
	}
	for name, set := range map[string]bool{
		"search_queries_only": in.QueriesOnly, "raw_prompting": in.RawPrompting, "return_prompt": in.ReturnPrompt,
	} {
		if set {
			return nil, bad(name, "Converse has no place for it")
		}
	}
	if in.Message == "" {
		return nil, missing("", "message")
	}
	req := new(bedrock.ConverseRequest)
	if in.Preamble != "" {
		req.System = []bedrock.SystemContentBlock{{Text: &in.Preamble}}
	}
	if err := in.history(req); err != nil {
		return nil, err
	}
	req.Messages = appendTurn(req.Messages, roleUser, append(in.documents(), bedrock.ContentBlock{Text: &in.Message}))
	in.results(req)
	if err := in.tools(req); err != nil {
		return nil, err
	}
	extra := objectOf(in.Unknown)
	req.InferenceConfig = inference(in.MaxTokens, in.Temperature, in.P, in.StopSequences, extra)
	req.AdditionalModelRequestFields = extra.document()
	return req, nil
}

func (in *cohereRequest) history(req *bedrock.ConverseRequest) error {
	for i, turn := range in.ChatHistory {
		at := "chat_history." + strconv.Itoa(i)
		if err := only(turn.Unknown, at); err != nil {
			return err
		}
		text := turn.Message
		switch turn.Role {
		case "USER", "User":
			req.Messages = appendTurn(req.Messages, roleUser, []bedrock.ContentBlock{{Text: &text}})
		case "CHATBOT", "Chatbot":
			req.Messages = appendTurn(req.Messages, roleAssistant, []bedrock.ContentBlock{{Text: &text}})
		case "SYSTEM", "System":
			req.System = append(req.System, bedrock.SystemContentBlock{Text: &text})
		default:
			return bad(at+".role", "expected \"USER\" or \"CHATBOT\"")
		}
	}
	return nil
}

// maxConverseDocuments is how many documents a Converse request may have.
const maxConverseDocuments = 5

// documents become text documents, a line for each of their members. Cohere takes
// passages by the dozen: more than Converse has room for are the parts of one.
func (in *cohereRequest) documents() []bedrock.ContentBlock {
	var blocks []bedrock.ContentBlock
	var parts []bedrock.DocumentContentBlock
	for i, doc := range in.Documents {
		var text strings.Builder
		name := "document " + strconv.Itoa(i+1)
		for _, member := range doc.names() {
			value := string(doc[member])
			if s := new(string); bedrock.Unmarshal(doc[member], s) == nil {
				value = *s
			}
			text.WriteString(member + ": " + value + "\n")
			if member == "title" {
				name += " " + value
			}
		}
		content := text.String()
		parts = append(parts, bedrock.DocumentContentBlock{Text: &content})
		blocks = append(blocks, bedrock.ContentBlock{Document: &bedrock.DocumentBlock{
			Format: bedrock.DocumentFormatTxt, Name: documentName(name), Source: bedrock.DocumentSource{Text: &content},
		}})
	}
	if len(blocks) > maxConverseDocuments {
		return []bedrock.ContentBlock{{Document: &bedrock.DocumentBlock{
			Format: bedrock.DocumentFormatTxt, Name: "documents", Source: bedrock.DocumentSource{Content: parts},
		}}}
	}
	return blocks
}

// results adds the turn in which the model called the tools, which Cohere
// leaves out, and the turn with what they returned.
func (in *cohereRequest) results(req *bedrock.ConverseRequest) {
	var calls, results []bedrock.ContentBlock
	for i, r := range in.ToolResults {
		id := cohereToolID(i)
		input := r.Call.Parameters
		if isNull(input) {
			input = bedrock.Document("{}")
		}
		calls = append(calls, bedrock.ContentBlock{ToolUse: &bedrock.ToolUseBlock{ToolUseID: id, Name: r.Call.Name, Input: input}})
		content := []bedrock.ToolResultContentBlock{}
		for _, output := range r.Outputs {
			content = append(content, bedrock.ToolResultContentBlock{JSON: output})
		}
		results = append(results, bedrock.ContentBlock{ToolResult: &bedrock.ToolResultBlock{ToolUseID: id, Content: content}})
	}
	if len(calls) > 0 {
		req.Messages = append(req.Messages,
			bedrock.Message{Role: roleAssistant, Content: calls}, bedrock.Message{Role: roleUser, Content: results})
	}
}

func cohereToolID(i int) string { return "call_" + strconv.Itoa(i) }

func (in *cohereRequest) tools(req *bedrock.ConverseRequest) error {
	var tools []bedrock.Tool
	for i, tool := range in.Tools {
		at := "tools." + strconv.Itoa(i)
		if tool.Name == "" {
			return missing(at, "name")
		}
		schema, err := cohereSchema(tool.Parameters, at+".parameter_definitions")
		if err != nil {
			return err
		}
		tools = append(tools, bedrock.Tool{ToolSpec: &bedrock.ToolSpecification{
			Name: tool.Name, Description: tool.Description, InputSchema: bedrock.ToolInputSchema{JSON: schema},
		}})
	}
	if len(tools) > 0 {
		req.ToolConfig = &bedrock.ToolConfiguration{Tools: tools}
	}
	return nil
}

// cohereTypes are the parameter types of Cohere, which are Python's, as JSON
// Schema's.
var cohereTypes = map[string]string{
	"str": "string", "string": "string", "int": "integer", "integer": "integer", "float": "number", "number": "number",
	"bool": "boolean", "boolean": "boolean", "list": "array", "array": "array", "dict": "object", "object": "object",
}

func cohereSchema(parameters map[string]cohereParameter, at string) (bedrock.Document, error) {
	properties, required := object{}, []string{}
	names := object{}
	for name := range parameters {
		names[name] = nil
	}
	for _, name := range names.names() {
		p := parameters[name]
		property := object{}
		kind, item, _ := strings.Cut(strings.ToLower(strings.TrimSuffix(p.Type, "]")), "[")
		schemaType, ok := cohereTypes[kind]
		if !ok {
			return nil, bad(at+"."+name+".type", "expected str, int, float, bool, list or dict")
		}
		property.set("type", schemaType)
		if itemType, ok := cohereTypes[item]; ok && schemaType == "array" {
			property.set("items", map[string]string{"type": itemType})
		}
		if p.Description != "" {
			property.set("description", p.Description)
		}
		properties.set(name, property)
		if p.Required {
			required = append(required, name)
		}
	}
	schema := object{}
	schema.set("type", "object")
	schema.set("properties", properties)
	schema.set("required", required)
	return schema.document(), nil
}

type cohereResponse struct {
	ResponseID      string       `json:"response_id"`
	Text            string       `json:"text"`
	GenerationID    string       `json:"generation_id"`
	FinishReason    string       `json:"finish_reason"`
	ToolCalls       []cohereCall `json:"tool_calls,omitzero"`
	GuardrailAction string       `json:"amazon-bedrock-guardrailAction,omitzero"`
}

func cohereReply(info *Info, res *bedrock.ConverseResponse) ([]byte, error) {
	if res.Output.Message == nil {
		return nil, errors.New("the response has no message")
	}
	return bedrock.Marshal(cohereResponseOf(info, res.Output.Message, res.StopReason))
}

func cohereResponseOf(info *Info, m *bedrock.Message, stop bedrock.StopReason) *cohereResponse {
	out := &cohereResponse{
		ResponseID: info.ID, GenerationID: info.ID, Text: m.Text(), FinishReason: cohereFinish(stop), GuardrailAction: guardrailAction(stop),
	}
	for _, block := range m.Content {
		if block.ToolUse != nil {
			out.ToolCalls = append(out.ToolCalls, cohereCall{Name: block.ToolUse.Name, Parameters: block.ToolUse.Input})
		}
	}
	return out
}

func cohereFinish(reason bedrock.StopReason) string {
	switch reason {
	case bedrock.StopReasonMaxTokens:
		return "MAX_TOKENS"
	case bedrock.StopReasonModelContextWindowExceeded:
		return "ERROR_LIMIT"
	case bedrock.StopReasonContentFiltered, bedrock.StopReasonGuardrailIntervened:
		return "ERROR_TOXIC"
	}
	return "COMPLETE"
}

// cohereEncoder writes Cohere's stream, whose last event repeats the whole
// reply; so it is collected on the way.
type cohereEncoder struct {
	info      *Info
	collector bedrock.Collector
	chunks    [][]byte
	stop      bedrock.StopReason
}

func newCohereEncoder(info *Info) Encoder { return &cohereEncoder{info: info} }

func (e *cohereEncoder) Encode(out *bedrock.ConverseStreamOutput, firstByte time.Duration) ([][]byte, error) {
	e.chunks = e.chunks[:0]
	if err := e.collector.Add(out); err != nil {
		return nil, err
	}
	switch {
	case out.ContentBlockDelta != nil && out.ContentBlockDelta.Delta.Text != nil:
		text := *out.ContentBlockDelta.Delta.Text
		chunk := append(make([]byte, 0, len(text)+80), `{"is_finished":false,"event_type":"text-generation","text":`...)
		e.chunks = append(e.chunks, append(bedrock.AppendString(chunk, text), '}'))
	case out.MessageStart != nil:
		return e.add(map[string]any{"is_finished": false, "event_type": "stream-start", "generation_id": e.info.ID})
	case out.MessageStop != nil:
		e.stop = out.MessageStop.StopReason
	case out.Metadata != nil:
		message := e.collector.Message()
		response := cohereResponseOf(e.info, &message, e.stop)
		if len(response.ToolCalls) > 0 {
			if _, err := e.add(map[string]any{"is_finished": false, "event_type": "tool-calls-generation", "tool_calls": response.ToolCalls}); err != nil {
				return nil, err
			}
		}
		return e.add(map[string]any{
			"is_finished": true, "event_type": "stream-end", "finish_reason": response.FinishReason,
			"response": response, metricsName: metricsOf(out.Metadata, firstByte),
		})
	}
	return e.chunks, nil
}

func (e *cohereEncoder) add(v any) ([][]byte, error) {
	chunk, err := bedrock.Marshal(v)
	e.chunks = append(e.chunks, chunk)
	return e.chunks, err
}
