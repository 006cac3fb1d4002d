package main

import (
	"context"
	"errors"
	"fmt"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/outcrop-ai/outcrop"
	"github.com/outcrop-ai/outcrop/batch"
	"github.com/outcrop-ai/outcrop/bedrock"
	"github.com/outcrop-ai/outcrop/local"
)

func newBatchGet(a *app) *cobra.Command {
	var out string
	c := a.jobCommand("get JOB", "Show a job: its state, its counts, where its results are",
		func(ctx context.Context, m *local.Local, jobs outcrop.Jobs, id string) error {
			job, err := jobs.Get(ctx, outcrop.OriginOf(ctx).Caller, id)
			if err != nil {
				return err
			}
			if out != "" {
				return a.results(ctx, m, job, out)
			}
			return a.showJob(m, job)
		})
	c.Long = "get shows a job. With -o it copies the results of one that has ended into a\ndirectory, and prints the files' names."
	c.Example = `  outcrop batch get JOB
  outcrop batch get JOB -o results/`
	outputFlag(c, &out)
	return c
}

// outputFlag is where the results of a job are wanted.
func outputFlag(c *cobra.Command, dir *string) {
	c.Flags().StringVarP(dir, "output", "o", "", "directory to copy the results into")
}

func newBatchStop(a *app) *cobra.Command {
	return a.jobCommand("stop JOB", "Stop a job; what it has done so far stays",
		func(ctx context.Context, m *local.Local, jobs outcrop.Jobs, id string) error {
			caller := outcrop.OriginOf(ctx).Caller
			if err := jobs.Stop(ctx, caller, id); err != nil {
				return err
			}
			job, err := jobs.Get(ctx, caller, id)
			if err != nil {
				return err
			}
			return a.showJob(m, job)
		})
}

func newBatchWait(a *app) *cobra.Command {
	var out string
	c := a.jobCommand("wait JOB", "Wait for a job and show how far it is",
		func(ctx context.Context, m *local.Local, _ outcrop.Jobs, id string) error {
			job, err := a.wait(ctx, m, id, a.waitLine(id))
			if err != nil {
				return err
			}
			show := a.showJob
			if out != "" && job.Status != bedrock.ModelInvocationJobStatusFailed {
				show = func(m *local.Local, job *bedrock.GetModelInvocationJobResponse) error {
					return a.results(ctx, m, job, out)
				}
			}
			return errors.Join(show(m, job), jobEnded(job))
		})
	c.Long = `wait shows how far a job is until it ends, and then its state; with -o it copies
its results into a directory instead. Interrupted, it leaves the job alone. The
exit code is 0 when the job completed, though some of its records may have
failed, and else 3.`
	c.Example = `  outcrop batch wait JOB
  outcrop batch wait JOB -o results/`
	outputFlag(c, &out)
	return c
}

func newBatchWatch(a *app) *cobra.Command {
	c := a.jobCommand("watch JOB", "Print a line for each change of a job, until it ends",
		func(ctx context.Context, _ *local.Local, jobs outcrop.Jobs, id string) error {
			began := time.Now()
			for job, err := range jobs.Watch(ctx, outcrop.OriginOf(ctx).Caller, id) {
				if err != nil {
					return err
				}
				if a.json {
					if err := a.printLine(job); err != nil {
						return err
					}
					continue
				}
				fmt.Fprintf(a.stdout, "%s  %s\n", time.Now().Format(time.TimeOnly), jobLine(job, time.Since(began)))
			}
			return nil
		})
	c.Long = "watch prints a line for each change of a job's state or counts, or with --json\na JSON object a line, until the job ends. It suits logs and pipes."
	return c
}

// jobCommand is a command about one job, by its ARN or its id.
func (a *app) jobCommand(use, short string, f func(context.Context, *local.Local, outcrop.Jobs, string) error) *cobra.Command {
	return &cobra.Command{
		Use: use, Short: short, Args: exactly(1, "the job's ARN or id"),
		RunE: func(c *cobra.Command, args []string) error {
			return a.with(c, func(ctx context.Context, m *local.Local) error {
				jobs, err := m.Jobs()
				if err != nil {
					return err
				}
				return f(ctx, m, jobs, args[0])
			})
		},
	}
}

// showJob prints a job: as JSON, or what a person wants to know.
func (a *app) showJob(m *local.Local, job *bedrock.GetModelInvocationJobResponse) error {
	uncounted(m, job.Status, &job.ProcessedRecordCount, &job.SuccessRecordCount, &job.ErrorRecordCount)
	if a.json {
		return a.printJSON(job)
	}
	w := tabwriter.NewWriter(a.stdout, 0, 4, 2, ' ', 0)
	row := func(name, value string) {
		if value != "" {
			fmt.Fprintf(w, "%s\t%s\n", name, value)
		}
	}
	row("job", job.JobARN)
	row("name", job.JobName)
	row("model", job.ModelID)
	row("state", string(job.Status))
	row("message", job.Message)
	row("records", jobCounts(job.TotalRecordCount, job.ProcessedRecordCount, job.ErrorRecordCount))
	if p, ok := batch.ReadProgress(job, time.Now()); ok {
		row("tokens", fmt.Sprintf("%s in, %s out", grouped(int(p.InputTokens)), grouped(int(p.OutputTokens))))
		if p.Elapsed > 0 && p.Processed > 0 {
			row("rate", fmt.Sprintf("%.1f records/s, %.0f tokens/s", p.RecordsPerSecond(), p.TokensPerSecond()))
		}
		if left := p.Remaining().Round(time.Second); job.EndTime.IsZero() && left > 0 {
			row("left", left.String())
		}
	}
	row("submitted", when(job.SubmitTime))
	row("ended", when(job.EndTime))
	row("expires", when(job.JobExpirationTime))
	row("results", m.ResultsPath(job.OutputDataConfig, shortID(job.JobARN)))
	return w.Flush()
}

func jobCounts(total, processed, failed *int) string {
	switch {
	case total == nil:
		return ""
	case processed == nil:
		return "? of " + grouped(*total)
	}
	text := fmt.Sprintf("%s of %s", grouped(*processed), grouped(*total))
	if failed != nil && *failed > 0 {
		text += fmt.Sprintf(", %s failed", grouped(*failed))
	}
	return text
}
