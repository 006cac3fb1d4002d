package memory

import (
	"bytes"
	"slices"

	"github.com/outcrop-ai/outcrop/bedrock"
)

// NewTurn is what a request adds to a conversation.
type NewTurn struct {
	// Messages are the user's, or tool results. They may hold whole steps of
	// a tool loop, and end with the beginning of a reply.
	Messages []bedrock.Message

	// First is the place of Messages[0] in what the client sent; errors name
	// messages by it. See [Match].
	First int

	// System and Tools replace the conversation's, when they are not nil.
	System []bedrock.SystemContentBlock
	Tools  *bedrock.ToolConfiguration

	// Resume goes on from the last turn, which was interrupted. Messages may
	// be empty then: the model is asked to go on.
	Resume bool

	// Compact asks for a compaction now, where the strategy has them: when a
	// model found the context too long, or a user asks.
	Compact bool
}

// goOn is what resumes a turn without a message.
const goOn = "Go on exactly where you stopped."

// Context is what to send.
type Context struct {
	Messages []bedrock.Message
	System   []bedrock.SystemContentBlock
	Tools    *bedrock.ToolConfiguration
	Tokens   int    // of input, as the model's counter counts
	Epoch    *Epoch // the compaction that took place, or nil; Turn carries it

	turn Turn
}

// Apply puts the context into a request.
func (c *Context) Apply(req *bedrock.ConverseRequest) {
	req.Messages, req.System, req.ToolConfig = c.Messages, c.System, c.Tools
}

// Turn is the turn to append when the model has replied: what was new, the
// reply, and whatever changed with it. An interrupted reply is what had
// arrived, or nil.
func (c *Context) Turn(reply *bedrock.Message, interrupted bool) Turn {
	t := c.turn
	t.Messages = slices.Clone(t.Messages)
	if reply != nil {
		t.Messages = append(t.Messages, *reply)
	}
	t.Interrupted = interrupted
	return t
}

// Assemble chooses what to send for a new turn. It does not change what the
// state says; append Context.Turn for that. The errors are *[InputError],
// *[BudgetError].
//
// Equal input gives an equal context. With compacting strategies and with
// window it costs time by what is sent, and a search of the index by the words
// of the new turn; with full and prune, by the length of the conversation.
func Assemble(s *State, n NewTurn, p Policy, b Budget, m Model) (*Context, *Explanation, error) {
	p, err := p.settled(b)
	if err != nil {
		return nil, nil, err
	}
	m = m.counted()
	s.countFor(&m)
	a := &assembly{s: s, p: &p, m: &m, budget: b.Tokens}
	if err := a.take(n); err != nil {
		return nil, nil, err
	}
	if err := a.mandatory(); err != nil {
		return nil, nil, err
	}
	if err := a.choose(n.Compact); err != nil {
		return nil, nil, err
	}
	c, e := a.layout()
	c.Epoch = a.epoch
	c.turn = a.turn
	c.turn.Epoch = a.epoch
	return c, e, nil
}

// assembly is one call of Assemble.
type assembly struct {
	s      *State
	p      *Policy
	m      *Model
	budget int

	turn   Turn // to append afterwards
	system []bedrock.SystemContentBlock
	tools  *bedrock.ToolConfiguration
	points int // cache points of the caller's

	end       int        // turns before this index are closed exchanges
	open      []openTurn // the open exchange and the new turn
	openCut   bool       // its older tool results were cut
	cost      partCosts  // of what must be sent
	need      int        // ... all together
	chosen    selection  // of the closed turns
	retrieved []int      // passages of the index, in order
	epoch     *Epoch     // a new one, or nil
}

type openTurn struct {
	number   int
	messages []bedrock.Message
}

type partCosts struct{ tools, system, pinned, messages int }

// selection is what of the closed turns is sent.
type selection struct {
	start   int          // the first turn that is sent verbatim, as an index
	pruned  int          // tool results of turns before this number are cut
	cut     map[int]bool // ... and those of these turns
	dropped map[int]bool // turns after start that are not sent
	pins    []Pin        // that stand in front
	late    []Pin        // that stand behind the tail
	notes   string
	why     string // for what is left out
}

// take checks the new turn and finds the exchange it belongs to.
func (a *assembly) take(n NewTurn) error {
	if n.Resume && !a.s.Interrupted() {
		return invalid("resume", "the last turn was not interrupted")
	}
	if n.Resume && len(n.Messages) == 0 {
		n.Messages = []bedrock.Message{bedrock.UserText(goOn)}
	}
	if err := a.s.checkMessages(n.Messages, n.Resume, true, n.First); err != nil {
		return err
	}
	if last := len(n.Messages) - 1; len(openUses(n.Messages)) > 0 {
		return invalid(numbered(n.First)(last), "a request does not end with a tool use: its result is missing")
	}
	a.turn = Turn{Format: Format, Number: a.s.Len() + 1, ModelID: a.m.ID, Messages: n.Messages, Resumes: n.Resume}
	a.system, a.tools = a.s.system, a.s.tools
	if n.System != nil {
		if !sameSystem(n.System, a.s.system) {
			a.turn.System = n.System
		}
		a.system = n.System
	}
	if n.Tools != nil {
		if !sameJSON(n.Tools, a.s.tools) {
			a.turn.Tools = n.Tools
		}
		a.tools = n.Tools
	}
	a.openExchange(n)
	return a.callersPoints(n.First)
}

