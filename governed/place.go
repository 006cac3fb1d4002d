package governed

import (
	"context"
	"encoding/binary"
	"hash/maphash"
	"strings"
	"time"

	"github.com/outcrop-ai/outcrop"
	"github.com/outcrop-ai/outcrop/bedrock"
	"github.com/outcrop-ai/outcrop/quota"
)

// Choice is one of the lanes that a call could go to: a back-end, by the name of
// its Lane, and the model's name there. Among those that could take the call at
// the same time the lower Price comes first; any unit, as long as it is one.
type Choice struct {
	Backend, Model string
	Price          float64
}

// ChoiceSet is the lanes of the models of a pattern, for reports.
type ChoiceSet struct {
	Match   string
	Choices []Choice
}

// Place ranks the lanes of a call: it appends their indices to order, the one
// that could take the call first in front, or where that is hardly later, the
// one that has its conversation. It waits for nobody and books nothing: whoever
// asks the lanes decides, and the back-end of the lane that is asked books. The
// context that it returns goes with the call, whichever lane it goes to. It keeps
// choices.
//
// A lane that no rule is about is learned, here and when it gets the call. One
// that Govern has not been told of comes last. Where the governor only observes, the order is the one given, and Stats tell
// what would have been chosen. It costs an estimate of the call's input, which
// the lane's back-end does not make again, and some 100 ns a lane.
func (g *Governor) Place(ctx context.Context, call *outcrop.Call, choices []Choice, order []int) (context.Context, []int) {
	if !infers(call.Operation) {
		return ctx, inOrder(order, len(choices))
	}
	var few [8]*pool
	pools := few[:0]
	var first *pool
	for i := range choices {
		p := g.choice(call, &choices[i])
		pools = append(pools, p)
		if first == nil {
			first = p
		}
	}
	if first == nil {
		return ctx, inOrder(order, len(choices))
	}
	a, req := g.measure(first, call, unknown)
	at := &placement{choices: choices, model: first.id.Model, input: a.input, conversation: g.conversation(call, req)}
	ctx = context.WithValue(ctx, placementKey{}, at)
	begun := len(order)
	var kept bool
	order, kept = g.rank(a, at.conversation, g.waits.of(ctx, call.Class).most, pools, choices, order)
	if len(order) == begun {
		return ctx, inOrder(order, len(choices))
	}
	pools[order[begun]].note(func(s *Stats) {
		s.Placed++
		if kept {
			s.Kept++
		}
	})
	if g.config.Observe {
		return ctx, inOrder(order[:begun], len(choices))
	}
	for i, p := range pools {
		if p == nil {
			order = append(order, i)
		}
	}
	return ctx, order
}

// choice is the pool of a call on one lane, or nil.
func (g *Governor) choice(call *outcrop.Call, c *Choice) *pool {
	g.mu.RLock()
	lane := g.lanes[c.Backend]
	g.mu.RUnlock()
	if lane == nil {
		return nil
	}
	return g.find(lane, call, c.Model, true)
}

// rank appends the indices of the lanes that have pools, the best first; nothing
// where the books cannot tell.
func (g *Governor) rank(a *attempt, conversation string, maxWait time.Duration, pools []*pool, choices []Choice, order []int) ([]int, bool) {
	var ids [8]quota.PoolID
	var prices [8]float64
	var indices [8]int
	r := quota.Request{
		Pools: ids[:0], Prices: prices[:0], Tenant: a.call.Caller.Tenant, Weight: a.call.Caller.Weight, Class: quota.Class(a.call.Class),
		Input: a.input, MaxTokens: a.limit, Conversation: conversation, MaxWait: maxWait,
	}
	index := indices[:0]
	for i, p := range pools {
		if p != nil {
			r.Pools, r.Prices, index = append(r.Pools, p.id), append(r.Prices, choices[i].Price), append(index, i)
		}
	}
	begun := len(order)
	ranked, kept, err := g.gate.Order(r, order)
	if err != nil {
		return order[:begun], false // what is wrong with it, its reservation says
	}
	for i := begun; i < len(ranked); i++ {
		ranked[i] = index[ranked[i]]
	}
	return ranked, kept
}

func inOrder(order []int, n int) []int {
	for i := range n {
		order = append(order, i)
	}
	return order
}

