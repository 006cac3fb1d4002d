package outcrop

import (
	"context"
	"encoding/json"

	"github.com/outcrop-ai/outcrop/bedrock"
	"github.com/outcrop-ai/outcrop/structured"
)

// outputTool is the tool that the tool strategy forces the model to use.
const outputTool = "construct_output"

// question is the next request to the model.
func (c *climber) question() (bedrock.ConstructStep, *bedrock.ConverseRequest) {
	request := &bedrock.ConverseRequest{
		ModelID:         c.model,
		Messages:        append([]bedrock.Message(nil), c.request.Messages...),
		System:          append([]bedrock.SystemContentBlock(nil), c.request.System...),
		InferenceConfig: c.request.InferenceConfig,
		RequestMetadata: c.request.RequestMetadata,
	}
	if c.request.Prompt != "" {
		request.Messages = []bedrock.Message{bedrock.UserText(c.request.Prompt)}
	}
	switch {
	case c.mend != nil:
		given := string(c.schema.Encode(c.mend.Value))
		turn(request, given, c.schema.ReAsk(c.mend.Value, c.mend.Violations))
		return bedrock.ConstructStepPatch, request
	case c.resume != "":
		instruct(request, c.shown())
		turn(request, c.resume, "Your answer was cut off. Continue it exactly where it stops, and write nothing else.")
		return bedrock.ConstructStepContinue, request
	case c.strategy == bedrock.ConstructStepNative:
		request.OutputConfig = c.textFormat()
		if c.native != nil && c.native.Profile.Unseen {
			instruct(request, c.shown())
		} else {
			instruct(request, c.shownExamples())
		}
	case c.strategy == bedrock.ConstructStepTool:
		request.ToolConfig = c.forcedTool()
		instruct(request, c.shownExamples())
	default:
		instruct(request, c.prompt)
	}
	return c.strategy, request
}

// textFormat asks for the plan's schema, or for the schema itself where a
// request names the native strategy and the back-end says nothing of it.
func (c *climber) textFormat() *bedrock.OutputConfig {
	text := c.schema.Text()
	if c.native != nil {
		text = string(c.native.Schema())
	}
	return &bedrock.OutputConfig{TextFormat: &bedrock.OutputFormat{
		Type: bedrock.OutputFormatTypeJSONSchema,
		Structure: bedrock.OutputFormatStructure{
			JSONSchema: &bedrock.JSONSchemaDefinition{Schema: text, Name: "output"},
		},
	}}
}

// forcedTool is a tool whose input is the value.
func (c *climber) forcedTool() *bedrock.ToolConfiguration {
	return &bedrock.ToolConfiguration{
		Tools: []bedrock.Tool{{ToolSpec: &bedrock.ToolSpecification{
			Name:        outputTool,
			Description: "Takes the answer.",
			InputSchema: bedrock.ToolInputSchema{JSON: bedrock.Document(c.plan(bedrock.ConstructStepTool).Schema())},
		}}},
		ToolChoice: &bedrock.ToolChoice{Tool: &bedrock.SpecificToolChoice{Name: outputTool}},
	}
}

// shown is the text that shows a model the form in which it answers under the
// strategy: the caller's own, or the JSON that a plan made of it.
func (c *climber) shown() string {
	if c.strategy == bedrock.ConstructStepPrompt {
		return c.prompt
	}
	form := c.schema
	if plan := c.plan(c.strategy); plan != nil && !plan.Identity() {
		lowered, err := c.manager.schemas.Compile(plan.Schema())
		if err != nil {
			return c.shownExamples() // larger than the limits
		}
		form = lowered
	}
	text, err := form.Prompt(structured.JSON, nil)
	if err != nil {
		return c.shownExamples()
	}
	return text + "\n" + c.shownExamples()
}

// shownExamples is the request's examples for the strategies that do not show
// the schema, in the form in which the model will answer.
func (c *climber) shownExamples() string {
	text := ""
	for _, example := range c.examples {
		value := example.Output
		if plan := c.plan(c.strategy); plan != nil {
			value = plan.Down(value)
		}
		if out, err := json.Marshal(value); err == nil {
			text += "Example input:\n" + example.Input + "\nExample output:\n" + string(out) + "\n\n"
		}
	}
	return text
}

func instruct(request *bedrock.ConverseRequest, text string) {
	if text != "" {
		request.System = append(request.System, bedrock.SystemContentBlock{Text: &text})
	}
}

// turn adds a turn: what the model said, and what it is asked now.
func turn(request *bedrock.ConverseRequest, said, asked string) {
	request.Messages = append(request.Messages,
		bedrock.Message{Role: bedrock.ConversationRoleAssistant, Content: []bedrock.ContentBlock{{Text: &said}}},
		bedrock.UserText(asked))
}

// send asks the model. While a stream's reader has been given nothing, a fresh
// question goes as a stream, and what is settled is passed on while the rest is
// still being written.
func (c *climber) send(ctx context.Context, step bedrock.ConstructStep, request *bedrock.ConverseRequest) (*bedrock.ConverseResponse, error) {
	fresh := step != bedrock.ConstructStepPatch && step != bedrock.ConstructStepContinue
	if c.emit == nil || !fresh || c.delivered() || !c.streams(step) {
		return c.manager.Converse(ctx, request)
	}
	stream, err := c.manager.ConverseStream(ctx, request)
	if err != nil {
		return nil, err
	}
	return Collect(c.settled(stream, step))
}

// streams tells whether the reply to a step has the caller's own form while it
// grows: JSON in the shape of the schema.
func (c *climber) streams(step bedrock.ConstructStep) bool {
	plan := c.plan(step)
	return c.format == structured.JSON && (plan == nil || !plan.Reshapes())
}
