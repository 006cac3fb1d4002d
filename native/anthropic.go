package native

import (
	"encoding/base64"
	"strconv"
	"strings"

	"github.com/outcrop-ai/outcrop/bedrock"
)

// anthropicMessages is Anthropic's Messages format as Bedrock takes it: the
// model is in the path, and whether to stream in the operation.
var anthropicMessages = &Family{
	name:    "anthropic-messages",
	request: anthropicToConverse,
	reply:   anthropicReply,
	encoder: newAnthropicEncoder,
	usage:   anthropicReplyUsage,
	limits:  []string{"max_tokens"},
	sampled: anthropicSampling,
	ask:     askAnthropic,
}

// askAnthropic is a request of one user message. max_tokens is required.
func askAnthropic(q Question) any {
	limit := q.MaxTokens
	if limit == 0 {
		limit = defaultMaxTokens
	}
	body := map[string]any{
		"anthropic_version": "bedrock-2023-05-31",
		"max_tokens":        limit,
		"messages":          []any{map[string]any{"role": "user", "content": q.Prompt}},
	}
	if q.System != "" {
		body["system"] = q.System
	}
	return body
}

type anthropicRequest struct {
	Version       string             `json:"anthropic_version"`
	MaxTokens     *int               `json:"max_tokens"`
	Messages      []anthropicMessage `json:"messages"`
	System        bedrock.Document   `json:"system"` // a string or text blocks
	Temperature   *float64           `json:"temperature"`
	TopP          *float64           `json:"top_p"`
	StopSequences []string           `json:"stop_sequences"`
	Tools         []bedrock.Document `json:"tools"`
	ToolChoice    bedrock.Document   `json:"tool_choice"`
	OutputConfig  bedrock.Document   `json:"output_config"`
	OutputFormat  bedrock.Document   `json:"output_format"`

	Unknown bedrock.Document `json:",embed"`
}

type anthropicMessage struct {
	Role    string           `json:"role"`
	Content bedrock.Document `json:"content"` // a string or blocks

	Unknown bedrock.Document `json:",embed"`
}

type anthropicTool struct {
	Type         string           `json:"type"`
	Name         string           `json:"name"`
	Description  string           `json:"description"`
	InputSchema  bedrock.Document `json:"input_schema"`
	Strict       *bool            `json:"strict"`
	CacheControl *anthropicCache  `json:"cache_control"`

	Unknown bedrock.Document `json:",embed"`
}

func anthropicToConverse(body []byte) (*bedrock.ConverseRequest, error) {
	var in anthropicRequest
	if err := read(body, &in, ""); err != nil {
		return nil, err
	}
	switch {
	case in.Version == "":
		return nil, missing("", "anthropic_version")
	case in.MaxTokens == nil:
		return nil, missing("", "max_tokens")
	case len(in.Messages) == 0:
		return nil, missing("", "messages")
	}
	extra := objectOf(in.Unknown)
	for _, name := range []string{"model", "stream"} { // the path and the operation say these
		if _, ok := extra[name]; ok {
			return nil, extraneous("", name)
		}
	}
	req := &bedrock.ConverseRequest{
		InferenceConfig: &bedrock.InferenceConfiguration{
			MaxTokens: in.MaxTokens, Temperature: in.Temperature, TopP: in.TopP, StopSequences: in.StopSequences,
		},
		AdditionalModelResponseFieldPaths: []string{"/stop_sequence"},
	}
	var err error
	if req.System, err = anthropicSystem(in.System); err != nil {
		return nil, err
	}
	for i, m := range in.Messages {
		message, err := m.message("messages." + strconv.Itoa(i))
		if err != nil {
			return nil, err
		}
		req.Messages = appendTurn(req.Messages, message.Role, message.Content)
	}
	nameDocuments(req.Messages)
	if err := in.tools(req, extra); err != nil {
		return nil, err
	}
	if err := in.output(req, extra); err != nil {
		return nil, err
	}
	req.AdditionalModelRequestFields = extra.document()
	return req, nil
}

func (m *anthropicMessage) message(at string) (bedrock.Message, error) {
	message := bedrock.Message{Role: bedrock.ConversationRole(m.Role)}
	if err := only(m.Unknown, at); err != nil {
		return message, err
	}
	if m.Role != "user" && m.Role != "assistant" {
		return message, bad(at+".role", "expected \"user\" or \"assistant\"")
	}
	blocks, err := anthropicBlocks(m.Content, at+".content")
	if err != nil {
		return message, err
	}
	for i, b := range blocks {
		block, err := b.converse(join(at, "content."+strconv.Itoa(i)))
		if err != nil {
			return message, err
		}
		message.Content = append(message.Content, block)
		if point := b.CacheControl.point(); point != nil {
			message.Content = append(message.Content, bedrock.ContentBlock{CachePoint: point})
		}
	}
	return message, nil
}

func anthropicSystem(doc bedrock.Document) ([]bedrock.SystemContentBlock, error) {
	if isNull(doc) {
		return nil, nil
	}
	blocks, err := anthropicBlocks(doc, "system")
	if err != nil {
		return nil, err
	}
	var system []bedrock.SystemContentBlock
	for i, b := range blocks {
		if b.Type != "text" || b.Text == nil {
			return nil, bad("system."+strconv.Itoa(i)+".type", "a system prompt is made of text blocks")
		}
		system = append(system, bedrock.SystemContentBlock{Text: b.Text})
		if point := b.CacheControl.point(); point != nil {
			system = append(system, bedrock.SystemContentBlock{CachePoint: point})
		}
	}
	return system, nil
}

