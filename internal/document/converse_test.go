package document

import (
	"fmt"
	"strings"
	"time"

	"github.com/outcrop-ai/outcrop"
	"github.com/outcrop-ai/outcrop/bedrock"
	"github.com/outcrop-ai/outcrop/local"
	"github.com/outcrop-ai/outcrop/memory"
	"github.com/outcrop-ai/outcrop/quota"
)

// turn adds a round to a conversation.
func turn(p *probe, s *memory.State, n memory.NewTurn, answer string, interrupted bool) {
	p.Helper()
	c, _, err := memory.Assemble(s, n, memory.Policy{}, memory.Budget{Tokens: 8000}, memory.For(modelID))
	p.must(err)
	reply := said(answer)
	p.must(s.Append(c.Turn(&reply, interrupted)))
}

// talk is a conversation of many turns, with one fact early on.
func talk(p *probe, turns int) *memory.State {
	p.Helper()
	s := memory.New()
	turn(p, s, memory.NewTurn{Messages: []bedrock.Message{bedrock.UserText("My sister Anna lives in Ghent.")}}, "A fine city.", false)
	for i := range turns {
		turn(p, s, memory.NewTurn{Messages: []bedrock.Message{bedrock.UserText(fmt.Sprintf("Tell me about the harbour of island %d.", i))}},
			"It is small, and boats come on Mondays and Thursdays.", false)
	}
	return s
}

// sent is what of a conversation goes to the model for a new question.
func sent(p *probe, s *memory.State, policy memory.Policy, budget int, question string) (*memory.Context, *memory.Explanation, string) {
	p.Helper()
	c, e, err := memory.Assemble(s, memory.NewTurn{Messages: []bedrock.Message{bedrock.UserText(question)}}, policy, memory.Budget{Tokens: budget}, memory.For(modelID))
	p.must(err)
	var text strings.Builder
	for i := range c.Messages {
		text.WriteString(c.Messages[i].Text() + "\n")
	}
	p.ran(fmt.Sprintf("memory.Assemble(%d turns, %s, budget %d)", s.Len(), e.Strategy, budget), "%d tokens, %d messages, parts %v", c.Tokens, len(c.Messages), e.Parts)
	return c, e, text.String()
}

