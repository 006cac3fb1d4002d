package main

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/outcrop-ai/outcrop"
	"github.com/outcrop-ai/outcrop/bedrock"
	"github.com/outcrop-ai/outcrop/local"
	"github.com/outcrop-ai/outcrop/memory"
)

func newConversations(a *app) *cobra.Command {
	c := &cobra.Command{
		Use:   "conversations",
		Short: "List, show, export and delete the conversations that are kept",
		Long: `conversations is about what outcrop converse --conversation ID, and any client
whose requestMetadata names outcrop:conversation, have said. The server that owns
the data directory is asked, or that of --endpoint; where there is none, the
command opens the directory for the moment.`,
		Example: `  outcrop conversations list
  outcrop conversations show trip
  outcrop conversations explain trip
  outcrop conversations export trip > trip.json
  outcrop conversations delete trip`,
	}
	c.AddCommand(conversationsList(a))
	for _, sub := range []struct {
		name, short string
		run         func(ctx context.Context, c *outcrop.Conversation) error
	}{
		{"show", "Print what was said", a.showConversation},
		{"export", "Print all that is kept, as JSON", a.exportConversation},
		{"explain", "Say what the last turn sent to the model, and why", a.explainConversation},
		{"delete", "Delete a conversation with all it holds", a.deleteConversation},
	} {
		c.AddCommand(&cobra.Command{
			Use: sub.name + " ID", Short: sub.short, Args: exactly(1, "the id of a conversation"),
			RunE: func(c *cobra.Command, args []string) error {
				return a.with(c, func(ctx context.Context, m *local.Local) error { return sub.run(ctx, m.Conversation(args[0])) })
			},
		})
	}
	return c
}

func conversationsList(a *app) *cobra.Command {
	return &cobra.Command{
		Use: "list", Short: "List the conversations", Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			return a.with(c, func(ctx context.Context, m *local.Local) error {
				all := &outcrop.ConversationList{Conversations: []outcrop.ConversationInfo{}}
				for after := ""; ; {
					page, err := m.Conversations(ctx, after, 1000)
					if err != nil {
						return err
					}
					all.Conversations = append(all.Conversations, page.Conversations...)
					if after = page.NextToken; after == "" {
						break
					}
				}
				return a.printConversations(all, a.lookedIn(m))
			})
		},
	}
}

func (a *app) printConversations(all *outcrop.ConversationList, where string) error {
	if a.json {
		return a.printJSON(all)
	}
	if len(all.Conversations) == 0 {
		a.say("no conversation is kept%s", where)
		return nil
	}
	w := tabwriter.NewWriter(a.stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "ID\tTURNS\tLAST USED\tMODEL")
	for i := range all.Conversations {
		c := &all.Conversations[i]
		fmt.Fprintf(w, "%s\t%d\t%s\t%s\n", c.ID, c.Turns, when(c.Updated), c.ModelID)
	}
	return w.Flush()
}

func (a *app) showConversation(ctx context.Context, c *outcrop.Conversation) error {
	h, err := c.History(ctx)
	if err != nil {
		return err
	}
	if a.json {
		return a.printJSON(h)
	}
	for i := range h.History {
		t := &h.History[i]
		note := ""
		switch {
		case t.Interrupted:
			note = " (interrupted)"
		case t.SetAside:
			note = " (set aside)"
		}
		fmt.Fprintf(a.stdout, "Turn %d%s\n", t.Turn, note)
		for j := range t.Messages {
			fmt.Fprintf(a.stdout, "%s: %s\n", t.Messages[j].Role, said(&t.Messages[j]))
		}
	}
	return nil
}

// said is a message's text, with the kinds of what is no text.
func said(m *bedrock.Message) string {
	var parts []string
	for i := range m.Content {
		b := &m.Content[i]
		switch {
		case b.Text != nil:
			parts = append(parts, *b.Text)
		case b.ToolUse != nil:
			parts = append(parts, "[tool "+b.ToolUse.Name+" "+string(b.ToolUse.Input)+"]")
		case b.ToolResult != nil:
			parts = append(parts, "[tool result]")
		case b.Image != nil:
			parts = append(parts, "[image]")
		case b.Document != nil:
			parts = append(parts, "[document "+b.Document.Name+"]")
		}
	}
	return strings.Join(parts, " ")
}

func (a *app) exportConversation(ctx context.Context, c *outcrop.Conversation) error {
	h, err := c.Export(ctx)
	if err != nil {
		return err
	}
	return a.printJSON(h)
}

func (a *app) explainConversation(ctx context.Context, c *outcrop.Conversation) error {
	why, err := c.Explain(ctx)
	if err != nil {
		return err
	}
	if a.json {
		return a.printJSON(why)
	}
	fmt.Fprintln(a.stdout, explained(why))
	return nil
}

func (a *app) deleteConversation(ctx context.Context, c *outcrop.Conversation) error {
	if err := c.Forget(ctx); err != nil {
		return err
	}
	a.say("conversation %s is deleted", c.ID)
	return nil
}

// explained says in a few lines what a turn sent.
func explained(why *outcrop.ConversationExplanation) string {
	e := why.Explanation
	if e == nil {
		return "nothing was sent yet"
	}
	var b strings.Builder
	fmt.Fprintf(&b, "turn %d sent about %d of %d tokens, strategy %s", why.Turn, e.Tokens, e.Budget, e.Strategy)
	rest := e.Tokens
	for _, part := range []struct {
		name  memory.Part
		words string
	}{
		{memory.PartTools, "the tools that were offered"},
		{memory.PartSystem, "the system prompt"},
		{memory.PartPinned, "what is kept in any case"},
		{memory.PartSummary, "a summary of older turns"},
		{memory.PartTail, "earlier turns, word for word"},
		{memory.PartRetrieved, "excerpts of older turns, which fit the question"},
		{memory.PartNew, "the new turn"},
	} {
		if n := e.Parts[part.name]; n > 0 {
			fmt.Fprintf(&b, "\n  %-10s %6d  %s", part.name, n, part.words)
			rest -= n
		}
	}
	if rest > 0 {
		fmt.Fprintf(&b, "\n  %-10s %6d  what the model's format adds", "format", rest)
	}
	for _, l := range slices.Compact(e.LeftOut) {
		fmt.Fprintf(&b, "\n  %s", l)
	}
	return b.String()
}
