package outcrop

import (
	"context"
	"strings"
	"sync"
	"time"
)

// unknownWindow is the context window, in tokens, of a model whose own is not
// known: what most models have at least.
const unknownWindow = 16_000

// relistAfter is when a back-end that could not list its models is asked again:
// turns do not wait for one that may not, each anew.
const relistAfter = time.Minute

// windows knows the models' context windows and longest replies.
type windows struct {
	backend Backend
	now     func() time.Time

	mu     sync.Mutex
	models map[string]window // nil until they are listed
	failed time.Time         // when they could not be
}

type window struct{ tokens, reply int }

// of is a model's window. The back-end is asked for its list until it has given
// one.
func (w *windows) of(ctx context.Context, modelID string) window {
	w.mu.Lock()
	defer w.mu.Unlock()
	if lister, ok := w.backend.(ModelLister); ok && w.models == nil && w.now().Sub(w.failed) >= relistAfter {
		w.list(ctx, lister)
	}
	if i := strings.LastIndexByte(modelID, '/'); strings.HasPrefix(modelID, "arn:") && i > 0 {
		modelID = modelID[i+1:]
	}
	found := w.models[modelID]
	if found.tokens <= 0 {
		found.tokens = unknownWindow
	}
	return found
}

func (w *windows) list(ctx context.Context, lister ModelLister) {
	list, err := lister.Models(ctx)
	if err != nil {
		if ctx.Err() == nil { // else it is the caller who has gone
			w.failed = w.now()
		}
		return
	}
	w.models = make(map[string]window, len(list))
	for i := range list {
		m := &list[i]
		w.models[m.ID] = window{m.ContextWindow, m.MaxOutput}
		for j := range m.Profiles {
			w.models[m.Profiles[j].ID] = window{m.ContextWindow, m.MaxOutput}
		}
	}
}

// budget is what a request may send: nine tenths of what the window leaves
// beside the longest reply, since tokens are estimated.
func (w window) budget(maxTokens *int) int {
	reply := w.reply
	if maxTokens != nil {
		reply = *maxTokens
	}
	if reply <= 0 || reply > w.tokens/2 {
		reply = w.tokens / 4
	}
	return (w.tokens - reply) * 9 / 10
}
