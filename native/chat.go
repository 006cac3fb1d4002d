package native

import (
	"strconv"

	"github.com/outcrop-ai/outcrop/bedrock"
)

// chatRequest is the Chat Completions request that several families share.
type chatRequest struct {
	Messages            []chatMessage    `json:"messages"`
	MaxTokens           *int             `json:"max_tokens"`
	MaxCompletionTokens *int             `json:"max_completion_tokens"`
	Temperature         *float64         `json:"temperature"`
	TopP                *float64         `json:"top_p"`
	Stop                bedrock.Document `json:"stop"` // a string or several
	Tools               []chatTool       `json:"tools"`
	ToolChoice          bedrock.Document `json:"tool_choice"`
	ResponseFormat      *chatFormat      `json:"response_format"`
	N                   *int             `json:"n"`
	Logprobs            bedrock.Document `json:"logprobs"`

	// The path and the operation say these.
	Model         bedrock.Document `json:"model"`
	Stream        bedrock.Document `json:"stream"`
	StreamOptions bedrock.Document `json:"stream_options"`

	Unknown bedrock.Document `json:",embed"`
}

type chatTool struct {
	Type     string        `json:"type"`
	Function *chatFunction `json:"function"`

	Unknown bedrock.Document `json:",embed"`
}

type chatFunction struct {
	Name        string           `json:"name"`
	Description string           `json:"description"`
	Parameters  bedrock.Document `json:"parameters"`
	Strict      *bool            `json:"strict"`

	Unknown bedrock.Document `json:",embed"`
}

type chatFormat struct {
	Type       string `json:"type"`
	JSONSchema *struct {
		Name        string           `json:"name"`
		Description string           `json:"description"`
		Schema      bedrock.Document `json:"schema"`
		Strict      *bool            `json:"strict"` // held to it either way

		Unknown bedrock.Document `json:",embed"`
	} `json:"json_schema"`

	Unknown bedrock.Document `json:",embed"`
}

func chatToConverse(body []byte) (*bedrock.ConverseRequest, error) {
	var in chatRequest
	if err := read(body, &in, ""); err != nil {
		return nil, err
	}
	switch {
	case len(in.Messages) == 0:
		return nil, missing("", "messages")
	case in.N != nil && *in.N != 1:
		return nil, bad("n", "Converse gives one reply")
	case !isNull(in.Logprobs) && string(in.Logprobs) != "false":
		return nil, bad("logprobs", "Converse has no place for them")
	}
	extra := objectOf(in.Unknown)
	req := new(bedrock.ConverseRequest)
	var err error
	if req.System, req.Messages, err = chatMessages(in.Messages); err != nil {
		return nil, err
	}
	if req.InferenceConfig, err = in.inference(extra); err != nil {
		return nil, err
	}
	if err := in.tools(req, extra); err != nil {
		return nil, err
	}
	if err := in.format(req); err != nil {
		return nil, err
	}
	req.AdditionalModelRequestFields = extra.document()
	return req, nil
}

func (in *chatRequest) inference(extra object) (*bedrock.InferenceConfiguration, error) {
	stop, err := stopList(in.Stop, "stop")
	if err != nil {
		return nil, err
	}
	limit := in.MaxTokens
	if in.MaxCompletionTokens != nil {
		limit = in.MaxCompletionTokens
	}
	return inference(limit, in.Temperature, in.TopP, stop, extra), nil
}

// inference is a request's settings, nil when it has none. A temperature over
// Converse's limit of 1 travels among the additional fields.
func inference(limit *int, temperature, topP *float64, stop []string, extra object) *bedrock.InferenceConfiguration {
	if temperature != nil && *temperature > 1 {
		extra.set("temperature", *temperature)
		temperature = nil
	}
	if limit == nil && temperature == nil && topP == nil && stop == nil {
		return nil
	}
	return &bedrock.InferenceConfiguration{MaxTokens: limit, Temperature: temperature, TopP: topP, StopSequences: stop}
}

