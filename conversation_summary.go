package outcrop

import (
	"context"
	"slices"

	"github.com/outcrop-ai/outcrop/bedrock"
	"github.com/outcrop-ai/outcrop/memory"
)

// Bounds of what is summarised in the background.
const (
	maxSummaryRuns  = 2 // conversations at once
	summariesPerRun = 8
)

// summarise has the summaries written that the conversation could use. It is
// called with the conversation's turn and does not wait: what there is no room
// for is asked for after a later turn.
func (k *keeper) summarise(ctx context.Context, r *turnRun) {
	if k.config.SummaryModelID == "" {
		return
	}
	wanted := r.state.Wanted(r.policy, summariesPerRun)
	if len(wanted) == 0 {
		return
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.closed || k.summaries >= maxSummaryRuns {
		return
	}
	k.summaries++
	key, policy, origin := r.c.key, r.policy, OriginOf(ctx)
	origin.Caller, origin.Class, origin.ClientToken = r.call.Caller, Background, ""
	origin.RequestID = r.call.RequestID
	k.background.Go(func() {
		defer func() {
			k.mu.Lock()
			k.summaries--
			k.mu.Unlock()
		}()
		k.writeSummaries(WithOrigin(k.stopped, origin), key, policy, wanted)
	})
}

// writeSummaries asks for summaries one by one and keeps them. What fails is
// left to the extract, and asked for again after a later turn.
func (k *keeper) writeSummaries(ctx context.Context, key ConversationKey, policy memory.Policy, wanted []memory.SummaryRequest) {
	for i := range wanted {
		text, err := k.summary(ctx, &wanted[i])
		if err != nil || text == "" {
			return
		}
		c, err := k.acquire(ctx, key, true)
		if err != nil {
			return
		}
		if c.revision > 0 && stillWanted(c.state, policy, &wanted[i]) && c.state.WithSummary(wanted[i].Node, text) == nil {
			err = k.putHead(ctx, c)
		}
		k.release(c)
		if err != nil {
			return
		}
	}
}

// stillWanted tells whether the conversation has the turns of a summary: it may
// have been deleted in between, and begun anew.
func stillWanted(s *memory.State, policy memory.Policy, w *memory.SummaryRequest) bool {
	return w.Node.To <= s.Len() && slices.ContainsFunc(s.Wanted(policy, 1<<20), func(other memory.SummaryRequest) bool {
		return other.Node == w.Node && other.Prompt == w.Prompt
	})
}

func (k *keeper) summary(ctx context.Context, w *memory.SummaryRequest) (string, error) {
	req := &bedrock.ConverseRequest{
		ModelID: k.config.SummaryModelID, Messages: []bedrock.Message{bedrock.UserText(w.Prompt)},
		InferenceConfig: &bedrock.InferenceConfiguration{MaxTokens: &w.MaxTokens},
	}
	reply, err := k.backend.Do(ctx, stamp(ctx, NewConverseCall(bedrock.OpConverse, req)))
	if err != nil {
		return "", err
	}
	response, err := reply.Converse()
	if err != nil || response.Output.Message == nil {
		return "", err
	}
	return response.Output.Message.Text(), nil
}
