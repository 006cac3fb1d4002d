package simulator

import (
	"encoding/base64"
	"strings"

	"github.com/outcrop-ai/outcrop/bedrock"
	"github.com/outcrop-ai/outcrop/tokens"
)

// Purposes that draw from the seed, each its own numbers.
const (
	forText = iota + 1
	forReasoning
	forTiming
	forStream
	forSchema
	forRequestID
	forTools = 1000 // and the tool's place after it
)

// draft is what the model says, before it is shortened to what the request
// allows.
type draft struct {
	blocks []bedrock.ContentBlock
	size   tokens.Size // of the last block, or 0 when it is still to be measured
}

// say adds a text.
func (d *draft) say(text string, size tokens.Size) {
	d.blocks, d.size = append(d.blocks, bedrock.ContentBlock{Text: &text}), size
}

// compose decides what the model says.
func (b *Backend) compose(m *model, req *bedrock.ConverseRequest, p *prompt) (d draft, err error) {
	if m.reasons || asksReasoning(req.AdditionalModelRequestFields) {
		d.blocks = append(d.blocks, reasoning(p))
	}
	if chosen := chooseTools(req.ToolConfig, p); len(chosen) > 0 {
		err = b.composeTools(&d, req.ToolConfig, chosen, p)
		return d, err
	}
	if schema := req.OutputConfig.JSONSchema(); schema != nil {
		r := p.seed.fork(forSchema)
		value, err := b.instance([]byte(schema.Schema), "outputConfig.textFormat.structure.jsonSchema.schema", p, &r)
		d.say(string(value), tokens.Size{})
		return d, err
	}
	if text, err := b.shownValue(req, p); text != "" || err != nil {
		d.say(text, tokens.Size{})
		return d, err
	}
	d.say(prose(p))
	return d, nil
}

// composeTools uses tools, at times after saying so.
func (b *Backend) composeTools(d *draft, config *bedrock.ToolConfiguration, chosen []chosenTool, p *prompt) error {
	forced := config.ToolChoice != nil && config.ToolChoice.Auto == nil
	if r := p.seed.fork(forText); !forced && r.below(2) == 0 {
		d.say("I will look this up with "+chosen[0].spec.Name+".", tokens.Size{})
	}
	for _, t := range chosen {
		block, err := b.useTool(t, p)
		if err != nil {
			return err
		}
		d.blocks = append(d.blocks, block)
	}
	return nil
}

// prose is the text of a plain reply.
func prose(p *prompt) (string, tokens.Size) {
	w := writer{random: p.seed.fork(forText)}
	w.topic.read(p.text)
	if len(p.results) > 0 {
		writeResults(&w, p.results)
		return w.String(), tokens.SizeOf(w.String())
	}
	switch {
	case p.images == 1:
		w.begin("I can see that an image was sent; the simulator does not look into it.")
	case p.images > 1:
		w.begin("I can see that several images were sent; the simulator does not look into them.")
	}
	w.write(length(p.text, &w.topic, &w.random))
	return w.String(), w.measured()
}

// asksReasoning tells whether the request switches reasoning on, in the words
// of any model family: thinking, reasoning_config, reasoningConfig with a
// type that is not "disabled", or reasoning_effort.
func asksReasoning(fields bedrock.Document) bool {
	if len(fields) == 0 {
		return false
	}
	type config struct {
		Type string `json:"type"`
	}
	var f struct {
		Thinking config `json:"thinking"`
		Snake    config `json:"reasoning_config"`
		Camel    config `json:"reasoningConfig"`
		Effort   string `json:"reasoning_effort"`
	}
	if err := bedrock.Unmarshal(fields, &f); err != nil {
		return false // another model's fields of the same name
	}
	on := func(c config) bool { return c.Type != "" && c.Type != "disabled" }
	return on(f.Thinking) || on(f.Snake) || on(f.Camel) || f.Effort != "" && f.Effort != "none"
}

// reasoning is a block of thoughts with a signature in the form of one.
func reasoning(p *prompt) bedrock.ContentBlock {
	w := writer{random: p.seed.fork(forReasoning), last: -1}
	w.topic.read(p.text)
	for range 2 + w.random.below(2) {
		w.sentence(pick(&w, thoughts))
	}
	return bedrock.ContentBlock{ReasoningContent: &bedrock.ReasoningContentBlock{
		ReasoningText: &bedrock.ReasoningTextBlock{
			Text:      w.String(),
			Signature: base64.StdEncoding.EncodeToString(w.random.bytes(96)),
		},
	}}
}

// maxQuoted bounds how much of one tool result a reply repeats, in bytes.
const maxQuoted = 400

// writeResults answers with what the tools returned.
func writeResults(w *writer, results []*bedrock.ToolResultBlock) {
	for _, result := range results {
		w.topic = topic{n: 1, words: [maxKeywords]string{"the tool"}}
		openings := resultOpenings
		if result.Status == bedrock.ToolResultStatusError {
			openings = errorOpenings
		}
		w.sentence(openings[w.random.below(len(openings))])
		w.WriteByte(' ')
		w.WriteString(resultText(result))
	}
}

// resultText is what a tool returned, on one line.
func resultText(result *bedrock.ToolResultBlock) string {
	var b strings.Builder
	for i := range result.Content {
		c := &result.Content[i]
		if b.Len() > 0 {
			b.WriteString("; ")
		}
		switch {
		case c.Text != nil:
			b.WriteString(strings.Join(strings.Fields(*c.Text), " "))
		case c.JSON != nil:
			b.WriteString(sayJSON(c.JSON))
		case c.Document != nil:
			b.WriteString("a document named " + c.Document.Name)
		case c.Image != nil:
			b.WriteString("an image")
		default:
			b.WriteString("content of another kind")
		}
	}
	text := b.String()
	if text == "" {
		return "nothing."
	}
	if len(text) > maxQuoted {
		text = text[:runeStart(text, maxQuoted)] + " …"
	}
	if !strings.ContainsAny(text[len(text)-1:], ".!?") {
		text += "."
	}
	return text
}
