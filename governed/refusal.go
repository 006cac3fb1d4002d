package governed

import (
	"fmt"
	"strconv"
	"time"

	"github.com/outcrop-ai/outcrop"
	"github.com/outcrop-ai/outcrop/bedrock"
	"github.com/outcrop-ai/outcrop/quota"
)

// WaitedError is the cause of a refusal after a call has waited in vain. Who
// tries calls again should not send it to the end of the same queue.
type WaitedError struct {
	Refused *quota.RefusedError
	After   time.Duration
}

func (e *WaitedError) Error() string {
	return "waited " + span(e.After) + ": " + e.Refused.Error()
}

// Unwrap is the refusal.
func (e *WaitedError) Unwrap() error { return e.Refused }

// Waited tells that waiting was tried.
func (e *WaitedError) Waited() bool { return true }

// refusalOf is a refusal as Bedrock words it, and then whose it was and why.
func refusalOf(refused *quota.RefusedError, limit quota.Limit, whose, why string) *outcrop.Error {
	d := &refused.Decision
	e := outcrop.Errorf(bedrock.CodeThrottling, "%s %s: %s.", limit.Message(), whose, why)
	e.Cause = refused
	if d.Reason == quota.Expired || d.Waited > 0 {
		e.Cause = &WaitedError{Refused: refused, After: d.Waited}
	}
	if !d.Until.IsZero() {
		e.RetryAfter = max(0, time.Until(d.Until))
	}
	return e
}

// tooLate says why a call could not wait for its turn, and by which setting.
func tooLate(d *quota.Decision, p patience) string {
	switch d.Reason {
	case quota.Expired:
		return "the call waited " + span(d.Waited) + " for its turn, and may no longer (" + p.by + ")"
	case quota.QueueFull:
		return "too many calls wait already"
	case quota.TooLate:
		return fmt.Sprintf("the call needs %s, which cannot be before another %s, and may wait for %s (%s)", needed(d), span(time.Until(d.Until)), span(p.most), p.by)
	}
	return "its turn is later than calls may wait (" + p.by + ")"
}

// needed is what a call asked of the limit that refused it.
func needed(d *quota.Decision) string {
	scope, model := d.Pool.Scope.String(), d.Pool.Model
	switch d.Limit {
	case quota.Requests:
		return "one of " + QuotaName(scope, "requests", model)
	case quota.TokensPerDay:
		return strconv.Itoa(d.Hold) + " of the tokens per day for " + model
	}
	return strconv.Itoa(d.Hold) + " of " + QuotaName(scope, "tokens", model)
}

func span(d time.Duration) string { return d.Round(time.Millisecond).String() }
