package outcrop

import (
	"github.com/outcrop-ai/outcrop/bedrock"
	"github.com/outcrop-ai/outcrop/native"
)

// Text is the words of the result: the model's text, or the constructed value.
// A stream and a job have none yet, which is an error.
func (r *InferResult) Text() (string, error) {
	switch {
	case r.Invoke != nil:
		text, err := native.Text(r.Invoke.Body)
		if err != nil {
			return "", Errorf(bedrock.CodeModelError, "%w", err)
		}
		return text, nil
	case r.Converse != nil && r.Converse.Output.Message != nil:
		return r.Converse.Output.Message.Text(), nil
	case r.Construct != nil:
		return r.Construct.Text, nil
	}
	return "", Errorf(bedrock.CodeValidation, "the result of %s is no text: %s", r.Method, r.instead())
}

// Usage is what the result cost, as far as it says so by now.
func (r *InferResult) Usage() (bedrock.TokenUsage, error) {
	switch {
	case r.Invoke != nil && r.Invoke.Meta.Usage != nil:
		return *r.Invoke.Meta.Usage, nil
	case r.Converse != nil:
		return r.Converse.Usage, nil
	case r.Construct != nil:
		return r.Construct.Usage, nil
	}
	return bedrock.TokenUsage{}, Errorf(bedrock.CodeValidation, "the result of %s has no usage: %s", r.Method, r.instead())
}

// instead says what to read where a result is not whole when Infer returns.
func (r *InferResult) instead() string {
	switch {
	case r.Stream != nil:
		return "read the chunks of result.Stream.Events with a ChunkReader, and close it"
	case r.Job != nil:
		return "the job result.Job.JobARN writes it to the output URI; Manager.Jobs follows it"
	}
	return "there is none"
}

// ChunkReader reads the words and the usage out of the chunks of
// [Manager.Stream], for every family of models. The zero value is ready.
type ChunkReader struct{ usage bedrock.TokenUsage }

// Text is the words of one chunk; many chunks have none.
func (r *ChunkReader) Text(chunk []byte) (string, error) {
	if usage, ok := native.ChunkUsage(chunk); ok {
		r.usage = usage
	}
	text, err := native.Text(chunk)
	if err != nil {
		return "", Errorf(bedrock.CodeModelStreamError, "%w", err)
	}
	return text, nil
}

// Usage is what the stream cost; zero before its last chunk.
func (r *ChunkReader) Usage() bedrock.TokenUsage { return r.usage }
