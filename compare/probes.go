package compare

import (
	"context"
	"strings"
	"time"

	"github.com/outcrop-ai/outcrop"
	"github.com/outcrop-ai/outcrop/bedrock"
)

// probe asks by one method and waits for the whole reply.
type probe func(ctx context.Context, m *outcrop.Manager, o *Options, report func(string)) (measured, error)

var probes = map[outcrop.Method]probe{
	outcrop.MethodSync:      probeSync,
	outcrop.MethodStream:    probeStream,
	outcrop.MethodAsync:     probeAsync,
	outcrop.MethodConverse:  probeConverse,
	outcrop.MethodConstruct: probeConstruct,
}

func probeSync(ctx context.Context, m *outcrop.Manager, o *Options, _ func(string)) (measured, error) {
	result, err := m.Infer(ctx, outcrop.InferRequest{Method: "sync", Prompt: o.Prompt, MaxTokens: o.MaxTokens})
	if err != nil {
		return measured{}, err
	}
	usage, err := result.Usage()
	return measured{usage: usage}, err
}

func probeStream(ctx context.Context, m *outcrop.Manager, o *Options, report func(string)) (measured, error) {
	result, err := m.Infer(ctx, outcrop.InferRequest{Method: "stream", Prompt: o.Prompt, MaxTokens: o.MaxTokens})
	if err != nil {
		return measured{}, err
	}
	defer result.Stream.Close()
	var first time.Time
	var reader outcrop.ChunkReader
	for event, err := range result.Stream.Events() {
		if err != nil {
			return measured{}, err
		}
		chunk, err := event.Chunk()
		if err != nil {
			return measured{}, err
		}
		text, err := reader.Text(chunk)
		if err != nil {
			return measured{}, err
		}
		if text != "" && first.IsZero() {
			first = o.Now()
			report("reading")
		}
	}
	return measured{first: first, usage: reader.Usage()}, nil
}

func probeAsync(ctx context.Context, m *outcrop.Manager, o *Options, report func(string)) (measured, error) {
	result, err := m.Infer(ctx, outcrop.InferRequest{Method: "async", Prompt: o.Prompt, MaxTokens: o.MaxTokens, OutputS3URI: "s3://outcrop-compare/results/"})
	if err != nil {
		return measured{}, err
	}
	jobs, err := m.Jobs()
	if err != nil {
		return measured{}, err
	}
	var last *bedrock.GetModelInvocationJobResponse
	for state, err := range jobs.Watch(ctx, outcrop.OriginOf(ctx).Caller, result.Job.JobARN) {
		if err != nil {
			return measured{}, err
		}
		last = state
		report(strings.ToLower(string(state.Status)))
	}
	switch {
	case last.Status != bedrock.ModelInvocationJobStatusCompleted:
		return measured{}, outcrop.Errorf(bedrock.CodeModelError, "the job ended as %s: %s", last.Status, last.Message)
	case last.SuccessRecordCount == nil || *last.SuccessRecordCount != 1:
		return measured{}, o.recordError(ctx, last)
	}
	got := measured{batch: true}
	if o.Results != nil {
		got.note = "results in " + o.Results(last.OutputDataConfig, jobID(last))
	}
	got.usage, err = o.jobUsage(ctx, last)
	return got, err
}

func probeConverse(ctx context.Context, m *outcrop.Manager, o *Options, _ func(string)) (measured, error) {
	result, err := m.Infer(ctx, outcrop.InferRequest{Method: "converse", Prompt: o.Prompt, MaxTokens: o.MaxTokens})
	if err != nil {
		return measured{}, err
	}
	return measured{usage: result.Converse.Usage}, nil
}

// answer is the schema that construct fills here: the reply in parts.
const answer = `{"type":"object","additionalProperties":false,"required":["summary","keyPoints"],"properties":{
	"summary":{"type":"string","minLength":1,"description":"the answer in one sentence"},
	"keyPoints":{"type":"array","minItems":2,"maxItems":5,"items":{"type":"string","minLength":1}}}}`

func probeConstruct(ctx context.Context, m *outcrop.Manager, o *Options, _ func(string)) (measured, error) {
	result, err := m.Infer(ctx, outcrop.InferRequest{Method: "construct", Prompt: o.Prompt, MaxTokens: o.MaxTokens, Schema: []byte(answer)})
	if err != nil {
		return measured{}, err
	}
	return measured{usage: result.Construct.Usage, note: result.Construct.Text, requests: len(result.Construct.Trace.Attempts)}, nil
}
