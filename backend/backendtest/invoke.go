package backendtest

import (
	"testing"

	"github.com/outcrop-ai/outcrop"
	"github.com/outcrop-ai/outcrop/bedrock"
	"github.com/outcrop-ai/outcrop/native"
)

// nativeBody is a question in the model's own format.
func (s *suite) nativeBody(t *testing.T) (*native.Family, []byte) {
	t.Helper()
	family := native.ByModel(s.ModelID)
	if family == nil {
		t.Fatalf("no native format is known for %s; set Without: Native", s.ModelID)
	}
	body, err := family.Body(native.Question{Prompt: question, MaxTokens: s.MaxTokens})
	if err != nil {
		t.Fatal(err)
	}
	return family, body
}

func (s *suite) invoke(t *testing.T) {
	family, body := s.nativeBody(t)
	reply, err := s.open(t).Do(t.Context(), outcrop.NewInvokeCall(bedrock.OpInvokeModel, s.ModelID, body))
	if err != nil {
		t.Fatalf("InvokeModel: %v", err)
	}
	answer, err := reply.Body()
	if err != nil {
		t.Fatal(err)
	}
	if reply.Meta.ContentType != "application/json" {
		t.Errorf("content type %q", reply.Meta.ContentType)
	}
	usage := reply.Meta.Usage
	if usage == nil {
		t.Fatal("the reply's Meta does not tell the usage")
	}
	checkUsage(t, usage)
	if read, ok := family.Usage(answer); ok && (read.InputTokens != usage.InputTokens || read.OutputTokens != usage.OutputTokens) {
		t.Errorf("the body tells %d and %d tokens, Meta %d and %d", read.InputTokens, read.OutputTokens, usage.InputTokens, usage.OutputTokens)
	}
}

func (s *suite) invokeStream(t *testing.T) {
	_, body := s.nativeBody(t)
	b := s.open(t)
	watchGoroutines(t)
	reply, err := b.Do(t.Context(), outcrop.NewInvokeCall(bedrock.OpInvokeModelWithResponseStream, s.ModelID, body))
	if err != nil {
		t.Fatalf("InvokeModelWithResponseStream: %v", err)
	}
	defer reply.Stream.Close()
	n := 0
	var last []byte
	for event, err := range reply.Stream.Events() {
		if err != nil {
			t.Fatal(err)
		}
		if last, err = event.Chunk(); err != nil {
			t.Fatal(err)
		}
		n++
	}
	if n < 2 {
		t.Errorf("the stream came in %d chunks", n)
	}
	usage, ok := native.ChunkUsage(last)
	if !ok {
		t.Fatalf("the last chunk tells no usage: %s", last)
	}
	checkUsage(t, &usage)
}

func (s *suite) invokeBadBody(t *testing.T) {
	b := s.open(t)
	for _, body := range []string{``, `{`, `[]`, `{"messages":7,"max_tokens":10,"anthropic_version":"bedrock-2023-05-31"}`} {
		_, err := b.Do(t.Context(), outcrop.NewInvokeCall(bedrock.OpInvokeModel, s.ModelID, []byte(body)))
		if e := asError(t, err); e.Code != bedrock.CodeValidation {
			t.Errorf("body %q: code %s", body, e.Code)
		}
	}
}
