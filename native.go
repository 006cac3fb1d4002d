package outcrop

import (
	"context"
	"iter"
	"net/textproto"
	"time"

	"github.com/outcrop-ai/outcrop/bedrock"
	"github.com/outcrop-ai/outcrop/native"
)

// Embedder is a Backend that makes embeddings, which have no place in
// Converse.
type Embedder interface {
	Embed(ctx context.Context, call *Call, req *native.EmbedRequest) (*native.Embeddings, Meta, error)
}

// AnswerNative answers InvokeModel or its stream by a Converse call on
// backend, for back-ends that do not take model-native bodies. It reads the
// body in the format of the call's model (package native), asks backend once,
// and writes the reply in the same format; what the operation's headers say
// (guardrail, service tier, metadata) goes into the Converse request. Models
// that embed are asked through [Embedder], when backend is one.
//
// The reply's Meta has the content type, and for InvokeModel the usage and
// latency that its reply headers tell.
func AnswerNative(ctx context.Context, call *Call, backend Backend) (*Reply, error) {
	family, err := native.For(call.ModelID, call.Raw)
	if err != nil {
		return nil, AsError(err)
	}
	if err := refuseNativeGuardrails(call.Raw); err != nil {
		return nil, err
	}
	if family.Embeds() {
		return answerEmbedding(ctx, call, family, backend)
	}
	req, err := family.Request(call.Raw)
	if err != nil {
		return nil, AsError(err)
	}
	req.ModelID = call.ModelID
	if err := headersInto(req, call.Header); err != nil {
		return nil, err
	}
	operation := bedrock.OpConverse
	if call.Streams() {
		if !family.Streams() {
			return nil, Errorf(bedrock.CodeValidation, "The model is unsupported for streaming")
		}
		operation = bedrock.OpConverseStream
	}
	started := time.Now()
	reply, err := backend.Do(ctx, call.WithConverse(operation, req))
	if err != nil {
		return nil, err
	}
	meta := reply.Meta
	info := &native.Info{ModelID: call.ModelID, ID: call.RequestID, Created: meta.Created}
	if info.Created.IsZero() {
		info.Created = started
	}
	meta.ContentType = "application/json"
	if call.Streams() {
		return NewStreamReply(meta, nativeStream(reply.Stream, family.Encoder(info), meta.FirstByte, started)), nil
	}
	response, err := reply.Converse()
	if err != nil {
		return nil, AsError(err)
	}
	body, err := family.Reply(info, response)
	if err != nil {
		return nil, Errorf(bedrock.CodeModelError, "the model's reply has no form in its native format: %w", err)
	}
	meta.Usage = &response.Usage
	meta.Latency = time.Duration(response.Metrics.LatencyMs) * time.Millisecond
	return NewReply(meta, body), nil
}

// nativeStream is a Converse stream as chunks. firstByte is what the back-end
// says the first content took; without a word from it, the clock does.
func nativeStream(s *Stream, encoder native.Encoder, firstByte time.Duration, started time.Time) *Stream {
	return s.Map(func(events iter.Seq2[bedrock.Event, error]) iter.Seq2[bedrock.Event, error] {
		return func(yield func(bedrock.Event, error) bool) {
			for event, err := range events {
				if err != nil {
					yield(bedrock.Event{}, err)
					return
				}
				chunks, err := encode(encoder, event, &firstByte, started)
				if err != nil {
					yield(bedrock.Event{}, err)
					return
				}
				for _, chunk := range chunks {
					if !yield(bedrock.NewChunk(chunk), nil) {
						return
					}
				}
			}
		}
	})
}

func encode(encoder native.Encoder, event bedrock.Event, firstByte *time.Duration, started time.Time) ([][]byte, error) {
	out, err := event.Output()
	if err != nil {
		return nil, Errorf(bedrock.CodeModelStreamError, "an event of the model's stream cannot be read: %w", err)
	}
	if *firstByte == 0 && (out.ContentBlockDelta != nil || out.ContentBlockStart != nil) {
		*firstByte = time.Since(started)
	}
	chunks, err := encoder.Encode(out, *firstByte)
	if err != nil {
		return nil, Errorf(bedrock.CodeModelStreamError, "an event of the model's stream has no form in its native format: %w", err)
	}
	return chunks, nil
}

func answerEmbedding(ctx context.Context, call *Call, family *native.Family, backend Backend) (*Reply, error) {
	embedder, ok := backend.(Embedder)
	if !ok {
		return nil, Errorf(bedrock.CodeValidation, "the back-end of model %s makes no embeddings", call.ModelID)
	}
	if call.Streams() {
		return nil, Errorf(bedrock.CodeValidation, "The model is unsupported for streaming")
	}
	if call.Header["X-Amzn-Bedrock-Guardrailidentifier"] != "" || call.Header["X-Amzn-Bedrock-GuardrailIdentifier"] != "" {
		return nil, noGuardrails("guardrailIdentifier")
	}
	req, err := family.EmbedRequest(call.Raw)
	if err != nil {
		return nil, AsError(err)
	}
	embeddings, meta, err := embedder.Embed(ctx, call, req)
	if err != nil {
		return nil, err
	}
	body, err := family.EmbedReply(&native.Info{ModelID: call.ModelID, ID: call.RequestID}, req, embeddings)
	if err != nil {
		return nil, Errorf(bedrock.CodeModelError, "the model's embeddings have no form in its native format: %w", err)
	}
	meta.ContentType = "application/json"
	meta.Usage = &bedrock.TokenUsage{InputTokens: embeddings.InputTokens, TotalTokens: embeddings.InputTokens}
	return NewReply(meta, body), nil
}

// headersInto takes what InvokeModel says in headers to where Converse says
// it.
func headersInto(req *bedrock.ConverseRequest, header map[string]string) error {
	get := func(name string) string {
		if v, ok := header[name]; ok {
			return v
		}
		return header[textproto.CanonicalMIMEHeaderKey(name)]
	}
	if id := get("X-Amzn-Bedrock-GuardrailIdentifier"); id != "" {
		req.GuardrailConfig = &bedrock.GuardrailConfiguration{
			GuardrailIdentifier: id, GuardrailVersion: get("X-Amzn-Bedrock-GuardrailVersion"),
		}
		switch get("X-Amzn-Bedrock-Trace") {
		case "ENABLED":
			req.GuardrailConfig.Trace = bedrock.GuardrailTraceEnabled
		case "ENABLED_FULL":
			req.GuardrailConfig.Trace = bedrock.GuardrailTraceEnabledFull
		}
	}
	if latency := get("X-Amzn-Bedrock-PerformanceConfig-Latency"); latency != "" {
		req.PerformanceConfig = &bedrock.PerformanceConfiguration{Latency: bedrock.PerformanceConfigLatency(latency)}
	}
	if tier := get("X-Amzn-Bedrock-Service-Tier"); tier != "" {
		req.ServiceTier = &bedrock.ServiceTier{Type: bedrock.ServiceTierType(tier)}
	}
	if metadata := get(metadataHeader); metadata != "" {
		if err := bedrock.Unmarshal([]byte(metadata), &req.RequestMetadata); err != nil {
			return Invalid(metadataHeader, "expected a JSON object of strings")
		}
	}
	return nil
}
