package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/outcrop-ai/outcrop"
	"github.com/outcrop-ai/outcrop/bedrock"
	"github.com/outcrop-ai/outcrop/local"
)

func newChat(a *app) *cobra.Command {
	var (
		q        question
		messages string
		k        kept
	)
	c := &cobra.Command{
		Use:   "chat",
		Short: "Talk with a model (ConverseStream)",
		Long: `chat sends each line to the model, with all that was said before, and prints the
reply as it arrives. A line that ends in a backslash goes on in the next one.
Ctrl-C stops the reply and keeps the chat; Ctrl-D leaves.

The conversation is kept in memory: /save writes it to a file, which /load and
outcrop converse --messages @FILE read. With --conversation it is kept under an
id, and goes on where it was left: see outcrop conversations.

` + chatHelp,
		Example: `  outcrop chat
  outcrop chat --system "Answer in one sentence."
  outcrop chat --messages @history.json
  printf 'Hello\n/save history.json\n' | outcrop chat`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			return a.with(c, func(ctx context.Context, m *local.Local) error { return a.chat(ctx, m, &q, &k, messages) })
		},
	}
	c.Flags().StringVar(&messages, "messages", "", "begin with these messages, as JSON or @FILE")
	q.settingsOfModel.flags(c, "of a reply ")
	c.Flags().StringVar(&q.system, "system", "", "system prompt")
	k.flags(c)
	return c
}

