package openai

import (
	"errors"
	"net/http"
	"strings"

	"github.com/outcrop-ai/outcrop"
	"github.com/outcrop-ai/outcrop/bedrock"
)

// An error's status says little: llama-server answers 500 to malformed JSON,
// and 503 while it loads a model. So the body is read first.

// verdict is an error of a server, in Bedrock's terms.
type verdict struct {
	code    string
	message string
}

// signs are words in the body of an error that decide, in order.
var signs = []struct {
	status int // 0 for any
	words  []string
	verdict
}{
	{0, []string{"exceed_context_size", "context_length_exceeded", "context length", "context size", "context window", "maximum context"}, verdict{bedrock.CodeValidation, "Input is too long for requested model."}},
	{0, []string{"insufficient_quota", "billing"}, verdict{bedrock.CodeServiceQuotaExceeded, "the server's quota is used up"}},
	{0, []string{"loading model", "model is loading", "still loading"}, verdict{bedrock.CodeModelNotReady, "the server is still loading the model"}},
	{0, []string{"does not support tools", "tool choice requires", "enable-auto-tool-choice", "tool-call-parser"}, verdict{bedrock.CodeValidation, "the server's model is not set up for tools"}},
	{0, []string{"does not support image", "image input is not supported", "not a multimodal", "multimodal"}, verdict{bedrock.CodeValidation, "the server's model takes no images"}},
	{0, []string{"out of memory", "cuda error", "kv cache is full"}, verdict{bedrock.CodeServiceUnavailable, "the server has no memory left for this request"}},
	{0, []string{"rate limit", "rate_limit", "too many requests", "too many concurrent"}, verdict{bedrock.CodeThrottling, "Too many requests, please wait before trying again."}},
	{http.StatusInternalServerError, []string{"parse error", "parse_error", "failed to parse", "invalid json", "json.exception", "invalid_request", "jinja", "template"}, verdict{bedrock.CodeValidation, "the server cannot read this request"}},
	{http.StatusInternalServerError, []string{"grammar", "json_schema", "json schema"}, verdict{bedrock.CodeValidation, "the server cannot compile the schema"}},
	{http.StatusBadRequest, []string{"grammar", "response_format", "json_schema", "json schema", "$ref"}, verdict{bedrock.CodeValidation, "the server does not take the schema"}},
}

// byStatus is the verdict on an error whose body says nothing.
func byStatus(status int) verdict {
	switch status {
	case http.StatusUnauthorized, http.StatusForbidden, http.StatusProxyAuthRequired:
		return verdict{bedrock.CodeAccessDenied, "the server refuses the API key"}
	case http.StatusNotFound:
		return verdict{bedrock.CodeResourceNotFound, "the server does not know the model, or has no such path"}
	case http.StatusRequestTimeout, http.StatusGatewayTimeout:
		return verdict{bedrock.CodeModelTimeout, "the server gave up on the request"}
	case http.StatusTooManyRequests:
		return verdict{bedrock.CodeThrottling, "Too many requests, please wait before trying again."}
	case http.StatusBadGateway, http.StatusServiceUnavailable, 529:
		return verdict{bedrock.CodeServiceUnavailable, "the server is overloaded or down"}
	case http.StatusRequestEntityTooLarge:
		return verdict{bedrock.CodeValidation, "the request is too large for the server"}
	}
	switch {
	case status >= 500:
		return verdict{bedrock.CodeInternalServer, "the server failed"}
	case status >= 400:
		return verdict{bedrock.CodeValidation, "the server does not take this request"}
	}
	return verdict{bedrock.CodeServiceUnavailable, "the server answered with an unexpected status"}
}

// classify is the error of a response that is none, or of an error inside a
// stream (status 0). What the server says may repeat the prompt, so it becomes
// the cause, not the message; only the error's own type and code are named.
func classify(status int, body []byte) *outcrop.Error {
	text := strings.ToLower(string(body))
	v := byStatus(status)
	if status == 0 {
		v = verdict{bedrock.CodeModelStreamError, "the server broke the reply off with an error"}
	}
	for _, sign := range signs {
		if (sign.status == 0 || sign.status == status) && containsAny(text, sign.words) {
			v = sign.verdict
			break
		}
	}
	e := outcrop.Errorf(v.code, "%s", v.message)
	if name := errorName(body); name != "" {
		e.Message += " (" + name + ")"
	}
	if len(body) > 0 {
		e.Cause = errors.New(string(body[:min(len(body), 2000)]))
	}
	return e
}

func containsAny(text string, words []string) bool {
	for _, word := range words {
		if strings.Contains(text, word) {
			return true
		}
	}
	return false
}

// errorName is the type or the code of an error's body, when it is a plain
// name.
func errorName(body []byte) string {
	var e struct {
		Error bedrock.Document `json:"error"`
		Type  string           `json:"type"`
	}
	if bedrock.Unmarshal(body, &e) != nil {
		return ""
	}
	var inner struct {
		Type string           `json:"type"`
		Code bedrock.Document `json:"code"` // a string or a number
	}
	if len(e.Error) > 0 && e.Error[0] == '{' && bedrock.Unmarshal(e.Error, &inner) == nil {
		if inner.Type == "" {
			inner.Type = strings.Trim(string(inner.Code), `"`)
		}
		return plainName(inner.Type)
	}
	return plainName(e.Type)
}

func plainName(s string) string {
	if len(s) > 64 {
		return ""
	}
	for _, c := range []byte(s) {
		if c != '_' && c != '-' && (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') {
			return ""
		}
	}
	return s
}
