package rig

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"strings"

	"github.com/outcrop-ai/outcrop/bedrock"
)

// Ledger keeps what a conversation was and checks what is sent against it.
type Ledger struct {
	steps []*Step
	pins  map[string]bool // texts of pinned facts

	before      [][]byte // the blocks up to the end of the tail, of the request before
	beforeEpoch int
}

// Sent is a request as it would go to a model, and what is known of it.
type Sent struct {
	Step     *Step
	System   []bedrock.SystemContentBlock
	Tools    *bedrock.ToolConfiguration
	Messages []bedrock.Message

	Budget   int
	Count    func(*bedrock.ContentBlock) int
	CacheMin int
	Strategy string
	Epoch    int
	Own      int  // cache points that the caller set
	Whole    bool // nothing may be left out of the closed turns
}

// Pin tells of a pinned fact.
func (l *Ledger) Pin(text string) {
	if l.pins == nil {
		l.pins = map[string]bool{}
	}
	l.pins[text] = true
}

// Taken says that a step became a turn.
func (l *Ledger) Taken(st *Step) { l.steps = append(l.steps, st) }

// Check finds the first thing that is wrong with a request.
func (l *Ledger) Check(r *Sent) error {
	for _, check := range []func(*Sent) error{l.budget, l.shape, l.toolPairs, l.points, l.provenance, l.rules} {
		if err := check(r); err != nil {
			return err
		}
	}
	return nil
}

// budget counts everything once more.
func (l *Ledger) budget(r *Sent) error {
	n := Price(r)
	if n > r.Budget {
		return fmt.Errorf("%d tokens exceed the budget of %d", n, r.Budget)
	}
	return nil
}

// Price counts a request: 3, and 4 for each message and system block, and 8 for
// each tool, beside what they hold.
func Price(r *Sent) int {
	n := 3
	for _, b := range r.System {
		if b.CachePoint == nil {
			n += 4 + r.Count(&bedrock.ContentBlock{Text: b.Text})
		}
	}
	if r.Tools != nil {
		for _, t := range r.Tools.Tools {
			if t.CachePoint == nil {
				text, _ := bedrock.Marshal(&t)
				s := string(text)
				n += 8 + r.Count(&bedrock.ContentBlock{Text: &s})
			}
		}
	}
	for _, m := range r.Messages {
		n += 4
		for i := range m.Content {
			if m.Content[i].CachePoint == nil {
				n += r.Count(&m.Content[i])
			}
		}
	}
	return n
}

// shape: who begins, whose turn it is, no empty message, documents with text.
func (l *Ledger) shape(r *Sent) error {
	if len(r.Messages) == 0 {
		return errors.New("no message")
	}
	for i, m := range r.Messages {
		want := bedrock.ConversationRoleUser
		if i%2 == 1 {
			want = bedrock.ConversationRoleAssistant
		}
		if m.Role != want {
			return fmt.Errorf("message %d is %s's", i, m.Role)
		}
		document, text := false, false
		for _, b := range m.Content {
			document = document || b.Document != nil
			if b.Text != nil {
				if strings.TrimSpace(*b.Text) == "" {
					return fmt.Errorf("message %d has a blank text", i)
				}
				text = true
			}
		}
		if len(m.Content) == 0 || document && !text {
			return fmt.Errorf("message %d is empty, or a document stands without text", i)
		}
	}
	for _, b := range r.Messages[0].Content {
		if b.ToolResult != nil {
			return errors.New("it begins with a tool result")
		}
	}
	return nil
}

// toolPairs: every use answered in the next message, every result asked for.
func (l *Ledger) toolPairs(r *Sent) error {
	asked := map[string]bool{}
	tools := false
	for i, m := range r.Messages {
		for _, b := range m.Content {
			if b.ToolResult != nil {
				tools = true
				if !asked[b.ToolResult.ToolUseID] {
					return fmt.Errorf("message %d answers %s, which nobody asked", i, b.ToolResult.ToolUseID)
				}
				delete(asked, b.ToolResult.ToolUseID)
			}
		}
		if len(asked) > 0 {
			return fmt.Errorf("message %d leaves tool uses unanswered: %v", i, asked)
		}
		for _, b := range m.Content {
			if b.ToolUse != nil {
				tools = true
				if n := len(b.ToolUse.ToolUseID); n < 1 || n > 64 || asked[b.ToolUse.ToolUseID] {
					return fmt.Errorf("message %d: bad toolUseId", i)
				}
				asked[b.ToolUse.ToolUseID] = true
			}
		}
	}
	if len(asked) > 0 {
		return fmt.Errorf("tool uses at the end are unanswered: %v", asked)
	}
	if tools && (r.Tools == nil || len(r.Tools.Tools) == 0) {
		return errors.New("tool blocks without a toolConfig")
	}
	return nil
}

