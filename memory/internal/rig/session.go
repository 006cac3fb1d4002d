package rig

import (
	"fmt"
	"math/rand/v2"
	"strings"

	"github.com/outcrop-ai/outcrop/bedrock"
)

// Step is one request of a random conversation and what becomes of it.
type Step struct {
	ModelID string
	User    []bedrock.Message
	Resume  bool
	System  []bedrock.SystemContentBlock
	Tools   *bedrock.ToolConfiguration

	Reply       *bedrock.Message // nil when interrupted before anything came
	Interrupted bool
}

// Session makes a random conversation step by step. Every text in it holds a
// mark of its own, like mk17q, by which a checker knows it again.
type Session struct {
	r       *rand.Rand
	models  []string
	marks   int
	ids     int
	begun   bool
	open    []string // tool uses of the last reply that was taken
	broken  bool     // the last step taken was interrupted
	current *Step
}

// NewSession makes a conversation from a seed.
func NewSession(r *rand.Rand) *Session {
	all := []string{"anthropic.claude-sonnet-4-5-20250929-v1:0", "anthropic.claude-opus-4-6-v1", "amazon.nova-lite-v1:0", "meta.llama3-3-70b-instruct-v1:0"}
	s := &Session{r: r, models: all[:1]}
	if r.IntN(3) == 0 {
		s.models = all
	}
	if r.IntN(4) == 0 {
		s.models = all[r.IntN(4):][:1]
	}
	return s
}

// Next is the next step. Tell by Taken whether it became a turn.
func (s *Session) Next() *Step {
	st := &Step{ModelID: s.models[s.r.IntN(len(s.models))]}
	if !s.begun {
		st.Tools = s.tools()
		if s.r.IntN(4) > 0 {
			st.System = s.system()
		}
	} else if s.r.IntN(30) == 0 {
		st.System = s.system()
	}
	switch {
	case s.broken && s.r.IntN(2) == 0:
		st.Resume = true
		if s.r.IntN(2) == 0 {
			st.User = []bedrock.Message{user(s.text(6))}
		}
	case len(s.open) > 0:
		st.User = s.results(s.open)
	default:
		st.User = s.question()
	}
	s.reply(st)
	s.current = st
	return st
}

// Taken says that the last step became a turn.
func (s *Session) Taken() {
	st := s.current
	s.begun = true
	s.broken = st.Interrupted
	if st.Interrupted {
		if st.Resume {
			s.open = nil // the exchange is now resumed, or given up with it
		}
		return
	}
	s.open = nil
	if st.Reply != nil {
		for _, b := range st.Reply.Content {
			if b.ToolUse != nil {
				s.open = append(s.open, b.ToolUse.ToolUseID)
			}
		}
	}
}

func user(content ...bedrock.ContentBlock) bedrock.Message {
	return bedrock.Message{Role: bedrock.ConversationRoleUser, Content: content}
}

var vocabulary = strings.Fields("river stone harbour violin window Tuesday garden letter copper seven engine Marta bicycle winter report paper moon kitchen tower ship cloud salt bread music signal 2024 field glass road market 東京の天気 данные façade")

func (s *Session) words(n int) string {
	s.marks++
	var b strings.Builder
	fmt.Fprintf(&b, "mk%dq", s.marks)
	for range n {
		b.WriteByte(' ')
		b.WriteString(vocabulary[s.r.IntN(len(vocabulary))])
		if s.r.IntN(9) == 0 {
			b.WriteByte('.')
		}
	}
	return b.String()
}

func (s *Session) text(n int) bedrock.ContentBlock {
	t := s.words(1 + s.r.IntN(n))
	return bedrock.ContentBlock{Text: &t}
}

func point() bedrock.ContentBlock {
	return bedrock.ContentBlock{CachePoint: &bedrock.CachePointBlock{Type: bedrock.CachePointTypeDefault}}
}

func (s *Session) system() []bedrock.SystemContentBlock {
	t := s.words(1 + s.r.IntN(60))
	if s.r.IntN(4) == 0 {
		t = s.words(900)
	}
	out := []bedrock.SystemContentBlock{{Text: &t}}
	if s.r.IntN(4) == 0 {
		out = append(out, bedrock.SystemContentBlock{CachePoint: point().CachePoint})
	}
	return out
}

func (s *Session) tools() *bedrock.ToolConfiguration {
	c := &bedrock.ToolConfiguration{}
	for _, name := range []string{"search", "weather"} {
		c.Tools = append(c.Tools, bedrock.Tool{ToolSpec: &bedrock.ToolSpecification{
			Name: name, Description: s.words(5), InputSchema: bedrock.ToolInputSchema{JSON: bedrock.Document(`{"type":"object"}`)},
		}})
	}
	if s.r.IntN(6) == 0 {
		c.Tools = append(c.Tools, bedrock.Tool{CachePoint: point().CachePoint})
	}
	return c
}

