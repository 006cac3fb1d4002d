package main

import (
	"bytes"
	"context"
	"io"
	"strings"
	"testing"

	"github.com/outcrop-ai/outcrop"
	"github.com/outcrop-ai/outcrop/bedrock"
)

// talking is a back-end that says a few words and then goes on for ever, until
// it is cancelled.
func talking(words ...string) outcrop.Backend {
	return outcrop.BackendFunc(func(ctx context.Context, _ *outcrop.Call) (*outcrop.Reply, error) {
		return outcrop.NewStreamReply(outcrop.Meta{}, outcrop.NewStream(func(yield func(bedrock.Event, error) bool) {
			for _, word := range words {
				out := &bedrock.ConverseStreamOutput{ContentBlockDelta: &bedrock.ContentBlockDeltaEvent{Delta: bedrock.ContentBlockDelta{Text: &word}}}
				if !yield(bedrock.NewEvent(out), nil) {
					return
				}
			}
			<-ctx.Done()
			yield(bedrock.Event{}, ctx.Err())
		}, nil)), nil
	})
}

// stoppedChat asks a question, and stops the reply when all of its words have
// been printed, or at once when there are none.
func stoppedChat(t *testing.T, input string, words ...string) (s *session, stdout, stderr string) {
	t.Helper()
	m, err := outcrop.New(outcrop.Config{ModelID: "m", Backend: talking(words...)})
	if err != nil {
		t.Fatal(err)
	}
	var enough context.CancelFunc
	out := &stopAfter{text: strings.Join(words, ""), stop: func() { enough() }}
	var said bytes.Buffer
	s = &session{app: &app{stdin: strings.NewReader(""), stdout: out, stderr: &said}, manager: m, model: "m"}
	s.interruptible = func(ctx context.Context) (context.Context, context.CancelFunc) {
		ctx, enough = context.WithCancel(ctx)
		if len(words) == 0 {
			enough()
		}
		return ctx, enough
	}
	if err := s.run(t.Context(), pipedLines(strings.NewReader(input))); err != nil {
		t.Fatal(err)
	}
	return s, out.all.String(), said.String()
}

// stopAfter calls stop when a text has been written.
type stopAfter struct {
	all  bytes.Buffer
	text string
	stop func()
}

func (w *stopAfter) Write(b []byte) (int, error) {
	n, err := w.all.Write(b)
	if w.text != "" && strings.HasSuffix(w.all.String(), w.text) {
		w.stop()
	}
	return n, err
}

// TestCtrlCKeepsTheChat: a reply that was stopped is a part of the
// conversation as far as it was read, and the chat goes on.
func TestCtrlCKeepsTheChat(t *testing.T) {
	s, stdout, stderr := stoppedChat(t, "one\ntwo\n", "so ", "far")
	if stdout != "so far\nso far\n" || strings.Count(stderr, "(stopped)") != 2 {
		t.Errorf("printed %q, said %q", stdout, stderr)
	}
	var talk []string
	for i := range s.messages {
		talk = append(talk, string(s.messages[i].Role)+": "+s.messages[i].Text())
	}
	if got := strings.Join(talk, "; "); got != "user: one; assistant: so far; user: two; assistant: so far" {
		t.Errorf("the conversation is %s", got)
	}
}

// TestTokensOfStoppedReplies: what a stopped reply took is not known, and not
// said to be nothing.
func TestTokensOfStoppedReplies(t *testing.T) {
	_, _, stderr := stoppedChat(t, "one\n/tokens\n")
	if !strings.Contains(stderr, "0 output tokens, without those of replies that were stopped (1)") {
		t.Errorf("said %q", stderr)
	}
}

// TestNothingArrived: a question without an answer is not in the conversation,
// and can be asked again.
func TestNothingArrived(t *testing.T) {
	s, _, stderr := stoppedChat(t, "one\n/retry\n")
	if len(s.messages) != 0 || s.failed == nil || s.failed.Text() != "one" || strings.Count(stderr, "(stopped)") != 2 {
		t.Errorf("messages %+v, failed %+v, said %q", s.messages, s.failed, stderr)
	}
}

// TestKeyboard: Ctrl-C gives up the line for the line editor; all else passes.
func TestKeyboard(t *testing.T) {
	k := &keyboard{file: strings.NewReader("ab\x03c")}
	got, err := io.ReadAll(struct{ io.Reader }{k})
	if err != nil || string(got) != "ab\x05\x15\rc" || !k.interrupted {
		t.Errorf("%q, %v, interrupted %v", got, err, k.interrupted)
	}
}

// FuzzEntry: whatever comes on standard input, entries are trimmed, nothing is
// made up, and the end is the end.
func FuzzEntry(f *testing.F) {
	f.Add("a\nb\\\nc\n")
	f.Add("\\")
	f.Add("\\\n\\\n")
	f.Fuzz(func(t *testing.T, input string) {
		lines, size := pipedLines(strings.NewReader(input)), 0
		for range len(input) + 2 {
			text, err := entry(t.Context(), lines)
			if text != strings.TrimSpace(text) || !strings.Contains(strings.ReplaceAll(strings.ReplaceAll(input, "\r\n", "\n"), "\\\n", "\n"), text) {
				t.Errorf("the entry %q of %q", text, input)
			}
			if size += len(text); size > len(input) {
				t.Errorf("%q became more", input)
			}
			if err == io.EOF {
				return
			}
			if err != nil {
				t.Fatal(err)
			}
		}
		t.Errorf("%q does not end", input)
	})
}
