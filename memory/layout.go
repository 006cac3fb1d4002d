package memory

import (
	"slices"

	"github.com/outcrop-ai/outcrop/bedrock"
)

// layout puts the chosen parts in order and places the cache points.
func (a *assembly) layout() (*Context, *Explanation) {
	l := &builder{m: a.m, e: &Explanation{Strategy: a.p.Strategy, Budget: a.budget, Parts: map[Part]int{}}, excess: a.excess()}
	l.fixed(a)
	l.notes(a.chosen.pins, PartPinned, "pinned")
	l.blocks(noteBlocks(a.chosen.notes), PartSummary, "stands for the turns before the tail")
	notesEnd := l.mark(PartSummary)
	before, tailEnd := a.layTail(l)
	l.notes(a.chosen.late, PartPinned, "pinned since the last compaction")
	l.blocks(a.excerpts(), PartRetrieved, "bears on the new turn")
	for _, o := range a.open {
		why := "the new turn"
		if o.number != a.turn.Number {
			why = "belongs to the exchange of the new turn"
		}
		l.messages(o.messages, PartNew, o.number, why)
	}
	newEnd := l.mark(PartNew)
	if len(a.open) > 1 {
		before = newEnd // a tool loop: the next step goes on from here
	}
	a.leftOut(l.e)
	system := a.place(l, notesEnd, before, tailEnd)
	if a.epoch != nil {
		l.e.Compacted = true
		l.e.Epoch = a.epoch.Number
	} else {
		l.e.Epoch = a.s.epoch.Number
	}
	l.e.Tokens = l.tokens
	return &Context{Messages: l.out, System: system, Tools: a.tools, Tokens: l.tokens}, l.e
}

// layTail lays the verbatim turns, and marks the end of the last exchange and
// the end of the one before it, where the request before had its mark.
func (a *assembly) layTail(l *builder) (before, end mark) {
	for i := a.chosen.start; i < a.end; i++ {
		e := &a.s.turns[i]
		if !e.live || a.chosen.dropped[i] {
			continue
		}
		if !e.joins {
			before = l.mark(PartTail)
		}
		messages, why := e.shown, "the newest turns"
		a.s.tokens(i, a.m, false)
		l.counts = e.cost.blocks
		if e.turn.Number < a.chosen.pruned || a.chosen.cut[i] {
			messages = prunedResults(messages, e.turn.Number, a.m)
			l.counts = nil
		}
		l.messages(messages, PartTail, e.turn.Number, why)
		end = l.mark(PartTail)
	}
	return before, end
}

// maxDocuments is how many documents a request may have.
const maxDocuments = 5

// excess is how many documents of what is sent are too many for a request. The
// new turn's own are not counted among them: if it brings too many, whoever
// answers it says so.
func (a *assembly) excess() int {
	before := 0
	for i := a.chosen.start; i < a.end; i++ {
		if e := &a.s.turns[i]; e.live && !a.chosen.dropped[i] {
			before += documents(e.shown)
		}
	}
	last := len(a.open) - 1
	for _, o := range a.open[:last] {
		before += documents(o.messages)
	}
	return max(0, min(before, before+documents(a.open[last].messages)-maxDocuments))
}

// leftOut says what of the conversation is not sent.
func (a *assembly) leftOut(e *Explanation) {
	add := func(turn int, what, why string) {
		if n := len(e.LeftOut); n > 0 && e.LeftOut[n-1].To == turn-1 && e.LeftOut[n-1].What == what && e.LeftOut[n-1].Why == why {
			e.LeftOut[n-1].To = turn
			return
		}
		e.LeftOut = append(e.LeftOut, LeftOut{turn, turn, what, why})
	}
	if a.chosen.start > 0 {
		e.LeftOut = append(e.LeftOut, LeftOut{1, a.chosen.start, "turns", a.chosen.why})
	}
	for i := a.chosen.start; i < a.end; i++ {
		t := &a.s.turns[i]
		number := t.turn.Number
		switch {
		case !t.live:
			add(number, "turns", "interrupted, and not resumed")
		case a.chosen.dropped[i]:
			add(number, "turns", a.chosen.why)
		case number < a.chosen.pruned || a.chosen.cut[i]:
			if a.s.tokens(i, a.m, true) < a.s.tokens(i, a.m, false) {
				add(number, "tool results", "tool results go first")
			}
		}
	}
	if a.openCut {
		e.LeftOut = append(e.LeftOut, LeftOut{a.open[0].number, a.open[len(a.open)-2].number, "tool results", "the open exchange exceeds the budget"})
	}
}

// mark is a place behind a block.
type mark struct {
	message, block int // the block's; message is -1 before the first
	part           Part
	tokens         int
}

