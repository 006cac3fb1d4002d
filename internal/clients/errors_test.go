package clients_test

import (
	"maps"
	"strings"
	"testing"

	"github.com/outcrop-ai/outcrop/bedrock"
)

// refusals: what the program refuses is the SDK's own exception, with its
// message and the id under which the server logged it.
func refusals(t *testing.T, p *program, url string) {
	good := signed(url)
	sayings := params{"modelId": modelID, "words": question}
	novel := params{"modelId": modelID, "words": strings.Repeat("a", 26_000_000)}
	tests := []struct {
		name   string
		env    env
		ask    string
		with   params
		code   string
		status int
		says   string
		own    bool // the SDK has a class of that name
	}{
		{"unknown model", good, "converse", params{"modelId": "no.such-model-v1:0", "words": "hi"}, bedrock.CodeValidation, 400, "model identifier is invalid", true},
		{"unknown model, streamed", good, "converseStream", params{"modelId": "no.such-model-v1:0", "words": "hi"}, bedrock.CodeValidation, 400, "model identifier is invalid", true},
		{"empty text", good, "converse", params{"modelId": modelID, "words": ""}, bedrock.CodeValidation, 400, "messages.0.content.0", true},
		{"no such model to describe", good, "getModel", params{"modelId": "no.such-model-v1:0"}, bedrock.CodeResourceNotFound, 404, "no.such-model-v1:0", true},
		{"no such profile", good, "getProfile", params{"profileId": "us.no.such-model-v1:0"}, bedrock.CodeResourceNotFound, 404, "us.no.such-model-v1:0", true},
		{"no such job", good, "getJob", params{"job": "arn:aws:bedrock:us-east-1:" + account + ":model-invocation-job/abcdefghijkl"}, bedrock.CodeResourceNotFound, 404, "no model invocation job", true},
		{"too large", good, "converse", novel, bedrock.CodeRequestTooLarge, 413, "larger than 25000000 bytes", false},
		{"too large, streamed", good, "converseStream", novel, bedrock.CodeRequestTooLarge, 413, "larger than 25000000 bytes", false},
		{"too large, of nobody", good.with("AWS_ACCESS_KEY_ID", "AKIDNOBODY"), "converse", novel, bedrock.CodeUnrecognizedClient, 403, "security token", false},
		{"unknown key", good.with("AWS_ACCESS_KEY_ID", "AKIDNOBODY"), "converse", sayings, bedrock.CodeUnrecognizedClient, 403, "security token", false},
		{"unknown key, streamed", good.with("AWS_ACCESS_KEY_ID", "AKIDNOBODY"), "converseStream", sayings, bedrock.CodeUnrecognizedClient, 403, "security token", false},
		{"unknown key, control", good.with("AWS_ACCESS_KEY_ID", "AKIDNOBODY"), "listModels", params{"provider": "Anthropic"}, bedrock.CodeUnrecognizedClient, 403, "security token", false},
		{"wrong secret", good.with("AWS_SECRET_ACCESS_KEY", "wrong"), "converse", sayings, bedrock.CodeInvalidSignature, 403, "does not match", false},
		{"wrong token", good.with("AWS_BEARER_TOKEN_BEDROCK", "wrong"), "converse", sayings, bedrock.CodeAccessDenied, 403, "API Key", true},
	}
	var current env // making clients takes longer than all else here
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if !maps.Equal(current, test.env) {
				p.configure(t, test.env)
				current = test.env
			}
			f := refused(t, p, test.ask, test.with)
			checkFailure(t, &f, test.code, test.status)
			if !strings.Contains(f.Message, test.says) {
				t.Errorf("message %q does not say %q", f.Message, test.says)
			}
			if (f.Class == test.code) != test.own {
				t.Errorf("class %s", f.Class)
			}
		})
	}
}

func checkFailure(t *testing.T, f *failure, code string, status int) {
	t.Helper()
	if !f.Exception || f.Name != code || f.Status != status {
		t.Errorf("%s (%s), status %d, an exception of the SDK: %v; want %s, %d", f.Name, f.Class, f.Status, f.Exception, code, status)
	}
	if !requestID.MatchString(f.RequestID) {
		t.Errorf("request id %q", f.RequestID)
	}
}

