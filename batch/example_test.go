package batch_test

import (
	"context"
	"fmt"
	"io"
	"log"
	"os"

	"github.com/outcrop-ai/outcrop"
	"github.com/outcrop-ai/outcrop/batch"
	"github.com/outcrop-ai/outcrop/bedrock"
	"github.com/outcrop-ai/outcrop/objects"
)

// A job over one inline body, from its creation to its result.
func Example() {
	ctx := context.Background()
	root, err := os.MkdirTemp("", "outcrop")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(root)
	dir, err := objects.NewDirectory(root)
	if err != nil {
		log.Fatal(err)
	}
	defer dir.Close()
	dir.CreateBuckets = true

	model := outcrop.BackendFunc(func(context.Context, *outcrop.Call) (*outcrop.Reply, error) {
		return outcrop.NewReply(outcrop.Meta{}, []byte(`{"completion":"Blue."}`)), nil
	})
	jobs, err := batch.New(batch.Config{Backend: model, Objects: dir, NewID: func() string { return "abcde1234567" }})
	if err != nil {
		log.Fatal(err)
	}
	defer jobs.Close(ctx)

	job, err := jobs.Create(ctx, outcrop.Caller{}, &bedrock.CreateModelInvocationJobRequest{
		JobName: "my-batch-job-1", ModelID: "anthropic.claude-3-sonnet-20240229-v1:0",
		InputDataConfig:  bedrock.ModelInvocationJobInputDataConfig{ContentType: "application/json", Text: `{"prompt":"The sky is"}`},
		OutputDataConfig: bedrock.ModelInvocationJobOutputDataConfig{S3URI: "s3://my-bucket/results/"},
	})
	if err != nil {
		log.Fatal(err)
	}
	for state, err := range jobs.Watch(ctx, outcrop.Caller{}, job.JobARN) {
		if err != nil {
			log.Fatal(err)
		}
		if !state.EndTime.IsZero() {
			fmt.Println(state.JobARN, state.Status, *state.SuccessRecordCount)
		}
	}
	result, err := dir.Open(ctx, "s3://my-bucket/results/abcde1234567/inline.jsonl.out")
	if err != nil {
		log.Fatal(err)
	}
	defer result.Close()
	if _, err := io.Copy(os.Stdout, result); err != nil {
		log.Fatal(err)
	}
	// Output:
	// arn:aws:bedrock:us-east-1:000000000000:model-invocation-job/abcde1234567 Completed 1
	// {"recordId":"R0000000001","modelInput":{"prompt":"The sky is"},"modelOutput":{"completion":"Blue."}}
}
