package openai

import (
	"bytes"
	"context"
	"net/http"

	"github.com/outcrop-ai/outcrop"
	"github.com/outcrop-ai/outcrop/bedrock"
	"github.com/outcrop-ai/outcrop/native"
	"github.com/outcrop-ai/outcrop/tokens"
)

// CountTokens counts a call's input with the server's own tokenizer, where it
// is a server that has one to ask; else by estimate.
// Pictures and sound are beyond those tokenizers, so calls that hold any are
// estimated too.
func (b *Backend) CountTokens(ctx context.Context, call *outcrop.Call) (outcrop.TokenCount, error) {
	req, err := countable(call)
	if err != nil {
		return outcrop.TokenCount{}, err
	}
	model := b.model(call.ModelID)
	a, err := b.prepare(ctx, req, model, false)
	if err != nil {
		return outcrop.TokenCount{}, err
	}
	kind := b.dialect(ctx).tokenizer
	if bytes.Contains(a.body, []byte(`"type":"image_url"`)) || bytes.Contains(a.body, []byte(`"type":"input_audio"`)) {
		kind = noTokenizer
	}
	if kind != noTokenizer {
		count, err := b.count(ctx, kind, a)
		// A server that was only recognised may stand behind a gateway, which
		// lets nothing but its API through.
		if err == nil || b.config.Engine != "" || outcrop.AsError(err).Code != bedrock.CodeResourceNotFound {
			return count, err
		}
	}
	return outcrop.TokenCount{InputTokens: tokens.Default().For(model).Input(req).Total, Estimated: true}, nil
}

func (b *Backend) count(ctx context.Context, kind tokenizer, a *ask) (outcrop.TokenCount, error) {
	if kind == llamaTokenizer {
		return b.countByTemplate(ctx, a)
	}
	var reply struct {
		Count int `json:"count"`
	}
	err := b.fetch(ctx, http.MethodPost, "//tokenize", a.body, &reply)
	return outcrop.TokenCount{InputTokens: reply.Count}, err
}

// countByTemplate has llama-server write the prompt as it would for a reply,
// and counts that.
func (b *Backend) countByTemplate(ctx context.Context, a *ask) (outcrop.TokenCount, error) {
	var applied struct {
		Prompt string `json:"prompt"`
	}
	if err := b.fetch(ctx, http.MethodPost, "//apply-template", a.body, &applied); err != nil {
		return outcrop.TokenCount{}, err
	}
	body := bedrock.AppendString([]byte(`{"add_special":true,"parse_special":true,"content":`), applied.Prompt)
	var reply struct {
		Tokens []bedrock.Document `json:"tokens"`
	}
	if err := b.fetch(ctx, http.MethodPost, "//tokenize", append(body, '}'), &reply); err != nil {
		return outcrop.TokenCount{}, err
	}
	return outcrop.TokenCount{InputTokens: len(reply.Tokens)}, nil
}

// countable is the Converse request of a call, whatever its body.
func countable(call *outcrop.Call) (*bedrock.ConverseRequest, error) {
	if !call.Native() {
		req, err := call.Converse()
		if err != nil {
			return nil, outcrop.AsError(err)
		}
		return req, nil
	}
	family, err := native.For(call.ModelID, call.Raw)
	if err != nil {
		return nil, outcrop.AsError(err)
	}
	req, err := family.Request(call.Raw)
	if err != nil {
		return nil, outcrop.AsError(err)
	}
	return req, nil
}
