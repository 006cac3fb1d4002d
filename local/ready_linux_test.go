package local_test

import (
	"fmt"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/outcrop-ai/outcrop"
	"github.com/outcrop-ai/outcrop/bedrock"
	"github.com/outcrop-ai/outcrop/journal/journaltest"
)

// A full disk makes a server unready until there is room again, and who asked
// hears why, but not where. What was acknowledged is there afterwards, in this
// process and in the next. It takes a file system of its own, and so root.
func TestReadyUntilTheDiskIsFull(t *testing.T) {
	dir := t.TempDir()
	grow := journaltest.SmallDisk(t, dir, 2)
	m, url, stop := serve(t, dir)
	if err := m.Ready(); err != nil {
		t.Errorf("before anything was kept: %v", err)
	}
	turn := func() error {
		_, err := m.Converse(t.Context(), &bedrock.ConverseRequest{
			ModelID: sonnet, Messages: []bedrock.Message{bedrock.UserText(strings.Repeat("word ", 20_000))},
			RequestMetadata: map[string]string{"outcrop:conversation": "c", "outcrop:memory": "window"},
		})
		return err
	}
	kept := 0
	var err error
	for ; err == nil && kept < 1000; kept++ {
		err = turn()
	}
	kept--
	if err == nil || kept == 0 {
		t.Fatalf("%d turns fit, then: %v", kept, err)
	}
	if e := outcrop.AsError(err); e.Code != bedrock.CodeServiceUnavailable || !strings.Contains(e.Message, "no space left on device; make room, and it goes on by itself") || strings.Contains(e.Message, dir) {
		t.Errorf("the turn that did not fit: %v", e)
	}
	if err := m.Ready(); err == nil || !strings.Contains(err.Error(), "no space left on device") || strings.Contains(err.Error(), filepath.Base(dir)) {
		t.Errorf("then it is ready: %v", err)
	}
	resp, err := http.Get(url + "/healthz")
	if err != nil {
		t.Fatal(err)
	}
	if err := resp.Body.Close(); err != nil || resp.StatusCode != http.StatusOK {
		t.Errorf("and alive: %s, %v", resp.Status, err)
	}
	grow()
	for m.Ready() != nil {
		if t.Context().Err() != nil {
			t.Fatal(m.Ready())
		}
		time.Sleep(time.Millisecond)
	}
	check := func(where string) {
		history, err := m.Conversation("c").History(t.Context())
		if err != nil || history.Turns != kept {
			t.Errorf("%s: %d turns were kept, and there are %s, %v", where, kept, fmt.Sprint(history), err)
		}
		if err := turn(); err != nil || m.Ready() != nil {
			t.Errorf("%s: with room: %v, ready: %v", where, err, m.Ready())
		}
		kept++
	}
	check("this process")
	stop()
	m, _, stop = serve(t, dir)
	defer stop()
	check("the next")
}
