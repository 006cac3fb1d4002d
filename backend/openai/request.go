package openai

import (
	"context"
	"maps"
	"slices"
	"strconv"

	"github.com/outcrop-ai/outcrop"
	"github.com/outcrop-ai/outcrop/bedrock"
)

// ask is a request on its way: what is sent, and what its reply has to keep.
type ask struct {
	request *bedrock.ConverseRequest
	model   string
	body    []byte
	schema  string // the reply's text must be JSON that keeps to it; "" for any text
	forced  bool   // a tool must be used
	tool    string // and it must be this one, when it is not ""
}

// prepare writes the chat request of a Converse request. It is written by
// hand into one buffer: nothing in it needs reflection, and this is the way of
// every call.
func (b *Backend) prepare(ctx context.Context, req *bedrock.ConverseRequest, model string, stream bool) (*ask, error) {
	if err := refuse(req); err != nil {
		return nil, err
	}
	a := &ask{request: req, model: model}
	w := writer{buf: make([]byte, 0, 1024+sizeOf(req)), dialect: b.dialect(ctx)}
	w.raw(`{"model":`)
	w.str(model)
	w.raw(`,"messages":[`)
	if err := w.messages(req); err != nil {
		return nil, err
	}
	w.raw(`]`)
	w.inference(req.InferenceConfig)
	if err := w.tools(req.ToolConfig, a); err != nil {
		return nil, err
	}
	if err := b.checkSchema(req.OutputConfig); err != nil {
		return nil, err
	}
	w.output(req.OutputConfig, a)
	if err := w.additional(req); err != nil {
		return nil, err
	}
	if last := len(req.Messages) - 1; w.dialect.continues && req.Messages[last].Role == bedrock.ConversationRoleAssistant {
		w.raw(`,"add_generation_prompt":false,"continue_final_message":true`)
	}
	if stream {
		w.raw(`,"stream":true,"stream_options":{"include_usage":true}`)
	}
	w.raw(`}`)
	a.body = w.buf
	return a, nil
}

// checkSchema refuses a schema that is none: servers pass over what they do
// not understand, and some fail on it.
func (b *Backend) checkSchema(c *bedrock.OutputConfig) error {
	schema := c.JSONSchema()
	if schema == nil {
		return nil
	}
	if _, err := b.schemas.Compile([]byte(schema.Schema)); err != nil {
		return outcrop.Invalid("outputConfig.textFormat.structure.jsonSchema.schema", "%w", err)
	}
	return nil
}

// refuse names what Chat Completions has no place for and what must not be
// dropped.
func refuse(req *bedrock.ConverseRequest) error {
	switch {
	case req.GuardrailConfig != nil:
		return outcrop.Invalid("guardrailConfig", "this back-end has no guardrails")
	case len(req.PromptVariables) > 0:
		return outcrop.Invalid("promptVariables", "this back-end has no stored prompts")
	}
	return nil
}

// sizeOf guesses how long the texts of a request are, for the buffer.
func sizeOf(req *bedrock.ConverseRequest) int {
	n := 0
	for i := range req.System {
		if t := req.System[i].Text; t != nil {
			n += len(*t) + 16
		}
	}
	for i := range req.Messages {
		for j := range req.Messages[i].Content {
			switch c := &req.Messages[i].Content[j]; {
			case c.Text != nil:
				n += len(*c.Text) + 64
			case c.Image != nil:
				n += len(c.Image.Source.Bytes)*4/3 + 128
			default:
				n += 256
			}
		}
	}
	return n + n/16
}

// writer writes a chat request.
type writer struct {
	buf     []byte
	dialect *dialect
	once    []string // members that several settings may stand for, and one does
}

func (w *writer) raw(s string) { w.buf = append(w.buf, s...) }
func (w *writer) str(s string) { w.buf = bedrock.AppendString(w.buf, s) }

func (w *writer) number(name string, v float64) {
	w.raw(`,"` + name + `":`)
	w.buf = strconv.AppendFloat(w.buf, v, 'g', -1, 64)
}

