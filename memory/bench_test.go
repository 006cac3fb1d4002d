package memory_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/outcrop-ai/outcrop/bedrock"
	"github.com/outcrop-ai/outcrop/memory"
	"github.com/outcrop-ai/outcrop/memory/internal/rig"
)

// longState is a conversation of n turns, begun with a strategy at a budget so
// that its epochs are those of use.
func longState(tb testing.TB, n int, p memory.Policy, budget int, m memory.Model) (*memory.State, *rig.Talk) {
	tb.Helper()
	talk := rig.NewTalk(5, n, n/20)
	s := memory.New()
	for _, x := range talk.Exchanges {
		c, _, err := memory.Assemble(s, memory.NewTurn{Messages: []bedrock.Message{bedrock.UserText(x.User)}}, p, memory.Budget{Tokens: budget}, m)
		if err != nil {
			tb.Fatal(err)
		}
		if err := s.Append(c.Turn(&bedrock.Message{Role: bedrock.ConversationRoleAssistant, Content: []bedrock.ContentBlock{{Text: &x.Assistant}}}, false)); err != nil {
			tb.Fatal(err)
		}
	}
	return s, talk
}

func BenchmarkAssemble(b *testing.B) {
	m := memory.For("anthropic.claude-sonnet-4-5-20250929-v1:0")
	for _, turns := range []int{100, 1000, 10_000} {
		for _, budget := range []int{4000, 32_000} {
			s, talk := longState(b, turns, memory.Policy{}, budget, m)
			b.Run(fmt.Sprintf("turns=%d/budget=%d", turns, budget), func(b *testing.B) {
				b.ReportAllocs()
				var took []time.Duration
				for i := 0; b.Loop(); i++ {
					q := talk.Facts[i%len(talk.Facts)].Question
					begin := time.Now()
					if _, _, err := memory.Assemble(s, memory.NewTurn{Messages: []bedrock.Message{bedrock.UserText(q)}}, memory.Policy{}, memory.Budget{Tokens: budget}, m); err != nil {
						b.Fatal(err)
					}
					took = append(took, time.Since(begin))
				}
				slices.Sort(took)
				b.ReportMetric(float64(took[len(took)/2].Microseconds()), "µs-median")
				b.ReportMetric(float64(took[len(took)*99/100].Microseconds()), "µs-p99")
			})
		}
	}
}

// BenchmarkAppend appends turns, and has the index and the tree catch up.
func BenchmarkAppend(b *testing.B) {
	m := memory.For("anthropic.claude-sonnet-4-5-20250929-v1:0")
	s, talk := longState(b, 1000, memory.Policy{}, 4000, m)
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		x := talk.Exchanges[i%len(talk.Exchanges)]
		err := s.Append(memory.Turn{Messages: []bedrock.Message{
			bedrock.UserText(x.User), {Role: bedrock.ConversationRoleAssistant, Content: []bedrock.ContentBlock{{Text: &x.Assistant}}},
		}})
		if err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkRestore reads 10,000 turns back, and assembles the first context.
func BenchmarkRestore(b *testing.B) {
	m := memory.For("anthropic.claude-sonnet-4-5-20250929-v1:0")
	s, talk := longState(b, 10_000, memory.Policy{}, 4000, m)
	var turns []memory.Turn
	for i := range s.Len() {
		turns = append(turns, s.Turn(i+1))
	}
	b.ReportAllocs()
	for b.Loop() {
		back, err := memory.Restore(s.Head(), turns)
		if err != nil {
			b.Fatal(err)
		}
		if _, _, err := memory.Assemble(back, memory.NewTurn{Messages: []bedrock.Message{bedrock.UserText(talk.Facts[0].Question)}}, memory.Policy{}, memory.Budget{Tokens: 4000}, m); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkMatch finds what is new in the history of a client that sends all.
func BenchmarkMatch(b *testing.B) {
	m := memory.For("anthropic.claude-sonnet-4-5-20250929-v1:0")
	s, _ := longState(b, 1000, memory.Policy{}, 4000, m)
	var all []bedrock.Message
	for i := range s.Len() {
		all = append(all, s.Turn(i+1).Messages...)
	}
	all = append(all, bedrock.UserText("And now?"))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := memory.Match(s, all); err != nil {
			b.Fatal(err)
		}
	}
}
