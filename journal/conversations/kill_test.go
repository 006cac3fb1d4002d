package conversations_test

import (
	"bufio"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/outcrop-ai/outcrop"
	"github.com/outcrop-ai/outcrop/backend/simulator"
	"github.com/outcrop-ai/outcrop/bedrock"
	"github.com/outcrop-ai/outcrop/journal"
	"github.com/outcrop-ai/outcrop/journal/conversations"
	"github.com/outcrop-ai/outcrop/journal/journaltest"
	"github.com/outcrop-ai/outcrop/owner"
)

const childDir = "CONVERSATIONS_TEST_CHILD"

func TestMain(m *testing.M) {
	if dir := os.Getenv(childDir); dir != "" {
		if err := child(dir); err != nil {
			fmt.Println("error:", err)
			os.Exit(1)
		}
	}
	goleak.VerifyTestMain(m)
}

// child goes on with a conversation, streaming every other turn, and says which
// turns are acknowledged, until it is killed.
func child(dir string) error {
	ctx := context.Background()
	lock, err := owner.Acquire(dir)
	if err != nil {
		return err
	}
	j, err := journal.Open(ctx, journal.Config{Lock: lock})
	if err != nil {
		return err
	}
	store, err := conversations.Open(ctx, j, conversations.Config{})
	if err != nil {
		return err
	}
	m, err := manager(store)
	if err != nil {
		return err
	}
	c := m.Conversation("x")
	n := 0
	if h, err := c.History(ctx); err == nil {
		n = h.Turns
	}
	for {
		n++
		c.IfTurn, c.Key = n, "key-"+strconv.Itoa(n)
		question := bedrock.UserText("question " + strconv.Itoa(n))
		if n%2 == 0 {
			stream, err := c.Stream(ctx, question)
			if err != nil {
				return err
			}
			if _, err = outcrop.Collect(stream.Stream); err != nil {
				return err
			}
		} else if _, err := c.Send(ctx, question); err != nil {
			return err
		}
		fmt.Println(n)
	}
}

func manager(store outcrop.Conversations) (*outcrop.Manager, error) {
	backend, err := simulator.New(simulator.Config{})
	if err != nil {
		return nil, err
	}
	return outcrop.New(outcrop.Config{
		Backend: backend, ModelID: "anthropic.claude-sonnet-4-5-20250929-v1:0", Conversations: outcrop.ConversationsConfig{Store: store},
	})
}

// A process that is killed at any moment loses no turn that was acknowledged,
// and the conversation goes on, in one line.
func TestKilled(t *testing.T) {
	rounds := 50
	if testing.Short() {
		rounds = 5
	}
	dir, acknowledged := t.TempDir(), 0
	for round := range rounds {
		acknowledged = max(acknowledged, killed(t, dir, round, 1+rand.IntN(12)))
	}
	j, _ := journaltest.OpenDir(t, dir, journal.Config{})
	m, err := manager(open(t, j, nil))
	if err != nil {
		t.Fatal(err)
	}
	h, err := m.Conversation("x").History(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if h.Turns < acknowledged {
		t.Errorf("%d turns are kept of %d that were acknowledged", h.Turns, acknowledged)
	}
	for i := range h.History {
		turn := &h.History[i]
		if turn.Turn != i+1 || turn.Interrupted || len(turn.Messages) != 2 || turn.Messages[0].Text() != "question "+strconv.Itoa(i+1) {
			t.Fatalf("turn %d is %+v", i+1, turn)
		}
	}
	t.Logf("%d kills, %d turns acknowledged, %d kept", rounds, acknowledged, h.Turns)
}

// killed runs a child and kills it after some turns, in the middle of another.
func killed(t *testing.T, dir string, round, left int) (acknowledged int) {
	t.Helper()
	c := exec.CommandContext(t.Context(), os.Args[0])
	c.Env = append(os.Environ(), childDir+"="+dir)
	out, err := c.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	for lines := bufio.NewScanner(out); lines.Scan(); {
		n, err := strconv.Atoi(strings.TrimSpace(lines.Text()))
		if err != nil {
			t.Fatalf("round %d: the child says %q", round, lines.Text())
		}
		acknowledged = n
		if left--; left == 0 { // what it still says until then is read on
			time.AfterFunc(time.Duration(rand.Int64N(int64(20*time.Millisecond))), func() { _ = c.Process.Kill() })
		}
	}
	_ = c.Wait() // it was killed
	return acknowledged
}
