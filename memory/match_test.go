package memory_test

import (
	"errors"
	"testing"

	"github.com/outcrop-ai/outcrop/bedrock"
	"github.com/outcrop-ai/outcrop/memory"
)

func TestMatch(t *testing.T) {
	stored := func() *memory.State {
		think := bedrock.ContentBlock{ReasoningContent: &bedrock.ReasoningContentBlock{ReasoningText: &bedrock.ReasoningTextBlock{Text: "hm", Signature: "s"}}}
		second := assistant("answer two  ")
		second.Content = append([]bedrock.ContentBlock{think}, second.Content...)
		return chat(t,
			[]bedrock.Message{user("one"), use("x"), result("x", "42"), assistant("answer one")},
			[]bedrock.Message{user("two"), second},
		)
	}
	other := use("x")
	other.Content[0].ToolUse.Input = bedrock.Document(`{ "a": 2, "b": 1 }`)
	point := bedrock.ContentBlock{CachePoint: &bedrock.CachePointBlock{Type: "default"}}
	pointed := user("two")
	pointed.Content = append(pointed.Content, point)
	halves := assistant("answer ")
	one := "one"
	halves.Content = append(halves.Content, bedrock.ContentBlock{Text: &one})
	history := []bedrock.Message{user("one"), other, result("x", "42"), halves, pointed, assistant("answer two")}
	with := func(more ...bedrock.Message) []bedrock.Message {
		return append(append([]bedrock.Message{}, history...), more...)
	}

	t.Run("only what is new", func(t *testing.T) {
		m, err := memory.Match(stored(), []bedrock.Message{user("three")})
		if err != nil || m.Whole || len(m.New) != 1 || m.First != 0 {
			t.Errorf("%+v %v", m, err)
		}
	})
	t.Run("everything, as SDKs change it", func(t *testing.T) {
		m, err := memory.Match(stored(), with(user("three")))
		if err != nil || !m.Whole || len(m.New) != 1 || m.First != 6 || len(m.Turns) != 0 {
			t.Errorf("%+v %v", m, err)
		}
	})
	t.Run("turns that the store has not", func(t *testing.T) {
		m, err := memory.Match(stored(), with(user("three"), assistant("answer three"), user("four")))
		if err != nil || len(m.Turns) != 1 || m.First != 8 || len(m.New) != 1 {
			t.Errorf("%+v %v", m, err)
		}
	})
	t.Run("a history begun elsewhere", func(t *testing.T) {
		m, err := memory.Match(memory.New(), with(user("three")))
		if err != nil || len(m.Turns) != 2 || m.First != 6 {
			t.Errorf("%+v %v", m, err)
		}
	})
	t.Run("an interrupted turn is asked again", func(t *testing.T) {
		s := stored()
		if err := s.Append(memory.Turn{Interrupted: true, Messages: []bedrock.Message{user("three"), assistant("ans")}}); err != nil {
			t.Fatal(err)
		}
		for _, more := range [][]bedrock.Message{{user("three")}, {user("three"), assistant("ans"), user("four")}} {
			m, err := memory.Match(s, with(more...))
			if err != nil || len(m.New) != 1 {
				t.Errorf("%+v %v", m, err)
			}
		}
	})
	differs := with(user("three"))
	differs[3] = assistant("another answer")
	longer := use("x")
	longer.Content[0].ToolUse.Input = bedrock.Document(`{"a":3}`)
	input := with(user("three"))
	input[1] = longer
	for name, test := range map[string]struct {
		messages []bedrock.Message
		field    string
		turn     int
	}{
		"an answer differs":  {differs, "messages.3.content.0", 1},
		"an input differs":   {input, "messages.1.content.0", 1},
		"it ends early":      {history[:4], "messages.3", 2},
		"nothing is new":     {history, "messages.5", 0},
		"the new is a reply": {with(assistant("more")), "messages.6", 0},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := memory.Match(stored(), test.messages)
			m, ok := errors.AsType[*memory.MismatchError](err)
			if !ok || m.Field() != test.field || m.Turn != test.turn {
				t.Errorf("got %v, want a difference at %s, turn %d", err, test.field, test.turn)
			}
		})
	}
}

