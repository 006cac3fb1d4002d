package main

import (
	"context"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/outcrop-ai/outcrop"
	"github.com/outcrop-ai/outcrop/bedrock"
	"github.com/outcrop-ai/outcrop/local"
)

func newBatch(a *app) *cobra.Command {
	c := &cobra.Command{
		Use:   "batch",
		Short: "Run jobs over many records (CreateModelInvocationJob)",
		Long: `batch runs a job over the records of a JSONL file. Every line of the input is
one record, {"recordId": "...", "modelInput": {...}}; every line of the output is
its answer, in the same order.`,
		Example: `  outcrop batch run records.jsonl -o results/       one command from file to results
  outcrop batch pack questions.csv -o records.jsonl prompts as records
  outcrop batch plan records.jsonl                  tokens, price, time
  outcrop batch create s3://my-bucket/in.jsonl -o s3://my-bucket/results/
  outcrop batch wait JOB`,
	}
	c.AddCommand(
		newBatchRun(a), newBatchCreate(a), newBatchGet(a), newBatchList(a), newBatchStop(a),
		newBatchWait(a), newBatchWatch(a), newBatchPack(a), newBatchUnpack(a), newBatchPlan(a),
		newBatchClean(a), newBatchEvents(a),
	)
	return c
}

// wait follows a job to its end and shows how far it is. again is what to type
// for its results when it is interrupted.
func (a *app) wait(ctx context.Context, m *local.Local, arn, again string) (*bedrock.GetModelInvocationJobResponse, error) {
	jobs, err := m.Jobs()
	if err != nil {
		return nil, err
	}
	p := newProgress(a.stderr)
	defer p.done()
	began := time.Now()
	var last *bedrock.GetModelInvocationJobResponse
	for state, err := range jobs.Watch(ctx, outcrop.OriginOf(ctx).Caller, arn) {
		if err != nil {
			p.done()
			a.sayLeft(ctx, m, arn, again, err)
			return nil, err
		}
		last = state
		if p.terminal {
			p.show(jobBar(state, time.Since(began)))
		} else {
			p.show(jobLine(state, time.Since(began)))
		}
	}
	return last, nil
}

// jobName makes a name that the API accepts out of a file's.
func jobName(file string) string {
	base := strings.TrimSuffix(filepath.Base(file), filepath.Ext(file))
	name := strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '-' {
			return r
		}
		return -1
	}, base)
	name = strings.Trim(name, "-")
	if name == "" {
		name = "batch"
	}
	if len(name) > 63 {
		name = name[:63]
	}
	return name
}
