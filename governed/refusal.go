package governed

import (
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
	return "waited " + e.After.Round(time.Millisecond).String() + ": " + e.Refused.Error()
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
	if d.Reason == quota.Expired {
		e.Cause = &WaitedError{Refused: refused, After: d.Waited}
	}
	if !d.Until.IsZero() {
		e.RetryAfter = max(0, time.Until(d.Until))
	}
	return e
}

// tooLate says why a call could not wait for its turn, and by which setting.
func tooLate(d *quota.Decision, class outcrop.Class) string {
	setting := "quotas.batchMaxWait"
	if class == outcrop.Interactive {
		setting = "quotas.maxWait"
	}
	switch d.Reason {
	case quota.Expired:
		return "the call waited " + d.Waited.Round(time.Millisecond).String() + " for its turn, and may no longer (" + setting + ")"
	case quota.QueueFull:
		return "too many calls wait already"
	}
	return "its turn is later than calls may wait (" + setting + ")"
}