// points: at most four, none where nothing stands before it or where the model
// takes none, and ours not before the shortest prefix.
func (l *Ledger) points(r *Sent) error {
	n := 0
	if r.Tools != nil {
		for _, t := range r.Tools.Tools {
			if t.CachePoint != nil {
				n++
			}
		}
	}
	for i, b := range r.System {
		if b.CachePoint != nil {
			n++
			if i == 0 || r.System[i-1].CachePoint != nil {
				return errors.New("a cache point follows nothing in system")
			}
		}
	}
	prefix := Price(&Sent{System: r.System, Tools: r.Tools, Count: r.Count})
	early := 0
	for i, m := range r.Messages {
		prefix += 4
		for j := range m.Content {
			b := &m.Content[j]
			if b.CachePoint == nil {
				prefix += r.Count(b)
				continue
			}
			n++
			if j == 0 || m.Content[j-1].CachePoint != nil || m.Content[j-1].ReasoningContent != nil {
				return fmt.Errorf("message %d: a cache point follows nothing, another one, or reasoning", i)
			}
			if prefix < r.CacheMin {
				early++
			}
		}
	}
	switch {
	case n > 4:
		return fmt.Errorf("%d cache points", n)
	case n > 0 && r.CacheMin == 0:
		return errors.New("a cache point for a model without a prompt cache")
	case early > r.Own:
		return fmt.Errorf("%d cache points before %d tokens, of which the caller set %d", early, r.CacheMin, r.Own)
	}
	return nil
}

// rules asks the API's own checks, which know nothing of memory either.
func (l *Ledger) rules(r *Sent) error {
	req := &bedrock.ConverseRequest{ModelID: r.Step.ModelID, System: r.System, Messages: r.Messages, ToolConfig: r.Tools}
	if err := bedrock.Validate(req); err != nil {
		return err
	}
	return bedrock.CheckConverse(req, bedrock.ConverseLimits{})
}

// block is a block of the history.
type block struct {
	role     bedrock.ConversationRole
	json     []byte
	exchange int
	open     bool // in the exchange that the new step belongs to
	fresh    bool // of the new step
	result   string
	document bool
}

var mark = regexp.MustCompile(`mk[0-9]+q`)

// provenance: what is sent is the history's, in its order, whole exchanges of
// it, nothing that was left behind, reasoning as the rules say; the new turn is
// there; between compactions the beginning only grows.
func (l *Ledger) provenance(r *Sent) error {
	history, dead := l.history(r)
	at, used := 0, map[int]int{}
	var flat [][]byte
	tailEnd := 0
	pinned := map[string]bool{}
	for i := range r.Messages {
		for j := range r.Messages[i].Content {
			b := &r.Messages[i].Content[j]
			if b.CachePoint != nil {
				continue
			}
			text, _ := bedrock.Marshal(b)
			for _, m := range mark.FindAll(text, -1) {
				if dead[string(m)] {
					return fmt.Errorf("message %d holds %s, of a turn that was left behind", i, m)
				}
			}
			flat = append(flat, text)
			if b.Text != nil && own(*b.Text) {
				if r.Messages[i].Role != bedrock.ConversationRoleUser {
					return fmt.Errorf("message %d: memory speaks as the assistant", i)
				}
				for p := range l.pins {
					pinned[p] = pinned[p] || strings.Contains(*b.Text, p)
				}
				continue
			}
			k := at
			for k < len(history) && !history[k].is(r.Messages[i].Role, b, text) {
				k++
			}
			if k == len(history) {
				return fmt.Errorf("message %d block %d is not the history's, or out of order: %.80s", i, j, text)
			}
			used[history[k].exchange]++
			if !history[k].open {
				tailEnd = len(flat)
			}
			if history[k].fresh && b.ToolResult != nil && !bytes.Equal(text, history[k].json) {
				return errors.New("a result of the new turn was cut")
			}
			at = k + 1
		}
	}
	for p := range l.pins {
		if !pinned[p] {
			return fmt.Errorf("the pinned fact %q is missing", p)
		}
	}
	if err := whole(history, used, r); err != nil {
		return err
	}
	return l.grows(r, flat[:tailEnd])
}

func own(text string) bool {
	for _, head := range []string{"Facts pinned in this conversation", "Summary of the turns before", "Excerpts from earlier in this conversation"} {
		if strings.HasPrefix(text, head) {
			return true
		}
	}
	return false
}

// is tells whether a sent block is the history's, with the changes that are
// allowed: a tool result or a document cut to a note, a document renamed.
func (h *block) is(role bedrock.ConversationRole, b *bedrock.ContentBlock, text []byte) bool {
	if h.role != role {
		return false
	}
	if bytes.Equal(h.json, text) {
		return true
	}
	if b.ToolResult != nil && h.result == b.ToolResult.ToolUseID && len(b.ToolResult.Content) == 1 && b.ToolResult.Content[0].Text != nil {
		return strings.HasPrefix(*b.ToolResult.Content[0].Text, "[tool result of turn ")
	}
	if h.document && !h.fresh && noted(b) {
		return true
	}
	if b.Document != nil && h.document {
		var was struct{ Document struct{ Name string } }
		if json.Unmarshal(h.json, &was) != nil {
			return false
		}
		renamed := *b.Document
		renamed.Name = was.Document.Name
		again, _ := bedrock.Marshal(&bedrock.ContentBlock{Document: &renamed})
		return bytes.Equal(again, h.json)
	}
	return false
}

