package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/outcrop-ai/outcrop"
	"github.com/outcrop-ai/outcrop/local"
)

func newStream(a *app) *cobra.Command {
	var q question
	c := &cobra.Command{
		Use:   "stream [prompt]",
		Short: "Ask once and print the reply as it arrives (InvokeModelWithResponseStream)",
		Long: `stream prints the reply while the model writes it. With --json every chunk is
one line, in the model's own format.`,
		Example: `  outcrop stream --pace "Write a short story about robots."
  outcrop stream --json "Hello" | jq .type`,
		RunE: func(c *cobra.Command, args []string) error {
			return a.ask(c, func(ctx context.Context, m *local.Local) error { return a.stream(ctx, m, &q, args) })
		},
	}
	q.flags(c)
	return c
}

func (a *app) stream(ctx context.Context, m *local.Local, q *question, args []string) error {
	req, err := q.request(a, outcrop.MethodStream, args)
	if err != nil {
		return err
	}
	result, err := m.Infer(ctx, req)
	if err != nil {
		return err
	}
	defer result.Stream.Close()
	var reader outcrop.ChunkReader
	for event, err := range result.Stream.Events() {
		if err != nil {
			return err
		}
		chunk, err := event.Chunk()
		if err != nil {
			return err
		}
		if a.json {
			fmt.Fprintf(a.stdout, "%s\n", chunk)
			continue
		}
		text, err := reader.Text(chunk)
		if err != nil {
			return err
		}
		fmt.Fprint(a.stdout, text)
	}
	if !a.json {
		fmt.Fprintln(a.stdout)
		a.sayUsage(reader.Usage())
	}
	return nil
}
