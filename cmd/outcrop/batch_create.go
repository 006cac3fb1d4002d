package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

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
