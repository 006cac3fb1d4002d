package memory_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
	"testing"

	"github.com/outcrop-ai/outcrop/bedrock"
	"github.com/outcrop-ai/outcrop/memory"
	"github.com/outcrop-ai/outcrop/memory/internal/rig"
)

// fields counts a token for each word, so that texts have the lengths that a
// test wants. It remembers texts by their place.
func fields() func(*bedrock.ContentBlock) int {
	known := map[*string]int{}
	return func(b *bedrock.ContentBlock) int {
		if b.Text == nil {
			return 0
		}
		n, ok := known[b.Text]
		if !ok {
			n = len(strings.Fields(*b.Text))
			known[b.Text] = n
		}
		return n
	}
}

// prose is text of n words out of a vocabulary of 6,000, common and rare ones
// as in a language, a dozen to a sentence.
func prose(r *rand.Rand, zipf *rand.Zipf, n int) string {
	var b strings.Builder
	for i := range n {
		if i > 0 {
			b.WriteByte(' ')
		}
		fmt.Fprintf(&b, "w%c%c%d", 'a'+rune(r.IntN(2)), 'x', zipf.Uint64())
		if i%12 == 11 || i == n-1 {
			b.WriteByte('.')
		}
	}
	return b.String()
}

type bill struct {
	rig.Bill
	most int // tokens of the largest request
	at   map[int]float64
}

// run sends 1,000 turns and tells what they cost in input tokens' worth after
// 100 and after 1,000: with a cache that looks back, with one that does not,
// and with none.
func run(t *testing.T, p memory.Policy, budget int) (bills [3]bill) {
	t.Helper()
	const turns = 1000
	r := rand.New(rand.NewPCG(1, 2))
	zipf := rand.NewZipf(r, 1.1, 3, 2999)
	m := memory.For("anthropic.claude-sonnet-4-5-20250929-v1:0")
	m.Count = fields()
	caches := [3]*rig.Cache{rig.NewCache(20, m.CacheMin, m.Count), rig.NewCache(0, m.CacheMin, m.Count), rig.NewCache(0, 1<<40, m.Count)}
	system := prose(r, zipf, 1200-memory.FrameRequest-memory.FrameMessage)
	state := memory.New()
	state.SetSystem([]bedrock.SystemContentBlock{{Text: &system}})
	for turn := 1; turn <= turns; turn++ {
		n := memory.NewTurn{Messages: []bedrock.Message{bedrock.UserText(prose(r, zipf, 150-memory.FrameMessage))}}
		c, _, err := memory.Assemble(state, n, p, memory.Budget{Tokens: budget}, m)
		if err != nil {
			t.Fatal(err)
		}
		for i := range bills {
			b := caches[i].Send(&rig.Sent{System: c.System, Messages: c.Messages})
			if b.Tokens != c.Tokens {
				t.Fatalf("turn %d: billed %d tokens, counted %d", turn, b.Tokens, c.Tokens)
			}
			bills[i].add(turn, b)
		}
		reply := prose(r, zipf, 250-memory.FrameMessage)
		err = state.Append(c.Turn(&bedrock.Message{Role: bedrock.ConversationRoleAssistant, Content: []bedrock.ContentBlock{{Text: &reply}}}, false))
		if err != nil {
			t.Fatal(err)
		}
	}
	return bills
}

func (b *bill) add(turn int, other rig.Bill) {
	b.Add(other)
	b.most = max(b.most, other.Tokens)
	if b.at == nil {
		b.at = map[int]float64{}
	}
	b.at[turn] = b.Cost() + float64(turn)*250*rig.PriceOutput
}

// TestCost prints what 1,000 turns cost with each strategy and holds auto to
// its aims. docs/memory.md shows the table.
func TestCost(t *testing.T) {
	const unlimited = 1 << 30
	rows := []struct {
		name   string
		policy memory.Policy
		budget int
	}{
		{"`full`", memory.Policy{Strategy: memory.StrategyFull}, unlimited},
		{"`window`, 8,000", memory.Policy{Strategy: memory.StrategyWindow}, 8000},
		{"`prune`, 8,000", memory.Policy{Strategy: memory.StrategyPrune}, 8000},
		{"`summary`, 8,000", memory.Policy{Strategy: memory.StrategySummary}, 8000},
		{"`hierarchical`, 8,000", memory.Policy{Strategy: memory.StrategyHierarchical}, 8000},
		{"`auto`, 8,000", memory.Policy{}, 8000},
		{"`auto`, 8,000, no retrieval", memory.Policy{RetrieveTokens: -1}, 8000},
		{"`auto`, 4,000", memory.Policy{}, 4000},
		{"`auto`, 32,000", memory.Policy{}, 32_000},
	}
	if !long() {
		rows = []struct {
			name   string
			policy memory.Policy
			budget int
		}{rows[0], rows[5]} // what the assertions below look at
	}
	var table strings.Builder
	table.WriteString("| strategy and budget | sent at most | on average | 100 turns | 1,000 turns | 1,000, cache does not look back | 1,000, no cache |\n| --- | ---: | ---: | ---: | ---: | ---: | ---: |\n")
	var base, auto bill
	for i, row := range rows {
		bills := run(t, row.policy, row.budget)
		if i == 0 {
			base = bills[2]
		}
		b := bills[0]
		if row.name == "`auto`, 8,000" {
			auto = b
		}
		fmt.Fprintf(&table, "| %s | %d | %d | %.3f× | %.4f× | %.4f× | %.4f× |\n", row.name, b.most, b.Tokens/1000,
			b.at[100]/base.at[100], b.at[1000]/base.at[1000], bills[1].at[1000]/base.at[1000], bills[2].at[1000]/base.at[1000])
		if b.most > row.budget {
			t.Errorf("%s sends %d tokens", row.name, b.most)
		}
	}
	t.Log("\n" + table.String())
	if x := auto.at[100] / base.at[100]; x > 0.15 {
		t.Errorf("auto costs %.3f of everything at 100 turns", x)
	}
	if x := auto.at[1000] / base.at[1000]; x > 0.02 {
		t.Errorf("auto costs %.4f of everything at 1,000 turns", x)
	}
	if long() {
		documented(t, table.String())
	}
}

// documented checks that docs/memory.md shows a table as it is measured.
func documented(t *testing.T, table string) {
	t.Helper()
	page, err := os.ReadFile("../docs/memory.md")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(page), table) {
		t.Errorf("docs/memory.md shows another table than this:\n%s", table)
	}
}
