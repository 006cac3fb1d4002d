// Documents has many documents summed up by one job: the method async.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"log"
	"os"
	"path/filepath"

	"github.com/outcrop-ai/outcrop"
	"github.com/outcrop-ai/outcrop/bedrock"
	"github.com/outcrop-ai/outcrop/local"
)

func main() {
	ctx := context.Background()
	dir, err := os.MkdirTemp("", "documents-")
	check(err)
	defer os.RemoveAll(dir)
	m, err := local.Open(filepath.Join(dir, "data"), local.Config{})
	check(err)
	defer m.Close(ctx)

	input, err := os.Create(filepath.Join(dir, "documents.jsonl"))
	check(err)
	records := json.NewEncoder(input)
	for n := range 100 {
		check(records.Encode(map[string]any{
			"recordId":   fmt.Sprintf("document-%03d", n),
			"modelInput": bedrock.ConverseRequest{Messages: []bedrock.Message{bedrock.UserText(fmt.Sprintf("Sum up: document %d is about rocks.", n))}},
		}))
	}
	check(input.Close())
	check(m.PutFile(ctx, "s3://documents/in.jsonl", input.Name()))

	job, err := m.Batch(ctx, &bedrock.CreateModelInvocationJobRequest{
		JobName: "sum-up", RoleARN: "arn:aws:iam::000000000000:role/unused", ModelInvocationType: bedrock.ModelInvocationTypeConverse,
		InputDataConfig:  bedrock.ModelInvocationJobInputDataConfig{S3InputDataConfig: &bedrock.ModelInvocationJobS3InputDataConfig{S3URI: "s3://documents/in.jsonl"}},
		OutputDataConfig: bedrock.ModelInvocationJobOutputDataConfig{S3OutputDataConfig: &bedrock.ModelInvocationJobS3OutputDataConfig{S3URI: "s3://documents/out/"}},
	})
	check(err)
	jobs, err := m.Jobs()
	check(err)
	for state, err := range jobs.Watch(ctx, outcrop.Caller{}, job.JobARN) {
		check(err)
		fmt.Println(state.Status)
	}
	files, err := m.CopyOut(ctx, "s3://documents/out/", dir)
	check(err)
	fmt.Println(len(files), "files of results")
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