var conversational = []check{
	{"The Converse API is purpose-built", func(p *probe, _ Item) {
		o := p.command("My name is Ada.\nWhat is my name?\n/tokens\n/save history.json\n", `printf 'My name is Ada.\nWhat is my name?\n/tokens\n/save history.json\n' | outcrop chat`, program(p.T), "chat", "-m", modelID)
		p.holds(o.code == 0 && strings.Contains(o.stderr, "4 messages saved"), "a chat sends what was said before without being told")
		_, _, text := sent(p, talk(p, 200), memory.Policy{}, 2000, "Where does my sister Anna live?")
		p.holds(strings.Contains(text, "Ghent"), "memory finds what bears on a question among 200 turns")
	}},
	{"Chat applications with conversation history", func(p *probe, _ Item) {
		p.write("history.json", `[{"role":"user","content":[{"text":"My name is Ada."}]},{"role":"assistant","content":[{"text":"Hello Ada."}]},{"role":"user","content":[{"text":"What is my name?"}]}]`)
		long := p.usage(p.outcrop("converse", "--json", "--messages", "@history.json").stdout)
		short := p.usage(p.outcrop("converse", "--json", "What is my name?").stdout)
		p.holds(long.InputTokens > short.InputTokens, "the history goes with the question: %d input tokens instead of %d", long.InputTokens, short.InputTokens)
	}},
	{"Conversational interfaces requiring context management", func(p *probe, _ Item) {
		c, e, _ := sent(p, talk(p, 200), memory.Policy{}, 1000, "When do boats come to island 3?")
		p.holds(c.Tokens <= 1000 && e.Compacted, "the context keeps to its budget of 1000 tokens")
		p.holds(len(e.LeftOut) > 0, "and it is said what was left out and why: %s", e.LeftOut[0])
	}},
	{"Applications where maintaining conversation state is important", func(p *probe, _ Item) {
		s := talk(p, 20)
		var turns []memory.Turn
		for n := 1; n <= s.Len(); n++ {
			stored := s.Turn(n)
			text, err := stored.Marshal()
			p.must(err)
			read, err := memory.UnmarshalTurn(text)
			p.must(err)
			turns = append(turns, read)
		}
		restored, err := memory.Restore(s.Head(), turns)
		p.must(err)
		_, _, before := sent(p, s, memory.Policy{}, 4000, "Where does Anna live?")
		_, _, after := sent(p, restored, memory.Policy{}, 4000, "Where does Anna live?")
		p.holds(before == after, "a conversation that was stored goes on as if it had not been")
	}},
	{"Cases where you need to manage conversation memory efficiently", func(p *probe, _ Item) {
		s := talk(p, 400)
		full, _, _ := sent(p, s, memory.Policy{Strategy: memory.StrategyFull}, 1<<20, "Where does Anna live?")
		auto, _, text := sent(p, s, memory.Policy{}, 2000, "Where does Anna live?")
		p.holds(auto.Tokens*4 < full.Tokens && strings.Contains(text, "Ghent"), "%d tokens instead of %d hold what the question needs", auto.Tokens, full.Tokens)
	}},
	{"python: def converse", func(p *probe, i Item) {
		o := p.python(i.Text+`
messages = [{"role": "user", "content": [{"text": "My name is Ada."}]}]
first = converse("`+modelID+`", messages, [{"text": "Be brief."}])
messages += [first["output"]["message"], {"role": "user", "content": [{"text": "What is my name?"}]}]
second = converse("`+modelID+`", messages)
print(json.dumps([first["usage"]["inputTokens"], second["usage"]["inputTokens"], len(second["output"]["message"]["content"][0]["text"])]))
`, "--set", "conversations.recognise=true")
		r := into[[]int](p, o.stdout)
		p.holds(len(r) == 3 && r[0] > 0 && r[1] > r[0] && r[2] > 0, "two turns, with and without a system prompt: %v", r)
		shown := p.outcrop("conversations", "show", p.onlyConversation())
		p.holds(strings.Contains(shown.stdout, "My name is Ada.") && strings.Contains(shown.stdout, "What is my name?"), "the server keeps both, though the program named no conversation: it is known by how it begins")
	}},
	{"May have separate quota limits from standard inference", func(p *probe, _ Item) {
		a, b := quota.PoolID{Model: modelID}, quota.PoolID{Model: modelID, Method: "converse"}
		states := separate(p, a, b)
		p.holds(states[0] == quota.Admitted && states[1] == quota.Refused && states[2] == quota.Admitted, "a pool of converse's own still admits when the other is used up")
	}},
	{"Optimization focuses on efficient conversation history", func(p *probe, _ Item) {
		short, _, _ := sent(p, talk(p, 100), memory.Policy{}, 2000, "And now?")
		long, _, _ := sent(p, talk(p, 400), memory.Policy{}, 2000, "And now?")
		p.holds(short.Tokens <= 2000 && long.Tokens <= 2000, "four times the history, and the same budget holds: %d and %d tokens", short.Tokens, long.Tokens)
	}},
	{"Token usage includes conversation history", func(p *probe, _ Item) {
		m := p.manager(local.Config{})
		var messages []bedrock.Message
		var inputs []int
		for range 4 {
			messages = append(messages, bedrock.UserText("Tell me more."))
			r, err := m.Converse(p.Context(), &bedrock.ConverseRequest{Messages: messages})
			p.must(err)
			messages = append(messages, *r.Output.Message)
			inputs = append(inputs, r.Usage.InputTokens)
		}
		p.ran("m.Converse, four turns", "input tokens %v", inputs)
		p.holds(inputs[0] < inputs[1] && inputs[1] < inputs[2] && inputs[2] < inputs[3], "each turn takes more than the one before")
	}},
	{"Summarize conversation history", func(p *probe, _ Item) {
		s := talk(p, 200)
		wanted := s.Wanted(memory.Policy{}, 8)
		p.ran("State.Wanted", "%d summaries", len(wanted))
		if !p.holds(len(wanted) > 0, "memory says which summaries a model could write") {
			return
		}
		p.must(s.WithSummary(wanted[0].Node, "Anna lives in Ghent; many harbours."))
		_, _, text := sent(p, s, memory.Policy{Strategy: memory.StrategySummary, RetrieveTokens: -1}, 1000, "And now?")
		p.holds(strings.Contains(text, "Anna lives in Ghent; many harbours."), "and the summary stands in for its turns")
	}},
	{"Prune irrelevant messages", func(p *probe, _ Item) {
		s := talk(p, 100)
		full, _, _ := sent(p, s, memory.Policy{Strategy: memory.StrategyFull}, 1<<20, "Where does my sister Anna live?")
		pruned, e, text := sent(p, s, memory.Policy{Strategy: memory.StrategyPrune}, 600, "Where does my sister Anna live?")
		p.holds(pruned.Tokens < full.Tokens/2 && len(e.LeftOut) > 0, "turns that do not bear on the question stay away: %d tokens instead of %d", pruned.Tokens, full.Tokens)
		p.holds(strings.Contains(text, "Ghent"), "the one that does is sent")
	}},
	{"Use system prompts effectively", func(p *probe, _ Item) {
		s := talk(p, 100)
		s.SetSystem([]bedrock.SystemContentBlock{{Text: ptr("Answer in one sentence.")}})
		c, _, _ := sent(p, s, memory.Policy{}, 1000, "And now?")
		p.holds(len(c.System) > 0 && *c.System[0].Text == "Answer in one sentence.", "the system prompt outlasts the turns that are left out")
		with := p.outcrop("converse", "--system", "Answer in one sentence.", "--json", "What is a qubit?")
		without := p.outcrop("converse", "--json", "What is a qubit?")
		p.holds(p.usage(with.stdout).InputTokens > p.usage(without.stdout).InputTokens, "it is part of the request and of its tokens")
	}},
	{"Implement conversation memory strategies", func(p *probe, _ Item) {
		s := talk(p, 200)
		for _, strategy := range []memory.Strategy{memory.StrategyWindow, memory.StrategyHierarchical} {
			c, e, _ := sent(p, s, memory.Policy{Strategy: strategy}, 1500, "And now?")
			p.holds(c.Tokens <= 1500 && e.Strategy == strategy, "%s keeps to the budget", strategy)
			if strategy == memory.StrategyHierarchical {
				p.holds(e.Parts[memory.PartSummary] > 0, "with a summary of %d tokens", e.Parts[memory.PartSummary])
			} else {
				p.holds(e.Parts[memory.PartSummary] == 0, "with the newest turns alone")
			}
		}
	}},
}