func (s *Session) bytes(n int) []byte {
	b := make([]byte, 1+s.r.IntN(n))
	for i := range b {
		b[i] = byte(s.r.Uint32())
	}
	return b
}

func (s *Session) image() *bedrock.ImageBlock {
	return &bedrock.ImageBlock{Format: bedrock.ImageFormatPng, Source: bedrock.ImageSource{Bytes: append([]byte("\x89PNG\r\n\x1a\n"), s.bytes(32)...)}}
}

// question is a user message or several.
func (s *Session) question() []bedrock.Message {
	size := 25
	switch s.r.IntN(25) {
	case 0:
		size = 2500 // huge
	case 1, 2, 3:
		size = 200
	}
	content := []bedrock.ContentBlock{s.text(size)}
	if s.r.IntN(8) == 0 {
		content = append(content, bedrock.ContentBlock{Image: s.image()})
	}
	if s.r.IntN(8) == 0 {
		name := []string{"report", "notes", "report (turn 3)"}[s.r.IntN(3)]
		content = append(content, bedrock.ContentBlock{Document: &bedrock.DocumentBlock{
			Format: bedrock.DocumentFormatTxt, Name: name, Source: bedrock.DocumentSource{Bytes: []byte(s.words(30))},
		}})
	}
	if s.r.IntN(6) == 0 {
		content = append(content, point())
	}
	out := []bedrock.Message{user(content...)}
	if s.r.IntN(12) == 0 {
		out = append(out, user(s.text(10)))
	}
	return out
}

// results answer tool uses, in any order, in one message or two.
func (s *Session) results(open []string) []bedrock.Message {
	var content []bedrock.ContentBlock
	for _, i := range s.r.Perm(len(open)) {
		r := &bedrock.ToolResultBlock{ToolUseID: open[i]}
		size := 20
		if s.r.IntN(3) == 0 {
			size = 500
		}
		t := s.words(size)
		switch s.r.IntN(4) {
		case 0:
			r.Content = []bedrock.ToolResultContentBlock{{JSON: bedrock.Document(fmt.Sprintf(`{"found": %q, "n": 1}`, t))}}
		case 1:
			r.Content = []bedrock.ToolResultContentBlock{{Text: &t}, {Image: s.image()}}
		default:
			r.Content = []bedrock.ToolResultContentBlock{{Text: &t}}
		}
		if s.r.IntN(5) == 0 {
			r.Status = bedrock.ToolResultStatusError
		}
		content = append(content, bedrock.ContentBlock{ToolResult: r})
	}
	if len(content) > 1 && s.r.IntN(6) == 0 {
		return []bedrock.Message{user(content[:1]...), user(content[1:]...)}
	}
	if s.r.IntN(6) == 0 {
		content = append(content, s.text(5))
	}
	return []bedrock.Message{user(content...)}
}

// reply fills in what the model answers.
func (s *Session) reply(st *Step) {
	m := &bedrock.Message{Role: bedrock.ConversationRoleAssistant}
	if s.r.IntN(3) == 0 {
		m.Content = append(m.Content, s.reasoning())
	}
	if s.r.IntN(8) > 0 {
		size := 40
		if s.r.IntN(20) == 0 {
			size = 900
		}
		m.Content = append(m.Content, s.text(size))
	} else if s.r.IntN(4) == 0 {
		blank := " \n"
		m.Content = append(m.Content, bedrock.ContentBlock{Text: &blank})
	}
	if s.r.IntN(3) == 0 {
		for range 1 + s.r.IntN(3) {
			s.ids++
			m.Content = append(m.Content, bedrock.ContentBlock{ToolUse: &bedrock.ToolUseBlock{
				ToolUseID: fmt.Sprintf("tooluse_%d", s.ids), Name: "search",
				Input: bedrock.Document(fmt.Sprintf(`{"q": %q, "a": {"z":1,"b":2}}`, s.words(4))),
			}})
		}
	}
	st.Reply = m
	if s.r.IntN(9) == 0 {
		st.Interrupted = true
		if s.r.IntN(3) == 0 {
			st.Reply = nil
		}
	}
}

func (s *Session) reasoning() bedrock.ContentBlock {
	if s.r.IntN(4) == 0 {
		return bedrock.ContentBlock{ReasoningContent: &bedrock.ReasoningContentBlock{RedactedContent: s.bytes(30)}}
	}
	return bedrock.ContentBlock{ReasoningContent: &bedrock.ReasoningContentBlock{ReasoningText: &bedrock.ReasoningTextBlock{
		Text: s.words(12), Signature: fmt.Sprintf("sig%d==", s.marks),
	}}}
}
