package batch

import (
	"testing"
	"time"

	"github.com/outcrop-ai/outcrop/bedrock"
)

// TestProgressByAPI: what Get tells is enough for rate and time left, also when
// it has gone over a wire.
func TestProgressByAPI(t *testing.T) {
	f := newFixture(t, Config{})
	arn := f.create(inline(`{}`))
	job := f.wait(arn)
	text, err := bedrock.Marshal(job)
	if err != nil {
		t.Fatal(err)
	}
	far := new(bedrock.GetModelInvocationJobResponse)
	if err := bedrock.Unmarshal(text, far); err != nil {
		t.Fatal(err)
	}
	want, err := f.Progress(t.Context(), alice, arn)
	if err != nil {
		t.Fatal(err)
	}
	got, ok := ReadProgress(far, time.Now().Add(time.Hour))
	if got.Elapsed-want.Elapsed > time.Millisecond || want.Elapsed-got.Elapsed > time.Millisecond { // the wire's times may be rounded
		t.Errorf("it took %v, want %v", got.Elapsed, want.Elapsed)
	}
	got.Elapsed = want.Elapsed
	if !ok || got != want || got.InputTokens != 3 || got.OutputTokens != 5 {
		t.Errorf("progress %+v, %v; want %+v", got, ok, want)
	}
	if _, ok := ReadProgress(&bedrock.GetModelInvocationJobResponse{}, time.Now()); ok {
		t.Error("there is progress of a job of which nothing is known")
	}
	if _, ok := ReadProgress(&bedrock.GetModelInvocationJobResponse{Unknown: bedrock.Document(`{"startTime":5}`)}, time.Now()); ok {
		t.Error("there is progress in members that are none")
	}
}
