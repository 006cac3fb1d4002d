package outcrop_test

import (
	"strings"
	"sync"
	"testing"

	"github.com/outcrop-ai/outcrop"
	"github.com/outcrop-ai/outcrop/bedrock"
)

// sends is what a program sends that keeps its messages itself: texts of the
// user and of the model by turns.
func sends(texts ...string) *bedrock.ConverseRequest {
	req := &bedrock.ConverseRequest{ModelID: talker}
	for i, text := range texts {
		m := bedrock.UserText(text)
		if i%2 == 1 {
			m.Role = bedrock.ConversationRoleAssistant
		}
		req.Messages = append(req.Messages, m)
	}
	return req
}

// TestRecognise: histories without a name are kept by how they begin, and what
// is sent keeps to the budget; those that are no turn of it pass as they came.
func TestRecognise(t *testing.T) {
	l := &listener{}
	store := outcrop.NewMemoryConversations(nil)
	m, err := outcrop.New(outcrop.Config{Backend: l, Conversations: outcrop.ConversationsConfig{Store: store, Recognise: true, Budget: 600}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = m.Close(t.Context()) })
	ask := func(texts ...string) string {
		t.Helper()
		r, err := m.Converse(t.Context(), sends(texts...))
		if err != nil {
			t.Fatal(err)
		}
		return r.Output.Message.Text()
	}
	kept := func() (ids []string, turns int) {
		t.Helper()
		page, err := m.Conversations(t.Context(), "", 0)
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range page.Conversations {
			ids, turns = append(ids, c.ID), c.Turns
		}
		return ids, turns
	}

	talk := []string{"My name is Ada."}
	talk = append(talk, ask(talk...))
	if ids, _ := kept(); len(ids) != 0 {
		t.Errorf("a first message alone is kept: %v", ids)
	}
	long := strings.Repeat("Tell me about the harbours of the island. ", 10)
	for range 12 {
		talk = append(talk, long)
		talk = append(talk, ask(talk...))
	}
	ids, turns := kept()
	if len(ids) != 1 || !strings.HasPrefix(ids[0], "like.") || turns != 13 {
		t.Errorf("kept: %v with %d turns, want one with 13", ids, turns)
	}
	if sent := l.last(t); len(sent.Messages) >= len(talk)-1 || sent.RequestMetadata != nil {
		t.Errorf("%d of %d messages are sent, metadata %v", len(sent.Messages), len(talk)-1, sent.RequestMetadata)
	}

	// Somebody changes an earlier message: it passes whole, and nothing is kept.
	ask(talk[0], talk[1], "Something else.")
	if sent := l.last(t); len(sent.Messages) != 3 || sent.Messages[2].Text() != "Something else." {
		t.Errorf("sent: %d messages", len(sent.Messages))
	}
	if _, now := kept(); now != turns {
		t.Errorf("%d turns after a history that differs, %d before", now, turns)
	}

	// Another conversation is another one.
	ask("My name is Grace.", "Hello Grace.", "What is my name?")
	if ids, _ := kept(); len(ids) != 2 {
		t.Errorf("kept: %v", ids)
	}
}

// TestRecognisedNeverWaits: a history to which a turn is being added passes as
// it came, whatever onConflict says, and what was missed is kept with the next.
func TestRecognisedNeverWaits(t *testing.T) {
	for _, onConflict := range outcrop.OnConflicts {
		t.Run(string(onConflict), func(t *testing.T) {
			begun, proceed := make(chan bool), make(chan bool)
			l := &listener{do: func(n int, _ *outcrop.Call) (*outcrop.Reply, error) {
				if n == 1 {
					begun <- true
					<-proceed
				}
				return nil, nil
			}}
			m, err := outcrop.New(outcrop.Config{Backend: l, Conversations: outcrop.ConversationsConfig{
				Store: outcrop.NewMemoryConversations(nil), Recognise: true, OnConflict: onConflict,
			}})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = m.Close(t.Context()) })
			var first sync.WaitGroup
			first.Go(func() {
				if _, err := m.Converse(t.Context(), sends("Hello", "Hello.", "And now?")); err != nil {
					t.Error(err)
				}
			})
			<-begun
			if _, err := m.Converse(t.Context(), sends("Hello", "Hello.", "And now?")); err != nil {
				t.Error(err)
			}
			close(proceed)
			first.Wait()
			if _, err := m.Converse(t.Context(), sends("Hello", "Hello.", "And now?", "reply 1", "One.", "1", "Two.")); err != nil {
				t.Fatal(err)
			}
			page, err := m.Conversations(t.Context(), "", 0)
			if err != nil || len(page.Conversations) != 1 || page.Conversations[0].Turns != 4 {
				t.Errorf("kept: %+v, %v; want one conversation of 4 turns", page, err)
			}
		})
	}
}

// TestRecognisedAddsNothing: what a request leaves out, its model does not get,
// though the conversation has it.
func TestRecognisedAddsNothing(t *testing.T) {
	l := &listener{}
	m, err := outcrop.New(outcrop.Config{Backend: l, Conversations: outcrop.ConversationsConfig{Store: outcrop.NewMemoryConversations(nil), Recognise: true}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = m.Close(t.Context()) })
	text := "Be brief."
	with := sends("Hello", "Hello.", "And now?")
	with.System = []bedrock.SystemContentBlock{{Text: &text}}
	if _, err := m.Converse(t.Context(), with); err != nil {
		t.Fatal(err)
	}
	if _, err := m.Converse(t.Context(), sends("Hello", "Hello.", "And now?", "reply 1", "A title for it?")); err != nil {
		t.Fatal(err)
	}
	if sent := l.last(t); sent.System != nil || len(sent.Messages) != 5 {
		t.Errorf("sent: system %v and %d messages, want none and 5", sent.System, len(sent.Messages))
	}
}

// TestRecogniseIsOff by default: nothing is kept that nobody named.
func TestRecogniseIsOff(t *testing.T) {
	m, err := outcrop.New(outcrop.Config{Backend: &listener{}, Conversations: outcrop.ConversationsConfig{Store: outcrop.NewMemoryConversations(nil)}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = m.Close(t.Context()) })
	if _, err := m.Converse(t.Context(), sends("Hello", "Hello.", "And now?")); err != nil {
		t.Fatal(err)
	}
	if page, err := m.Conversations(t.Context(), "", 0); err != nil || len(page.Conversations) != 0 {
		t.Errorf("%+v, %v", page, err)
	}
}
