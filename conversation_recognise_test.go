package outcrop_test

import (
	"context"
	"errors"
	"slices"
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

// recognising is a manager that recognises conversations of a store.
func recognising(t *testing.T, l *listener, store outcrop.Conversations) *outcrop.Manager {
	t.Helper()
	m, err := outcrop.New(outcrop.Config{Backend: l, Conversations: outcrop.ConversationsConfig{Store: store, Recognise: true, Budget: 600}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = m.Close(t.Context()) })
	return m
}

func answer(t *testing.T, m *outcrop.Manager, req *bedrock.ConverseRequest) string {
	t.Helper()
	r, err := m.Converse(t.Context(), req)
	if err != nil {
		t.Fatal(err)
	}
	return r.Output.Message.Text()
}

// onlyHistory is the history of the one conversation that there is.
func onlyHistory(t *testing.T, m *outcrop.Manager) *outcrop.ConversationHistory {
	t.Helper()
	page, err := m.Conversations(t.Context(), "", 0)
	if err != nil || len(page.Conversations) != 1 {
		t.Fatalf("kept: %+v, %v; want one conversation", page, err)
	}
	h, err := m.Conversation(page.Conversations[0].ID).History(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return h
}

// asideTurns are the numbers of the turns that are set aside.
func asideTurns(h *outcrop.ConversationHistory) (turns []int) {
	for i := range h.History {
		if h.History[i].SetAside {
			turns = append(turns, h.History[i].Turn)
		}
	}
	return turns
}

// TestRecognisedTitle: a question whose answer its program puts into no history,
// such as for a title after the first exchange, gives way to the history without
// it, then and later, before and after a restart.
func TestRecognisedTitle(t *testing.T) {
	l, store := &listener{}, outcrop.NewMemoryConversations(nil)
	m := recognising(t, l, store)
	talk := []string{"My name is Ada.", "Hello Ada."}
	aside := func(question string) { answer(t, m, sends(append(slices.Clone(talk), question)...)) }
	say := func(text string) {
		talk = append(talk, text)
		talk = append(talk, answer(t, m, sends(talk...)))
	}

	aside("A title for this?")
	aside("Keywords for this?")
	say("What is my name?")
	if sent := l.last(t); len(sent.Messages) != 3 || sent.Messages[2].Text() != "What is my name?" {
		t.Errorf("%d messages are sent, want 3 without the title", len(sent.Messages))
	}
	say("And yours?")
	m = recognising(t, l, store)
	aside("What might I ask next?")
	say(strings.Repeat("Tell me about the harbours of the island. ", 10))
	for range 8 {
		say(strings.Repeat("Tell me about the harbours of the island. ", 10))
	}
	if sent := l.last(t); len(sent.Messages) >= len(talk)-1 {
		t.Errorf("%d of %d messages are sent, whatever the budget", len(sent.Messages), len(talk)-1)
	}

	h := onlyHistory(t, m)
	if got := asideTurns(h); !slices.Equal(got, []int{2, 3, 6}) {
		t.Errorf("turns %v are set aside, want 2, 3 and 6", got)
	}
	for i, message := range h.Messages() {
		if i >= len(talk) || message.Text() != talk[i] {
			t.Fatalf("message %d of the history is %q", i, message.Text())
		}
	}
	if len(h.Messages()) != len(talk) {
		t.Errorf("the history has %d messages, want %d", len(h.Messages()), len(talk))
	}
}

// TestRecognisedAgain: a last message that is asked again, or in other words,
// takes the place of the one before; a difference further back does not.
func TestRecognisedAgain(t *testing.T) {
	l := &listener{}
	m := recognising(t, l, outcrop.NewMemoryConversations(nil))
	answer(t, m, sends("Hi", "Hello.", "A joke, please."))
	answer(t, m, sends("Hi", "Hello.", "A joke, please."))
	better := answer(t, m, sends("Hi", "Hello.", "A better joke, please."))
	if got := asideTurns(onlyHistory(t, m)); !slices.Equal(got, []int{2, 3}) {
		t.Errorf("turns %v are set aside, want 2 and 3", got)
	}
	answer(t, m, sends("Hi", "Hello.", "A better joke, please.", better, "One more."))
	before := onlyHistory(t, m).Turns
	answer(t, m, sends("Hi", "Hello.", "A song, please.", "La la.", "One more."))
	if h := onlyHistory(t, m); h.Turns != before || len(asideTurns(h)) != 2 {
		t.Errorf("%d turns and %v aside after another history, %d turns before", h.Turns, asideTurns(h), before)
	}
}

// TestRecognisedTitleOfItsOwnKind: what a turn that is set aside brought with it
// is not asked of the turns after it.
func TestRecognisedTitleOfItsOwnKind(t *testing.T) {
	l := &listener{}
	m := recognising(t, l, outcrop.NewMemoryConversations(nil))
	text := "You make titles."
	title := sends("Hi", "Hello.", "A title for this?")
	title.System = []bedrock.SystemContentBlock{{Text: &text}}
	answer(t, m, title)
	second := answer(t, m, sends("Hi", "Hello.", "And now?"))
	answer(t, m, sends("Hi", "Hello.", "And now?", second, "And then?"))
	if h := onlyHistory(t, m); h.Turns != 4 || h.System != nil {
		t.Errorf("%d turns with the system prompt %v, want 4 and none", h.Turns, h.System)
	}
	if sent := l.last(t); sent.System != nil || len(sent.Messages) != 5 {
		t.Errorf("sent: system %v and %d messages, want none and 5", sent.System, len(sent.Messages))
	}
}

// TestRecognisedTitleStays where nothing took its place, and the model's failure
// loses no turn.
func TestRecognisedTitleStays(t *testing.T) {
	fails := false
	l := &listener{do: func(int, *outcrop.Call) (*outcrop.Reply, error) {
		if fails {
			return nil, outcrop.Errorf(bedrock.CodeServiceUnavailable, "later")
		}
		return nil, nil
	}}
	store := outcrop.NewMemoryConversations(nil)
	m := recognising(t, l, store)
	title := answer(t, m, sends("Hi", "Hello.", "A title for this?"))
	without := sends("Hi", "Hello.", "And now?")
	without.System = []bedrock.SystemContentBlock{{Text: &title}}
	fails = true
	if _, err := m.Converse(t.Context(), without); err == nil {
		t.Fatal("the model did not fail")
	}
	fails = false
	m = recognising(t, l, store)
	answer(t, m, sends("Hi", "Hello.", "And now?"))
	if h := onlyHistory(t, m); h.Turns != 3 || !slices.Equal(asideTurns(h), []int{2}) {
		t.Errorf("%d turns, %v aside; want 3 and 2", h.Turns, asideTurns(h))
	}
}

// TestForkOfRecognised: a fork has the turns that are set aside as its origin has.
func TestForkOfRecognised(t *testing.T) {
	l := &listener{}
	m := recognising(t, l, outcrop.NewMemoryConversations(nil))
	answer(t, m, sends("Hi", "Hello.", "A title for this?"))
	answer(t, m, sends("Hi", "Hello.", "And now?"))
	c := m.Conversation(onlyHistory(t, m).ID)
	c.ModelID, c.OnConflict, c.IfTurn = talker, outcrop.ConflictFork, 3
	reply, err := c.Send(t.Context(), bedrock.UserText("And otherwise?"))
	if err != nil {
		t.Fatal(err)
	}
	fork := m.Conversation(reply.ConversationID)
	fork.ModelID = talker
	if _, err := fork.Send(t.Context(), bedrock.UserText("And then?")); err != nil {
		t.Fatal(err)
	}
	if sent := l.last(t); len(sent.Messages) != 5 || sent.Messages[2].Text() != "And otherwise?" {
		t.Errorf("the fork sends %d messages, want 5 without the title", len(sent.Messages))
	}
	h, err := fork.History(t.Context())
	if err != nil || h.Turns != 4 || !slices.Equal(asideTurns(h), []int{2}) {
		t.Errorf("%+v, %v", h, err)
	}
}

// brittle is a store of which one method fails.
type brittle struct {
	outcrop.Conversations
	load, head, record error
}

func (b *brittle) Load(ctx context.Context, key outcrop.ConversationKey) (*outcrop.StoredConversation, error) {
	if b.load != nil {
		return nil, b.load
	}
	return b.Conversations.Load(ctx, key)
}

func (b *brittle) PutHead(ctx context.Context, key outcrop.ConversationKey, head []byte, revision uint64) (uint64, error) {
	if b.head != nil {
		return 0, b.head
	}
	return b.Conversations.PutHead(ctx, key, head, revision)
}

func (b *brittle) Append(ctx context.Context, key outcrop.ConversationKey, record []byte, last uint64) (uint64, error) {
	if b.record != nil {
		return 0, b.record
	}
	return b.Conversations.Append(ctx, key, record, last)
}

// TestRecognisedWithoutAStore: who named no conversation is answered whatever
// becomes of the store, once and by the model; who named one is told.
func TestRecognisedWithoutAStore(t *testing.T) {
	full := errors.New("the disk is full")
	for name, store := range map[string]*brittle{"load": {load: full}, "head": {head: full}, "record": {record: full}} {
		t.Run(name, func(t *testing.T) {
			l := &listener{}
			store.Conversations = outcrop.NewMemoryConversations(nil)
			m := recognising(t, l, store)
			if text := answer(t, m, sends("Hi", "Hello.", "And now?")); text != "reply 1" {
				t.Errorf("the reply is %q", text)
			}
			stream, err := m.ConverseStream(t.Context(), sends("Hi", "Hello.", "And now?"))
			if err != nil {
				t.Fatal(err)
			}
			response, err := outcrop.Collect(stream)
			if err != nil || response.Output.Message.Text() != "reply 2" {
				t.Errorf("the stream gives %+v, %v", response, err)
			}
			if n := l.count(); n != 2 {
				t.Errorf("the model was asked %d times, want 2", n)
			}
			named := sends("Hi", "Hello.", "And now?")
			named.RequestMetadata = map[string]string{outcrop.KeyConversation: "trip"}
			if _, err := m.Converse(t.Context(), named); err == nil {
				t.Error("a named turn that cannot be stored is answered")
			}
			store.load, store.head, store.record = nil, nil, nil
			_ = m.Conversation("trip").Forget(t.Context()) // its intent may be there
			answer(t, m, sends("Hi", "Hello.", "And now?"))
			if h := onlyHistory(t, m); h.Turns != 2 {
				t.Errorf("%d turns are kept once the store works, want 2", h.Turns)
			}
		})
	}
}
