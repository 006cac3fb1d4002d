package batch

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"
	"time"

	"github.com/outcrop-ai/outcrop"
	"github.com/outcrop-ai/outcrop/bedrock"
	"github.com/outcrop-ai/outcrop/native"
)

// sender takes records to the model. It is safe for concurrent use.
type sender struct {
	config  *Config
	limiter *limiter // of the back-end
	task    *task
	caller  outcrop.Caller
	jobID   string
	stop    <-chan struct{} // closed when nothing more is to be sent
	say     func(string)    // why the job waits; "" when it does no longer
}

// result is what became of a record.
type result struct {
	outcome       outcome
	line          []byte // of the output, with its line ending
	input, output int    // tokens
}

type outcome int

const (
	skipped outcome = iota // the job was stopped first; the record has no line
	succeeded
	failed
)

// send takes a record to the model until there is a reply, an error that
// stands, or the end of the job. A context that ends skips the record.
func (s *sender) send(ctx context.Context, r *record) result {
	if r.bad != nil {
		return failedResult(r, r.bad)
	}
	for attempt := 1; ; attempt++ {
		place, ok := s.limiter.take(ctx, s.stop)
		if !ok {
			return result{}
		}
		if s.stopped() || ctx.Err() != nil {
			s.limiter.give(place, nil)
			return result{}
		}
		res, err := s.try(ctx, r)
		s.limiter.give(place, err)
		if err == nil {
			return res
		}
		if ctx.Err() != nil {
			return result{}
		}
		e := outcrop.AsError(err)
		if attempt >= s.config.Retry.attempts(e) {
			return failedResult(r, e)
		}
		s.pause(ctx, s.config.Retry.wait(attempt, e.RetryAfter, s.config.Rand()), e)
	}
}

// pause waits before another attempt. A wait that is longer than those between
// attempts is told, since nobody would guess what the job is waiting for.
func (s *sender) pause(ctx context.Context, wait time.Duration, e *outcrop.Error) {
	c := s.config
	if wait > c.Retry.Max+c.Retry.Base {
		s.say(fmt.Sprintf("waiting until %s: %s", c.Clock.Now().Add(wait).UTC().Format(time.RFC3339), e.Message))
		defer s.say("")
	}
	select {
	case <-c.Clock.After(wait):
	case <-s.stop:
	case <-ctx.Done():
	}
}

func (s *sender) stopped() bool {
	select {
	case <-s.stop:
		return true
	default:
		return false
	}
}

// try takes a record to the model once. A back-end that panics fails the record,
// as it would fail a request: the process has other jobs, and would meet the same
// record again after its next start.
func (s *sender) try(ctx context.Context, r *record) (_ result, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = s.panicked(p, r)
		}
	}()
	call, err := s.call(r)
	if err != nil {
		return result{}, err
	}
	reply, err := s.config.Backend.Do(ctx, call)
	if err != nil {
		return result{}, err
	}
	body, err := reply.Body()
	if err != nil {
		return result{}, err
	}
	res := result{outcome: succeeded}
	if res.line, err = outputLine(r, body); err != nil {
		return result{}, err
	}
	res.input, res.output = usage(call, reply, body)
	return res, nil
}

// panicked is the error of a record whose back-end has panicked; the log is told
// where. What it panicked with is told only where the runtime made it, since it
// may hold anything.
func (s *sender) panicked(p any, r *record) error {
	what := fmt.Sprintf("%T", p)
	if e, ok := p.(runtime.Error); ok {
		what = e.Error()
	}
	s.config.Logger.Error("panic in a job", "job", s.jobID, "record", r.index+1, "panic", what, "stack", string(debug.Stack()))
	e := outcrop.Errorf(bedrock.CodeInternalServer, "the back-end panicked: %s", what)
	e.Retryable = false
	return e
}

