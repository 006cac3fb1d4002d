package outcrop

import (
	"context"
	"encoding/json"
	"slices"
	"strings"

	"github.com/outcrop-ai/outcrop/bedrock"
	"github.com/outcrop-ai/outcrop/structured"
)

// climber is how one model is asked: by which strategy, and what came of the
// attempts so far.
type climber struct {
	*ladder
	model    string
	strategy bedrock.ConstructStep   // of the next fresh question
	lower    []bedrock.ConstructStep // strategies still to try, the next one first
	native   *structured.Plan        // of the native strategy; nil when the back-end has none
	tool     *structured.Plan        // of the tool strategy, made when it is first needed

	mend   *structured.Reading // a value to be mended by a patch, or nil
	resume string              // a reply cut at maxTokens, to be continued, or ""
	reason string              // why the next attempt is made
}

// outcome is what one attempt brought.
type outcome struct {
	stop    bedrock.StopReason
	text    string              // the part of the reply that holds the value
	reading *structured.Reading // nil when the reply held no value
	errs    []bedrock.ConstructError
	repairs []string
}

// valid tells whether the value can be returned. A value whose closing brackets
// alone are missing is whole, unless the model was cut off.
func (o *outcome) valid() bool { return o.reading != nil && len(o.errs) == 0 }

// climber begins with a model: at the strategy that the request names, or for
// auto at the strongest that the model has.
func (l *ladder) climber(model string) *climber {
	c := &climber{ladder: l, model: model, reason: "first question"}
	if len(l.attempts) > 0 {
		c.reason = "fallback model"
	}
	c.native = l.nativePlan(model)
	switch s := l.request.Strategy; s {
	case "", bedrock.ConstructStrategyAuto:
		c.strategy, c.lower = bedrock.ConstructStepTool, []bedrock.ConstructStep{bedrock.ConstructStepPrompt}
		if c.native != nil {
			c.strategy, c.lower = bedrock.ConstructStepNative, []bedrock.ConstructStep{bedrock.ConstructStepTool, bedrock.ConstructStepPrompt}
		}
	default:
		c.strategy = bedrock.ConstructStep(s)
	}
	return c
}

// lowerTo is the schema as a profile takes it, or nil when it cannot be.
func (l *ladder) lowerTo(p structured.Profile) *structured.Plan {
	plan, err := l.schema.Plan(p)
	if err != nil {
		return nil
	}
	return plan
}

// nativePlan is the schema as the model's back-end takes it, or nil when the
// back-end takes none.
func (l *ladder) nativePlan(model string) *structured.Plan {
	support, ok := l.manager.config.Backend.(SchemaSupport)
	if !ok {
		return nil
	}
	profile, ok := structured.ProfileNamed(support.SchemaProfile(model))
	if !ok {
		return nil
	}
	return l.lowerTo(profile)
}

// toolPlan is the schema as the input of a tool, which is always an object.
func (l *ladder) toolPlan() *structured.Plan {
	var root struct {
		Type string `json:"type"`
	}
	if err := json.Unmarshal([]byte(l.schema.Text()), &root); err == nil && root.Type == "object" {
		return l.lowerTo(structured.Full())
	}
	if plan := l.lowerTo(structured.ToolInput()); plan != nil {
		return plan
	}
	return l.lowerTo(structured.Full())
}

// plan is the schema in the form in which a step asks for the value, or nil
// when that is the caller's own.
func (c *climber) plan(step bedrock.ConstructStep) *structured.Plan {
	switch step {
	case bedrock.ConstructStepNative:
		return c.native
	case bedrock.ConstructStepTool:
		if c.tool == nil {
			c.tool = c.toolPlan()
		}
		return c.tool
	}
	return nil
}

// transforms says what the form of the answer changed about the schema.
func (c *climber) transforms() []string {
	plan := c.plan(c.strategy)
	if plan == nil {
		return nil
	}
	var out []string
	for _, t := range plan.Transforms {
		out = append(out, t.Name+" ("+string(t.Effect)+"): "+t.Reason)
	}
	return out
}

