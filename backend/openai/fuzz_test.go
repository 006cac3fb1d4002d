package openai

import (
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/outcrop-ai/outcrop"
	"github.com/outcrop-ai/outcrop/bedrock"
)

// answering is a server that answers everything with one text.
type answering string

func (a answering) RoundTrip(req *http.Request) (*http.Response, error) {
	return &http.Response{StatusCode: 200, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(string(a))), Request: req}, nil
}

// FuzzStream reads any text as a reply that streams. Whatever it is, the
// events keep their order: blocks one after the other, all of them ended
// before the reply is, and the reply's end last; or one *outcrop.Error ends
// them.
func FuzzStream(f *testing.F) {
	f.Add(chunks(`"delta":{"content":"a"}`, `"delta":{"reasoning":"b"}`, `"delta":{"content":"c"},"finish_reason":"stop"`, usageChunk, doneChunk))
	f.Add(chunks(`"delta":{"tool_calls":[{"index":0,"id":"a","function":{"name":"f","arguments":"{"}}]}`, `"delta":{"tool_calls":[{"index":1,"function":{"name":"g","arguments":"{}"}}]}`,
		`"delta":{"tool_calls":[{"index":0,"function":{"arguments":"}"}}]}`, `"delta":{},"finish_reason":"tool_calls"`, doneChunk))
	f.Add(chunks(`"delta":{"tool_calls":[{"function":{"name":"f","arguments":"{}"}},{"function":{"name":"f","arguments":"{}"}}]}`, `"delta":{"content":"x"},"finish_reason":"length"`, "!data: [DONE]"))
	f.Add("event: error\ndata: {}\n\n")
	f.Fuzz(func(t *testing.T, text string) {
		b, err := New(Config{BaseURL: "http://server/v1", Transport: answering(text)})
		if err != nil {
			t.Fatal(err)
		}
		reply, err := b.Do(t.Context(), outcrop.NewConverseCall(bedrock.OpConverseStream, converseRequest(t, withTools)))
		var e *outcrop.Error
		if err != nil {
			if !errors.As(err, &e) {
				t.Fatalf("error is %T: %v", err, err)
			}
			return
		}
		defer reply.Stream.Close()
		open, next, last := -1, 0, ""
		for event, err := range reply.Stream.Events() {
			if err != nil {
				if !errors.As(err, &e) || last == "metadata" {
					t.Fatalf("after %s: error is %T: %v", last, err, err)
				}
				return
			}
			out, err := event.Output()
			if err != nil {
				t.Fatal(err)
			}
			index := open
			switch {
			case out.ContentBlockStart != nil:
				index = out.ContentBlockStart.ContentBlockIndex
			case out.ContentBlockDelta != nil:
				index = out.ContentBlockDelta.ContentBlockIndex
			case out.ContentBlockStop != nil:
				if out.ContentBlockStop.ContentBlockIndex != open {
					t.Fatalf("block %d ends, %d is open", out.ContentBlockStop.ContentBlockIndex, open)
				}
				open, index = -1, -1
			default:
				if open >= 0 {
					t.Fatalf("%s within block %d", event.Type(), open)
				}
			}
			if index != open {
				if open >= 0 || index != next {
					t.Fatalf("%s of block %d, %d is open and %d is next", event.Type(), index, open, next)
				}
				open, next = index, next+1
			}
			last = event.Type()
		}
		if last != "metadata" {
			t.Fatalf("the stream ends with %s", last)
		}
	})
}
