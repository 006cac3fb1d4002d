package faulty

import (
	"context"
	"fmt"
	"iter"
	"math"
	"math/rand/v2"
	"sync/atomic"
	"time"

	"github.com/outcrop-ai/outcrop"
	"github.com/outcrop-ai/outcrop/bedrock"
	"github.com/outcrop-ai/outcrop/bedrock/eventstream"
	"github.com/outcrop-ai/outcrop/internal/sleep"
)

// Fault is one way of failing. Delay goes with the others; of Code, Cut and
// Malformed one is set, or none.
type Fault struct {
	// Rate is the share of calls that it strikes, from 0 to 1.
	Rate float64

	// Operation limits it to one operation, ModelID to one model; empty means
	// any.
	Operation, ModelID string

	// Delay is waited for before anything else.
	Delay time.Duration

	// Code is the error that the call gets instead of a reply.
	Code string
	// RetryAfter is what that error asks for.
	RetryAfter time.Duration

	// Cut ends a stream after After events: with the error Code, or without
	// one, as a connection that is closed too early. Other replies are left
	// alone.
	Cut   bool
	After int

	// Malformed breaks the JSON of the reply, or of the stream's event number
	// After.
	Malformed bool
}

// Config says what to do to whom.
type Config struct {
	Faults []Fault
	Seed   uint64

	// Sleep waits for a Delay; nil means the system's clock. It returns early,
	// with its error, when the context ends.
	Sleep func(context.Context, time.Duration) error
}

// Backend is a Backend that fails as it is told. It is safe for concurrent
// use; then the order of the calls decides which ones fail.
type Backend struct {
	outcrop.Abilities
	config Config
	calls  atomic.Uint64
	struck atomic.Uint64
}

var _ outcrop.Backend = (*Backend)(nil)

// New wraps a back-end. It refuses faults that cannot be meant.
func New(next outcrop.Backend, config Config) (*Backend, error) {
	for i, f := range config.Faults {
		switch {
		case f.Rate < 0 || f.Rate > 1 || math.IsNaN(f.Rate):
			return nil, fmt.Errorf("faulty: Faults[%d].Rate is %v; it must be from 0 to 1", i, f.Rate)
		case f.Delay < 0:
			return nil, fmt.Errorf("faulty: Faults[%d].Delay is %v; it must not be negative", i, f.Delay)
		case f.After < 0:
			return nil, fmt.Errorf("faulty: Faults[%d].After is %d; it must not be negative", i, f.After)
		case f.Cut && f.Malformed:
			return nil, fmt.Errorf("faulty: Faults[%d] has both Cut and Malformed; make two faults of it", i)
		case f.Malformed && f.Code != "":
			return nil, fmt.Errorf("faulty: Faults[%d] has both Malformed and Code; make two faults of it", i)
		case f.Delay == 0 && f.Code == "" && !f.Cut && !f.Malformed:
			return nil, fmt.Errorf("faulty: Faults[%d] does nothing: set Delay, Code, Cut or Malformed", i)
		}
	}
	if config.Sleep == nil {
		config.Sleep = sleep.For
	}
	return &Backend{Abilities: outcrop.Abilities{Next: next}, config: config}, nil
}

// Calls is how many calls there were, and Struck how many of them a fault was
// put on.
func (b *Backend) Calls() uint64 { return b.calls.Load() }

// Struck is how many calls a fault was put on.
func (b *Backend) Struck() uint64 { return b.struck.Load() }

// Do passes a call on, or has it fail. At most one fault strikes a call: the
// first of the list whose turn it is.
func (b *Backend) Do(ctx context.Context, call *outcrop.Call) (*outcrop.Reply, error) {
	fault := b.choose(b.calls.Add(1)-1, call)
	if fault == nil {
		return b.Next.Do(ctx, call)
	}
	b.struck.Add(1)
	if fault.Delay > 0 {
		if err := b.config.Sleep(ctx, fault.Delay); err != nil {
			return nil, outcrop.AsError(err)
		}
	}
	if fault.Code != "" && !fault.Cut {
		return nil, fault.err()
	}
	reply, err := b.Next.Do(ctx, call)
	if err != nil || !fault.Cut && !fault.Malformed {
		return reply, err
	}
	return fault.spoil(reply)
}

// choose finds the fault of call number n. Each fault has a draw of its own,
// so that one more in the list does not move the others.
func (b *Backend) choose(n uint64, call *outcrop.Call) *Fault {
	for i := range b.config.Faults {
		f := &b.config.Faults[i]
		draw := rand.New(rand.NewPCG(b.config.Seed^uint64(i)<<48, n)).Float64()
		if draw < f.Rate && (f.Operation == "" || f.Operation == call.Operation) && (f.ModelID == "" || f.ModelID == call.ModelID) {
			return f
		}
	}
	return nil
}

func (f *Fault) err() *outcrop.Error {
	e := outcrop.Errorf(f.Code, "a fault that was asked for")
	e.RetryAfter = f.RetryAfter
	return e
}

// spoil damages a reply.
func (f *Fault) spoil(reply *outcrop.Reply) (*outcrop.Reply, error) {
	if reply.Stream != nil {
		return outcrop.NewStreamReply(reply.Meta, reply.Stream.Map(f.events)), nil
	}
	if f.Cut {
		return reply, nil
	}
	body, err := reply.Body()
	if err != nil {
		return nil, outcrop.AsError(err)
	}
	return outcrop.NewReply(reply.Meta, half(body)), nil
}

// half is a JSON text that breaks off in the middle.
func half(text []byte) []byte { return append([]byte(nil), text[:len(text)/2]...) }

// events damages a stream.
func (f *Fault) events(events iter.Seq2[bedrock.Event, error]) iter.Seq2[bedrock.Event, error] {
	return func(yield func(bedrock.Event, error) bool) {
		n := 0
		for event, err := range events {
			if err == nil && n == f.After {
				if f.Cut {
					if f.Code != "" {
						yield(bedrock.Event{}, f.err())
					}
					return
				}
				event, err = malformed(event)
			}
			n++
			if !yield(event, err) || err != nil {
				return
			}
		}
	}
}

// malformed is an event whose payload breaks off, in a frame that is whole.
func malformed(event bedrock.Event) (bedrock.Event, error) {
	payload, err := event.Payload()
	if err != nil {
		return bedrock.Event{}, err
	}
	m, _, err := eventstream.Parse(eventstream.AppendEvent(nil, event.Type(), "application/json", half(payload)))
	if err != nil {
		return bedrock.Event{}, err
	}
	return bedrock.ReceivedEvent(m), nil
}
