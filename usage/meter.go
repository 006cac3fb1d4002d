package usage

import (
	"context"
	"errors"
	"iter"
	"strconv"
	"time"

	"github.com/outcrop-ai/outcrop"
	"github.com/outcrop-ai/outcrop/bedrock"
	"github.com/outcrop-ai/outcrop/catalog"
	"github.com/outcrop-ai/outcrop/native"
)

// Prices tell what calls cost. A Prices must be safe for concurrent use.
type Prices interface {
	// Cost is in US dollars; known is false for a model without a price.
	Cost(modelID string, u bedrock.TokenUsage, batch bool) (usd float64, known bool)
}

// Gate decides which calls a back-end gets. It must be safe for concurrent
// use.
type Gate interface {
	// Admit lets a call in, perhaps after a wait, or refuses it with an
	// *outcrop.Error. A nil Ticket wants to hear no more of the call.
	Admit(ctx context.Context, call *outcrop.Call) (Ticket, error)
	// Check is the error of a call to a model that the caller may not use.
	Check(caller outcrop.Caller, modelID string) error
}

// Ticket is one call that a Gate let in.
type Ticket interface {
	// Grow tells how many output tokens a stream has brought so far, at least
	// about.
	Grow(output int64)
	// End is called once, with what the call came to.
	End(r *Record)
}

// Observer is told of every call that has ended. It must be safe for
// concurrent use, and quick.
type Observer interface{ Observe(r *Record) }

// MeterConfig says what a Meter works with.
type MeterConfig struct {
	Ledger    *Ledger // required
	Prices    Prices  // nil: nothing has a price
	Gate      Gate    // nil: everybody may
	Observers []Observer

	// Aliases are other names for model ids, as the router behind the Meter
	// has them. The books know models by their ids.
	Aliases map[string]string

	// Now is the clock; time.Now when nil.
	Now func() time.Time
}

// Meter is a Backend that books every call which passes it. It is safe for
// concurrent use.
type Meter struct {
	outcrop.Abilities
	config MeterConfig
}

var (
	_ outcrop.Backend       = (*Meter)(nil)
	_ outcrop.CallerChecker = (*Meter)(nil)
)

// NewMeter makes a Meter around a back-end.
func NewMeter(next outcrop.Backend, config MeterConfig) *Meter {
	if config.Now == nil {
		config.Now = time.Now
	}
	return &Meter{outcrop.Abilities{Next: next}, config}
}

// CheckCaller asks the gate.
func (m *Meter) CheckCaller(caller outcrop.Caller, modelID string) error {
	if m.config.Gate == nil {
		return nil
	}
	return m.config.Gate.Check(caller, modelID)
}

// CountTokens asks the back-end if the caller may use the model. It is free,
// as it is at Bedrock, and not booked.
func (m *Meter) CountTokens(ctx context.Context, call *outcrop.Call) (outcrop.TokenCount, error) {
	if err := m.CheckCaller(call.Caller, call.ModelID); err != nil {
		return outcrop.TokenCount{}, err
	}
	return m.Abilities.CountTokens(ctx, call)
}

// Do passes a call on that the gate lets in, and books what became of it.
func (m *Meter) Do(ctx context.Context, call *outcrop.Call) (*outcrop.Reply, error) {
	e := &entry{meter: m, call: call, begun: m.config.Now()}
	e.record.Tenant, e.record.Method = call.Caller.Tenant, methodOf(ctx, call)
	e.price = Unalias(m.config.Aliases, call.ModelID)
	if gate := m.config.Gate; gate != nil {
		var err error
		if e.ticket, err = gate.Admit(ctx, call); err != nil {
			e.record.Refused = true
			e.end(nil, err)
			return nil, err
		}
	}
	answered := false
	defer func() {
		if !answered { // the back-end has panicked
			e.end(nil, outcrop.Errorf(bedrock.CodeInternalServer, "the back-end failed to process the request"))
		}
	}()
	reply, err := m.Next.Do(ctx, call)
	answered = true
	if err != nil {
		e.end(outcrop.AsError(err).Usage, err)
		return nil, err
	}
	if reply.Stream == nil {
		e.estimated(reply.Meta.Estimated)
		e.end(replyUsage(call, reply), nil)
		return reply, nil
	}
	e.estimated(reply.Meta.Estimated)
	reply.Stream = reply.Stream.Map(e.follow)
	reply.Stream.OnEnd(e.ended)
	return reply, nil
}

// methodOf is the method that a call is made for.
func methodOf(ctx context.Context, call *outcrop.Call) string {
	if m := outcrop.OriginOf(ctx).Method; m != "" {
		return string(m)
	}
	switch call.Operation {
	case bedrock.OpInvokeModel:
		return string(outcrop.MethodSync)
	case bedrock.OpInvokeModelWithResponseStream:
		return string(outcrop.MethodStream)
	case bedrock.OpConverse, bedrock.OpConverseStream:
		return string(outcrop.MethodConverse)
	}
	return call.Operation
}

// entry is one call on its way. It belongs to whoever reads the reply.
type entry struct {
	meter  *Meter
	call   *outcrop.Call
	ticket Ticket
	begun  time.Time
	price  string // the model's id, as prices know it
	record Record

	last   bedrock.Event // of the stream
	output int64         // tokens of the stream so far, about
}