func (w *writer) inference(c *bedrock.InferenceConfiguration) {
	if c == nil {
		return
	}
	if c.MaxTokens != nil {
		w.raw(`,"` + w.dialect.limitName + `":`)
		w.buf = strconv.AppendInt(w.buf, int64(*c.MaxTokens), 10)
	}
	if c.Temperature != nil {
		w.number("temperature", *c.Temperature)
	}
	if c.TopP != nil {
		w.number("top_p", *c.TopP)
	}
	if len(c.StopSequences) > 0 {
		w.raw(`,"stop":[`)
		for i, s := range c.StopSequences {
			if i > 0 {
				w.raw(`,`)
			}
			w.str(s)
		}
		w.raw(`]`)
	}
}

func (w *writer) tools(c *bedrock.ToolConfiguration, a *ask) error {
	if c == nil {
		return nil
	}
	sep := `,"tools":[`
	for i := range c.Tools {
		t := &c.Tools[i]
		if t.CachePoint != nil {
			continue
		}
		if t.ToolSpec == nil {
			return outcrop.Invalid("toolConfig.tools."+strconv.Itoa(i), "this back-end runs no system tools")
		}
		w.raw(sep + `{"type":"function","function":{"name":`)
		w.str(t.ToolSpec.Name)
		if t.ToolSpec.Description != "" {
			w.raw(`,"description":`)
			w.str(t.ToolSpec.Description)
		}
		w.raw(`,"parameters":`)
		w.buf = append(w.buf, t.ToolSpec.InputSchema.JSON...)
		if t.ToolSpec.Strict != nil {
			w.raw(`,"strict":` + strconv.FormatBool(*t.ToolSpec.Strict))
		}
		w.raw(`}}`)
		sep = `,`
	}
	if sep == `,` {
		w.raw(`]`)
	}
	switch choice := c.ToolChoice; {
	case choice == nil:
	case choice.Any != nil:
		a.forced = true
		w.raw(`,"tool_choice":"required"`)
	case choice.Tool != nil:
		a.forced, a.tool = true, choice.Tool.Name
		w.raw(`,"tool_choice":{"type":"function","function":{"name":`)
		w.str(choice.Tool.Name)
		w.raw(`}}`)
	default:
		w.raw(`,"tool_choice":"auto"`)
	}
	return nil
}

func (w *writer) output(c *bedrock.OutputConfig, a *ask) {
	if c == nil {
		return
	}
	if c.Effort != "" {
		w.once = append(w.once, "reasoning_effort")
		w.raw(`,"reasoning_effort":`)
		w.str(c.Effort)
	}
	schema := c.JSONSchema()
	if schema == nil {
		return
	}
	a.schema = schema.Schema
	w.raw(`,"response_format":{"type":"json_schema","json_schema":{"name":`)
	if schema.Name == "" {
		w.raw(`"output"`)
	} else {
		w.str(schema.Name)
	}
	if schema.Description != "" {
		w.raw(`,"description":`)
		w.str(schema.Description)
	}
	if w.dialect.strictJSON {
		w.raw(`,"strict":true`)
	}
	w.raw(`,"schema":` + schema.Schema + `}}`)
}

// own are the members of a chat request that the translation writes itself.
var own = []string{
	"messages", "model", "stream", "stream_options", "tools", "n", "response_format", "logprobs", "functions", "function_call",
}

// additional writes additionalModelRequestFields. Those of other families
// take the name that Chat Completions has for them; the rest goes as it is.
func (w *writer) additional(req *bedrock.ConverseRequest) error {
	if len(req.AdditionalModelRequestFields) == 0 {
		return nil
	}
	var fields map[string]bedrock.Document
	if err := bedrock.Unmarshal(req.AdditionalModelRequestFields, &fields); err != nil {
		return outcrop.Invalid("additionalModelRequestFields", "expected an object")
	}
	for _, name := range slices.Sorted(maps.Keys(fields)) {
		if err := w.field(name, fields[name], req); err != nil {
			return err
		}
	}
	return nil
}

