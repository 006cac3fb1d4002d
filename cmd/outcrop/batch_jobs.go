package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/outcrop-ai/outcrop"
	"github.com/outcrop-ai/outcrop/batch"
	"github.com/outcrop-ai/outcrop/bedrock"
	"github.com/outcrop-ai/outcrop/local"
)

// batchCreate is what batch create is asked for.
type batchCreate struct {
	spending
	input, output, name, role, token string
	hours                            int
	tags                             []string
	converse                         bool
}

func newBatchCreate(a *app) *cobra.Command {
	var o batchCreate
	c := &cobra.Command{
		Use:   "create INPUT",
		Short: "Create a job and return at once",
		Long: `create creates a job over an object or a prefix of s3://, or over a file, which
it copies there first, and prints the job's ARN. The server runs the job. Where
no server runs, the command runs the job itself and ends with it.`,
		Example: `  outcrop batch create s3://my-bucket/in.jsonl -o s3://my-bucket/results/
  outcrop batch create records.jsonl -o s3://my-bucket/results/ --tag team=red`,
		Args: exactly(1, "one s3:// URI or file"),
		RunE: func(c *cobra.Command, args []string) error {
			if !strings.HasPrefix(o.output, "s3://") {
				return usageError{errors.New("batch create needs -o s3://BUCKET/PREFIX/, where the results go")}
			}
			if err := checkS3("-o", o.output); err != nil {
				return err
			}
			if o.input = args[0]; strings.HasPrefix(o.input, "s3://") {
				if err := checkS3("the input", o.input); err != nil {
					return err
				}
			}
			return a.with(c, func(ctx context.Context, m *local.Local) error { return a.batchCreate(ctx, m, &o) })
		},
	}
	f := c.Flags()
	f.StringVarP(&o.output, "output", "o", "", "s3:// URI under which the results go")
	f.StringVar(&o.name, "job-name", "", "name of the job (default: made of the input's name)")
	f.StringVar(&o.role, "role-arn", "", "role that Amazon Bedrock's own batch service takes on")
	f.StringVar(&o.token, "client-request-token", "", "create the job once, however often this runs")
	f.IntVar(&o.hours, "timeout-hours", 0, "hours after which the job expires (default: the service's)")
	f.StringArrayVar(&o.tags, "tag", nil, "tag of the job, as key=value; may be repeated")
	f.BoolVar(&o.converse, "converse", false, "the records are Converse requests, not model-native bodies")
	o.addFlags(c)
	return c
}

func (a *app) batchCreate(ctx context.Context, m *local.Local, o *batchCreate) error {
	req := &bedrock.CreateModelInvocationJobRequest{
		JobName: o.name, RoleARN: o.role, ClientRequestToken: o.token,
		OutputDataConfig: bedrock.ModelInvocationJobOutputDataConfig{
			S3OutputDataConfig: &bedrock.ModelInvocationJobS3OutputDataConfig{S3URI: o.output},
		},
	}
	if o.name == "" {
		req.JobName = jobName(strings.TrimSuffix(o.input, "/"))
	}
	if o.hours != 0 { // the service names what is wrong with it
		req.TimeoutDurationInHours = &o.hours
	}
	if o.converse {
		req.ModelInvocationType = bedrock.ModelInvocationTypeConverse
	}
	for _, tag := range o.tags {
		key, value, ok := strings.Cut(tag, "=")
		if !ok || key == "" {
			return usageError{fmt.Errorf("--tag %s: expected key=value", tag)}
		}
		req.Tags = append(req.Tags, bedrock.Tag{Key: key, Value: value})
	}
	input, err := a.jobInput(ctx, m, o)
	if err != nil {
		return err
	}
	req.InputDataConfig.S3InputDataConfig = &bedrock.ModelInvocationJobS3InputDataConfig{S3URI: input}
	created, err := m.Batch(ctx, req)
	if err != nil {
		return err
	}
	if a.json {
		err = a.printJSON(created)
	} else {
		_, err = fmt.Fprintln(a.stdout, created.JobARN)
	}
	if err != nil {
		return err
	}
	if m.Served() || !m.RunsHere(ctx, created.JobARN) {
		a.say("how it goes: %s", a.again("batch wait "+shortID(created.JobARN)))
		return nil
	}
	a.say(ownJob)
	job, err := a.wait(ctx, m, created.JobARN, a.waitLine(created.JobARN))
	if err != nil {
		return err
	}
	return jobEnded(job)
}

// ownJob is said where a job has no server to run it.
const ownJob = "no server runs, so this command runs the job and ends with it; `outcrop serve` would run it in the background"