// place inserts cache points where the next request will find its prefix again,
// the most useful first while there is room: at the end of the tail, behind the
// system prompt, behind the summary, and at the end of the tail as it was at
// the request before, since not every model looks back for it. It returns the
// system prompt.
func (a *assembly) place(l *builder, notesEnd, before, tailEnd mark) []bedrock.SystemContentBlock {
	left := maxPoints - a.points
	if a.m.CacheMin == 0 {
		return a.system
	}
	// What follows a gap changes with every turn: a point there is never met.
	stable := a.p.Strategy.compacts() || len(a.chosen.dropped) == 0 && len(a.chosen.cut) == 0 && a.chosen.start == 0
	var wanted []mark
	if stable {
		wanted = append(wanted, tailEnd)
	}
	systemEnd := mark{message: -1, part: PartSystem, tokens: FrameRequest + a.cost.tools + a.cost.system}
	if n := len(a.system); n > 0 && a.system[n-1].CachePoint == nil {
		wanted = append(wanted, systemEnd)
	}
	wanted = append(wanted, notesEnd)
	if stable {
		wanted = append(wanted, before)
	}
	var marks []mark
	for _, w := range wanted {
		taken := slices.ContainsFunc(marks, func(m mark) bool { return m.message == w.message && m.block == w.block })
		empty := w.message < 0 && w.part != PartSystem || w.part == "" || l.pointed(w)
		if left == 0 || taken || empty || w.tokens < a.m.CacheMin {
			continue
		}
		marks = append(marks, w)
		left--
	}
	slices.SortFunc(marks, func(x, y mark) int { return x.tokens - y.tokens })
	system := a.system
	for _, m := range marks {
		l.e.CachePoints = append(l.e.CachePoints, CachePoint{m.message, m.part, m.tokens})
		if m.message < 0 {
			system = append(slices.Clip(system), bedrock.SystemContentBlock{CachePoint: defaultPoint()})
		}
	}
	l.insert(marks)
	return system
}

func defaultPoint() *bedrock.CachePointBlock {
	return &bedrock.CachePointBlock{Type: bedrock.CachePointTypeDefault}
}

// builder lays blocks one after another into messages of alternating roles.
type builder struct {
	m      *Model
	e      *Explanation
	out    []bedrock.Message
	tokens int
	counts []int // of the next blocks, where they are known
	excess int   // documents still to be left out
}

// fixed counts what stands before the messages.
func (l *builder) fixed(a *assembly) {
	l.tokens = FrameRequest + a.cost.tools + a.cost.system
	if a.tools != nil {
		l.e.Parts[PartTools] = a.cost.tools
		l.e.Sent = append(l.e.Sent, Sent{Message: -1, Part: PartTools, Tokens: a.cost.tools, Why: "the conversation's tools"})
	}
	if len(a.system) > 0 {
		l.e.Parts[PartSystem] = a.cost.system
		l.e.Sent = append(l.e.Sent, Sent{Message: -1, Part: PartSystem, Tokens: a.cost.system, Why: "the system prompt"})
	}
}

func (l *builder) notes(pins []Pin, part Part, why string) {
	l.blocks(noteBlocks(pinText(pins)), part, why)
}

// blocks adds blocks of the memory's own to a user message.
func (l *builder) blocks(blocks []bedrock.ContentBlock, part Part, why string) {
	if len(blocks) > 0 {
		l.messages([]bedrock.Message{{Role: bedrock.ConversationRoleUser, Content: blocks}}, part, 0, why)
	}
}

func (l *builder) messages(messages []bedrock.Message, part Part, turn int, why string) {
	before := l.tokens
	for i := range messages {
		m := &messages[i]
		last := len(l.out) - 1
		if last < 0 || l.out[last].Role != m.Role {
			l.out = append(l.out, bedrock.Message{Role: m.Role, Unknown: m.Unknown})
			l.tokens += FrameMessage
			last++
		}
		out := &l.out[last]
		for j := range m.Content {
			block, n := m.Content[j], l.count(&m.Content[j])
			if block.Document != nil && l.excess > 0 {
				l.excess--
				block = documentNote(turn, n, l.m)
				n = l.m.block(&block)
				l.e.LeftOut = append(l.e.LeftOut, LeftOut{turn, turn, "documents", "a request has five at most"})
			}
			l.e.Sent = append(l.e.Sent, Sent{Message: last, Block: len(out.Content), Part: part, Turn: turn, Tokens: n, Why: why})
			out.Content = append(out.Content, block)
			l.tokens += n
		}
	}
	l.counts = nil
	l.e.Parts[part] += l.tokens - before
}

func (l *builder) count(b *bedrock.ContentBlock) int {
	if len(l.counts) == 0 {
		return l.m.block(b)
	}
	n := l.counts[0]
	l.counts = l.counts[1:]
	return n
}

// mark is the place behind the last block.
func (l *builder) mark(part Part) mark {
	last := len(l.out) - 1
	if last < 0 {
		return mark{message: -1, part: part}
	}
	return mark{last, len(l.out[last].Content) - 1, part, l.tokens}
}

// pointed tells whether a cache point stands at a place already.
func (l *builder) pointed(m mark) bool {
	if m.message < 0 {
		return false
	}
	content := l.out[m.message].Content
	return content[m.block].CachePoint != nil || m.block+1 < len(content) && content[m.block+1].CachePoint != nil
}

// insert puts cache points behind the marked blocks. The marks are in order.
func (l *builder) insert(marks []mark) {
	for i := len(marks) - 1; i >= 0; i-- {
		m := marks[i]
		if m.message < 0 {
			continue
		}
		content := &l.out[m.message].Content
		*content = slices.Insert(*content, m.block+1, bedrock.ContentBlock{CachePoint: defaultPoint()})
		for j := range l.e.Sent {
			if s := &l.e.Sent[j]; s.Message == m.message && s.Block > m.block {
				s.Block++
			}
		}
	}
}
