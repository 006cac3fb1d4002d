package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/outcrop-ai/outcrop"
	"github.com/outcrop-ai/outcrop/bedrock"
	"github.com/outcrop-ai/outcrop/local"
	"github.com/outcrop-ai/outcrop/route"
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

func newBatchRun(a *app) *cobra.Command {
	var (
		out, name string
		converse  bool
		money     spending
	)
	c := &cobra.Command{
		Use:   "run INPUT.jsonl",
		Short: "Run a job over a file in this process and wait for it",
		Long: `run runs a job over the records of a file in this process, and waits for it.
Where the calls cost money, at Amazon Bedrock or where prices are configured, it
says first what they cost at most, and at a terminal asks.`,
		Example: `  outcrop batch run records.jsonl -o results/
  outcrop batch run prompts.jsonl --converse -o results/ --json`,
		Args: exactly(1, "one JSONL file"),
		RunE: func(c *cobra.Command, args []string) error {
			if out == "" {
				return usageError{errors.New("batch run needs -o: the directory for the results")}
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
// results out again.
func (a *app) batchRun(ctx context.Context, m *local.Local, r batchRun) error {
	if err := recordsFile(r.input); err != nil {
		return err
	}
	if r.name == "" {
		r.name = jobName(r.input)
	}
	if err := a.agreeToFile(m, &r.spending, r.input, r.converse); err != nil {
		return err
	}
	staged := fmt.Sprintf("s3://%s/%s", a.settings.Objects.Staging, newID())
	input := staged + "/input/" + filepath.Base(r.input)
	if err := m.PutFile(ctx, input, r.input); err != nil {
		return usageError{err}
	}
	req := &bedrock.CreateModelInvocationJobRequest{
		JobName: r.name,
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
		return err
	}
	job, err := a.wait(ctx, m, created.JobARN)
	if err != nil {
		a.sayLeft(m, created.JobARN, req.OutputDataConfig)
		return err
	}
	return a.deliver(ctx, m, job, staged+"/output/", r.out)
}

// sayLeft says what becomes of a job that its command has left.
func (a *app) sayLeft(m *local.Local, arn string, out bedrock.ModelInvocationJobOutputDataConfig) {
	id := arn[strings.LastIndexByte(arn, '/')+1:]
	where := "goes on when a server, or a command about jobs, next has the data directory"
	if m.Served() {
		where = "goes on at the server, and when one starts again"
	}
	a.say("Job %s %s: `outcrop batch wait %s` waits for it, `outcrop batch stop %s` ends it. Its results will lie in %s.", id, where, id, id, m.ResultsPath(out, id))
}

// recordsFile refuses a file that holds no records, since a job would find out
// later and less plainly.
func recordsFile(name string) error {
	if strings.HasSuffix(name, ".jsonl") {
		return nil
	}
	return usageError{fmt.Errorf("%s: records are read from .jsonl files; `outcrop batch pack` makes one of a CSV file, of JSON lines or of a folder of texts", name)}
}

// wait follows a job to its end and shows how far it is.
func (a *app) wait(ctx context.Context, m *local.Local, arn string) (*bedrock.GetModelInvocationJobResponse, error) {
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

// deliver copies a job's results to a directory of the user's.
func (a *app) deliver(ctx context.Context, m *local.Local, job *bedrock.GetModelInvocationJobResponse, from, dir string) error {
	if job.Status != bedrock.ModelInvocationJobStatusCompleted {
		return outcrop.Errorf(bedrock.CodeValidation, "the job ended as %s: %s", job.Status, job.Message)
	}
	files, err := m.CopyOut(ctx, from, dir)
	if err != nil {
		return err
	}
	if a.json {
		err = a.printJSON(job)
	} else {
		for _, file := range files {
			fmt.Fprintln(a.stdout, file)
		}
	}
	if failed := *job.ErrorRecordCount; failed > 0 {
		a.say("%d of %d records failed; their lines say why", failed, *job.TotalRecordCount)
	}
	return err
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
