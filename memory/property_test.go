package memory_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"testing"

	"github.com/outcrop-ai/outcrop/bedrock"
	"github.com/outcrop-ai/outcrop/memory"
	"github.com/outcrop-ai/outcrop/memory/internal/rig"
	"github.com/outcrop-ai/outcrop/tokens"
)

func long() bool { return os.Getenv("OUTCROP_LONG") == "1" }

// byLength counts a token for four bytes of a block's JSON: nothing like what
// package tokens does.
func byLength(b *bedrock.ContentBlock) int {
	text, _ := bedrock.Marshal(b)
	return len(text) / 4
}

// TestInvariants sends random conversations through every strategy and has
// what would be sent checked. OUTCROP_LONG=1 takes 102,000 of them.
func TestInvariants(t *testing.T) {
	histories := 250
	if long() {
		histories = 17_000
	}
	for _, strategy := range memory.Strategies {
		t.Run(string(strategy), func(t *testing.T) {
			t.Parallel()
			var sum tally
			for seed := range histories {
				if err := converse(strategy, uint64(seed), &sum); err != nil {
					t.Fatalf("seed %d: %v", seed, err)
				}
			}
			t.Logf("%d histories, %d contexts checked, %d compactions, %d refused by budget, %d retrievals, %d cuts of tool results",
				histories, sum.contexts, sum.compactions, sum.refused, sum.retrievals, sum.cuts)
			if sum.contexts < 3*histories {
				t.Error("most histories are refused")
			}
		})
	}
}

type tally struct{ contexts, compactions, refused, retrievals, cuts int }

// converse runs one random conversation.
func converse(strategy memory.Strategy, seed uint64, sum *tally) error {
	r := rand.New(rand.NewPCG(seed, 7))
	session, ledger, state := rig.NewSession(r), &rig.Ledger{}, memory.New()
	policy := memory.Policy{Strategy: strategy, SegmentTokens: 60 + r.IntN(600), Fanout: 2 + r.IntN(3)}
	budget := 250 + r.IntN(4000)
	custom := r.IntN(3) == 0
	for range 3 + r.IntN(30) {
		st := session.Next()
		model := memory.For(st.ModelID)
		if custom {
			model.Count = byLength
		}
		if r.IntN(3) == 0 {
			model.CacheMin = min(model.CacheMin, 100) // points nearly everywhere
		}
		if r.IntN(25) == 0 {
			fact := fmt.Sprintf("fact-%d-%d", seed, state.Len())
			if err := state.Pin(fact, fact); err != nil {
				return err
			}
			ledger.Pin(fact)
			if state.Epoch().Number > 0 {
				ledger.Forget()
			}
		}
		n := memory.NewTurn{Messages: st.User, System: st.System, Tools: st.Tools, Resume: st.Resume, Compact: r.IntN(20) == 0}
		c, e, err := memory.Assemble(state, n, policy, memory.Budget{Tokens: budget}, model)
		if over, ok := errors.AsType[*memory.BudgetError](err); ok {
			sum.refused++
			if over.Needed <= budget || over.Over() != over.Needed-budget || over.Field == "" {
				return fmt.Errorf("the error says nothing useful: %v", over)
			}
			if strategy == memory.StrategyFull {
				return nil
			}
			// The new turn alone must be the reason.
			const headings = 20 // of pinned facts in two places
			must := mandatory(state, n, model)
			if must+headings <= budget {
				return fmt.Errorf("refused, though what must be sent is %d of %d tokens", must, budget)
			}
			continue
		}
		if err != nil {
			return fmt.Errorf("turn %d: %w", state.Len()+1, err)
		}
		if len(st.User) == 0 {
			st.User = c.Turn(nil, true).Messages
		}
		if err := ledger.Check(sent(c, e, st, n, budget, model, strategy)); err != nil {
			return fmt.Errorf("turn %d, budget %d: %w", state.Len()+1, budget, err)
		}
		if err := explained(c, e); err != nil {
			return err
		}
		count(sum, e)
		if err := state.Append(stored(c.Turn(st.Reply, st.Interrupted))); err != nil {
			return fmt.Errorf("append %d: %w", state.Len()+1, err)
		}
		session.Taken()
		ledger.Taken(st)
		summaries(r, state, policy)
		if r.IntN(10) == 0 {
			state = state.Clone()
		}
	}
	return nil
}

// stored is a turn as a store gives it back.
func stored(t memory.Turn) memory.Turn {
	data, err := t.Marshal()
	if err != nil {
		panic(err)
	}
	back, err := memory.UnmarshalTurn(data)
	if err != nil {
		panic(err)
	}
	return back
}