// ask makes one attempt and writes it into the trace.
func (c *climber) ask(ctx context.Context) (*outcome, error) {
	step, request := c.question()
	response, err := c.send(ctx, step, request)
	if err != nil {
		c.failed(step, AsError(err))
		return nil, err
	}
	c.asked++
	c.usage.Add(response.Usage)
	o := &outcome{stop: response.StopReason, errs: []bedrock.ConstructError{}, repairs: []string{}}
	if response.Output.Message != nil {
		o.text = answer(response.Output.Message)
	}
	usage := response.Usage
	attempt := bedrock.ConstructAttempt{Strategy: step, Reason: c.reason, ModelID: c.model, Usage: &usage}
	if err := refusal(o.stop); err != nil {
		attempt.Errors, attempt.Repairs = []bedrock.ConstructError{{Message: err.Error()}}, o.repairs
		c.attempts = append(c.attempts, attempt)
		return nil, err
	}
	c.read(step, o)
	attempt.Errors, attempt.Repairs = o.errs, o.repairs
	c.attempts = append(c.attempts, attempt)
	return o, nil
}

// failed writes a request without a reply into the trace, and counts what it
// cost. What a broken stream had brought may still be the value that came closest.
func (c *climber) failed(step bedrock.ConstructStep, e *Error) {
	if e.Usage != nil {
		c.usage.Add(*e.Usage)
	}
	var message bedrock.Message
	if len(e.Partial) > 0 && bedrock.Unmarshal(e.Partial, &message) == nil {
		c.read(step, &outcome{text: answer(&message), errs: []bedrock.ConstructError{{Message: e.Error()}}})
	}
	c.attempts = append(c.attempts, bedrock.ConstructAttempt{
		Strategy: step, Reason: c.reason, ModelID: c.model, Repairs: []string{}, Usage: e.Usage,
		Errors: []bedrock.ConstructError{{Message: e.Error()}},
	})
}

// stopRefusal is Anthropic's own word, which a newer API may pass on.
const stopRefusal bedrock.StopReason = "refusal"

// refusal is the error of a reply that the same model would give again.
func refusal(stop bedrock.StopReason) error {
	switch stop {
	case bedrock.StopReasonGuardrailIntervened, bedrock.StopReasonContentFiltered, stopRefusal:
		return Errorf(bedrock.CodeModelError, "the model refused to answer (%s)", stop)
	}
	return nil
}

// stepDown goes on to the next strategy when the back-end refused the request
// of this one, as it does for a schema that its grammar cannot express.
func (c *climber) stepDown(err error) bool {
	if AsError(err).Code != bedrock.CodeValidation || len(c.lower) == 0 || c.mend != nil || c.resume != "" {
		return false
	}
	c.nextStrategy()
	c.reason = "the strategy before it was refused"
	return true
}

// nearer tells whether a patch brought the value on: fewer places fail, or as
// many others.
func nearer(now, before []structured.Violation) bool {
	if len(now) != len(before) {
		return len(now) < len(before)
	}
	return !slices.EqualFunc(now, before, func(a, b structured.Violation) bool { return a.Path == b.Path })
}

// nextStrategy goes one step down, where there is one.
func (c *climber) nextStrategy() {
	if len(c.lower) > 0 {
		c.strategy, c.lower = c.lower[0], c.lower[1:]
	}
}

// consider decides what the next attempt is, after one that did not validate.
func (c *climber) consider(o *outcome) {
	patched, resumed := c.mend, c.resume
	c.mend, c.resume = nil, ""
	switch {
	case o.stop == bedrock.StopReasonMaxTokens && patched == nil && len(strings.TrimSpace(o.text)) > len(resumed):
		c.resume, c.reason = o.text, "the reply was cut at maxTokens"
	case o.reading != nil && len(o.reading.Violations) > 0 && (patched == nil || nearer(o.reading.Violations, patched.Violations)):
		c.mend, c.reason = o.reading, "places do not validate"
	case patched != nil && c.delivered():
		c.mend, c.reason = patched, "the patch did not help"
	case patched != nil:
		c.nextStrategy()
		c.reason = "the patch did not help"
	default:
		c.nextStrategy()
		c.reason = "the reply held no value that could be mended"
	}
}
