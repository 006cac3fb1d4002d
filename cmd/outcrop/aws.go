package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/outcrop-ai/outcrop"
	"github.com/outcrop-ai/outcrop/awscli"
	"github.com/outcrop-ai/outcrop/bedrock"
	"github.com/outcrop-ai/outcrop/local"
	"github.com/outcrop-ai/outcrop/remote"
	"github.com/outcrop-ai/outcrop/server"
)

// newService is a command that takes the AWS CLI's own command lines for one
// of its services.
func newService(a *app, service, short, example string) *cobra.Command {
	var names []string
	for _, c := range awscli.Commands(service) {
		names = append(names, "  "+c.Name)
	}
	return &cobra.Command{
		Use:   service + " <operation> [options]",
		Short: short,
		Long: "outcrop " + service + " runs the AWS CLI's commands: replace aws by outcrop. Options and\n" +
			"output formats are those of the AWS CLI; an option of its that means nothing\n" +
			"here is taken and ignored. See one operation's parameters with --help.\n\nOperations:\n" + strings.Join(names, "\n"),
		Example:            example,
		DisableFlagParsing: true,
		ValidArgs:          names,
		RunE: func(c *cobra.Command, args []string) error {
			line, err := awscli.Parse(service, args, takenFlags(c))
			if err != nil {
				return usageError{fmt.Errorf("%w (see: outcrop %s help)", err, service)}
			}
			return a.runLine(c, line)
		},
	}
}

func newRuntimeService(a *app) *cobra.Command {
	return newService(a, "bedrock-runtime", "Call models as `aws bedrock-runtime` does",
		`  outcrop bedrock-runtime invoke-model \
    --model-id anthropic.claude-3-sonnet-20240229-v1:0 \
    --body '{"anthropic_version":"bedrock-2023-05-31","max_tokens":1000,"messages":[{"role":"user","content":"What is quantum computing?"}]}' \
    output.json
  outcrop bedrock-runtime converse --model-id amazon.nova-pro-v1:0 \
    --messages '[{"role":"user","content":[{"text":"Hello"}]}]' --query output.message.content[0].text --output text`)
}

func newControlService(a *app) *cobra.Command {
	return newService(a, "bedrock", "Jobs and models as `aws bedrock` has them",
		`  outcrop bedrock create-model-invocation-job --job-name nightly --model-id amazon.nova-pro-v1:0 \
    --input-data-config s3InputDataConfig={s3Uri=s3://my-bucket/in.jsonl} \
    --output-data-config s3OutputDataConfig={s3Uri=s3://my-bucket/results/} --role-arn arn:aws:iam::123456789012:role/Batch
  outcrop bedrock list-foundation-models --by-provider Anthropic --output table`)
}

// takenFlags are the flags of all commands, which these take too.
func takenFlags(c *cobra.Command) map[string]bool {
	flags := map[string]bool{}
	c.InheritedFlags().VisitAll(func(f *pflag.Flag) {
		if f.Name != "help" && f.Name != "model-id" { // a member of most operations
			flags[f.Name] = f.NoOptDefVal == ""
		}
	})
	return flags
}

func (a *app) runLine(c *cobra.Command, line *awscli.Line) error {
	switch {
	case line.Help && line.Command == nil:
		return c.Help()
	case line.Help:
		a.describe(c, line.Command)
		return nil
	}
	output, query := line.Options["output"], line.Options["query"]
	if err := awscli.CheckOutput(output, query); err != nil {
		return usageError{err}
	}
	if line.Skeleton {
		form, err := line.Command.Skeleton()
		if err != nil {
			return err
		}
		return awscli.Write(a.stdout, form, output, query)
	}
	if err := a.adopt(c, line.Options); err != nil {
		return err
	}
	message, err := line.Message()
	if err != nil {
		return err
	}
	a.model = message.Labels["modelId"]
	return a.withClient(c, func(ctx context.Context, client *remote.Client, m *local.Local) error {
		s := sender{app: a, client: client, line: line}
		if err := s.send(ctx, message, output, query); err != nil {
			return err
		}
		return a.finishJob(ctx, m, message.Operation, s.reply)
	})
}

// adopt gives this program's flags the values that stand on the line, and
// takes --endpoint-url for --endpoint.
func (a *app) adopt(c *cobra.Command, options map[string]string) error {
	for name, value := range options {
		if name == "endpoint-url" {
			name = "endpoint"
		}
		if f := c.InheritedFlags().Lookup(name); f != nil {
			if err := c.InheritedFlags().Set(name, value); err != nil {
				return usageError{fmt.Errorf("--%s: %w", name, err)}
			}
		}
	}
	return nil
}

// withClient runs f with a client of the server that answers: one that runs, or
// one in this process, whose manager f gets as well.
func (a *app) withClient(c *cobra.Command, f func(ctx context.Context, client *remote.Client, m *local.Local) error) error {
	a.noModel = true // its operations name theirs
	dir, config, client, err := a.answerer(c)
	if err != nil {
		return err
	}
	if client != nil {
		err := f(c.Context(), client, nil)
		return errors.Join(err, client.Close())
	}
	m, err := local.Open(dir, config)
	if err != nil {
		return mistaken(err)
	}
	return a.use(c, m, func(ctx context.Context, m *local.Local) error {
		s, err := server.New(server.Config{Manager: m.Manager, Region: a.settings.ARNRegion(), Account: a.settings.Server.Account})
		if err != nil {
			return err
		}
		client, err := remote.New(remote.Config{URL: "http://127.0.0.1", Transport: inProcess{s.Handler()}})
		if err != nil {
			return err
		}
		origin := outcrop.OriginOf(ctx) // as the server sees the caller
		origin.Caller.Account = a.settings.Server.Account
		return f(outcrop.WithOrigin(ctx, origin), client, m)
	})
}

// finishJob waits for a job that this process runs: no server will.
func (a *app) finishJob(ctx context.Context, m *local.Local, op *bedrock.Operation, reply []byte) error {
	if m == nil || op.Name != "CreateModelInvocationJob" {
		return nil
	}
	var created bedrock.CreateModelInvocationJobResponse
	if err := bedrock.Unmarshal(reply, &created); err != nil {
		return err
	}
	if !m.RunsHere(ctx, created.JobARN) {
		return nil // the back-end's own batch service does
	}
	a.say(ownJob)
	job, err := a.wait(ctx, m, created.JobARN, a.waitLine(created.JobARN))
	if err != nil {
		return err
	}
	return jobEnded(job)
}

// describe prints the parameters of one operation.
func (a *app) describe(c *cobra.Command, command *awscli.Command) {
	w := c.OutOrStdout()
	outfile := ""
	if command.OutFile {
		outfile = " <outfile>"
	}
	fmt.Fprintf(w, "%s %s [options]%s\n\nOptions:\n", c.CommandPath(), command.Name, outfile)
	for _, m := range command.Members {
		required := ""
		if m.Required {
			required = " (required)"
		}
		fmt.Fprintf(w, "  --%s <%s>%s\n", m.Flag, m.Kind(), required)
	}
	fmt.Fprint(w, "\nOf all operations: --profile, --region, --endpoint-url, --output json|text|table|yaml|off,\n"+
		"--query JMESPATH, --cli-input-json JSON|file://PATH, --cli-binary-format base64|raw-in-base64-out,\n"+
		"--generate-cli-skeleton, and the options of outcrop itself (outcrop --help).\n")
}
