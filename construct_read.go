package outcrop

import (
	"errors"
	"reflect"
	"slices"
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
	if step == bedrock.ConstructStepContinue {
		o.text = c.continued(o.text)
	}
	reading, err := c.value(step, o.text)
	cut := o.stop == bedrock.StopReasonMaxTokens || o.stop == bedrock.StopReasonModelContextWindowExceeded
	if err != nil {
		problem := err.Error()
		if cut {
			problem = "cut at maxTokens: " + problem
		}
		o.errs = append(o.errs, bedrock.ConstructError{Message: problem})
		if e, ok := errors.AsType[*structured.ReadError](err); ok && e.Partial != nil && step != bedrock.ConstructStepPatch {
			c.keepPart(e.Partial, o.errs[len(o.errs)-1])
		}
		return
	}
	if taken := c.takenBack(reading.Value); len(taken) > 0 {
		copied := *reading
		copied.Violations = append(slices.Clone(reading.Violations), taken...)
		reading = &copied
	}
	o.reading = reading
	o.errs = append(o.errs, constructErrors(reading.Violations)...)
	if reading.Truncated && cut {
		o.errs = append(o.errs, bedrock.ConstructError{Message: "cut at maxTokens: the reply ends before the value does"})
	}
	for _, repair := range reading.Repairs {
		o.repairs = append(o.repairs, repair.String())
	}
	c.keep(closest{value: reading.Value, errs: o.errs, whole: true})
}

// keepPart remembers the part of a reply that could be read.
func (c *climber) keepPart(part any, why bedrock.ConstructError) {
	if plan := c.plan(c.strategy); plan != nil {
		part = plan.Up(part)
	}
	c.keep(closest{value: part, errs: append([]bedrock.ConstructError{why}, constructErrors(c.schema.Validate(part))...)})
}

// value reads a reply in the form in which its step asked for it. A model may
// have answered in the caller's own form all the same.
func (c *climber) value(step bedrock.ConstructStep, text string) (*structured.Reading, error) {
	switch plan := c.plan(c.strategy); {
	case step == bedrock.ConstructStepPatch:
		return c.schema.Answer(c.mend.Value, text)
	case plan != nil:
		return plan.Read(text)
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

// continued is the text of a reply that was cut and has been continued. A
// model that was asked to go on may also fence what it adds, repeat the last
// words, or begin anew.
func (c *climber) continued(more string) string {
	added := unfenced(more)
	joined := c.resume + added[overlap(c.resume, added):]
	for _, text := range []string{joined, c.resume + added, more} {
		if reading, err := c.value(bedrock.ConstructStepContinue, text); err == nil && reading.Valid() {
			return text
		}
	}
	if begin := strings.TrimSpace(c.resume); len(begin) >= minOverlap && strings.HasPrefix(strings.TrimSpace(more), begin[:minOverlap]) {
		return more
	}
	return joined
}

// Text counts as repeated when this many bytes are equal, and so many of them
// differ from each other: in a row of zeros nothing is told apart.
const (
	minOverlap = 12
	minVaried  = 6
	maxOverlap = 400
)

// overlap is how many of the first bytes of more repeat the last of text.
func overlap(text, more string) int {
	for n := min(len(text), len(more), maxOverlap); n >= minOverlap; n-- {
		if strings.HasSuffix(text, more[:n]) && varied(more[:n]) {
			return n
		}
	}
	return 0
}

func varied(text string) bool {
	seen := map[byte]bool{}
	for i := range len(text) {
		seen[text[i]] = true
	}
	return len(seen) >= minVaried
}

// unfenced is a text without the code fence around it.
func unfenced(text string) string {
	inner, ok := strings.CutPrefix(strings.TrimSpace(text), "```")
	if !ok {
		return text
	}
	_, inner, _ = strings.Cut(inner, "\n")
	return strings.TrimSuffix(strings.TrimSuffix(inner, "```"), "\n")
}

// delivered tells whether a stream's reader has been given anything.
func (l *ladder) delivered() bool { return len(l.sent) > 0 || l.text != nil }

// takenBack lists where a value differs from what a stream's reader has been
// given already, which stands.
func (l *ladder) takenBack(value any) []structured.Violation {
	var found []structured.Violation
	for _, update := range l.sent {
		if now, ok := structured.Lookup(value, update.Path); !ok || !reflect.DeepEqual(now, update.Value) {
			found = append(found, structured.Violation{
				Path: update.Path, Missing: !ok,
				Message: "has been delivered already and must stay " + string(l.schema.Encode(update.Value)),
			})
		}
	}
	if l.text != nil {
		now, ok := structured.Lookup(value, l.open)
		if text, isText := now.(string); !isText || !strings.HasPrefix(text, string(l.text)) {
			found = append(found, structured.Violation{
				Path: l.open, Missing: !ok,
				Message: "has been delivered already and must begin with " + string(l.schema.Encode(string(l.text))),
			})
		}
	}
	return found
}
