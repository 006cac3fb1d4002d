package memory

import (
	"strings"

	"github.com/outcrop-ai/outcrop/bedrock"
	"github.com/outcrop-ai/outcrop/tokens"
)

// What a request costs beyond its blocks, in tokens: its own frame and that of
// each message. A block of the system prompt is charged as a message.
const (
	FrameRequest = tokens.FrameRequest
	FrameMessage = tokens.FrameMessage
)

// Model is what assembling a context must know of the model it is for.
type Model struct {
	// ID tells models apart: reasoning goes back to its own model only, and
	// counts are remembered by it.
	ID string

	// Count is how many tokens a content block costs, 0 or more, the same
	// for the same block and ID each time. Nil estimates with package tokens.
	// System blocks are counted as text or guarded content, tools as the text
	// of their JSON, and cache points not at all.
	Count func(*bedrock.ContentBlock) int

	// CacheMin is the fewest tokens that a cached prefix has. 0 is a model
	// without prompt cache: no cache point is placed, and the caller's are
	// removed.
	CacheMin int

	// CacheTools tells whether tools may carry a cache point.
	CacheTools bool
}

// For is what is known of a model by its id, an inference profile's id or an
// ARN.
func For(modelID string) Model {
	m := Model{ID: modelID, CacheMin: cacheMin(modelID)}
	m.CacheTools = m.CacheMin > 0 && !strings.Contains(modelID, "nova")
	return m
}

// cacheMins are the fewest tokens of a cacheable prefix, by a part of the id,
// the first that fits. Source: the tables of Amazon Bedrock's and Anthropic's
// guides to prompt caching. A Claude that is not listed gets the largest: a
// point too early costs nothing but is one of four.
var cacheMins = []struct {
	part string
	min  int
}{
	{"claude-3-7-sonnet", 1024},
	{"claude-3-5-haiku", 2048},
	{"claude-3-5-sonnet-20241022", 1024},
	{"claude-3-", 0},
	{"claude-v2", 0},
	{"claude-instant", 0},
	{"claude-opus-4-5", 4096},
	{"claude-opus-4-6", 4096},
	{"claude-opus-4-7", 2048},
	{"claude-opus-4", 1024},
	{"claude-haiku-4-5", 4096},
	{"claude-sonnet-4", 1024},
	{"claude-sonnet-5", 1024},
	{"claude", 4096},
	{"nova-micro", 1000},
	{"nova-lite", 1000},
	{"nova-pro", 1000},
	{"nova-premier", 1000},
	{"nova-2-lite", 1000},
}

func cacheMin(modelID string) int {
	for _, row := range cacheMins {
		if strings.Contains(modelID, row.part) {
			return row.min
		}
	}
	return 0
}

// counted is the model with its counter filled in.
func (m Model) counted() Model {
	if m.Count == nil {
		m.Count = tokens.Default().For(m.ID).Block
	}
	return m
}

// text counts a text as a block.
func (m *Model) text(s string) int { return m.Count(&bedrock.ContentBlock{Text: &s}) }

// messages counts messages that are not merged with others.
func (m *Model) messages(messages []bedrock.Message) int {
	n := 0
	for i := range messages {
		n += FrameMessage
		for j := range messages[i].Content {
			n += m.block(&messages[i].Content[j])
		}
	}
	return n
}

func (m *Model) block(b *bedrock.ContentBlock) int {
	if b.CachePoint != nil {
		return 0
	}
	return m.Count(b)
}

func (m *Model) system(blocks []bedrock.SystemContentBlock) int {
	n := 0
	for i := range blocks {
		if b := &blocks[i]; b.CachePoint == nil {
			n += FrameMessage + m.Count(&bedrock.ContentBlock{Text: b.Text, GuardContent: b.GuardContent, Unknown: b.Unknown})
		}
	}
	return n
}

func (m *Model) tools(config *bedrock.ToolConfiguration) int {
	if config == nil {
		return 0
	}
	n := 0
	for i := range config.Tools {
		if config.Tools[i].CachePoint != nil {
			continue
		}
		text, _ := bedrock.Marshal(&config.Tools[i])
		n += tokens.FrameTool + m.text(string(text))
	}
	return n
}
