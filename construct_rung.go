package outcrop

import (
	"context"
	"fmt"
	"strings"

	"github.com/outcrop-ai/outcrop/bedrock"
	"github.com/outcrop-ai/outcrop/structured"
)

// rung is how one model is asked: by which strategy, and with what has been
// said so far.
type rung struct {
	model    string
	strategy bedrock.ConstructStrategy
	request  bedrock.ConverseRequest
}

// outcome is what one attempt brought.
type outcome struct {
	message bedrock.Message
	stop    bedrock.StopReason
	reading *structured.Reading // nil when the reply held no value
	errs    []bedrock.ConstructError
}

// outputTool is the tool that the tool strategy forces the model to use.
const outputTool = "construct_output"

// rung prepares the first question to a model.
func (l *ladder) rung(model string) *rung {
	r := &rung{model: model, strategy: l.strategy(model)}
	messages := l.request.Messages
	if l.request.Prompt != "" {
		messages = []bedrock.Message{bedrock.UserText(l.request.Prompt)}
	}
	r.request = bedrock.ConverseRequest{
		ModelID:         model,
		Messages:        append([]bedrock.Message(nil), messages...),
		System:          append([]bedrock.SystemContentBlock(nil), l.request.System...),
		InferenceConfig: l.request.InferenceConfig,
		RequestMetadata: l.request.RequestMetadata,
	}
	switch r.strategy {
	case bedrock.ConstructStrategyNative:
		r.request.OutputConfig = &bedrock.OutputConfig{TextFormat: &bedrock.OutputFormat{
			Type: bedrock.OutputFormatTypeJSONSchema,
			Structure: bedrock.OutputFormatStructure{
				JSONSchema: &bedrock.JSONSchemaDefinition{Schema: l.schema.Text(), Name: "output"},
			},
		}}
		r.instruct(l.examples())
	case bedrock.ConstructStrategyTool:
		r.request.ToolConfig = &bedrock.ToolConfiguration{
			Tools: []bedrock.Tool{{ToolSpec: &bedrock.ToolSpecification{
				Name:        outputTool,
				Description: "Takes the answer.",
				InputSchema: bedrock.ToolInputSchema{JSON: bedrock.Document(l.schema.Text())},
			}}},
			ToolChoice: &bedrock.ToolChoice{Tool: &bedrock.SpecificToolChoice{Name: outputTool}},
		}
		r.instruct(l.examples())
	default:
		r.instruct("Answer with one JSON value that keeps to this JSON Schema, and with nothing else:\n" + l.schema.Text() + l.examples())
	}
	return r
}

// strategy is the request's, or for auto the strongest that the model has.
func (l *ladder) strategy(model string) bedrock.ConstructStrategy {
	if s := l.request.Strategy; s != "" && s != bedrock.ConstructStrategyAuto {
		return s
	}
	if support, ok := l.manager.config.Backend.(SchemaSupport); ok && support.SchemaProfile(model) != "" {
		return bedrock.ConstructStrategyNative
	}
	return bedrock.ConstructStrategyPrompt
}

func (l *ladder) examples() string {
	var b strings.Builder
	for _, example := range l.request.Examples {
		fmt.Fprintf(&b, "\nExample input: %s\nExample output: %s\n", example.Input, example.Output)
	}
	return b.String()
}

func (r *rung) instruct(text string) {
	if text != "" {
		r.request.System = append(r.request.System, bedrock.SystemContentBlock{Text: &text})
	}
}

// ask makes one attempt and writes it into the trace.
func (l *ladder) ask(ctx context.Context, r *rung) (*outcome, error) {
	request := r.request
	response, err := l.manager.Converse(ctx, &request)
	if err != nil {
		return nil, err
	}
	l.usage.Add(response.Usage)
	o := &outcome{stop: response.StopReason, errs: []bedrock.ConstructError{}}
	if response.Output.Message != nil {
		o.message = *response.Output.Message
	}
	if err := refused(o.stop); err != nil {
		return nil, err
	}
	repairs := l.read(r, o)
	usage := response.Usage
	l.attempts = append(l.attempts, bedrock.ConstructAttempt{
		Strategy: r.strategy, ModelID: r.model, Errors: o.errs, Repairs: repairs, Usage: &usage,
	})
	return o, nil
}

// refused is the error of a reply that another attempt would not change.
func refused(stop bedrock.StopReason) error {
	switch stop {
	case bedrock.StopReasonGuardrailIntervened, bedrock.StopReasonContentFiltered:
		return Errorf(bedrock.CodeModelError, "the model refused to answer (%s)", stop)
	}
	return nil
}

// read finds the value in a reply and what is wrong with it.
func (l *ladder) read(r *rung, o *outcome) (repairs []string) {
	repairs = []string{}
	reading, err := l.schema.Read(r.answer(&o.message))
	if err != nil {
		problem := err.Error()
		if o.stop == bedrock.StopReasonMaxTokens {
			problem = "the reply was cut at maxTokens: " + problem
		}
		o.errs = append(o.errs, bedrock.ConstructError{Path: "", Message: problem})
		return repairs
	}
	o.reading, o.errs = reading, constructErrors(reading.Violations)
	for _, repair := range reading.Repairs {
		repairs = append(repairs, repair.String())
	}
	if l.best == nil || len(reading.Violations) < len(l.best.Violations) {
		l.best = reading
	}
	return repairs
}

// answer is the part of a reply that holds the value.
func (r *rung) answer(m *bedrock.Message) string {
	for _, block := range m.Content {
		if block.ToolUse != nil && block.ToolUse.Name == outputTool {
			return string(block.ToolUse.Input)
		}
	}
	return m.Text()
}

// reask continues the conversation: the reply, and what is wrong with it.
func (r *rung) reask(o *outcome) {
	var b strings.Builder
	b.WriteString("That does not keep to the schema:\n")
	for _, e := range o.errs {
		fmt.Fprintf(&b, "- %s: %s\n", e.Path, e.Message)
	}
	b.WriteString("Answer with the whole corrected value.")
	if len(o.message.Content) == 0 {
		return
	}
	r.request.Messages = append(r.request.Messages, o.message, r.correction(&o.message, b.String()))
}

// correction answers a tool's use as the API demands, or speaks as the user.
func (r *rung) correction(m *bedrock.Message, text string) bedrock.Message {
	reply := bedrock.Message{Role: bedrock.ConversationRoleUser}
	for _, block := range m.Content {
		if block.ToolUse != nil {
			reply.Content = append(reply.Content, bedrock.ContentBlock{ToolResult: &bedrock.ToolResultBlock{
				ToolUseID: block.ToolUse.ToolUseID,
				Status:    bedrock.ToolResultStatusError,
				Content:   []bedrock.ToolResultContentBlock{{Text: &text}},
			}})
		}
	}
	if len(reply.Content) == 0 {
		return bedrock.UserText(text)
	}
	return reply
}
