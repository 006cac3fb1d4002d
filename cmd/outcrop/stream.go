package main

import (
	"context"
	"fmt"
	"io"

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
	if a.json {
		return a.printChunks(result.Stream)
	}
	var reader outcrop.ChunkReader
	began, err := a.printText(result.Stream, &reader)
	if began || err == nil {
		fmt.Fprintln(a.stdout) // what is said of an error begins on a line of its own
	}
	if err != nil {
		return err
	}
	a.sayUsage(reader.Usage())
	return nil
}

// printChunks prints each chunk of a stream as it is, one a line.
func (a *app) printChunks(stream *outcrop.Stream) error {
	for event, err := range stream.Events() {
		if err != nil {
			return err
		}
		chunk, err := event.Chunk()
		if err != nil {
			return err
		}
		if _, err := fmt.Fprintf(a.stdout, "%s\n", chunk); err != nil {
			return err
		}
	}
	return nil
}

// printText prints the text of a stream as it arrives. began tells whether some
// was.
func (a *app) printText(stream *outcrop.Stream, reader *outcrop.ChunkReader) (began bool, err error) {
	for event, err := range stream.Events() {
		if err != nil {
			return began, err
		}
		chunk, err := event.Chunk()
		if err != nil {
			return began, err
		}
		text, err := reader.Text(chunk)
		if err != nil {
			return began, err
		}
		began = began || text != ""
		if _, err := io.WriteString(a.stdout, text); err != nil {
			return began, err
		}
	}
	return began, nil
}