// noted tells whether a block is a note in the place of a document.
func noted(b *bedrock.ContentBlock) bool {
	return b.Text != nil && (*b.Text == "…" || strings.HasPrefix(*b.Text, "[document of turn "))
}

// whole: exchanges are there whole or not at all; the open one is there; those
// sent are the newest, unless the strategy drops some in the middle.
func whole(history []block, used map[int]int, r *Sent) error {
	size := map[int]int{}
	openID, last := -1, -1
	for _, h := range history {
		size[h.exchange]++
		last = max(last, h.exchange)
		if h.open {
			openID = h.exchange
		}
	}
	if openID < 0 || used[openID] != size[openID] {
		return fmt.Errorf("of the open exchange %d of %d blocks are sent", used[openID], size[openID])
	}
	gap := false
	for e := last; e >= 0; e-- {
		if size[e] == 0 {
			continue
		}
		switch {
		case used[e] == 0:
			gap = true
		case used[e] != size[e]:
			return fmt.Errorf("of exchange %d %d of %d blocks are sent", e, used[e], size[e])
		case gap && r.Strategy != "prune":
			return fmt.Errorf("exchange %d is sent, and a later one is not", e)
		}
	}
	if gap && r.Whole {
		return errors.New("something is left out")
	}
	return nil
}

// grows: within an epoch the request before, up to the end of its tail, is what
// this one begins with.
func (l *Ledger) grows(r *Sent, tail [][]byte) error {
	before, epoch := l.before, l.beforeEpoch
	l.before, l.beforeEpoch = tail, r.Epoch
	if r.Strategy != "auto" && r.Strategy != "summary" && r.Strategy != "hierarchical" || epoch != r.Epoch {
		return nil
	}
	for i := range before {
		if i >= len(tail) || !bytes.Equal(before[i], tail[i]) && !leftOut(before[i], tail[i]) {
			return fmt.Errorf("block %d of the tail changed within epoch %d", i, epoch)
		}
	}
	return nil
}

// leftOut tells whether a document made room for a newer one.
func leftOut(before, now []byte) bool {
	var was, is bedrock.ContentBlock
	return bedrock.Unmarshal(before, &was) == nil && bedrock.Unmarshal(now, &is) == nil && was.Document != nil && noted(&is)
}

// Forget forgets the request before: the next may begin differently.
func (l *Ledger) Forget() { l.before = nil }

// history is the blocks that may be sent, in order, and the marks of those that
// may not.
func (l *Ledger) history(r *Sent) (out []block, dead map[string]bool) {
	dead = map[string]bool{}
	exchange := -1
	steps := append(append([]*Step{}, l.steps...), r.Step)
	// Which steps count: an interrupted one only if the step after resumes it.
	live := make([]bool, len(steps))
	for i, st := range steps {
		live[i] = !st.Interrupted || i == len(steps)-1
		if st.Resume {
			live[i-1] = true
		}
	}
	type span struct{ from, to int }
	var spans []span
	for i, st := range steps {
		if !live[i] {
			for _, m := range st.messages() {
				text, _ := bedrock.Marshal(&m)
				for _, k := range mark.FindAll(text, -1) {
					dead[string(k)] = true
				}
			}
			continue
		}
		if st.Resume || hasResult(st.User) && exchange >= 0 {
			spans[exchange].to = i
		} else {
			exchange++
			spans = append(spans, span{i, i})
		}
	}
	for e, sp := range spans {
		open := sp.to == len(steps)-1
		for i := sp.from; i <= sp.to; i++ {
			if live[i] {
				out = append(out, steps[i].blocks(e, open, i == len(steps)-1, r.Step.ModelID)...)
			}
		}
	}
	return out, dead
}

func hasResult(messages []bedrock.Message) bool {
	for _, b := range messages[0].Content {
		if b.ToolResult != nil {
			return true
		}
	}
	return false
}

func (st *Step) messages() []bedrock.Message {
	out := append([]bedrock.Message{}, st.User...)
	if st.Reply != nil {
		out = append(out, *st.Reply)
	}
	return out
}

// blocks are a step's blocks that must be sent when its exchange is.
func (st *Step) blocks(exchange int, open, fresh bool, model string) []block {
	messages := st.messages()
	if fresh {
		messages = st.User
	}
	var out []block
	for _, m := range messages {
		for i := range m.Content {
			b := &m.Content[i]
			partial := st.Interrupted && !fresh && m.Role == bedrock.ConversationRoleAssistant
			switch {
			case b.CachePoint != nil, b.Text != nil && strings.TrimSpace(*b.Text) == "":
				continue
			case b.ReasoningContent != nil && (!open || partial || st.ModelID != model):
				continue
			case b.ToolUse != nil && partial:
				continue
			}
			text, _ := bedrock.Marshal(b)
			h := block{role: m.Role, json: text, exchange: exchange, open: open, fresh: fresh, document: b.Document != nil}
			if b.ToolResult != nil {
				h.result = b.ToolResult.ToolUseID
			}
			out = append(out, h)
		}
	}
	return out
}
