package simulator

import (
	"iter"
	"slices"

	"github.com/outcrop-ai/outcrop/bedrock"
)

// scriptedBlocks is what a rule has the model say, or nil when the rule
// leaves that to the composer.
func (b *Backend) scriptedBlocks(v *verdict, req *bedrock.ConverseRequest, p *prompt) ([]bedrock.ContentBlock, error) {
	if v.reply == nil {
		return nil, nil
	}
	var blocks []bedrock.ContentBlock
	if v.reply.reasoning != nil {
		block := reasoning(p)
		block.ReasoningContent.ReasoningText.Text = *v.reply.reasoning
		blocks = append(blocks, block)
	}
	if v.text != nil {
		text := *v.text
		blocks = append(blocks, bedrock.ContentBlock{Text: &text})
	}
	for i := range v.reply.tools {
		t := &v.reply.tools[i]
		chosen := chosenTool{spec: &bedrock.ToolSpecification{Name: t.name}, index: i}
		if req.ToolConfig != nil {
			for j := range req.ToolConfig.Tools {
				if spec := req.ToolConfig.Tools[j].ToolSpec; spec != nil && spec.Name == t.name {
					chosen.spec = spec
				}
			}
		}
		block := bedrock.ContentBlock{ToolUse: &bedrock.ToolUseBlock{Name: t.name, Input: t.input}}
		r := p.seed.fork(uint64(forTools + i))
		switch {
		case t.input != nil:
			block.ToolUse.ToolUseID = r.toolUseID()
		case chosen.spec.InputSchema.JSON != nil:
			var err error
			if block, err = b.useTool(chosen, p); err != nil {
				return nil, err
			}
		default:
			block.ToolUse.ToolUseID, block.ToolUse.Input = r.toolUseID(), bedrock.Document("{}")
		}
		blocks = append(blocks, block)
	}
	return blocks, nil
}

// spoil makes the reply malformed in the way that a rule asks for.
func (b *Backend) spoil(s *shaped, kind string, req *bedrock.ConverseRequest, stream bool) {
	switch kind {
	case malformedToolJSON:
		s.breakTools(stream)
	case malformedEmpty:
		s.blocks, s.output = []bedrock.ContentBlock{}, 0
		s.stop = bedrock.StopReasonEndTurn
	case malformedJSON:
		for i := range s.blocks {
			if t := s.blocks[i].Text; t != nil {
				half := (*t)[:runeStart(*t, (len(*t)+1)/2)]
				s.blocks[i].Text = &half
			}
		}
	case malformedSchema:
		schema, _ := shownSchema(req)
		if asked := req.OutputConfig.JSONSchema(); asked != nil {
			schema = []byte(asked.Schema)
		}
		for i := range s.blocks {
			if schema != nil && s.blocks[i].Text != nil {
				text := string(b.breaking(schema, len(unwanted)))
				s.blocks[i].Text = &text
			}
		}
	case malformedToolInput:
		for i := range s.blocks {
			use := s.blocks[i].ToolUse
			if use == nil || req.ToolConfig == nil {
				continue
			}
			for j := range req.ToolConfig.Tools {
				if spec := req.ToolConfig.Tools[j].ToolSpec; spec != nil && spec.Name == use.Name {
					use.Input = b.breaking(spec.InputSchema.JSON, 2)
				}
			}
		}
	}
}

// breakTools ends the inputs of tools in the middle. Only a stream can carry
// half an input; without one there is the stop reason, and no tool use.
func (s *shaped) breakTools(stream bool) {
	s.blocks = slices.DeleteFunc(s.blocks, func(block bedrock.ContentBlock) bool {
		if block.ToolUse == nil {
			return false
		}
		s.stop = bedrock.StopReasonMalformedToolUse
		block.ToolUse.Input = block.ToolUse.Input[:(len(block.ToolUse.Input)+1)/2]
		return !stream
	})
}

// unwanted are values that few schemas allow; the first two are objects.
var unwanted = []struct {
	text  string
	value any
}{
	{`{"unexpected":true}`, map[string]any{"unexpected": true}},
	{`{}`, map[string]any{}},
	{`[]`, []any{}},
	{`null`, nil},
	{`"unexpected"`, "unexpected"},
}

// breaking is the first of the first n unwanted values that does not validate
// against the schema, or the first of all where each does.
func (b *Backend) breaking(schema []byte, n int) bedrock.Document {
	if compiled, err := b.schemas.Compile(schema); err == nil {
		for _, u := range unwanted[:n] {
			if len(compiled.Validate(u.value)) > 0 {
				return bedrock.Document(u.text)
			}
		}
	}
	return bedrock.Document(unwanted[0].text)
}

// cutShort ends a stream as a rule asks for: after so many events, or before
// the last one.
func cutShort(events iter.Seq2[bedrock.Event, error], reply *scripted) iter.Seq2[bedrock.Event, error] {
	if reply == nil || reply.cut == nil && reply.malformed != malformedNoMetadata {
		return events
	}
	return func(yield func(bedrock.Event, error) bool) {
		n := 0
		for event, err := range events {
			if err == nil && reply.cut != nil && n == reply.cut.after {
				if reply.cut.err != nil {
					failed := *reply.cut.err
					yield(bedrock.Event{}, &failed)
				}
				return
			}
			if reply.malformed == malformedNoMetadata && event.Type() == "metadata" {
				return
			}
			n++
			if !yield(event, err) {
				return
			}
		}
	}
}
