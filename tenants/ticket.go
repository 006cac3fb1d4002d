package tenants

import (
	"context"
	"math"
	"time"

	"github.com/outcrop-ai/outcrop"
	"github.com/outcrop-ai/outcrop/bedrock"
	"github.com/outcrop-ai/outcrop/quota"
	"github.com/outcrop-ai/outcrop/usage"
)

// defaultOutput is how much output a call without a limit of its own reserves
// at the most, in tokens, and defaultShare the part of the whole quota that it
// reserves at the most. Bedrock reserves the model's maximum, of which hardly a
// call makes use; here the settlement is what counts.
const (
	defaultOutput = 4096
	defaultShare  = 4
)

// size is what a call reserves, in tokens.
type size struct{ input, output int }

// sizeOf estimates what a call reserves.
func sizeOf(call *outcrop.Call, l *Limits) size {
	s := size{input: usage.EstimateInput(call)}
	limit, explicit := usage.OutputLimit(call)
	if explicit && limit > 0 {
		s.output = limit
		return s
	}
	s.output = defaultOutput
	if limit > 0 {
		s.output = min(s.output, limit)
	}
	if most := l.grants(); most > 0 {
		s.output = min(s.output, max(1, int(most/defaultShare)))
	}
	return s
}

// ticket is one call that was let in.
type ticket struct {
	account *account
	gate    *quota.Gate // nil: nothing is reserved
	id      quota.TicketID
	factor  float64 // the model's output burndown
	worst   float64 // US dollars set aside
	told    float64 // output × factor that the gate knows of
}

// acquire reserves, and waits where the tenant's calls do.
func (t *ticket) acquire(ctx context.Context, class outcrop.Class, s size) error {
	r := quota.Request{
		Pools: t.account.pool, Class: quota.Class(class), Input: s.input, MaxTokens: max(1, s.output),
		Output:  1, // what Bedrock reserves, and no guess beyond it
		MaxWait: t.account.Limits.Queue,
	}
	if class != outcrop.Interactive {
		r.MaxWait = t.account.Limits.BatchQueue
	}
	id, d, err := t.gate.Acquire(ctx, r)
	if err != nil {
		if ctx.Err() != nil {
			return outcrop.AsError(context.Cause(ctx))
		}
		return errThrottled(t.account.Name, d, err)
	}
	t.id = id
	return nil
}

// step is how many tokens a stream grows by before the gate is told.
const step = 256

// Grow raises what a long stream holds.
func (t *ticket) Grow(output int64) {
	if t.gate == nil {
		return
	}
	if now := t.factor * float64(output); now >= t.told+step {
		t.told = now
		t.gate.Grow(t.id, int(now))
	}
}

// End settles: at what the call used, at the estimate where nothing tells, and
// at nothing where no model worked.
func (t *ticket) End(r *usage.Record) {
	t.account.purse.give(t.worst)
	if t.gate == nil {
		return
	}
	switch {
	case r.Tokens != usage.Tokens{}:
		t.gate.Settle(t.id, quota.Usage{
			Input: int(r.Tokens.Input), CacheRead: int(r.Tokens.CacheRead), CacheWrite: int(r.Tokens.CacheWrite),
			Output: int(math.Ceil(t.factor * float64(r.Tokens.Output))),
		})
	case r.Code == "":
		t.gate.Interrupted(t.id, 0)
	default:
		t.gate.Cancel(t.id)
	}
}

// errModel is worded as AWS words it.
func errModel() error {
	return outcrop.Errorf(bedrock.CodeAccessDenied, "You don't have access to the model with the specified model ID.")
}

func errGone(name string) error {
	return outcrop.Errorf(bedrock.CodeAccessDenied, "The tenant %s is not configured any more.", name)
}

// errThrottled has Bedrock's words for a limit that time will lift. A call that
// no time will let in is told so, by a code that clients do not retry.
func errThrottled(name string, d quota.Decision, err error) error {
	if d.State != quota.Refused { // the gate was closed, or the request makes no sense
		return outcrop.Errorf(bedrock.CodeServiceUnavailable, "the limits of tenant %s are being changed: %w", name, err)
	}
	if d.Reason == quota.TooLarge {
		return outcrop.Errorf(bedrock.CodeServiceQuotaExceeded,
			"The request reserves %d tokens, its input and its output limit together, which is more than tenant %s has in a whole %s. Lower the output limit (maxTokens), or shorten the input.", d.Hold, name, span(d.Limit))
	}
	e := outcrop.Errorf(bedrock.CodeThrottling, "%s", d.Limit.Message())
	if !d.Until.IsZero() {
		e.RetryAfter = max(0, time.Until(d.Until))
	}
	return e
}

func span(l quota.Limit) string {
	if l == quota.TokensPerDay {
		return "day"
	}
	return "minute"
}