// FuzzMatch matches any messages against a conversation and holds what is new
// to what was given.
func FuzzMatch(f *testing.F) {
	for _, seed := range []string{
		`{"messages":[{"role":"user","content":[{"text":"hi"}]}]}`,
		`{"messages":[{"role":"user","content":[{"text":"one"}]},{"role":"assistant","content":[{"text":"answer"}]},{"role":"user","content":[{"text":"two"}]}]}`,
		`{"messages":[{"role":"user","content":[{"text":"one"}]},{"role":"assistant","content":[{"toolUse":{"toolUseId":"x","name":"n","input":{"a":[1,{}]}}}]},{"role":"user","content":[{"toolResult":{"toolUseId":"x","content":[{"json":{"a":1}}]}},{"cachePoint":{"type":"default"}}]}]}`,
		`{"messages":[{"role":"user","content":[]},{"role":"assistant","content":[{"text":""}]}]}`,
	} {
		f.Add([]byte(seed))
	}
	s := chat(f, []bedrock.Message{user("one"), assistant("answer")})
	f.Fuzz(func(t *testing.T, data []byte) {
		var req bedrock.ConverseRequest
		if bedrock.Unmarshal(data, &req) != nil {
			return
		}
		for _, state := range []*memory.State{memory.New(), s} {
			m, err := memory.Match(state, req.Messages)
			if err != nil {
				continue
			}
			if len(m.New) == 0 || m.New[0].Role != bedrock.ConversationRoleUser || m.First+len(m.New) != len(req.Messages) {
				t.Fatalf("%+v of %d messages", m, len(req.Messages))
			}
			// What matched can be stored, or is refused by name.
			other := state.Clone()
			for _, turn := range m.Turns {
				if other.Append(turn) != nil {
					return
				}
			}
			_, _, _ = memory.Assemble(other, memory.NewTurn{Messages: m.New, First: m.First}, memory.Policy{}, memory.Budget{Tokens: 500}, memory.For(claude))
		}
	})
}

// FuzzDecode reads any bytes as records and holds what is read to a round trip.
func FuzzDecode(f *testing.F) {
	s := talk(f, 3)
	_ = s.Pin("a", "fact")
	_, _ = s.Compact(memory.Policy{}, memory.Budget{Tokens: 300}, memory.For(claude))
	head, turn := s.Head(), s.Turn(1)
	for _, record := range []interface{ Marshal() ([]byte, error) }{&head, &turn} {
		data, err := record.Marshal()
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		if turn, err := memory.UnmarshalTurn(data); err == nil {
			again, err := turn.Marshal()
			if err != nil {
				t.Fatal(err)
			}
			if _, err := memory.UnmarshalTurn(again); err != nil {
				t.Fatal(err)
			}
			turn.Number = 0
			if state := memory.New(); state.Append(turn) == nil {
				_, _, _ = memory.Assemble(state, memory.NewTurn{Messages: []bedrock.Message{user("a")}}, memory.Policy{}, memory.Budget{Tokens: 200}, memory.For(claude))
			}
		}
		if head, err := memory.UnmarshalHead(data); err == nil {
			turns := make([]memory.Turn, 0, 3)
			for i := range 3 {
				turns = append(turns, s.Turn(i+1))
			}
			if state, err := memory.Restore(head, turns); err == nil {
				_, _, _ = memory.Assemble(state, memory.NewTurn{Messages: []bedrock.Message{user("a")}}, memory.Policy{}, memory.Budget{Tokens: 200}, memory.For(claude))
				state.Wanted(memory.Policy{}, 5)
			}
		}
	})
}
