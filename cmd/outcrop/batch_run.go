package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/outcrop-ai/outcrop"
	"github.com/outcrop-ai/outcrop/bedrock"
	"github.com/outcrop-ai/outcrop/local"
	"github.com/outcrop-ai/outcrop/route"
)

func newBatchRun(a *app) *cobra.Command {
	var (
		out, name string
		converse  bool
		money     spending
	)
	c := &cobra.Command{
		Use:   "run INPUT.jsonl",
		Short: "Run a job over a file and wait for it",
		Long: `run runs a job over the records of a file and waits for it: at the server that
answers, or in this process. Interrupted, it goes on where it was when the same
command is run again: what was answered is not asked again. The job is noted in
the output directory, until its results are there.

Where the calls cost money, at Amazon Bedrock or where prices are configured, it
says first what they cost at most, and at a terminal asks.`,
		Example: `  outcrop batch run records.jsonl -o results/
  outcrop batch run prompts.jsonl --converse -o results/ --json`,
		Args: exactly(1, "one JSONL file"),
		RunE: func(c *cobra.Command, args []string) error {
			if out == "" {
				return usageError{errors.New("batch run needs -o: the directory for the results")}
			}
			if info, err := os.Stat(out); err == nil && !info.IsDir() {
				return usageError{fmt.Errorf("-o %s: it is a file, and the results go into a directory", out)}
			}
			return a.with(c, func(ctx context.Context, m *local.Local) error {
				return a.batchRun(ctx, m, batchRun{input: args[0], out: out, name: name, converse: converse, spending: money})
			})
		},
	}
	c.Flags().StringVarP(&out, "output", "o", "", "directory for the results")
	c.Flags().StringVar(&name, "job-name", "", "name of the job (default: made of the file's name)")
	c.Flags().BoolVar(&converse, "converse", false, "the records are Converse requests, not model-native bodies")
	money.addFlags(c)
	return c
}

type batchRun struct {
	spending
	input, out, name string
	converse         bool
}

// batchRun copies the input to the objects, runs the job and copies its
// results out again. A run that was interrupted is taken up.
func (a *app) batchRun(ctx context.Context, m *local.Local, r batchRun) error {
	if err := checkRecords(r.input); err != nil {
		return err
	}
	if r.name == "" {
		r.name = jobName(r.input)
	}
	note, err := openRunNote(r.out, r.input, m.ModelID(), r.name, fmt.Sprint(r.converse))
	if err != nil {
		return usageError{err}
	}
	arn, err := a.begun(ctx, m, note)
	if err == nil && arn == "" {
		arn, err = a.begin(ctx, m, &r, note)
	}
	if err != nil {
		return err
	}
	job, err := a.wait(ctx, m, arn, "the same command, run again")
	if err != nil {
		return err
	}
	if err := jobEnded(job); err != nil {
		return errors.Join(err, note.remove())
	}
	switch err := a.results(ctx, m, job, r.out); {
	case err == nil:
		return note.remove()
	case outcrop.AsError(err).Code == bedrock.CodeResourceNotFound:
		gone := outcrop.Errorf(bedrock.CodeResourceNotFound, "the results of job %s have been removed; run the same command again for a new job", arn)
		return errors.Join(gone, note.remove())
	default:
		return err // they are delivered the next time
	}
}

// begun is the ARN of the job that a note tells of, or "" when there is none to
// go on with.
func (a *app) begun(ctx context.Context, m *local.Local, note *runNote) (string, error) {
	if note.ARN == "" {
		return "", nil
	}
	jobs, err := m.Jobs()
	if err != nil {
		return "", err
	}
	job, err := jobs.Get(ctx, outcrop.OriginOf(ctx).Caller, note.ARN)
	if err != nil {
		if outcrop.AsError(err).Code == bedrock.CodeResourceNotFound { // of another data directory, or removed
			return "", nil
		}
		return "", err
	}
	switch job.Status {
	case bedrock.ModelInvocationJobStatusFailed, bedrock.ModelInvocationJobStatusStopped, bedrock.ModelInvocationJobStatusStopping,
		bedrock.ModelInvocationJobStatusExpired, bedrock.ModelInvocationJobStatusPartiallyCompleted:
		a.say("job %s, of an earlier run, is %s; this is a new one", note.ARN, job.Status)
		return "", nil
	}
	a.say("going on with job %s", note.ARN)
	return note.ARN, nil
}

// begin creates the job, and notes it. A run that is killed before its job is
// noted leaves the token, with which the next one gets the same job.
func (a *app) begin(ctx context.Context, m *local.Local, r *batchRun, note *runNote) (string, error) {
	if err := a.agreeToFile(m, &r.spending, r.input, r.converse); err != nil {
		return "", err
	}
	if err := note.renew(); err != nil {
		return "", usageError{err}
	}
	arn, err := a.createRun(ctx, m, r, note.staged(a), note.Token)
	if err != nil {
		if ctx.Err() == nil && !outcrop.AsError(err).Retryable { // it was not created
			_ = note.remove()
		}
		return "", err
	}
	note.ARN = arn
	return arn, note.write()
}

// createRun copies the input to the objects and creates the job, once for a
// token.
func (a *app) createRun(ctx context.Context, m *local.Local, r *batchRun, staged, token string) (string, error) {
	input := staged + "/input/" + filepath.Base(r.input)
	if err := m.PutFile(ctx, input, r.input); err != nil {
		return "", usageError{err}
	}
	req := &bedrock.CreateModelInvocationJobRequest{
		JobName: r.name, ClientRequestToken: token,
		InputDataConfig: bedrock.ModelInvocationJobInputDataConfig{
			S3InputDataConfig: &bedrock.ModelInvocationJobS3InputDataConfig{S3URI: input},
		},
		OutputDataConfig: bedrock.ModelInvocationJobOutputDataConfig{S3URI: staged + "/output/"},
	}
	if r.converse {
		req.ModelInvocationType = bedrock.ModelInvocationTypeConverse
	}
	// The file was copied to this data directory, where no service reads it.
	created, err := m.Batch(route.OnDemand(ctx), req)
	if err != nil {
		return "", err
	}
	return created.JobARN, nil
}
