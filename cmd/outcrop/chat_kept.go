package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/outcrop-ai/outcrop"
	"github.com/outcrop-ai/outcrop/bedrock"
	"github.com/outcrop-ai/outcrop/memory"
)

// kept is the conversation that a command goes on with; without an id, none.
type kept struct{ id, memory string }

func (k *kept) flags(c *cobra.Command) {
	c.Flags().StringVar(&k.id, "conversation", "", "keep the conversation under this id, and go on with it")
	c.Flags().StringVar(&k.memory, "memory", "", "with --conversation: how what is sent is chosen, as auto, full or window (default conversations.memory)")
	complete(c, "memory", oneOf(memory.Strategies...))
}

func (k *kept) check() error {
	if k.id == "" {
		if k.memory != "" {
			return usageError{errors.New("--memory is for a conversation with an id: --conversation")}
		}
		return nil
	}
	if k.memory != "" {
		if err := checkStrategy("--memory", k.memory); err != nil {
			return err
		}
	}
	return outcrop.CheckConversationID("--conversation", k.id)
}

// metadata names the conversation in a request.
func (k *kept) metadata() map[string]string {
	if k.id == "" {
		return nil
	}
	metadata := map[string]string{outcrop.KeyConversation: k.id}
	if k.memory != "" {
		metadata[outcrop.KeyMemory] = k.memory
	}
	return metadata
}

// askKept sends a message as the next turn. What was said before is kept where
// the conversation is.
func (s *session) askKept(ctx context.Context, message bedrock.Message) error {
	s.messages, s.failed = []bedrock.Message{message}, nil
	_, usage, err := s.reply(ctx)
	s.messages = nil
	s.usage.Add(usage)
	if errors.Is(err, errStopped) {
		s.sayStopped()
		return nil
	}
	if err != nil {
		s.failed = &message
	}
	return err
}

var errNoID = usageError{errors.New("the chat has no id: begin it with --conversation ID")}

// memory says how what is sent is chosen from now on, or what was sent last.
func (s *session) memory(ctx context.Context, how string) error {
	if s.kept.id == "" {
		return errNoID
	}
	if how != "" {
		if err := checkStrategy("/memory", how); err != nil {
			return err
		}
		s.kept.memory = how
		s.say("memory %s from now on", how)
		return nil
	}
	why, err := s.manager.Conversation(s.kept.id).Explain(ctx)
	if err != nil {
		return err
	}
	s.say("%s", explained(why))
	return nil
}

// checkStrategy refuses what is no way of choosing what is sent. who asks for it is
// a flag or a command.
func checkStrategy(who, how string) error {
	var names []string
	for _, s := range memory.Strategies {
		names = append(names, string(s))
	}
	if !slices.Contains(names, how) {
		return usageError{fmt.Errorf("%s: there is no %q; there are %s", who, how, strings.Join(names, ", "))}
	}
	return nil
}

// export writes all that is kept of the conversation.
func (s *session) export(ctx context.Context, file string) error {
	switch {
	case s.kept.id == "":
		return errNoID
	case file == "":
		return usageError{errors.New("/export needs a file")}
	}
	all, err := s.manager.Conversation(s.kept.id).Export(ctx)
	if err != nil {
		return err
	}
	if err := s.writeJSON(file, all); err != nil {
		return err
	}
	s.say("%d turns exported to %s", all.Turns, file)
	return nil
}

// forget begins anew.
func (s *session) forget(ctx context.Context) error {
	s.messages, s.failed = nil, nil
	if s.kept.id != "" {
		err := s.manager.Conversation(s.kept.id).Forget(ctx)
		if err != nil && outcrop.AsError(err).Code != bedrock.CodeResourceNotFound { // there was nothing to forget yet
			return err
		}
	}
	s.say("the chat begins anew")
	return nil
}