// chat is a conversation with whoever is at standard input.
func (a *app) chat(ctx context.Context, m *local.Local, q *question, k *kept, messages string) error {
	if err := k.check(); err != nil {
		return err
	}
	s := &session{app: a, manager: m.Manager, model: m.ModelID(), system: q.system, sampling: q.settingsOfModel, interruptible: context.WithCancel}
	s.kept = *k
	if messages != "" {
		if k.id != "" {
			return usageError{errors.New("--messages and --conversation exclude each other: a conversation has its own messages")}
		}
		var err error
		if s.messages, err = parseMessages(messages); err != nil {
			return err
		}
	}
	if !isTerminal(a.stdin) {
		return s.run(ctx, pipedLines(a.stdin))
	}
	// A person's Ctrl-C is about the reply that is being written. So the first
	// one must not end ctx, as it does for the other commands.
	ctx, stop := signal.NotifyContext(context.WithoutCancel(ctx), syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	s.interruptible = func(ctx context.Context) (context.Context, context.CancelFunc) {
		return signal.NotifyContext(ctx, os.Interrupt)
	}
	lines, err := openTerminal(a.stdin, a.stdout)
	if err != nil {
		return err
	}
	a.say("Model %s. %s\n/help lists the commands; Ctrl-D leaves.", s.model, m.Notice())
	return s.run(ctx, lines)
}

// session is a conversation under way.
type session struct {
	*app
	manager  *outcrop.Manager
	model    string
	system   string
	sampling settingsOfModel
	messages []bedrock.Message // of a conversation without an id
	kept     kept
	failed   *bedrock.Message // the last question, when it got no answer
	usage    bedrock.TokenUsage
	stopped  int // replies whose usage never came

	// interruptible is a context that ends when the person has had enough.
	interruptible func(context.Context) (context.Context, context.CancelFunc)
}

// lineReader reads what a person says, line by line, without its newline.
// more tells that a line is the continuation of another. The errors io.EOF and
// errInterrupted are said by the person.
type lineReader func(ctx context.Context, more bool) (string, error)

// errInterrupted is the error of a line that the person gave up.
var errInterrupted = errors.New("the line was given up")

// run reads and answers until the input ends.
func (s *session) run(ctx context.Context, lines lineReader) error {
	for {
		text, err := entry(ctx, lines)
		last := errors.Is(err, io.EOF)
		switch {
		case errors.Is(err, errInterrupted):
			continue
		case last && text == "":
			return nil
		case err != nil && !last:
			return err
		}
		done, err := s.take(ctx, text)
		if err := s.report(ctx, err); err != nil || done || last {
			return err
		}
	}
}

// entry is a line with its continuations. It may come with io.EOF.
func entry(ctx context.Context, lines lineReader) (string, error) {
	var text strings.Builder
	for {
		line, err := lines(ctx, text.Len() > 0)
		before, goesOn := strings.CutSuffix(line, `\`)
		text.WriteString(before)
		if err != nil || !goesOn {
			return strings.TrimSpace(text.String()), err
		}
		text.WriteByte('\n')
	}
}

// take does what an entry says. done tells that it was the last.
func (s *session) take(ctx context.Context, text string) (done bool, err error) {
	switch {
	case text == "":
		return false, nil
	case strings.HasPrefix(text, "//"): // how a question begins with a slash
		return false, s.ask(ctx, bedrock.UserText(text[1:]))
	case text[0] == '/':
		return s.command(ctx, text)
	}
	return false, s.ask(ctx, bedrock.UserText(text))
}

// report tells the person of an error. Where nobody is at a terminal, an error
// ends the chat, as it does for the other commands.
func (s *session) report(ctx context.Context, err error) error {
	if err == nil || ctx.Err() != nil || !isTerminal(s.stdin) {
		return err
	}
	for _, text := range messages(err) {
		s.say("%s", text)
	}
	if hint := s.hint(err); hint != "" {
		s.say("%s", hint)
	}
	return nil
}

// ask sends a message after what was said before. When it fails, it counts as
// not asked; when it is stopped, what had arrived of the reply stays.
func (s *session) ask(ctx context.Context, message bedrock.Message) error {
	if s.kept.id != "" {
		return s.askKept(ctx, message)
	}
	before := len(s.messages)
	s.messages, s.failed = append(s.messages, message), nil
	reply, usage, err := s.reply(ctx)
	if reply == nil || err != nil && strings.TrimSpace(reply.Text()) == "" {
		s.messages, s.failed = s.messages[:before], &message
	} else {
		s.messages = append(s.messages, *reply)
	}
	s.usage.Add(usage)
	if errors.Is(err, errStopped) {
		s.sayStopped()
		return nil
	}
	return err
}

// sayStopped says that a reply is not all of it.
func (s *session) sayStopped() {
	s.stopped++
	s.say("(stopped)")
}

// errStopped is the error of a reply that the person had enough of.
var errStopped = errors.New("the reply was stopped")

// reply streams the answer to the conversation. With an error comes what had
// arrived before, if anything.
func (s *session) reply(parent context.Context) (*bedrock.Message, bedrock.TokenUsage, error) {
	ctx, stop := s.interruptible(parent)
	defer stop()
	var c bedrock.Collector
	began, err := s.stream(ctx, &c)
	if began && !s.json {
		fmt.Fprintln(s.stdout)
	}
	if err != nil {
		if ctx.Err() != nil && parent.Err() == nil {
			err = errStopped
		}
		message := c.Message()
		if len(message.Content) == 0 {
			return nil, bedrock.TokenUsage{}, err
		}
		return &message, bedrock.TokenUsage{}, err
	}
	response, err := c.Response()
	if err != nil {
		return nil, bedrock.TokenUsage{}, outcrop.Errorf(bedrock.CodeModelStreamError, "%w", err)
	}
	if s.json {
		err = s.printLine(response)
	}
	return response.Output.Message, response.Usage, err
}

// stream prints the text of a reply as it arrives, and collects all of it.
func (s *session) stream(ctx context.Context, c *bedrock.Collector) (began bool, err error) {
	stream, err := s.manager.ConverseStream(ctx, s.request())
	if err != nil {
		return false, err
	}
	defer stream.Close()
	for event, err := range stream.Events() {
		if err != nil {
			return began, err
		}
		out, err := event.Output()
		if err != nil {
			return began, err
		}
		if err := c.Add(out); err != nil {
			return began, err
		}
		if d := out.ContentBlockDelta; d != nil && d.Delta.Text != nil && !s.json {
			began = true
			if _, err := io.WriteString(s.stdout, *d.Delta.Text); err != nil {
				return began, err
			}
		}
	}
	return began, nil
}

// request is the conversation so far.
func (s *session) request() *bedrock.ConverseRequest {
	s.app.model = s.model // for hints
	req := &bedrock.ConverseRequest{ModelID: s.model, Messages: s.messages, RequestMetadata: s.kept.metadata(), InferenceConfig: s.sampling.config()}
	if s.system != "" {
		req.System = []bedrock.SystemContentBlock{{Text: &s.system}}
	}
	return req
}

// printLine writes a value as one line of JSON.
func (a *app) printLine(v any) error {
	text, err := bedrock.Marshal(v)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(a.stdout, "%s\n", text)
	return err
}