func count(sum *tally, e *memory.Explanation) {
	sum.contexts++
	if e.Compacted {
		sum.compactions++
	}
	if e.Parts[memory.PartRetrieved] > 0 {
		sum.retrievals++
	}
	for _, l := range e.LeftOut {
		if l.What == "tool results" {
			sum.cuts++
			break
		}
	}
}

// mandatory is what a strategy cannot do without, when nothing of it is cut:
// everything, less the tail.
func mandatory(s *memory.State, n memory.NewTurn, m memory.Model) int {
	_, e, err := memory.Assemble(s, n, memory.Policy{Strategy: memory.StrategyFull}, memory.Budget{Tokens: 1 << 30}, m)
	if err != nil {
		return 1 << 30
	}
	return e.Tokens - e.Parts[memory.PartTail]
}

// estimate counts with package tokens, written anew.
func estimate(modelID string) func(*bedrock.ContentBlock) int {
	m := tokens.Default().For(modelID)
	return func(b *bedrock.ContentBlock) int {
		switch {
		case b.Text != nil:
			return m.Text(*b.Text)
		case b.Image != nil:
			return m.ImageData(b.Image.Source.Bytes)
		case b.Document != nil:
			return m.Text(b.Document.Name) + m.Document("txt", b.Document.Source.Bytes)
		case b.ToolUse != nil:
			return 8 + m.Text(b.ToolUse.Name) + m.Text(string(b.ToolUse.Input))
		case b.ToolResult != nil:
			n := 8
			for _, c := range b.ToolResult.Content {
				switch {
				case c.Text != nil:
					n += m.Text(*c.Text)
				case c.JSON != nil:
					tight := bedrock.Document(bytes.Clone(c.JSON)) // white space between tokens is not charged
					if err := tight.Compact(); err != nil {
						panic(err)
					}
					n += m.Text(string(tight))
				case c.Image != nil:
					n += m.ImageData(c.Image.Source.Bytes)
				}
			}
			return n
		case b.ReasoningContent != nil && b.ReasoningContent.ReasoningText != nil:
			return m.Text(b.ReasoningContent.ReasoningText.Text)
		}
		text, _ := bedrock.Marshal(b)
		return m.Text(string(text))
	}
}

func sent(c *memory.Context, e *memory.Explanation, st *rig.Step, n memory.NewTurn, budget int, m memory.Model, strategy memory.Strategy) *rig.Sent {
	out := &rig.Sent{
		Step: st, System: c.System, Tools: c.Tools, Messages: c.Messages, Budget: budget, Count: m.Count,
		CacheMin: m.CacheMin, Strategy: string(strategy), Epoch: e.Epoch, Whole: strategy == memory.StrategyFull,
	}
	if out.Count == nil {
		out.Count = estimate(m.ID)
	}
	for _, msg := range n.Messages {
		for _, b := range msg.Content {
			if b.CachePoint != nil {
				out.Own++
			}
		}
	}
	return out
}

// summaries writes some of the summaries that are wanted.
func summaries(r *rand.Rand, s *memory.State, p memory.Policy) {
	for _, w := range s.Wanted(p, 3) {
		if r.IntN(2) == 0 {
			if err := s.WithSummary(w.Node, fmt.Sprintf("A model says of turns %d to %d: %s", w.Node.From, w.Node.To, "blah blah. "+string(w.Node.Level))); err != nil {
				panic(err)
			}
		}
	}
}

// explained checks an explanation against its context.
func explained(c *memory.Context, e *memory.Explanation) error {
	sum := memory.FrameRequest
	for _, n := range e.Parts {
		sum += n
	}
	if sum != e.Tokens || c.Tokens != e.Tokens {
		return fmt.Errorf("parts have %d tokens, the context %d", sum, e.Tokens)
	}
	told := map[[2]int]bool{}
	for _, b := range e.Sent {
		if b.Why == "" {
			return errors.New("a block without a reason")
		}
		if b.Message >= 0 {
			told[[2]int{b.Message, b.Block}] = true
		}
	}
	for i := range c.Messages {
		for j := range c.Messages[i].Content {
			if c.Messages[i].Content[j].CachePoint == nil && !told[[2]int{i, j}] {
				return fmt.Errorf("messages.%d.content.%d is not explained", i, j)
			}
		}
	}
	if _, err := json.Marshal(e); err != nil {
		return err
	}
	return nil
}