// openExchange collects the turns that the new one goes on with.
func (a *assembly) openExchange(n NewTurn) {
	s := a.s
	a.end = len(s.turns)
	last := len(s.turns) - 1
	switch {
	case n.Resume:
		interrupted := &s.turns[last]
		a.end = last
		if interrupted.turn.Resumes || (s.liveBefore(last) && answersTools(interrupted.turn.Messages)) {
			a.end = s.exchangeStart(last - 1)
		}
	case len(s.pending) > 0:
		a.end = s.exchangeStart(last)
	}
	names := map[string]int{}
	for i := a.end; i < len(s.turns); i++ {
		e := &s.turns[i]
		var messages []bedrock.Message
		switch {
		case e.live:
			messages = e.kept
		case n.Resume && i == last:
			messages = uniqueDocuments(withoutPoints(withoutPartial(e.turn.Messages)), s.names, names, e.turn.Number)
		default:
			continue
		}
		if e.turn.ModelID != a.m.ID {
			messages = withoutReasoning(messages)
		}
		a.open = append(a.open, openTurn{e.turn.Number, messages})
	}
	messages := filtered(n.Messages, func(*bedrock.ContentBlock) bool { return true })
	a.open = append(a.open, openTurn{a.turn.Number, uniqueDocuments(messages, s.names, names, a.turn.Number)})
}

// maxPoints is how many cache points a request may have.
const maxPoints = 4

// callersPoints counts the caller's cache points, and removes those that the
// model does not take.
func (a *assembly) callersPoints(first int) error {
	last := &a.open[len(a.open)-1]
	if a.m.CacheMin == 0 {
		last.messages = filtered(last.messages, func(b *bedrock.ContentBlock) bool { return b.CachePoint == nil })
		a.system = slices.DeleteFunc(slices.Clone(a.system), func(b bedrock.SystemContentBlock) bool { return b.CachePoint != nil })
	}
	if a.tools != nil && !a.m.CacheTools && slices.ContainsFunc(a.tools.Tools, isPoint) {
		tools := *a.tools
		tools.Tools = slices.DeleteFunc(slices.Clone(tools.Tools), isPoint)
		a.tools = &tools
	}
	if a.tools != nil {
		for i := range a.tools.Tools {
			if isPoint(a.tools.Tools[i]) {
				a.points++
			}
		}
	}
	for i := range a.system {
		if a.system[i].CachePoint != nil {
			a.points++
		}
	}
	for i := range last.messages {
		for j := range last.messages[i].Content {
			if last.messages[i].Content[j].CachePoint != nil {
				a.points++
			}
		}
	}
	if a.points > maxPoints {
		return invalid(numbered(first)(0), "tools, system and new messages hold %d cache points; a request may have %d", a.points, maxPoints)
	}
	return nil
}

func isPoint(t bedrock.Tool) bool { return t.CachePoint != nil }

// mandatory counts what must be sent and checks that it fits.
func (a *assembly) mandatory() error {
	if a.tools == nil || len(a.tools.Tools) == 0 {
		for _, o := range a.open {
			if usesTools(o.messages) {
				return invalid("toolConfig", "the conversation uses tools, and neither it nor the request has a tool configuration")
			}
		}
	}
	a.cost = partCosts{
		tools:    a.m.tools(a.tools),
		system:   a.m.system(a.system),
		messages: a.openCost(),
	}
	if pins := pinText(a.s.pins); pins != "" {
		// Facts pinned since the last compaction are a text of their own.
		front, late := a.pinned(&a.s.epoch)
		apart := 0
		for _, text := range []string{pinText(front), pinText(late)} {
			if text != "" {
				apart += a.m.text(text)
			}
		}
		a.cost.pinned = max(apart, a.m.text(pins))
	}
	if a.total() > a.budget && a.p.Strategy != StrategyFull && len(a.open) > 1 {
		for i := range a.open[:len(a.open)-1] {
			a.open[i].messages = prunedResults(a.open[i].messages, a.open[i].number, a.m)
		}
		a.openCut = true
		a.cost.messages = a.openCost()
	}
	a.need = a.total()
	if a.need > a.budget {
		return &BudgetError{Field: a.largest(), Needed: a.need, Budget: a.budget}
	}
	return nil
}

func (a *assembly) openCost() int {
	n := 0
	for _, o := range a.open {
		n += a.m.messages(o.messages)
	}
	return n
}

func (a *assembly) total() int {
	return FrameRequest + a.cost.tools + a.cost.system + a.cost.pinned + a.cost.messages
}

func (a *assembly) largest() string {
	c := a.cost
	switch max(c.messages, c.system, c.tools, c.pinned) {
	case c.messages:
		return "messages"
	case c.system:
		return "system"
	case c.tools:
		return "toolConfig"
	}
	return "pinned"
}

// pinned divides the pinned facts into those that an epoch began with, in
// front, and those pinned since.
func (a *assembly) pinned(e *Epoch) (front, late []Pin) {
	for _, p := range a.s.pins {
		if slices.Contains(e.Pins, p) || e.Number == 0 && p.Turn == 0 {
			front = append(front, p)
		} else {
			late = append(late, p)
		}
	}
	return front, late
}

func usesTools(messages []bedrock.Message) bool {
	for i := range messages {
		for j := range messages[i].Content {
			if b := &messages[i].Content[j]; b.ToolUse != nil || b.ToolResult != nil {
				return true
			}
		}
	}
	return false
}

func sameSystem(a, b []bedrock.SystemContentBlock) bool {
	return slices.EqualFunc(a, b, func(x, y bedrock.SystemContentBlock) bool { return sameJSON(&x, &y) })
}

func sameJSON[T any](a, b *T) bool {
	if a == nil || b == nil {
		return a == b
	}
	x, err1 := bedrock.Marshal(a)
	y, err2 := bedrock.Marshal(b)
	return err1 == nil && err2 == nil && bytes.Equal(x, y)
}
