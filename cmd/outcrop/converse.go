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

func newConverse(a *app) *cobra.Command {
	var (
		q        question
		messages string
		k        kept
	)
	c := &cobra.Command{
		Use:   "converse [prompt]",
		Short: "Send messages in the shape that all models share (Converse)",
		Long: `converse sends a prompt, or a whole conversation, and prints the reply. Without a
prompt, on a terminal, it is outcrop chat.

With --conversation the turn is kept under an id, with all that was said before:
the next one sends the prompt only. It is kept in the data directory, by the
server that owns it, or by this command where there is none.`,
		Example: `  outcrop converse "What is quantum computing?"
  outcrop converse --system "Answer in one sentence." "What is a qubit?"
  outcrop converse --messages @history.json --json
  outcrop converse --conversation trip "Where shall we go in May?"
  outcrop converse --conversation trip "And for how long?"`,
		RunE: func(c *cobra.Command, args []string) error {
			if messages != "" && len(args) > 0 {
				return usageError{errors.New("give a prompt or --messages, not both: the last of the messages is the question")}
			}
			answer := a.ask
			if messages == "" && a.chatty(args) {
				answer = a.with // a chat says by itself who answers
			}
			return answer(c, func(ctx context.Context, m *local.Local) error {
				return a.converse(ctx, m, &q, &k, messages, args)
			})
		},
	}
	c.Flags().StringVar(&messages, "messages", "", "the messages as JSON, or @FILE, instead of a prompt")
	q.settingsOfModel.flags(c, "")
	c.Flags().StringVar(&q.system, "system", "", "system prompt")
	k.flags(c)
	return c
}

func (a *app) converse(ctx context.Context, m *local.Local, q *question, k *kept, messages string, args []string) error {
	if err := k.check(); err != nil {
		return err
	}
	req := outcrop.InferRequest{Method: string(outcrop.MethodConverse), SystemPrompt: q.system, Metadata: k.metadata()}
	q.into(&req)
	if messages == "" && a.chatty(args) {
		return a.chat(ctx, m, q, k, "")
	}
	var err error
	if messages != "" {
		req.Messages, err = parseMessages(messages)
	} else {
		req.Prompt, err = a.prompt(args)
	}
	if err != nil {
		return err
	}
	result, err := m.Infer(ctx, req)
	if err != nil {
		return err
	}
	if a.json {
		return a.printJSON(result.Converse)
	}
	text, err := result.Text()
	if err != nil {
		return err
	}
	fmt.Fprintln(a.stdout, text)
	a.sayUsage(result.Converse.Usage)
	return nil
}

// chatty tells whether a command without a prompt is a chat: with a person at both
// ends.
func (a *app) chatty(args []string) bool {
	return len(args) == 0 && isTerminal(a.stdin) && isTerminal(a.stdout) && !a.json
}

func parseMessages(flag string) ([]bedrock.Message, error) {
	text, err := atFile(flag)
	if err != nil {
		return nil, err
	}
	var messages []bedrock.Message
	if err := bedrock.Unmarshal([]byte(text), &messages); err != nil {
		return nil, usageError{fmt.Errorf("--messages: %w", err)}
	}
	return messages, nil
}
