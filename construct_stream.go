package outcrop

import (
	"context"
	"iter"

	"github.com/outcrop-ai/outcrop/bedrock"
)

// ConstructStream is [Manager.Construct] as a stream whose last event is the
// result. The caller must close the stream.
func (m *Manager) ConstructStream(ctx context.Context, req *bedrock.ConstructRequest) (*Stream, error) {
	l, err := m.ladder(req)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(ctx)
	return NewStream(l.events(ctx), cancel), nil
}

func (l *ladder) events(ctx context.Context) iter.Seq2[bedrock.Event, error] {
	return func(yield func(bedrock.Event, error) bool) {
		response, err := l.climb(ctx)
		if err != nil {
			yield(bedrock.Event{}, err)
			return
		}
		yield(bedrock.NewConstructEvent(&bedrock.ConstructStreamOutput{Result: response}), nil)
	}
}