// placement is what Place found out about a call, for the lane that gets it.
type placement struct {
	choices      []Choice
	model        string // whose counting input is
	input        int
	conversation string
}

type placementKey struct{}

// placed is the placement of the call that a context governs, or nil.
func placed(ctx context.Context) *placement {
	at, _ := ctx.Value(placementKey{}).(*placement)
	return at
}

// among tells whether a lane, with a call as it gets it, is one that the call was
// placed among, and not one that is asked when all of these have failed.
func (at *placement) among(lane *Lane, call *outcrop.Call) bool {
	if at == nil {
		return false
	}
	for i := range at.choices {
		if at.choices[i].Backend == lane.Name && at.choices[i].Model == call.ModelID {
			return true
		}
	}
	return false
}

// known is a call's input, where placing it has found that out.
func (at *placement) known(p *pool) int {
	if at == nil || at.model != p.id.Model {
		return unknown
	}
	return at.input
}

// conversation names what a call belongs with: the conversation that its
// metadata names, or else, where the call marks its prompt for the service's
// cache, what that cache would be asked by. It is "" where there is neither.
func (g *Governor) conversation(call *outcrop.Call, req *bedrock.ConverseRequest) string {
	name := ""
	switch {
	case call.Native():
		name = metadataOf(call)[outcrop.KeyConversation]
	case req != nil:
		name = req.RequestMetadata[outcrop.KeyConversation]
	}
	if name != "" {
		return call.Caller.Tenant + "\x00" + name
	}
	if req == nil || !cached(req) {
		return ""
	}
	var sum [8]byte
	binary.LittleEndian.PutUint64(sum[:], g.prefix(req))
	return call.Caller.Tenant + "\x01" + call.ModelID + "\x01" + string(sum[:])
}

// headerMetadata carries the metadata of InvokeModel.
const headerMetadata = "X-Amzn-Bedrock-Request-Metadata"

func metadataOf(call *outcrop.Call) map[string]string {
	text := call.Header[headerMetadata]
	if !strings.Contains(text, outcrop.KeyConversation) {
		return nil
	}
	var metadata map[string]string
	if bedrock.Unmarshal([]byte(text), &metadata) != nil {
		return nil
	}
	return metadata
}

// cached tells whether a request has a cache point.
func cached(req *bedrock.ConverseRequest) bool {
	for i := range req.System {
		if req.System[i].CachePoint != nil {
			return true
		}
	}
	if req.ToolConfig != nil {
		for i := range req.ToolConfig.Tools {
			if req.ToolConfig.Tools[i].CachePoint != nil {
				return true
			}
		}
	}
	for i := range req.Messages {
		for j := range req.Messages[i].Content {
			if req.Messages[i].Content[j].CachePoint != nil {
				return true
			}
		}
	}
	return false
}

// prefix is a hash of the texts before a request's first cache point, in the
// order in which models read them: tools, system, messages. It ends with the
// first message at the latest, so that a conversation that grows, and its cache
// points with it, keeps its prefix.
func (g *Governor) prefix(req *bedrock.ConverseRequest) uint64 {
	var h maphash.Hash
	h.SetSeed(g.seed)
	write := func(texts ...string) {
		for _, text := range texts {
			_, _ = h.WriteString(text)
			_ = h.WriteByte(0)
		}
	}
	if req.ToolConfig != nil {
		for i := range req.ToolConfig.Tools {
			tool := &req.ToolConfig.Tools[i]
			if tool.CachePoint != nil {
				return h.Sum64()
			}
			if spec := tool.ToolSpec; spec != nil {
				write(spec.Name, spec.Description)
				_, _ = h.Write(spec.InputSchema.JSON)
			}
		}
	}
	for i := range req.System {
		if req.System[i].CachePoint != nil {
			return h.Sum64()
		}
		if text := req.System[i].Text; text != nil {
			write(*text)
		}
	}
	if len(req.Messages) == 0 {
		return h.Sum64()
	}
	for i := range req.Messages[0].Content {
		block := &req.Messages[0].Content[i]
		if block.CachePoint != nil {
			break
		}
		switch {
		case block.Text != nil:
			write(*block.Text)
		case block.Document != nil:
			_, _ = h.Write(block.Document.Source.Bytes)
		case block.Image != nil:
			_, _ = h.Write(block.Image.Source.Bytes)
		}
	}
	return h.Sum64()
}
