package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/outcrop-ai/outcrop/bedrock"

	"github.com/outcrop-ai/outcrop"
)

const chatHelp = `Commands of a chat:
  /help          this list
  /system TEXT   set the system prompt; without TEXT, drop it
  /model ID      ask this model from now on
  /tokens        what the conversation takes, and what was used so far
  /save FILE     write the messages as JSON
  /load FILE     go on with the messages of a file
  /retry         ask the last question again
  /memory [HOW]  how what is sent of a conversation with an id is chosen: auto,
                 full, window, prune, summary, hierarchical; without HOW, what
                 the last turn sent
  /export FILE   write all that is kept of it as JSON
  /forget        begin anew, with the same system prompt and model; what is kept
                 of a conversation with an id is deleted
  /quit          leave
  //text         a message that begins with a slash`

// command does what a line that begins with a slash says.
func (s *session) command(ctx context.Context, line string) (done bool, err error) {
	name, argument, _ := strings.Cut(line, " ")
	name, more, _ := strings.Cut(name, "\n")
	argument = strings.TrimSpace(more + argument)
	switch name {
	case "/help", "/?":
		s.say("%s", chatHelp)
	case "/system":
		s.setSystem(argument)
	case "/model":
		return false, s.setModel(ctx, argument)
	case "/tokens":
		return false, s.tokens(ctx)
	case "/save":
		return false, s.save(ctx, argument)
	case "/load":
		return false, s.load(argument)
	case "/retry":
		return false, s.retry(ctx)
	case "/memory":
		return false, s.memory(ctx, argument)
	case "/export":
		return false, s.export(ctx, argument)
	case "/forget":
		return false, s.forget(ctx)
	case "/quit", "/exit":
		return true, nil
	default:
		return false, usageError{fmt.Errorf("unknown command %s; /help lists them", name)}
	}
	return false, nil
}

// setSystem changes the system prompt, or drops it.
func (s *session) setSystem(text string) {
	s.system = text
	if text == "" {
		s.say("no system prompt from now on")
		return
	}
	s.say("the system prompt is set")
}

// modelTime is how long a server may take to say that it does not know a model.
const modelTime = 5 * time.Second

// setModel has another model asked, unless nobody knows it. That is what counting
// tokens tells, which asks no model; whatever else comes of it is no matter.
func (s *session) setModel(ctx context.Context, id string) error {
	if id == "" {
		s.say("model %s", s.model)
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, modelTime)
	defer cancel()
	hello := &bedrock.ConverseRequest{ModelID: id, Messages: []bedrock.Message{bedrock.UserText("hello")}}
	_, err := s.manager.CountTokens(ctx, outcrop.NewConverseCall(bedrock.OpConverse, hello))
	if e, ok := errors.AsType[*outcrop.Error](err); ok && e.Field == "modelId" {
		s.app.model = id // for the hint
		return fmt.Errorf("/model %s: %w", id, err)
	}
	s.model = id
	s.say("model %s from now on", id)
	return nil
}

// tokens says what the conversation costs.
func (s *session) tokens(ctx context.Context) error {
	if s.kept.id != "" {
		return s.memory(ctx, "")
	}
	used := fmt.Sprintf("used so far: %d input + %d output tokens", s.usage.InputTokens, s.usage.OutputTokens)
	if s.stopped > 0 {
		used += fmt.Sprintf(", without those of replies that were stopped (%d)", s.stopped)
	}
	if len(s.messages) == 0 {
		s.say("an empty conversation; %s", used)
		return nil
	}
	count, err := s.manager.CountTokens(ctx, outcrop.NewConverseCall(bedrock.OpConverse, s.request()))
	if err != nil {
		return err
	}
	about := ""
	if count.Estimated {
		about = "about "
	}
	s.say("%d messages, %s%d input tokens; %s", len(s.messages), about, count.InputTokens, used)
	return nil
}

// retry asks the last question again, and forgets the reply it had.
func (s *session) retry(ctx context.Context) error {
	if s.kept.id != "" && s.failed == nil {
		return usageError{errors.New("/retry: turns of a conversation with an id are kept; ask in other words")}
	}
	if s.failed != nil {
		return s.ask(ctx, *s.failed)
	}
	for i := len(s.messages) - 1; i >= 0; i-- {
		if question := s.messages[i]; question.Role == bedrock.ConversationRoleUser {
			s.messages = s.messages[:i]
			return s.ask(ctx, question)
		}
	}
	return usageError{errors.New("/retry: nothing was asked yet")}
}

// save writes the messages as `outcrop converse --messages @FILE` reads them.
func (s *session) save(ctx context.Context, file string) error {
	if file == "" {
		return usageError{errors.New("/save needs a file")}
	}
	list := s.messages
	if s.kept.id != "" {
		history, err := s.manager.Conversation(s.kept.id).History(ctx)
		if err != nil {
			return err
		}
		list = history.Messages()
	}
	if list == nil {
		list = []bedrock.Message{}
	}
	if err := s.writeJSON(file, list); err != nil {
		return err
	}
	s.say("%d messages saved to %s", len(list), file)
	return nil
}

// writeJSON writes a value into a file as JSON.
func (a *app) writeJSON(file string, v any) error {
	text, err := bedrock.Marshal(v)
	if err != nil {
		return err
	}
	out, err := a.output(file)
	if err != nil {
		return err
	}
	return out.finish(indented(text))
}

// load goes on with the messages of a file.
func (s *session) load(file string) error {
	if s.kept.id != "" {
		return usageError{errors.New("/load: a conversation with an id has its own messages")}
	}
	if file == "" {
		return usageError{errors.New("/load needs a file")}
	}
	text, err := readFile(file)
	if err != nil {
		return err
	}
	var loaded []bedrock.Message
	if err := bedrock.Unmarshal([]byte(text), &loaded); err != nil {
		return usageError{fmt.Errorf("/load %s: %w", file, err)}
	}
	s.messages, s.failed = loaded, nil
	s.say("%d messages loaded from %s", len(loaded), file)
	return nil
}
