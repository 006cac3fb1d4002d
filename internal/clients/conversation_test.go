package clients_test

import (
	"testing"

	"github.com/outcrop-ai/outcrop/bedrock"
)

// TestConversation: each SDK holds a conversation by its id, with new messages
// only, while the program is restarted on its data directory.
func TestConversation(t *testing.T) {
	t.Parallel()
	need(t, "")
	dir := t.TempDir()
	first := serve(t, "--data", dir)
	var programs []*program
	for _, c := range sdks {
		p := c.start(t, nil)
		p.configure(t, signed(first.url))
		programs = append(programs, p)
	}
	ask := func(i int, operation, words string) reply {
		metadata := params{"outcrop:conversation": "trip-" + sdks[i].name}
		return result[reply](t, programs[i], operation, params{"modelId": modelID, "words": words, "metadata": metadata})
	}
	for i := range sdks {
		ask(i, "converse", "My name is Ada, and I like the sea.")
	}
	first.stop(t)
	second := serve(t, "--data", dir)
	for i, c := range sdks {
		programs[i].configure(t, signed(second.url))
		later := ask(i, "converseStream", "What is my name?")
		alone := result[reply](t, programs[i], "converse", params{"modelId": modelID, "words": "What is my name?"})
		if later.Usage.InputTokens <= alone.Usage.InputTokens || later.Text == "" {
			t.Errorf("%s: the second turn was sent with %d tokens, its question alone with %d", c.name, later.Usage.InputTokens, alone.Usage.InputTokens)
		}
		if r := refused(t, programs[i], "converse", params{
			"modelId": modelID, "words": "x", "metadata": params{"outcrop:conversation": "trip-" + c.name, "outcrop:if-turn": "7"},
		}); r.Name != bedrock.CodeConflict {
			t.Errorf("%s: a turn that skips ahead is %+v", c.name, r)
		}
	}
}