// stopList reads stop sequences that may be one string.
func stopList(doc bedrock.Document, at string) ([]string, error) {
	if isNull(doc) {
		return nil, nil
	}
	if kindOf(doc) == '"' {
		list := make([]string, 1)
		return list, read(doc, &list[0], at)
	}
	var list []string
	return list, read(doc, &list, at)
}

func (in *chatRequest) tools(req *bedrock.ConverseRequest, extra object) error {
	var config bedrock.ToolConfiguration
	for i, tool := range in.Tools {
		at := "tools." + strconv.Itoa(i)
		if tool.Type != "" && tool.Type != "function" {
			return bad(at+".type", "expected \"function\"")
		}
		f := tool.Function
		if f == nil {
			return missing(at, "function")
		}
		if f.Name == "" {
			return missing(at+".function", "name")
		}
		if err := only(tool.Unknown, at); err != nil {
			return err
		}
		if err := only(f.Unknown, at+".function"); err != nil {
			return err
		}
		schema := f.Parameters
		if isNull(schema) {
			schema = bedrock.Document(`{"type":"object","properties":{}}`)
		}
		config.Tools = append(config.Tools, bedrock.Tool{ToolSpec: &bedrock.ToolSpecification{
			Name: f.Name, Description: f.Description, Strict: f.Strict, InputSchema: bedrock.ToolInputSchema{JSON: schema},
		}})
	}
	if len(config.Tools) == 0 {
		return nil
	}
	req.ToolConfig = &config
	var err error
	config.ToolChoice, err = chatChoice(in.ToolChoice, extra)
	return err
}

// chatChoice reads tool_choice. Converse cannot say "none", so that travels
// among the additional fields.
func chatChoice(doc bedrock.Document, extra object) (*bedrock.ToolChoice, error) {
	const expected = "expected \"auto\", \"none\", \"required\" or a function"
	switch kindOf(doc) {
	case 0, 'n':
		return nil, nil
	case '"':
		switch string(doc) {
		case `"auto"`:
			return &bedrock.ToolChoice{Auto: &bedrock.AutoToolChoice{}}, nil
		case `"required"`, `"any"`:
			return &bedrock.ToolChoice{Any: &bedrock.AnyToolChoice{}}, nil
		case `"none"`:
			extra.set("tool_choice", doc)
			return nil, nil
		}
		return nil, bad("tool_choice", expected)
	}
	var named struct {
		Type     string `json:"type"`
		Function struct {
			Name string `json:"name"`
		} `json:"function"`
	}
	if err := read(doc, &named, "tool_choice"); err != nil {
		return nil, err
	}
	if named.Function.Name == "" {
		return nil, bad("tool_choice", expected)
	}
	return &bedrock.ToolChoice{Tool: &bedrock.SpecificToolChoice{Name: named.Function.Name}}, nil
}

func (in *chatRequest) format(req *bedrock.ConverseRequest) error {
	f := in.ResponseFormat
	if f == nil {
		return nil
	}
	if err := only(f.Unknown, "response_format"); err != nil {
		return err
	}
	switch f.Type {
	case "text":
		return nil
	case "json_object":
		req.OutputConfig = &bedrock.OutputConfig{TextFormat: jsonSchema("", "", bedrock.Document(`{"type":"object"}`))}
		return nil
	case "json_schema":
		if f.JSONSchema == nil || isNull(f.JSONSchema.Schema) {
			return missing("response_format.json_schema", "schema")
		}
		if err := only(f.JSONSchema.Unknown, "response_format.json_schema"); err != nil {
			return err
		}
		req.OutputConfig = &bedrock.OutputConfig{
			TextFormat: jsonSchema(f.JSONSchema.Name, f.JSONSchema.Description, f.JSONSchema.Schema),
		}
		return nil
	}
	return bad("response_format.type", "expected \"text\", \"json_object\" or \"json_schema\"")
}