// exceptions: each code of bedrock-runtime is the SDK's class of that name,
// before a stream begins and without one.
func exceptions(t *testing.T, p *program, backend *scripted) {
	for _, code := range []string{
		bedrock.CodeAccessDenied, bedrock.CodeInternalServer, bedrock.CodeModelError, bedrock.CodeModelNotReady, bedrock.CodeModelTimeout,
		bedrock.CodeResourceNotFound, bedrock.CodeServiceQuotaExceeded, bedrock.CodeServiceUnavailable, bedrock.CodeThrottling, bedrock.CodeValidation,
	} {
		for _, ask := range []string{"converse", "converseStream", "invoke", "invokeStream"} {
			t.Run(code+"-"+ask, func(t *testing.T) {
				before := backend.calls.Load()
				f := refused(t, p, ask, asking(ask, "fail."+code))
				checkFailure(t, &f, code, bedrock.Code(code).Status)
				// ServiceQuotaExceededException is not among Converse's own.
				if f.Class != code && (code != bedrock.CodeServiceQuotaExceeded || strings.HasPrefix(ask, "invoke")) {
					t.Errorf("class %s; want %s", f.Class, code)
				}
				if f.Message != messageOf(code) {
					t.Errorf("message %q; want %q", f.Message, messageOf(code))
				}
				if n := backend.calls.Load() - before; n != 1 {
					t.Errorf("%d calls with one attempt allowed", n)
				}
			})
		}
	}
}

// asking is the question to a model, in the form of a case.
func asking(ask, model string) params {
	if strings.HasPrefix(ask, "invoke") {
		return params{"modelId": model, "body": claudeBody}
	}
	return params{"modelId": model, "words": question}
}

// retries: the SDK takes a throttled reply as one, tries again by itself, and
// the caller sees the reply or, when its attempts are used up, the class.
func retries(t *testing.T, p *program, backend *scripted) {
	for _, ask := range []string{"converse", "converseStream"} {
		t.Run(ask, func(t *testing.T) {
			backend.calls.Store(0)
			r := result[reply](t, p, ask, asking(ask, "busy.2"))
			if r.Attempts != 3 || backend.calls.Load() != 3 || r.Text == "" {
				t.Errorf("%d attempts, %d calls, text %q", r.Attempts, backend.calls.Load(), r.Text)
			}
		})
	}
	t.Run("in vain", func(t *testing.T) {
		backend.calls.Store(0)
		f := refused(t, p, "converse", asking("converse", "busy.9"))
		checkFailure(t, &f, bedrock.CodeThrottling, 429)
		if f.Class != bedrock.CodeThrottling || f.Attempts != 3 || backend.calls.Load() != 3 {
			t.Errorf("class %s after %d attempts, %d calls", f.Class, f.Attempts, backend.calls.Load())
		}
	})
}

// brokenStreams: a stream that fails half way is an exception in band. The
// client has what came before it, and does not take it for the whole.
func brokenStreams(t *testing.T, p *program, c sdk) {
	for _, code := range []string{
		bedrock.CodeInternalServer, bedrock.CodeModelStreamError, bedrock.CodeServiceUnavailable, bedrock.CodeThrottling, bedrock.CodeValidation,
	} {
		for _, ask := range []string{"converseStream", "invokeStream"} {
			t.Run(code+"-"+ask, func(t *testing.T) {
				f := refused(t, p, ask, asking(ask, "cut."+code))
				if class := c.inBand(code); f.Class != class || !strings.EqualFold(f.Name, code) || !f.Exception {
					t.Errorf("%s (%s); want %s of class %s", f.Name, f.Class, code, class)
				}
				if !strings.Contains(f.Message, messageOf(code)) {
					t.Errorf("message %q; want %q", f.Message, messageOf(code))
				}
				if f.Events != cutAfter {
					t.Errorf("%d events came before the error; want %d", f.Events, cutAfter)
				}
			})
		}
	}
}

// inBand is the class of an exception in a stream. botocore has one for all.
func (c sdk) inBand(code string) string {
	if c.name == "boto3" {
		return "EventStreamError"
	}
	return code
}
