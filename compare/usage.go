package compare

import (
	"bytes"
	"context"
	"io"
	"strings"
	"time"

	"github.com/outcrop-ai/outcrop"
	"github.com/outcrop-ai/outcrop/batch"
	"github.com/outcrop-ai/outcrop/bedrock"
)

// resultLimit bounds what is read of a job's results, in bytes.
const resultLimit = 1 << 20

// jobUsage is what a job's records cost together: as the job's state has it, or
// the manifest, where a service runs the job.
func (o *Options) jobUsage(ctx context.Context, job *bedrock.GetModelInvocationJobResponse) (bedrock.TokenUsage, error) {
	if p, ok := batch.ReadProgress(job, time.Time{}); ok {
		return usageOf(int(p.InputTokens), int(p.OutputTokens)), nil
	}
	text, err := o.result(ctx, job, "manifest.json.out")
	if err != nil {
		return bedrock.TokenUsage{}, err
	}
	var counts struct {
		InputTokens  int `json:"inputTokenCount"`
		OutputTokens int `json:"outputTokenCount"`
	}
	if err := bedrock.Unmarshal(text, &counts); err != nil {
		return bedrock.TokenUsage{}, outcrop.Errorf(bedrock.CodeInternalServer, "the job's manifest cannot be read: %w", err)
	}
	return usageOf(counts.InputTokens, counts.OutputTokens), nil
}

func usageOf(input, output int) bedrock.TokenUsage {
	return bedrock.TokenUsage{InputTokens: input, OutputTokens: output, TotalTokens: input + output}
}

// recordError is what became of the one record of a job that completed without it.
func (o *Options) recordError(ctx context.Context, job *bedrock.GetModelInvocationJobResponse) error {
	unread := outcrop.Errorf(bedrock.CodeModelError, "the job's record failed; its results say why")
	text, err := o.result(ctx, job, "inline.jsonl.out")
	if err != nil {
		return unread
	}
	var record struct {
		Error struct {
			Message string `json:"errorMessage"`
		} `json:"error"`
	}
	line, _, _ := bytes.Cut(text, []byte("\n"))
	if bedrock.Unmarshal(line, &record) != nil || record.Error.Message == "" {
		return unread
	}
	code, message, ok := strings.Cut(record.Error.Message, ": ")
	if !ok || !strings.HasSuffix(code, "Exception") {
		code, message = bedrock.CodeModelError, record.Error.Message
	}
	return outcrop.Errorf(code, "%s", message)
}

// result is one of a job's files.
func (o *Options) result(ctx context.Context, job *bedrock.GetModelInvocationJobResponse, name string) ([]byte, error) {
	file, err := o.Objects.Open(ctx, strings.TrimSuffix(job.OutputDataConfig.S3URI, "/")+"/"+jobID(job)+"/"+name)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	return io.ReadAll(io.LimitReader(file, resultLimit))
}

// jobID is the last part of a job's ARN.
func jobID(job *bedrock.GetModelInvocationJobResponse) string {
	return job.JobARN[strings.LastIndexByte(job.JobARN, '/')+1:]
}
