package amazon_test

import (
	"encoding/base64"
	"net/http"
	"strings"
	"testing"

	"github.com/outcrop-ai/outcrop"
	"github.com/outcrop-ai/outcrop/backend/amazon"
	"github.com/outcrop-ai/outcrop/bedrock"
)

// TestPartial: the partial reply is the same whether the frames were kept or
// put together on the way, for Converse and for native streams.
func TestPartial(t *testing.T) {
	signedIn(t)
	chunk := func(text string) []byte {
		native := `{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"` + text + `"}}`
		return frame("chunk", `{"bytes":"`+base64.StdEncoding.EncodeToString([]byte(native))+`"}`)
	}
	delta := func(text string) []byte {
		return frame("contentBlockDelta", `{"contentBlockIndex":0,"delta":{"text":"`+text+`"}}`)
	}
	for operation, event := range map[string]func(string) []byte{
		bedrock.OpConverseStream:                delta,
		bedrock.OpInvokeModelWithResponseStream: chunk,
	} {
		for _, most := range []int{1, 700, amazon.DefaultMaxPartial} {
			var want strings.Builder
			s := upstream(t, func(w http.ResponseWriter, _ *http.Request) {
				for i := range 40 {
					text := strings.Repeat(string(rune('a'+i%26)), i+1)
					want.WriteString(text)
					sendFrames(w, event(text))
				}
				sendFrames(w, exception("modelStreamErrorException", `{"message":"it broke"}`))
			})
			reply, err := open(t, s.URL, limits(amazon.Limits{MaxPartial: most})).Do(t.Context(), converseCall(operation, hello))
			if err != nil {
				t.Fatal(err)
			}
			_, n, err := collect(t, reply.Stream)
			if e := outcrop.AsError(err); n != 40 || e.Code != bedrock.CodeModelStreamError || partialText(t, e) != want.String() {
				t.Errorf("%s, at most %d bytes: %d events, partial of %d bytes, want %d", operation, most, n, len(partialText(t, e)), want.Len())
			}
		}
	}
}

// TestSchemaProfile: the models that AWS documents, those that the user adds,
// and no others; by id, profile and ARN.
func TestSchemaProfile(t *testing.T) {
	signedIn(t)
	b := open(t, "http://127.0.0.1:1", func(c *amazon.Config) { c.SchemaModels = []string{"qwen.qwen3-32b"} })
	for id, want := range map[string]string{
		modelID:         "bedrock",
		"us." + modelID: "bedrock",
		"arn:aws:bedrock:us-east-1:123456789012:inference-profile/us." + modelID: "bedrock",
		"qwen.qwen3-32b-v1:0":                    "bedrock",
		"anthropic.claude-3-haiku-20240307-v1:0": "",
		"amazon.nova-lite-v1:0":                  "",
	} {
		if got := b.SchemaProfile(id); got != want {
			t.Errorf("%s: %q, want %q", id, got, want)
		}
	}
}
