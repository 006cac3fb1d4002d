package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/outcrop-ai/outcrop"
	"github.com/outcrop-ai/outcrop/local"
)

func newInvoke(a *app) *cobra.Command {
	var q question
	c := &cobra.Command{
		Use:   "invoke [prompt]",
		Short: "Ask once and wait for the whole reply (InvokeModel)",
		Long: `invoke sends one request in the model's own format and prints the reply. Give
either a prompt, from which the body is made, or the body itself.`,
		Example: `  outcrop invoke "What is quantum computing?"
  outcrop invoke --body '{"anthropic_version":"bedrock-2023-05-31","max_tokens":100,"messages":[{"role":"user","content":"Hello"}]}'
  outcrop invoke --body @request.json --output-file reply.json`,
		RunE: func(c *cobra.Command, args []string) error {
			return a.ask(c, func(ctx context.Context, m *local.Local) error { return a.invoke(ctx, m, &q, args) })
		},
	}
	q.flags(c)
	c.Flags().StringVar(&q.file, "output-file", "", "write the reply to this file")
	return c
}

// question is what invoke, stream and infer ask.
type question struct {
	settingsOfModel
	body   string
	system string
	file   string
}

func (q *question) flags(c *cobra.Command) {
	c.Flags().StringVar(&q.body, "body", "", "the request in the model's own format, or @FILE")
	q.settingsOfModel.flags(c, "")
	c.Flags().StringVar(&q.system, "system", "", "system prompt")
}

// request is the question as an InferRequest of a method.
func (q *question) request(a *app, method outcrop.Method, args []string) (outcrop.InferRequest, error) {
	req := outcrop.InferRequest{Method: string(method), SystemPrompt: q.system}
	q.into(&req)
	if q.body == "" {
		text, err := a.prompt(args)
		req.Prompt = text
		return req, err
	}
	if len(args) > 0 {
		return req, usageError{errors.New("give a prompt or --body, not both")}
	}
	if q.given() || q.system != "" {
		return req, usageError{errors.New("--max-tokens, --temperature, --top-p, --stop and --system go with a prompt; with --body they stand in the body")}
	}
	body, err := atFile(q.body)
	req.Body = []byte(body)
	return req, err
}

// atFile is a flag's value, or the contents of the file that @FILE names.
func atFile(value string) (string, error) {
	if len(value) > 1 && value[0] == '@' {
		return readFile(value[1:])
	}
	return value, nil
}

func (a *app) invoke(ctx context.Context, m *local.Local, q *question, args []string) error {
	req, err := q.request(a, outcrop.MethodSync, args)
	if err != nil {
		return err
	}
	if q.file != "" {
		return a.invokeInto(ctx, m, req, q.file)
	}
	result, err := m.Infer(ctx, req)
	if err != nil {
		return err
	}
	if a.json {
		return a.printRaw(result.Invoke.Body)
	}
	text, err := result.Text()
	if err != nil {
		return err
	}
	fmt.Fprintln(a.stdout, text)
	if usage, err := result.Usage(); err == nil {
		a.sayUsage(usage)
	}
	return nil
}

// invokeInto writes the reply to a file, which is begun before the model is asked:
// where it cannot be, there is no reply to lose.
func (a *app) invokeInto(ctx context.Context, m *local.Local, req outcrop.InferRequest, file string) error {
	out, err := a.output(file)
	if err != nil {
		return err
	}
	defer out.Close()
	result, err := m.Infer(ctx, req)
	if err != nil {
		return err
	}
	if err := out.finish(result.Invoke.Body); err != nil {
		return err
	}
	a.say("%d bytes written to %s", len(result.Invoke.Body), file)
	return nil
}