func (w *writer) field(name string, value bedrock.Document, req *bedrock.ConverseRequest) error {
	at := "additionalModelRequestFields." + name
	if slices.Contains(own, name) {
		return outcrop.Invalid(at, "the request has a place of its own for it, or this back-end none")
	}
	switch name {
	case "anthropic_version", "anthropic_beta", "metadata":
		return nil // say nothing to other models
	case "k", "top_k":
		return w.topK(value, at)
	case "inferenceConfig": // Nova's topK
		var nova struct {
			TopK    bedrock.Document `json:"topK"`
			Unknown bedrock.Document `json:",embed"`
		}
		if err := bedrock.Unmarshal(value, &nova); err != nil || len(nova.Unknown) > 0 {
			return outcrop.Invalid(at, "only topK has a place here")
		}
		return w.topK(nova.TopK, at+".topK")
	case "thinking", "reasoning_config":
		return w.think(value, at)
	case "tool_choice":
		return w.choice(value, at, req)
	case "temperature":
		if c := req.InferenceConfig; c != nil && c.Temperature != nil {
			return outcrop.Invalid(at, "inferenceConfig has it too")
		}
	case "max_tokens", "max_completion_tokens", "top_p", "stop":
		return outcrop.Invalid(at, "its place is inferenceConfig")
	}
	if err := w.alone(name, at); err != nil {
		return err
	}
	w.raw(`,`)
	w.str(name)
	w.raw(`:`)
	w.buf = append(w.buf, value...)
	return nil
}

// alone refuses a setting whose member of the chat request another has written:
// the server would pass over one of them.
func (w *writer) alone(member, at string) error {
	if slices.Contains(w.once, member) {
		return outcrop.Invalid(at, "another setting stands for the server's %s too", member)
	}
	w.once = append(w.once, member)
	return nil
}

func (w *writer) topK(value bedrock.Document, at string) error {
	if len(value) == 0 {
		return nil
	}
	if !w.dialect.topK {
		return outcrop.Invalid(at, "the server does not take top_k")
	}
	if err := w.alone("top_k", at); err != nil {
		return err
	}
	w.raw(`,"top_k":`)
	w.buf = append(w.buf, value...)
	return nil
}

// think switches reasoning as Anthropic's setting says. Its budget becomes an
// effort where the server knows efforts.
func (w *writer) think(value bedrock.Document, at string) error {
	var t struct {
		Type   string `json:"type"`
		Budget int    `json:"budget_tokens"`
	}
	if err := bedrock.Unmarshal(value, &t); err != nil {
		return outcrop.Invalid(at, "expected type and budget_tokens")
	}
	on := t.Type != "disabled"
	if w.dialect.thinking == thinkingByTemplate {
		w.raw(`,"chat_template_kwargs":{"enable_thinking":` + strconv.FormatBool(on) + `}`)
		return w.alone("chat_template_kwargs", at)
	}
	if !on {
		return nil
	}
	switch {
	case t.Budget <= 2048:
		w.raw(`,"reasoning_effort":"low"`)
	case t.Budget <= 16384:
		w.raw(`,"reasoning_effort":"medium"`)
	default:
		w.raw(`,"reasoning_effort":"high"`)
	}
	return w.alone("reasoning_effort", at)
}

// choice writes a tool choice that Converse cannot say: none, or one call at
// most.
func (w *writer) choice(value bedrock.Document, at string, req *bedrock.ConverseRequest) error {
	if c := req.ToolConfig; c != nil && c.ToolChoice != nil {
		return outcrop.Invalid(at, "toolConfig.toolChoice says it too")
	}
	if string(value) == `"none"` || string(value) == `"auto"` || string(value) == `"required"` {
		w.raw(`,"tool_choice":`)
		w.buf = append(w.buf, value...)
		return nil
	}
	var c struct {
		Type            string `json:"type"`
		Name            string `json:"name"`
		DisableParallel bool   `json:"disable_parallel_tool_use"`
	}
	if err := bedrock.Unmarshal(value, &c); err != nil {
		return outcrop.Invalid(at, "expected a tool choice")
	}
	if c.DisableParallel {
		w.raw(`,"parallel_tool_calls":false`)
		if err := w.alone("parallel_tool_calls", at); err != nil {
			return err
		}
	}
	switch c.Type {
	case "none", "auto":
		w.raw(`,"tool_choice":"` + c.Type + `"`)
	case "any":
		w.raw(`,"tool_choice":"required"`)
	case "tool":
		w.raw(`,"tool_choice":{"type":"function","function":{"name":`)
		w.str(c.Name)
		w.raw(`}}`)
	default:
		return outcrop.Invalid(at+".type", "expected auto, any, tool or none")
	}
	return nil
}
