package memory_test

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/outcrop-ai/outcrop/bedrock"
	"github.com/outcrop-ai/outcrop/memory"
	"github.com/outcrop-ai/outcrop/memory/internal/rig"
)

// recall asks for every fact at the end of talks, each in a request of its own,
// and counts how often its value is in what is sent.
type recall struct{ asked, found, askedPlain, foundPlain int }

func (r *recall) add(t *testing.T, seed uint64, p memory.Policy, budget, turns int) {
	t.Helper()
	talk := rig.NewTalk(seed, turns, turns/10)
	m := memory.For("anthropic.claude-sonnet-4-5-20250929-v1:0")
	s := memory.New()
	system := "You are a helpful assistant. You talk with the user about everyday matters and answer briefly."
	s.SetSystem([]bedrock.SystemContentBlock{{Text: &system}})
	for _, x := range talk.Exchanges {
		c, _, err := memory.Assemble(s, memory.NewTurn{Messages: []bedrock.Message{bedrock.UserText(x.User)}}, p, memory.Budget{Tokens: budget}, m)
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Append(c.Turn(&bedrock.Message{Role: bedrock.ConversationRoleAssistant, Content: []bedrock.ContentBlock{{Text: &x.Assistant}}}, false)); err != nil {
			t.Fatal(err)
		}
	}
	for _, f := range talk.Facts {
		c, e, err := memory.Assemble(s, memory.NewTurn{Messages: []bedrock.Message{bedrock.UserText(f.Question)}}, p, memory.Budget{Tokens: budget}, m)
		if err != nil {
			t.Fatal(err)
		}
		if e.Tokens > budget {
			t.Fatal("over budget")
		}
		found := holds(c, f.Value)
		if f.Named {
			r.asked++
		} else {
			r.askedPlain++
		}
		switch {
		case found && f.Named:
			r.found++
		case found:
			r.foundPlain++
		case os.Getenv("RECALL_MISSES") != "" && p.Strategy == memory.StrategyAuto && f.Named:
			t.Logf("missed: %q ← %q (turn %d of %d)", f.Question, f.Said, f.Turn, turns)
		}
	}
}

func holds(c *memory.Context, value string) bool {
	for i := range c.Messages {
		for _, b := range c.Messages[i].Content {
			if b.Text != nil && strings.Contains(*b.Text, value) {
				return true
			}
		}
	}
	return false
}

func share(n, of int) string { return fmt.Sprintf("%.1f %%", 100*float64(n)/float64(max(of, 1))) }

// TestRecall asks for facts in other words. Development looked at seeds below
// 1,012; these are others. docs/memory.md shows the table.
func TestRecall(t *testing.T) {
	first, talks := uint64(5000), 12
	if n, err := strconv.Atoi(os.Getenv("RECALL_SEED")); err == nil {
		first = uint64(n)
	}
	if long() {
		talks = 60
	}
	var table strings.Builder
	table.WriteString("| strategy, budget 4,000 | turns | facts | found | facts that share no word | found |\n| --- | ---: | ---: | ---: | ---: | ---: |\n")
	for _, turns := range []int{300, 1000} {
		for _, strategy := range []memory.Strategy{memory.StrategyWindow, memory.StrategyPrune, memory.StrategyHierarchical, memory.StrategyAuto} {
			if turns == 1000 && strategy != memory.StrategyAuto && strategy != memory.StrategyWindow {
				continue
			}
			var r recall
			n := talks
			if turns == 1000 {
				n = talks / 3
			}
			for seed := range n {
				r.add(t, first+uint64(seed), memory.Policy{Strategy: strategy}, 4000, turns)
			}
			fmt.Fprintf(&table, "| `%s` | %d | %d | %s | %d | %s |\n", strategy, turns, r.asked, share(r.found, r.asked), r.askedPlain, share(r.foundPlain, r.askedPlain))
			if strategy == memory.StrategyAuto && 10*r.found < 9*r.asked {
				t.Errorf("auto finds %d of %d facts", r.found, r.asked)
			}
		}
	}
	t.Log("\n" + table.String())
	if !long() && first == 5000 {
		documented(t, table.String())
	}
}