// tools takes tools that the caller runs into toolConfig. Anthropic's own
// tools (computer use, bash) and choices that Converse does not have go where
// Amazon Bedrock's Converse expects them: among the additional fields.
func (in *anthropicRequest) tools(req *bedrock.ConverseRequest, extra object) error {
	var config bedrock.ToolConfiguration
	var own []bedrock.Document
	for i, doc := range in.Tools {
		at := "tools." + strconv.Itoa(i)
		var tool anthropicTool
		if err := read(doc, &tool, at); err != nil {
			return err
		}
		if tool.Type != "" && tool.Type != "custom" {
			own = append(own, doc)
			continue
		}
		if err := only(tool.Unknown, at); err != nil {
			return err
		}
		if tool.Name == "" {
			return missing(at, "name")
		}
		if isNull(tool.InputSchema) {
			return missing(at, "input_schema")
		}
		config.Tools = append(config.Tools, bedrock.Tool{ToolSpec: &bedrock.ToolSpecification{
			Name: tool.Name, Description: tool.Description, Strict: tool.Strict,
			InputSchema: bedrock.ToolInputSchema{JSON: tool.InputSchema},
		}})
		if point := tool.CacheControl.point(); point != nil {
			config.Tools = append(config.Tools, bedrock.Tool{CachePoint: point})
		}
	}
	if len(own) > 0 {
		extra.set("tools", own)
	}
	if err := in.choice(&config, extra); err != nil {
		return err
	}
	if len(config.Tools) > 0 {
		req.ToolConfig = &config
	}
	return nil
}

func (in *anthropicRequest) choice(config *bedrock.ToolConfiguration, extra object) error {
	if isNull(in.ToolChoice) {
		return nil
	}
	var choice struct {
		Type            string           `json:"type"`
		Name            string           `json:"name"`
		DisableParallel bool             `json:"disable_parallel_tool_use"`
		Unknown         bedrock.Document `json:",embed"`
	}
	if err := read(in.ToolChoice, &choice, "tool_choice"); err != nil {
		return err
	}
	if err := only(choice.Unknown, "tool_choice"); err != nil {
		return err
	}
	if choice.DisableParallel || choice.Type == "none" || len(config.Tools) == 0 {
		extra.set("tool_choice", in.ToolChoice)
		return nil
	}
	switch choice.Type {
	case "auto":
		config.ToolChoice = &bedrock.ToolChoice{Auto: &bedrock.AutoToolChoice{}}
	case "any":
		config.ToolChoice = &bedrock.ToolChoice{Any: &bedrock.AnyToolChoice{}}
	case "tool":
		if choice.Name == "" {
			return missing("tool_choice", "name")
		}
		config.ToolChoice = &bedrock.ToolChoice{Tool: &bedrock.SpecificToolChoice{Name: choice.Name}}
	default:
		return bad("tool_choice.type", "expected \"auto\", \"any\", \"tool\" or \"none\"")
	}
	return nil
}

// output takes a JSON Schema for the reply, and the effort, to outputConfig.
func (in *anthropicRequest) output(req *bedrock.ConverseRequest, extra object) error {
	at, format := "output_format", in.OutputFormat
	var effort string
	if !isNull(in.OutputConfig) {
		var config struct {
			Format  bedrock.Document `json:"format"`
			Effort  string           `json:"effort"`
			Unknown bedrock.Document `json:",embed"`
		}
		if err := read(in.OutputConfig, &config, "output_config"); err != nil {
			return err
		}
		effort = config.Effort
		if !isNull(config.Format) {
			at, format = "output_config.format", config.Format
		}
		if len(config.Unknown) > 0 {
			extra.set("output_config", config.Unknown)
		}
	}
	if isNull(format) && effort == "" {
		return nil
	}
	req.OutputConfig = &bedrock.OutputConfig{Effort: effort}
	if isNull(format) {
		return nil
	}
	var schema struct {
		Type    string           `json:"type"`
		Schema  bedrock.Document `json:"schema"`
		Name    string           `json:"name"`
		Unknown bedrock.Document `json:",embed"`
	}
	if err := read(format, &schema, at); err != nil {
		return err
	}
	if err := only(schema.Unknown, at); err != nil {
		return err
	}
	if schema.Type != "json_schema" || isNull(schema.Schema) {
		return bad(at, "expected a json_schema with its schema")
	}
	req.OutputConfig.TextFormat = jsonSchema(schema.Name, "", schema.Schema)
	return nil
}

func jsonSchema(name, description string, schema bedrock.Document) *bedrock.OutputFormat {
	return &bedrock.OutputFormat{
		Type: bedrock.OutputFormatTypeJSONSchema,
		Structure: bedrock.OutputFormatStructure{
			JSONSchema: &bedrock.JSONSchemaDefinition{Schema: string(schema), Name: name, Description: description},
		},
	}
}

// anthropicCache is a block's cache_control: Converse puts a cache point
// after the block.
type anthropicCache struct {
	Type string `json:"type"`
	TTL  string `json:"ttl"`
}

func (c *anthropicCache) point() *bedrock.CachePointBlock {
	if c == nil {
		return nil
	}
	return &bedrock.CachePointBlock{Type: bedrock.CachePointTypeDefault, TTL: bedrock.CacheTTL(c.TTL)}
}

// redacted is reasoning that the model hid, as the opaque bytes of Converse;
// and back.
func redacted(data string) []byte { return []byte(data) }

func hidden(content []byte) string {
	if s := string(content); strings.ToValidUTF8(s, "") == s {
		return s
	}
	return base64.StdEncoding.EncodeToString(content)
}