func (s *sender) call(r *record) (*outcrop.Call, error) {
	operation := bedrock.OpInvokeModel
	if s.task.converse {
		operation = bedrock.OpConverse
	}
	call := outcrop.NewInvokeCall(operation, s.task.modelID, r.input)
	call.Caller, call.Class = s.caller, outcrop.Batch
	call.RequestID = fmt.Sprintf("%s-%d", s.jobID, r.index+1)
	if s.task.converse {
		req, err := call.Converse()
		if err == nil {
			err = bedrock.Validate(req)
		}
		if err != nil {
			return nil, err
		}
	}
	return call, nil
}

// The headers in which Amazon Bedrock tells the tokens of an InvokeModel call.
const (
	inputTokensHeader  = "X-Amzn-Bedrock-Input-Token-Count"
	outputTokensHeader = "X-Amzn-Bedrock-Output-Token-Count"
)

// usage is the tokens of a reply: as the back-end counted them, or as the body
// tells them; none when neither does.
func usage(call *outcrop.Call, reply *outcrop.Reply, body []byte) (input, output int) {
	if !call.Native() {
		if response, err := reply.Converse(); err == nil {
			return response.Usage.InputTokens, response.Usage.OutputTokens
		}
		return 0, 0
	}
	if told := reply.Meta.Usage; told != nil {
		return told.InputTokens, told.OutputTokens
	}
	in, errIn := strconv.Atoi(reply.Meta.Header[inputTokensHeader])
	out, errOut := strconv.Atoi(reply.Meta.Header[outputTokensHeader])
	if errIn == nil && errOut == nil {
		return max(in, 0), max(out, 0)
	}
	if family := native.ByModel(call.ModelID); family != nil {
		if told, ok := family.Usage(body); ok {
			return told.InputTokens, told.OutputTokens
		}
	}
	return 0, 0
}

// attempts is how often a record is sent that fails with e.
func (r *Retry) attempts(e *outcrop.Error) int {
	switch {
	case !e.Retryable:
		return 1
	case throttled(e):
		return r.ThrottledAttempts
	}
	return r.TransientAttempts
}

// wait is how long to wait after an attempt, the first being 1: what the
// back-end asks for, spread by up to Base, where that is longer. random is in
// [0, 1).
func (r *Retry) wait(attempt int, asked time.Duration, random float64) time.Duration {
	full := r.Max
	if shift := attempt - 1; shift < 32 && r.Base<<shift < r.Max {
		full = r.Base << shift
	}
	drawn := full/2 + time.Duration(float64(full)/2*random)
	if drawn < asked {
		return asked + time.Duration(float64(r.Base)*random)
	}
	return drawn
}

func outputLine(r *record, modelOutput []byte) ([]byte, error) {
	line := bytes.NewBuffer(beginLine(r, len(modelOutput)))
	line.WriteString(`,"modelOutput":`)
	if err := json.Compact(line, modelOutput); err != nil {
		return nil, outcrop.Errorf(bedrock.CodeModelError, "the model's reply is not JSON: %w", err)
	}
	line.WriteString("}\n")
	return line.Bytes(), nil
}

func failedResult(r *record, e *outcrop.Error) result {
	line := beginLine(r, len(e.Message))
	line = append(line, `,"error":{"errorCode":`...)
	line = strconv.AppendInt(line, int64(bedrock.Code(e.Code).Status), 10)
	line = append(line, `,"errorMessage":`...)
	line = appendString(line, e.Error())
	line = append(line, "}}\n"...)
	return result{outcome: failed, line: line}
}

// beginLine is the output line of a record as far as all have it, with room
// for n bytes more.
func beginLine(r *record, n int) []byte {
	line := make([]byte, 0, len(r.id)+len(r.input)+n+80)
	line = append(line, `{"recordId":`...)
	line = appendString(line, r.id)
	line = append(line, `,"modelInput":`...)
	return append(line, r.input...)
}

func appendString(dst []byte, s string) []byte {
	// A string of valid UTF-8 has JSON.
	text, _ := bedrock.Marshal(strings.ToValidUTF8(s, "\uFFFD"))
	return append(dst, text...)
}
