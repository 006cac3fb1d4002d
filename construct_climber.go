package outcrop

import (
	"context"
	"encoding/json"

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
	native   form                    // of the native strategy
	tool     form                    // of the tool strategy

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

func (o *outcome) valid() bool { return o.reading != nil && o.reading.Valid() && len(o.errs) == 0 }

// climber begins with a model: at the strategy that the request names, or for
// auto at the strongest that the model has.
func (l *ladder) climber(model string) *climber {
	c := &climber{ladder: l, model: model, reason: "first question"}
	if len(l.attempts) > 0 {
		c.reason = "fallback model"
	}
	c.native, c.tool = l.nativeForm(model), l.toolForm()
	switch s := l.request.Strategy; s {
	case "", bedrock.ConstructStrategyAuto:
		c.strategy, c.lower = bedrock.ConstructStepTool, []bedrock.ConstructStep{bedrock.ConstructStepPrompt}
		if c.native.plan != nil {
			c.strategy, c.lower = bedrock.ConstructStepNative, []bedrock.ConstructStep{bedrock.ConstructStepTool, bedrock.ConstructStepPrompt}
		}
	default:
		c.strategy = bedrock.ConstructStep(s)
	}
	return c
}

// form is the shape in which a strategy asks for the value.
type form struct {
	plan    *structured.Plan
	lowered *structured.Schema // the plan's schema, compiled; nil when it is the caller's own
}

// lowerTo makes a form for a profile; a schema that cannot be lowered to it has
// none.
func (l *ladder) lowerTo(p structured.Profile) form {
	plan, err := l.schema.Plan(p)
	if err != nil {
		return form{}
	}
	if plan.Identity() {
		return form{plan: plan}
	}
	lowered, err := l.manager.schemas.Compile(plan.Schema())
	if err != nil {
		return form{}
	}
	return form{plan, lowered}
}

// nativeForm is the schema as the model's back-end takes it. A back-end that
// takes none leaves the form empty.
func (l *ladder) nativeForm(model string) form {
	support, ok := l.manager.config.Backend.(SchemaSupport)
	if !ok {
		return form{}
	}
	profile, ok := structured.ProfileNamed(support.SchemaProfile(model))
	if !ok {
		return form{}
	}
	return l.lowerTo(profile)
}

// toolForm is the schema as the input of a tool, which is always an object.
func (l *ladder) toolForm() form {
	var root struct {
		Type string `json:"type"`
	}
	if err := json.Unmarshal([]byte(l.schema.Text()), &root); err == nil && root.Type == "object" {
		return l.lowerTo(structured.Full())
	}
	object := structured.LlamaCPP()
	object.Name, object.RootObject = "tool", true
	if f := l.lowerTo(object); f.plan != nil {
		return f
	}
	return l.lowerTo(structured.Full())
}

// transforms says what the form of the answer changed about the schema.
func (c *climber) transforms() []string {
	plan := c.form(c.strategy).plan
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
		return nil, err
	}
	c.asked++
	c.usage.Add(response.Usage)
	o := &outcome{stop: response.StopReason, text: c.resume, errs: []bedrock.ConstructError{}, repairs: []string{}}
	if response.Output.Message != nil {
		o.text += answer(response.Output.Message)
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

// refusal is the error of a reply that the same model would give again.
func refusal(stop bedrock.StopReason) error {
	switch stop {
	case bedrock.StopReasonGuardrailIntervened, bedrock.StopReasonContentFiltered:
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
	c.attempts = append(c.attempts, bedrock.ConstructAttempt{
		Strategy: c.strategy, Reason: c.reason, ModelID: c.model, Repairs: []string{},
		Errors: []bedrock.ConstructError{{Message: "refused: " + AsError(err).Message}},
	})
	c.strategy, c.lower = c.lower[0], c.lower[1:]
	c.reason = "the strategy before it was refused"
	return true
}

// consider decides what the next attempt is, after one that did not validate.
func (c *climber) consider(o *outcome) {
	patched := c.mend
	c.mend, c.resume = nil, ""
	switch {
	case o.stop == bedrock.StopReasonMaxTokens && o.text != "" && len(c.sent) == 0:
		c.resume, c.reason = o.text, "the reply was cut at maxTokens"
	case o.reading != nil && (patched == nil || len(o.reading.Violations) < len(patched.Violations)):
		c.mend, c.reason = o.reading, "places do not validate"
	case len(c.sent) > 0:
		c.mend, c.reason = patched, "the patch did not help"
	default:
		c.reason = "the reply held no value that could be mended"
		if len(c.lower) > 0 {
			c.strategy, c.lower = c.lower[0], c.lower[1:]
		}
	}
}