// jobInput is the URI of a job's input. A file is copied beside the results.
func (a *app) jobInput(ctx context.Context, m *local.Local, o *batchCreate) (string, error) {
	if strings.HasPrefix(o.input, "s3://") {
		return o.input, nil
	}
	if err := checkRecords(o.input); err != nil {
		return "", err
	}
	if err := a.agreeToFile(m, &o.spending, o.input, o.converse); err != nil {
		return "", err
	}
	bucket, _, _ := strings.Cut(strings.TrimPrefix(o.output, "s3://"), "/")
	uri := fmt.Sprintf("s3://%s/%s/%s/%s", bucket, local.InputCopies, newID(), filepath.Base(o.input))
	if err := m.PutFile(ctx, uri, o.input); err != nil {
		return "", err
	}
	a.say("copied %s to %s", o.input, uri)
	return uri, nil
}

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

func when(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.Local().Format(time.DateTime)
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

// batchList is what batch list is asked for.
type batchList struct {
	status, name  string
	after, before string
	most          int
}

func newBatchList(a *app) *cobra.Command {
	var o batchList
	c := &cobra.Command{
		Use: "list", Short: "List jobs, the newest first", Args: cobra.NoArgs,
		Example: `  outcrop batch list
  outcrop batch list --status InProgress
  outcrop batch list --after 24h --json`,
		RunE: func(c *cobra.Command, _ []string) error {
			return a.with(c, func(ctx context.Context, m *local.Local) error { return a.batchList(ctx, m, &o) })
		},
	}
	c.Flags().StringVar(&o.status, "status", "", "only jobs in this state: InProgress, Completed, Failed, ...")
	complete(c, "status", oneOf("Submitted", "Validating", "Scheduled", "InProgress", "Stopping", "Stopped", "Completed", "PartiallyCompleted", "Failed", "Expired"))
	c.Flags().StringVar(&o.name, "name", "", "only jobs whose name contains this")
	c.Flags().StringVar(&o.after, "after", "", "only jobs submitted after this: a time (RFC 3339), or how long ago, as 24h")
	c.Flags().StringVar(&o.before, "before", "", "only jobs submitted before this")
	c.Flags().IntVar(&o.most, "limit", 50, "jobs at most; 0 is all")
	return c
}

func (a *app) batchList(ctx context.Context, m *local.Local, o *batchList) error {
	req := &bedrock.ListModelInvocationJobsRequest{StatusEquals: bedrock.ModelInvocationJobStatus(o.status), NameContains: o.name, SortOrder: bedrock.SortOrderDescending}
	var err error
	for flag, bound := range map[string]struct {
		text string
		at   *time.Time
	}{"after": {o.after, &req.SubmitTimeAfter}, "before": {o.before, &req.SubmitTimeBefore}} {
		if bound.text == "" {
			continue
		}
		if *bound.at, err = moment(bound.text, time.Now(), -1); err != nil {
			return usageError{fmt.Errorf("--%s: %w", flag, err)}
		}
	}
	jobs, err := m.Jobs()
	if err != nil {
		return err
	}
	list, err := listed(ctx, jobs, req, o.most)
	if err != nil {
		return err
	}
	for i := range list {
		job := &list[i]
		uncounted(m, job.Status, &job.ProcessedRecordCount, &job.SuccessRecordCount, &job.ErrorRecordCount)
		if !m.Served() && job.EndTime.IsZero() && m.RunsHere(ctx, job.JobARN) {
			a.say("job %s is not worked on: no server runs; it goes on with: %s", shortID(job.JobARN), a.again("batch wait "+shortID(job.JobARN)))
		}
	}
	if a.json {
		return a.printJSON(list)
	}
	if len(list) == 0 {
		a.say("%s%s", o.none(), a.lookedIn(m))
		return nil
	}
	w := tabwriter.NewWriter(a.stdout, 0, 4, 2, ' ', 0)
	fmt.Fprintln(w, "ID\tNAME\tSTATE\tRECORDS\tSUBMITTED\tMODEL")
	for i := range list {
		job := &list[i]
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\n", shortID(job.JobARN), job.JobName, job.Status,
			jobCounts(job.TotalRecordCount, job.ProcessedRecordCount, job.ErrorRecordCount), when(job.SubmitTime), job.ModelID)
	}
	return w.Flush()
}

// none says that the list is empty.
func (o *batchList) none() string {
	if o.status+o.name+o.after+o.before == "" {
		return "there are no jobs"
	}
	return "there is no such job"
}

// listed fetches the pages of a list until there are enough jobs.
func listed(ctx context.Context, jobs outcrop.Jobs, req *bedrock.ListModelInvocationJobsRequest, most int) ([]bedrock.ModelInvocationJobSummary, error) {
	list := []bedrock.ModelInvocationJobSummary{}
	for {
		page, err := jobs.List(ctx, outcrop.OriginOf(ctx).Caller, req)
		if err != nil {
			return nil, err
		}
		list = append(list, page.InvocationJobSummaries...)
		if most > 0 && len(list) >= most {
			return list[:most], nil
		}
		if page.NextToken == "" {
			return list, nil
		}
		req.NextToken = page.NextToken
	}
}