func (e *entry) estimated(is bool) { e.record.Estimated = is }

// follow lets a stream's events pass and keeps the last, which says what the
// stream cost. It decodes none.
func (e *entry) follow(events iter.Seq2[bedrock.Event, error]) iter.Seq2[bedrock.Event, error] {
	return func(yield func(bedrock.Event, error) bool) {
		for event, err := range events {
			if err == nil {
				e.last = event
				if n := eventTokens(event); n > 0 {
					e.output += n
					if e.ticket != nil {
						e.ticket.Grow(e.output)
					}
				}
			}
			if !yield(event, err) {
				return
			}
		}
	}
}

// ended books a stream. One that was left after its usage had come is whole.
func (e *entry) ended(err error) {
	usage := streamUsage(e.last)
	if usage != nil && errors.Is(err, context.Canceled) {
		err = nil
	}
	if usage == nil {
		e.record.Estimated = true
		usage = &bedrock.TokenUsage{InputTokens: EstimateInput(e.call), OutputTokens: int(e.output)}
		if failed, ok := errors.AsType[*outcrop.Error](err); ok && failed.Usage != nil {
			usage = failed.Usage
		}
	}
	e.end(usage, err)
}

// end books the call. A nil usage is none: the model was not asked, or does not
// say.
func (e *entry) end(usage *bedrock.TokenUsage, err error) {
	r, config := &e.record, &e.meter.config
	r.Time = config.Now()
	r.Duration = r.Time.Sub(e.begun)
	if err != nil {
		r.Code = codeOf(err)
	}
	r.Model = bookModel(e.price, err == nil)
	if usage != nil {
		usage = credible(usage)
		r.Tokens = tokensOf(usage)
		r.Unpriced = true
		if config.Prices != nil {
			// Records of jobs are calls on demand here, at their full price.
			if usd, known := config.Prices.Cost(e.price, *usage, false); known {
				r.USD, r.Unpriced = usd, false
			}
		}
	}
	config.Ledger.Add(*r) // before the ticket ends: what it held is spent now
	if e.ticket != nil {
		e.ticket.End(r)
	}
	for _, o := range config.Observers {
		o.Observe(r)
	}
}

// credible is what a server tells of a call's tokens, as far as it can be true:
// what counts less than none would be a credit.
func credible(u *bedrock.TokenUsage) *bedrock.TokenUsage {
	below := func(n *int) bool { return n != nil && *n < 0 }
	if u.InputTokens >= 0 && u.OutputTokens >= 0 && !below(u.CacheReadInputTokens) && !below(u.CacheWriteInputTokens) {
		return u
	}
	told := *u
	told.InputTokens, told.OutputTokens = max(u.InputTokens, 0), max(u.OutputTokens, 0)
	for _, cached := range []**int{&told.CacheReadInputTokens, &told.CacheWriteInputTokens} {
		if below(*cached) {
			*cached = nil
		}
	}
	return &told
}

func codeOf(err error) string {
	if errors.Is(err, context.Canceled) {
		return Cancelled
	}
	return outcrop.AsError(err).Code
}

// Unknown is the model that calls to models which nobody knows are booked
// under, as their names may be anything.
const Unknown = "(unknown)"

// bookModel is the name that the books know a model by. One that is not in the
// catalogue has to have answered before it gets a place of its own.
func bookModel(id string, answered bool) string {
	id = catalog.FromARN(id)
	if _, ok := catalog.Default().Resolve(id); ok || answered {
		return id
	}
	return Unknown
}

// Unalias is the model id that a name stands for.
func Unalias(aliases map[string]string, id string) string {
	for range len(aliases) {
		next, ok := aliases[id]
		if !ok {
			break
		}
		id = next
	}
	return id
}

// The headers in which Amazon Bedrock tells the tokens of an InvokeModel call.
const (
	inputTokensHeader  = "X-Amzn-Bedrock-Input-Token-Count"
	outputTokensHeader = "X-Amzn-Bedrock-Output-Token-Count"
)

// replyUsage is what a whole reply cost, or nil when nothing tells.
func replyUsage(call *outcrop.Call, reply *outcrop.Reply) *bedrock.TokenUsage {
	if !call.Native() || reply.Meta.Usage != nil {
		return reply.Usage()
	}
	body, err := reply.Body()
	if err != nil {
		return nil
	}
	if family := native.ByModel(call.ModelID); family != nil { // it knows of cached tokens
		if u, ok := family.Usage(body); ok {
			return &u
		}
	}
	in, errIn := strconv.Atoi(reply.Meta.Header[inputTokensHeader])
	out, errOut := strconv.Atoi(reply.Meta.Header[outputTokensHeader])
	if errIn == nil && errOut == nil {
		return &bedrock.TokenUsage{InputTokens: max(in, 0), OutputTokens: max(out, 0)}
	}
	return nil
}

// streamUsage reads what a stream cost from its last event, or returns nil.
func streamUsage(last bedrock.Event) *bedrock.TokenUsage {
	switch last.Type() {
	case "metadata":
		if out, err := last.Output(); err == nil && out.Metadata != nil {
			return &out.Metadata.Usage
		}
	case bedrock.ChunkEvent:
		if chunk, err := last.Chunk(); err == nil {
			if u, ok := native.ChunkUsage(chunk); ok {
				return &u
			}
		}
	}
	return nil
}
