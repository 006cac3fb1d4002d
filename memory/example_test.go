package memory_test

import (
	"errors"
	"fmt"
	"log"

	"github.com/outcrop-ai/outcrop/bedrock"
	"github.com/outcrop-ai/outcrop/memory"
)

// turn is one round of a conversation whose model always says the same.
func turn(s *memory.State, question, answer string) {
	n := memory.NewTurn{Messages: []bedrock.Message{bedrock.UserText(question)}}
	c, _, err := memory.Assemble(s, n, memory.Policy{}, memory.Budget{Tokens: 8000}, memory.For("amazon.nova-lite-v1:0"))
	if err != nil {
		log.Fatal(err)
	}
	reply := bedrock.Message{Role: bedrock.ConversationRoleAssistant, Content: []bedrock.ContentBlock{{Text: &answer}}}
	if err := s.Append(c.Turn(&reply, false)); err != nil {
		log.Fatal(err)
	}
}

func ExampleAssemble() {
	s := memory.New()
	turn(s, "My sister Anna lives in Ghent.", "A fine city.")

	n := memory.NewTurn{Messages: []bedrock.Message{bedrock.UserText("Where does Anna live?")}}
	c, e, err := memory.Assemble(s, n, memory.Policy{}, memory.Budget{Tokens: 8000}, memory.For("amazon.nova-lite-v1:0"))
	if err != nil {
		log.Fatal(err)
	}
	var req bedrock.ConverseRequest
	c.Apply(&req)
	fmt.Println(len(req.Messages), "messages, strategy", e.Strategy)
	// Output: 3 messages, strategy auto
}

func ExampleAssemble_explanation() {
	s := memory.New()
	for i := range 30 {
		turn(s, fmt.Sprintf("Tell me about the harbour of island %d.", i), "It is small, and boats come on Mondays and Thursdays.")
	}
	n := memory.NewTurn{Messages: []bedrock.Message{bedrock.UserText("When do boats come to island 3?")}}
	c, e, err := memory.Assemble(s, n, memory.Policy{}, memory.Budget{Tokens: 400}, memory.For("amazon.nova-lite-v1:0"))
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("within the budget:", c.Tokens <= 400, "· compacted:", e.Compacted)
	fmt.Println(e.LeftOut[0].What, "left out:", e.LeftOut[0].Why)
	// Output:
	// within the budget: true · compacted: true
	// turns left out: older than the epoch
}

func ExampleFor() {
	for _, id := range []string{"us.anthropic.claude-sonnet-4-6", "anthropic.claude-opus-4-6-v1", "meta.llama3-3-70b-instruct-v1:0"} {
		fmt.Println(memory.For(id).CacheMin)
	}
	// Output:
	// 1024
	// 4096
	// 0
}

func ExampleMatch() {
	s := memory.New()
	turn(s, "Hello", "Hi, what can I do?")
	answer := "Hi, what can I do?"
	m, err := memory.Match(s, []bedrock.Message{
		bedrock.UserText("Hello"),
		{Role: bedrock.ConversationRoleAssistant, Content: []bedrock.ContentBlock{{Text: &answer}}},
		bedrock.UserText("Sing a song"),
	})
	fmt.Println(len(m.New), "new message from messages", m.First, err)

	answer = "Go away"
	_, err = memory.Match(s, []bedrock.Message{
		bedrock.UserText("Hello"),
		{Role: bedrock.ConversationRoleAssistant, Content: []bedrock.ContentBlock{{Text: &answer}}},
		bedrock.UserText("Sing a song"),
	})
	fmt.Println(err)
	// Output:
	// 1 new message from messages 2 <nil>
	// messages.1.content.0: it differs from the stored conversation (turn 1)
}

func ExampleState_Append() {
	s := memory.New()
	err := s.Append(memory.Turn{Number: 7, Messages: []bedrock.Message{bedrock.UserText("Hello")}, Interrupted: true})
	fmt.Println(err)
	// Output: turn: the next turn is 1, not 7
}

func ExampleState_Pin() {
	s := memory.New()
	if err := s.Pin("diet", "The user is a vegetarian."); err != nil {
		log.Fatal(err)
	}
	fmt.Println(len(s.Pins()), s.Unpin("diet"), len(s.Pins()))
	// Output: 1 true 0
}

func ExampleState_Compact() {
	s := memory.New()
	for i := range 20 {
		turn(s, fmt.Sprintf("What is %d times %d?", i, i), fmt.Sprintf("It is %d.", i*i))
	}
	e, err := s.Compact(memory.Policy{}, memory.Budget{Tokens: 400}, memory.For("amazon.nova-lite-v1:0"))
	fmt.Println("epoch", e.Number, err)
	// Output: epoch 1 <nil>
}

func ExampleState_Wanted() {
	s := memory.New()
	for i := range 20 {
		turn(s, fmt.Sprintf("What is %d times %d?", i, i), fmt.Sprintf("It is %d.", i*i))
	}
	for _, w := range s.Wanted(memory.Policy{SegmentTokens: 100}, 1) {
		// Send w.Prompt to a model, and keep what it says:
		if err := s.WithSummary(w.Node, "They multiplied numbers by themselves."); err != nil {
			log.Fatal(err)
		}
		fmt.Println(w.Node.Level, "from turn", w.Node.From)
	}
	// Output: segment from turn 1
}

func ExampleRestore() {
	s := memory.New()
	turn(s, "Hello", "Hi")
	one, head := s.Turn(1), s.Head()
	record, err := one.Marshal() // store it; turns never change
	if err != nil {
		log.Fatal(err)
	}
	back, err := memory.UnmarshalTurn(record)
	if err != nil {
		log.Fatal(err)
	}
	again, err := memory.Restore(head, []memory.Turn{back})
	fmt.Println(again.Len(), err)
	// Output: 1 <nil>
}

func ExampleBudgetError() {
	n := memory.NewTurn{Messages: []bedrock.Message{bedrock.UserText("A question that is too long for so small a budget")}}
	_, _, err := memory.Assemble(memory.New(), n, memory.Policy{}, memory.Budget{Tokens: 10}, memory.For("amazon.nova-lite-v1:0"))
	if over, ok := errors.AsType[*memory.BudgetError](err); ok {
		fmt.Println(over.Field, "is over:", over.Over() > 0)
	}
	// Output: messages is over: true
}
