package governed

import (
	"errors"
	"strconv"
	"strings"
	"time"

	"github.com/outcrop-ai/outcrop"
	"github.com/outcrop-ai/outcrop/bedrock"
	"github.com/outcrop-ai/outcrop/native"
	"github.com/outcrop-ai/outcrop/quota"
)

// ticket is the reservation of one attempt. Exactly one of its ends is called.
type ticket struct {
	gate    *quota.Gate
	attempt *attempt
	id      quota.TicketID
	waited  time.Duration
}

// settle ends the ticket with what a whole reply says it cost, or with an
// estimate where it says nothing.
func (t *ticket) settle(reply *outcrop.Reply) {
	if usage := usageOf(t.attempt.call, reply); usage != nil {
		t.settled(usage)
		return
	}
	output := 0
	if body, err := reply.Body(); err == nil && body != nil {
		if text, err := native.Text(body); err == nil {
			output = t.attempt.pool.counter.Text(text)
		}
	}
	t.gate.Interrupted(t.id, output)
}

// settled ends the ticket with usage.
func (t *ticket) settled(u *bedrock.TokenUsage) {
	usage := quota.Usage{Input: u.InputTokens, Output: u.OutputTokens}
	if u.CacheReadInputTokens != nil {
		usage.CacheRead = *u.CacheReadInputTokens
	}
	if u.CacheWriteInputTokens != nil {
		usage.CacheWrite = *u.CacheWriteInputTokens
	}
	t.gate.Settle(t.id, usage)
}

// The headers in which Amazon Bedrock tells the tokens of an InvokeModel call.
const (
	headerInput  = "X-Amzn-Bedrock-Input-Token-Count"
	headerOutput = "X-Amzn-Bedrock-Output-Token-Count"
)

// usageOf is what a reply says it cost, or nil.
func usageOf(call *outcrop.Call, reply *outcrop.Reply) *bedrock.TokenUsage {
	if !call.Native() {
		return reply.Usage()
	}
	if body, err := reply.Body(); err == nil {
		// Before the headers: it knows cached tokens.
		if family := native.ByModel(call.ModelID); family != nil {
			if usage, ok := family.Usage(body); ok {
				return &usage
			}
		}
	}
	if reply.Meta.Usage != nil {
		return reply.Meta.Usage
	}
	input, err := strconv.Atoi(reply.Meta.Header[headerInput])
	if err != nil {
		return nil
	}
	output, _ := strconv.Atoi(reply.Meta.Header[headerOutput]) // embeddings have none
	return &bedrock.TokenUsage{InputTokens: input, OutputTokens: output}
}

// lost ends the ticket of an attempt whose back-end has panicked and so
// answered nothing; it is to be deferred. What was sent nobody knows.
func (t *ticket) lost(answered *bool) {
	if *answered {
		return
	}
	t.attempt.pool.note(func(s *Stats) { s.Failed++ })
	t.gate.Interrupted(t.id, 0)
}

// failed ends the ticket of an attempt that failed after some output, or none.
func (t *ticket) failed(err error, output int) {
	e := outcrop.AsError(err)
	p := t.attempt.pool
	if _, here := errors.AsType[*quota.RefusedError](err); here { // by turns: it was not sent
		p.note(func(s *Stats) { s.Refused++ })
		t.gate.Cancel(t.id)
		return
	}
	if e.Partial != nil {
		output = max(output, p.counter.TextBytes(e.Partial))
	}
	throttled, unavailable := e.Code == bedrock.CodeThrottling, e.Code == bedrock.CodeServiceUnavailable
	p.note(func(s *Stats) {
		switch {
		case throttled:
			s.Throttled++
		case unavailable:
			s.Unavailable++
		default:
			s.Failed++
		}
	})
	switch {
	case e.Usage != nil:
		t.settled(e.Usage)
	case output > 0:
		t.gate.Interrupted(t.id, output)
	case throttled:
		t.gate.Throttled(t.id, limitOf(e.Message))
	case unavailable:
		t.gate.Unavailable(t.id)
	case refused(e.Code):
		t.gate.Cancel(t.id)
	case e.Code == bedrock.CodeModelTimeout:
		// It was at work all the time; how much it wrote nobody says.
		typical, _ := t.gate.Lengths(t.attempt.call.Caller.Tenant, p.id.Model, 0.5)
		t.gate.Interrupted(t.id, min(typical, t.attempt.limit))
	default:
		t.gate.Interrupted(t.id, 0)
	}
}

// refused tells whether an error means that the model never began.
func refused(code string) bool {
	switch code {
	case bedrock.CodeModelTimeout, bedrock.CodeModelError, bedrock.CodeModelStreamError:
		return false
	}
	return bedrock.Code(code).Status < 500
}

// limitOf is the limit that a ThrottlingException speaks of.
func limitOf(message string) quota.Limit {
	lower := strings.ToLower(message)
	switch {
	case strings.Contains(lower, "per day"):
		return quota.TokensPerDay
	case strings.Contains(lower, "token"):
		return quota.Tokens
	}
	return quota.Requests
}
