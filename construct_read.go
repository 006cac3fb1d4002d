package outcrop

import (
	"reflect"
	"strings"

	"github.com/outcrop-ai/outcrop/bedrock"
	"github.com/outcrop-ai/outcrop/structured"
)

// answer is the part of a reply that holds the value: the input of the forced
// tool, or the text.
func answer(m *bedrock.Message) string {
	for _, block := range m.Content {
		if block.ToolUse != nil && block.ToolUse.Name == outputTool {
			return string(block.ToolUse.Input)
		}
	}
	return m.Text()
}

// read finds the value in a reply and what is wrong with it.
func (c *climber) read(step bedrock.ConstructStep, o *outcome) {
	reading, err := c.value(step, o.text)
	if err != nil {
		problem := err.Error()
		if o.stop == bedrock.StopReasonMaxTokens {
			problem = "cut at maxTokens: " + problem
		}
		o.errs = append(o.errs, bedrock.ConstructError{Message: problem})
		return
	}
	o.reading = reading
	o.errs = append(o.errs, constructErrors(reading.Violations)...)
	if reading.Truncated && o.stop == bedrock.StopReasonMaxTokens {
		o.errs = append(o.errs, bedrock.ConstructError{Message: "cut at maxTokens: the reply ends before the value does"})
	}
	o.errs = append(o.errs, c.takenBack(reading.Value)...)
	for _, repair := range reading.Repairs {
		o.repairs = append(o.repairs, repair.String())
	}
	if c.best == nil || len(reading.Violations) < len(c.best.Violations) {
		c.best = reading
	}
}

// value reads a reply in the form in which its step asked for it. A model may
// have answered in the caller's own form all the same.
func (c *climber) value(step bedrock.ConstructStep, text string) (*structured.Reading, error) {
	switch {
	case step == bedrock.ConstructStepPatch:
		return c.schema.Answer(c.mend.Value, text)
	case c.plan(step) != nil:
		return c.plan(step).Read(text)
	case c.format == structured.XML:
		reading, err := c.schema.ReadXML(text)
		if err != nil && strings.ContainsAny(text, "{[") {
			if direct, jsonErr := c.schema.Read(text); jsonErr == nil {
				return direct, nil
			}
		}
		return reading, err
	}
	return c.schema.Read(text)
}

// takenBack lists where a value differs from what a stream's reader has been
// given already, which stands.
func (c *climber) takenBack(value any) []bedrock.ConstructError {
	var errs []bedrock.ConstructError
	for _, update := range c.sent {
		if now, ok := structured.Lookup(value, update.Path); !ok || !reflect.DeepEqual(now, update.Value) {
			errs = append(errs, bedrock.ConstructError{Path: update.Path, Message: "differs from what the stream has delivered"})
		}
	}
	if c.open.Path != "" {
		now, _ := structured.Lookup(value, c.open.Path)
		if text, ok := now.(string); !ok || !strings.HasPrefix(text, c.open.Text) {
			errs = append(errs, bedrock.ConstructError{Path: c.open.Path, Message: "does not begin as the stream has delivered it"})
		}
	}
	return errs
}
