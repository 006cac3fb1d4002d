package memory

import (
	"fmt"
	"slices"
	"strings"

	"github.com/outcrop-ai/outcrop/bedrock"
)

// Format is the version of the records that this package writes: [Turn] and
// [Head].
const Format = 1

// Turn is what one request added to a conversation. It does not change once it
// has been appended. As JSON it is a durable record: see [Turn.Marshal].
type Turn struct {
	Format int `json:"format"`
	Number int `json:"turn"` // counted from 1

	// ModelID is the model that replied. Reasoning is sent back to it only.
	ModelID string `json:"modelId,omitzero"`

	// Messages begin with the user's and end with the reply.
	Messages []bedrock.Message `json:"messages"`

	// Interrupted is a turn whose reply broke off, or never came. It is kept,
	// and left out of contexts unless the turn after it resumes it.
	Interrupted bool `json:"interrupted,omitzero"`

	// Resumes is a turn that goes on from the interrupted one before it.
	Resumes bool `json:"resumes,omitzero"`

	// System and Tools replace the conversation's from this turn on.
	System []bedrock.SystemContentBlock `json:"system,omitzero"`
	Tools  *bedrock.ToolConfiguration   `json:"toolConfig,omitzero"`

	// Epoch is the compaction that took place with this turn, if any.
	Epoch *Epoch `json:"epoch,omitzero"`
}

// Epoch is a compaction: what contexts begin with until the next one.
type Epoch struct {
	Number   int      `json:"number"`   // counted from 1; 0 is a conversation never compacted
	Start    int      `json:"start"`    // the first turn that is sent verbatim
	Pruned   int      `json:"pruned"`   // tool results of turns before this one are cut
	Strategy Strategy `json:"strategy"` // which made Notes
	Pins     []Pin    `json:"pins,omitzero"`
	Notes    string   `json:"notes,omitzero"` // the summary of the turns before Start
	Nodes    []Node   `json:"nodes,omitzero"` // what Notes was made of
}

// Pin is a fact that is sent with every request.
type Pin struct {
	ID   string `json:"id"`
	Text string `json:"text"`
	Turn int    `json:"turn"` // how many turns there were when it was pinned
}

// checker walks over messages in order and checks what no policy can repair:
// roles, empty contents, and which tool results answer which tool uses.
type checker struct {
	field   func(i int) string // the name of message i
	asked   []string           // the tool uses whose results come together, in order
	waiting map[string]bool    // those of them without a result
	strict  bool               // user blocks may not be blank
}

// ask makes a tool use wait for its result, and tells whether it already does.
func (c *checker) ask(id string) (twice bool) {
	if c.waiting[id] {
		return true
	}
	if len(c.waiting) == 0 {
		c.asked, c.waiting = nil, map[string]bool{}
	}
	c.asked = append(c.asked, id)
	c.waiting[id] = true
	return false
}

func numbered(first int) func(int) string {
	return func(i int) string { return fmt.Sprintf("messages.%d", first+i) }
}

func (c *checker) check(messages []bedrock.Message) error {
	if len(messages) == 0 {
		return invalid("messages", "a turn has one message or more")
	}
	if messages[0].Role != bedrock.ConversationRoleUser {
		return invalid(c.field(0)+".role", "a turn begins with a user message")
	}
	for i := range messages {
		if err := c.message(i, &messages[i], i == 0 || messages[i-1].Role != messages[i].Role); err != nil {
			return err
		}
	}
	if last := len(messages) - 1; len(c.waiting) > 0 && messages[last].Role == bedrock.ConversationRoleUser {
		return c.unanswered(last)
	}
	return nil
}

func (c *checker) unanswered(i int) error {
	first := slices.IndexFunc(c.asked, func(id string) bool { return c.waiting[id] })
	return invalid(c.field(i)+".content", "the tool use %s is not answered: all results of a message come together in the next user message", c.asked[first])
}

// message checks one message; fresh is false when it continues the message
// before it, of the same role, with which it will be merged.
func (c *checker) message(i int, m *bedrock.Message, fresh bool) error {
	switch m.Role {
	case bedrock.ConversationRoleUser:
		return c.user(i, m)
	case bedrock.ConversationRoleAssistant:
		if fresh && len(c.waiting) > 0 {
			return c.unanswered(i - 1)
		}
		return c.assistant(i, m)
	}
	return invalid(c.field(i)+".role", "the role is user or assistant, not %q", m.Role)
}

func (c *checker) user(i int, m *bedrock.Message) error {
	if len(m.Content) == 0 {
		return invalid(c.field(i)+".content", "a user message has one block or more")
	}
	document, text, empty := -1, false, 0
	for j := range m.Content {
		b := &m.Content[j]
		field := fmt.Sprintf("%s.content.%d", c.field(i), j)
		switch {
		case b.ToolUse != nil || b.ReasoningContent != nil:
			return invalid(field, "a user message holds no toolUse and no reasoningContent")
		case b.ToolResult != nil:
			if !c.waiting[b.ToolResult.ToolUseID] {
				return invalid(field+".toolResult.toolUseId", "it answers no toolUse that waits for a result")
			}
			delete(c.waiting, b.ToolResult.ToolUseID)
		case b.Text != nil:
			blank := strings.TrimSpace(*b.Text) == ""
			if c.strict && blank {
				return invalid(field+".text", "the text is blank")
			}
			text = text || !blank
			if blank {
				empty++
			}
		case b.Document != nil:
			document = j
		case b.CachePoint != nil:
			empty++
		}
	}
	if empty == len(m.Content) {
		return invalid(c.field(i)+".content", "the message holds nothing but cache points and blank texts")
	}
	if document >= 0 && !text {
		return invalid(fmt.Sprintf("%s.content.%d", c.field(i), document), "a document needs a text block beside it")
	}
	return nil
}

func (c *checker) assistant(i int, m *bedrock.Message) error {
	for j := range m.Content {
		b := &m.Content[j]
		field := fmt.Sprintf("%s.content.%d", c.field(i), j)
		if b.ToolResult != nil {
			return invalid(field, "an assistant message holds no toolResult")
		}
		if b.ToolUse == nil {
			continue
		}
		id := b.ToolUse.ToolUseID
		if n := len([]rune(id)); n < 1 || n > 64 {
			return invalid(field+".toolUse.toolUseId", "it has %d characters; 1 to 64 are allowed", n)
		}
		if c.ask(id) {
			return invalid(field+".toolUse.toolUseId", "it is used twice in one message")
		}
	}
	return nil
}

// answersTools tells whether messages begin with tool results.
func answersTools(messages []bedrock.Message) bool {
	for j := range messages[0].Content {
		if messages[0].Content[j].ToolResult != nil {
			return true
		}
	}
	return false
}