// onlyConversation is the id of the only conversation that there is.
func (p *probe) onlyConversation() string {
	p.Helper()
	type list struct {
		Conversations []struct{ ConversationID string }
	}
	found := into[list](p, p.outcrop("conversations", "list", "--json").stdout).Conversations
	if len(found) != 1 {
		p.Fatalf("%d conversations are kept, not one", len(found))
	}
	return found[0].ConversationID
}

func ptr[T any](v T) *T { return &v }

// separate asks a pool of one request a minute twice, and then another.
func separate(p *probe, a, b quota.PoolID) [3]quota.State {
	p.Helper()
	book, err := quota.NewBook(quota.Config{Pools: []quota.PoolConfig{{ID: a, RequestsPerMinute: 1}, {ID: b, RequestsPerMinute: 1}}})
	p.must(err)
	var states [3]quota.State
	for n, id := range []quota.PoolID{a, a, b} {
		_, d, err := book.Reserve(time.Unix(1, 0), quota.Request{Pools: []quota.PoolID{id}, MaxTokens: 10})
		p.must(err)
		states[n] = d.State
	}
	p.ran("quota.Book.Reserve: twice from a pool of 1 RPM, once from the method's own", "%v", states)
	return states
}

// usage is that of a Converse response that was printed.
func (p *probe) usage(text string) bedrock.TokenUsage {
	p.Helper()
	return into[bedrock.ConverseResponse](p, text).Usage
}

// chosen is what auto takes for a request.
func (p *probe) chosen(what string, r *outcrop.InferRequest) outcrop.Method {
	m, why := outcrop.Choose(r)
	p.ran("outcrop.Choose("+what+")", "%s: %s", m, why)
	return m
}
