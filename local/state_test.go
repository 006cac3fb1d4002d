package local_test

import (
	"testing"

	"github.com/outcrop-ai/outcrop"
	"github.com/outcrop-ai/outcrop/bedrock"
	"github.com/outcrop-ai/outcrop/local"
)

// A manager that was closed begins nothing more: nobody would end it.
func TestNothingBeginsAfterClose(t *testing.T) {
	for name, dir := range map[string]string{"temporary": "", "kept": t.TempDir()} {
		m, err := local.Open(dir, local.Config{})
		if err != nil {
			t.Fatal(err)
		}
		if err := m.Close(t.Context()); err != nil {
			t.Fatal(err)
		}
		_, err = m.Batch(t.Context(), &bedrock.CreateModelInvocationJobRequest{
			JobName: "late", ModelID: m.ModelID(),
			InputDataConfig:  bedrock.ModelInvocationJobInputDataConfig{ContentType: "application/json", Text: "{}"},
			OutputDataConfig: bedrock.ModelInvocationJobOutputDataConfig{S3URI: "s3://results/"},
		})
		if err == nil || outcrop.AsError(err).Code != bedrock.CodeServiceUnavailable {
			t.Errorf("%s: a job after Close: error %v", name, err)
		}
	}
}
