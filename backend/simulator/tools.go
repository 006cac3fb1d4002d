package simulator

import (
	"fmt"
	"slices"
	"strings"

	"github.com/outcrop-ai/outcrop"
	"github.com/outcrop-ai/outcrop/bedrock"
	"github.com/outcrop-ai/outcrop/structured"
)

// genericVerbs begin the names of tools and say nothing of what they are for.
var genericVerbs = wordSet(`get set fetch list search find create make update delete remove add read write run call query
	lookup look check send show compute calculate tool function api do use`)

// chosenTool is a tool that a reply uses, by its place in the configuration.
type chosenTool struct {
	spec  *bedrock.ToolSpecification
	index int
	score int
}

// chooseTools decides which tools a reply uses. A forced choice is obeyed;
// otherwise a tool is used when the prompt speaks of it, and never right
// after its result.
func chooseTools(config *bedrock.ToolConfiguration, p *prompt) []chosenTool {
	if config == nil {
		return nil
	}
	var all []chosenTool
	for i := range config.Tools {
		if spec := config.Tools[i].ToolSpec; spec != nil {
			all = append(all, chosenTool{spec: spec, index: i, score: score(spec, p.text)})
		}
	}
	choice := config.ToolChoice
	switch {
	case len(all) == 0:
		return nil
	case choice != nil && choice.Tool != nil:
		i := slices.IndexFunc(all, func(t chosenTool) bool { return t.spec.Name == choice.Tool.Name })
		if i < 0 {
			return nil // refused by the checks before
		}
		return all[i : i+1]
	case choice != nil && choice.Any != nil:
		if wanted := spoken(all); len(wanted) > 0 {
			return wanted
		}
		return all[:1]
	case len(p.results) > 0:
		return nil
	}
	return spoken(all)
}

// Weights of a score, and the score from which on a prompt speaks of a tool:
// one word of its name, or two of its description.
const (
	nameWeight  = 2
	speaksScore = 2
)

// spoken is the tools that the prompt speaks of, without those it speaks of
// much less than of the one it speaks of most.
func spoken(all []chosenTool) []chosenTool {
	most := 0
	for _, t := range all {
		most = max(most, t.score)
	}
	var list []chosenTool
	for _, t := range all {
		if t.score >= speaksScore && 2*t.score >= most {
			list = append(list, t)
		}
	}
	return list
}

// score counts the words that a prompt shares with a tool's name and
// description.
func score(spec *bedrock.ToolSpecification, text string) int {
	if len(text) > maxTopicText {
		text = text[:maxTopicText]
	}
	said := map[string]bool{}
	for word := range words(text) {
		said[stem(word)] = true
	}
	n := 0
	counted := map[string]bool{}
	count := func(word string, weight int) {
		s := stem(word)
		if said[s] && !counted[s] {
			counted[s] = true
			n += weight
		}
	}
	for _, word := range nameWords(spec.Name) {
		if !genericVerbs.has(word) {
			count(word, nameWeight)
		}
	}
	for word := range words(spec.Description) {
		if !genericVerbs.has(word) && carries(word) {
			count(word, 1)
		}
	}
	return n
}

// stem makes a word comparable: lower case, without a plural's ending.
func stem(word string) string {
	word = strings.ToLower(word)
	word = strings.TrimSuffix(word, "'s")
	if len(word) > 3 && strings.HasSuffix(word, "s") && !strings.HasSuffix(word, "ss") {
		word = word[:len(word)-1]
	}
	return word
}

// nameWords splits get_weather, get-weather and getWeather.
func nameWords(name string) []string {
	var list []string
	start := 0
	flush := func(end int) {
		if end > start {
			list = append(list, name[start:end])
		}
	}
	for i := range len(name) {
		c := name[i]
		switch {
		case c == '_' || c == '-' || c == '.':
			flush(i)
			start = i + 1
		case c >= 'A' && c <= 'Z' && i > 0 && name[i-1] >= 'a' && name[i-1] <= 'z':
			flush(i)
			start = i
		}
	}
	flush(len(name))
	return list
}

// useTool makes the block that uses a tool, with an input that validates
// against the tool's schema.
func (b *Backend) useTool(t chosenTool, p *prompt) (bedrock.ContentBlock, error) {
	r := p.seed.fork(uint64(forTools + t.index))
	field := fmt.Sprintf("toolConfig.tools.%d.toolSpec.inputSchema.json", t.index)
	input, err := b.instance(t.spec.InputSchema.JSON, field, p, &r)
	if err != nil {
		return bedrock.ContentBlock{}, err
	}
	return bedrock.ContentBlock{ToolUse: &bedrock.ToolUseBlock{
		ToolUseID: r.toolUseID(), Name: t.spec.Name, Input: input,
	}}, nil
}

// instance makes a value that validates against a schema, as JSON.
func (b *Backend) instance(schema []byte, field string, p *prompt, r *random) (bedrock.Document, error) {
	compiled, err := b.schemas.Compile(schema)
	if err != nil {
		return nil, outcrop.Invalid(field, "%w", err)
	}
	if why := compiled.Contradiction(); why != nil {
		return nil, outcrop.Invalid(field, "%w", why)
	}
	value, err := compiled.Instance(structured.HintsFrom(p.text), r.next())
	if err != nil {
		return nil, outcrop.Errorf(bedrock.CodeModelError, "%s: the simulator found no value that keeps to the schema; it may have none", field)
	}
	return bedrock.Document(compiled.Encode(value)), nil
}
