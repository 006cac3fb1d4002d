package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/outcrop-ai/outcrop"
	"github.com/outcrop-ai/outcrop/bedrock"
	"github.com/outcrop-ai/outcrop/local"
)

func newInfer(a *app) *cobra.Command {
	var (
		q      question
		method string
		o      inferOptions
	)
	c := &cobra.Command{
		Use:   "infer [--method NAME] [prompt]",
		Short: "Ask by the method that you name",
		Long: `infer runs one prompt by any of the five methods: sync (the default), stream,
async, converse or construct, or by the operation's own name. With --method auto
it chooses: construct where there is a schema, async where results go to S3,
stream on a terminal and for long replies, and sync otherwise; --explain says
why. A conversation is outcrop converse or outcrop chat.`,
		Example: `  outcrop infer "What is quantum computing?"
  outcrop infer --method stream "Write a short story about robots."
  outcrop infer --method async --output-s3-uri s3://my-bucket/results/ "Summarise the news"
  outcrop infer --method construct --schema person.json "Extract: John Doe is 42"
  outcrop infer --method auto --explain "What is quantum computing?"`,
		RunE: func(c *cobra.Command, args []string) error {
			m, err := outcrop.ParseMethod(method)
			if err != nil {
				return usageError{errors.New("--" + outcrop.AsError(err).Message)}
			}
			return a.ask(c, func(ctx context.Context, l *local.Local) error {
				return a.infer(ctx, l, m, &q, o, args)
			})
		},
	}
	q.flags(c)
	c.Flags().StringVar(&method, "method", "sync", "sync, stream, async, converse or construct; or auto")
	complete(c, "method", oneOf(append([]outcrop.Method{outcrop.MethodAuto}, outcrop.Methods...)...))
	c.Flags().StringVar(&o.outputS3URI, "output-s3-uri", "", "async: where the job writes its results")
	c.Flags().StringVar(&o.schema, "schema", "", "construct: the JSON Schema, a file or the text itself")
	c.Flags().BoolVar(&o.explain, "explain", false, "say on standard error which method is taken, and why")
	return c
}

type inferOptions struct {
	outputS3URI, schema string
	explain             bool
}

func (a *app) infer(ctx context.Context, m *local.Local, method outcrop.Method, q *question, o inferOptions, args []string) error {
	method = a.chosen(method, q, &o)
	if err := o.check(method, q); err != nil {
		return err
	}
	switch method {
	case outcrop.MethodSync:
		return a.invoke(ctx, m, q, args)
	case outcrop.MethodStream:
		return a.stream(ctx, m, q, args)
	case outcrop.MethodConverse:
		return a.converse(ctx, m, q, new(kept), "", args)
	}
	req, err := q.request(a, method, args)
	if err != nil {
		return err
	}
	if method == outcrop.MethodConstruct {
		return a.inferConstruct(ctx, m, q, req, o.schema)
	}
	if req.OutputS3URI = o.outputS3URI; req.OutputS3URI == "" {
		return usageError{errors.New("async needs an output URI: --output-s3-uri s3://BUCKET/PREFIX/, where the job writes its results")}
	}
	if err := checkS3("--output-s3-uri", o.outputS3URI); err != nil {
		return err
	}
	result, err := m.Infer(ctx, req)
	if err != nil {
		return err
	}
	return a.follow(ctx, m, result.Job.JobARN)
}

// check refuses what a method passes over: whoever gives a schema means it.
func (o *inferOptions) check(method outcrop.Method, q *question) error {
	switch {
	case o.schema != "" && method != outcrop.MethodConstruct:
		return usageError{fmt.Errorf("--schema is for --method construct, and the method is %s; --method auto takes construct where there is a schema", method)}
	case o.outputS3URI != "" && method != outcrop.MethodAsync:
		return usageError{fmt.Errorf("--output-s3-uri is for --method async, and the method is %s", method)}
	case q.body != "" && (method == outcrop.MethodConverse || method == outcrop.MethodConstruct):
		return usageError{fmt.Errorf("--body is in a model's own format, for sync, stream and async, and the method is %s", method)}
	}
	return nil
}

// chosen is the method in force, which auto takes from the request.
func (a *app) chosen(method outcrop.Method, q *question, o *inferOptions) outcrop.Method {
	why := "--method says so"
	if method == outcrop.MethodAuto {
		method, why = outcrop.Choose(&outcrop.InferRequest{
			Schema: []byte(o.schema), OutputS3URI: o.outputS3URI, MaxTokens: q.maxTokens, Interactive: isTerminal(a.stdout),
		})
	}
	if o.explain {
		a.say("method %s: %s", method, why)
	}
	return method
}

func (a *app) inferConstruct(ctx context.Context, m *local.Local, q *question, req outcrop.InferRequest, schema string) error {
	if schema == "" {
		return usageError{errors.New("construct needs --schema: a file, or the schema itself")}
	}
	text, err := schemaText(schema)
	if err != nil {
		return err
	}
	construct := &bedrock.ConstructRequest{Prompt: req.Prompt, Schema: text}
	if req.SystemPrompt != "" {
		construct.System = []bedrock.SystemContentBlock{{Text: &req.SystemPrompt}}
	}
	construct.InferenceConfig = q.config()
	return a.construct(ctx, m, construct)
}

// follow waits for a job, and says where its results are.
func (a *app) follow(ctx context.Context, m *local.Local, arn string) error {
	job, err := a.wait(ctx, m, arn, a.waitLine(arn))
	if err != nil {
		return err
	}
	if a.json {
		err = a.printJSON(job)
	} else {
		_, err = fmt.Fprintln(a.stdout, m.ResultsPath(job.OutputDataConfig, shortID(arn)))
	}
	if err != nil {
		return err
	}
	if err := jobEnded(job); err != nil || job.ErrorRecordCount == nil || *job.ErrorRecordCount == 0 {
		return err
	}
	return outcrop.Errorf(bedrock.CodeModelError, "%d of %d records failed; their lines say why", *job.ErrorRecordCount, *job.TotalRecordCount)
}
