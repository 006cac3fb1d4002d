package compare

import (
	"context"
	"io"
	"strings"

	"github.com/outcrop-ai/outcrop"
	"github.com/outcrop-ai/outcrop/bedrock"
)

// manifestLimit bounds what is read of a job's manifest, in bytes.
const manifestLimit = 1 << 20

// jobUsage reads from a job's manifest what its records cost together.
func (o *Options) jobUsage(ctx context.Context, out bedrock.ModelInvocationJobOutputDataConfig, jobID string) (bedrock.TokenUsage, error) {
	manifest, err := o.Objects.Open(ctx, strings.TrimSuffix(out.S3URI, "/")+"/"+jobID+"/manifest.json.out")
	if err != nil {
		return bedrock.TokenUsage{}, err
	}
	defer manifest.Close()
	text, err := io.ReadAll(io.LimitReader(manifest, manifestLimit))
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
	return bedrock.TokenUsage{
		InputTokens: counts.InputTokens, OutputTokens: counts.OutputTokens, TotalTokens: counts.InputTokens + counts.OutputTokens,
	}, nil
}
