package remote_test

import (
	"bytes"
	"errors"
	"net/http"
	"testing"

	"github.com/outcrop-ai/outcrop"
	"github.com/outcrop-ai/outcrop/bedrock"
	"github.com/outcrop-ai/outcrop/bedrock/eventstream"
	"github.com/outcrop-ai/outcrop/remote"
)

// FuzzStream: whatever comes as a stream, it ends with its last event or with
// an error of ours.
func FuzzStream(f *testing.F) {
	f.Add(append(delta("a"), end()...))
	f.Add(delta("a"))
	f.Add(eventstream.AppendException(delta("a"), "modelStreamErrorException", "", []byte(`{"message":"X: y","originalMessage":"y"}`)))
	f.Add(eventstream.AppendException(nil, "", "", nil))
	f.Fuzz(func(t *testing.T, body []byte) {
		answer, err := streaming(t, bytes.NewReader(body)).Do(t.Context(), conversation(bedrock.OpConverseStream))
		if err == nil {
			last := ""
			for event, failed := range answer.Stream.Events() {
				last, err = event.Type(), failed
			}
			if err == nil && last != "metadata" {
				t.Errorf("the stream ended silently with %q", last)
			}
		}
		if err != nil {
			ours(t, err)
		}
	})
}

// FuzzRefusal: whatever a server says is wrong, it becomes an error that has a
// known code and a message.
func FuzzRefusal(f *testing.F) {
	f.Add(400, "ValidationException", []byte(`{"message":"m"}`))
	f.Add(422, "SchemaValidationException", []byte(`{"message":"m","partialOutput":{},"errors":[],"attempts":[],"usage":{}}`))
	f.Add(302, "a#b:c", []byte(`<html>`))
	f.Fuzz(func(t *testing.T, status int, code string, body []byte) {
		c := newClient(t, remote.Config{Transport: transport(func(*http.Request) (*http.Response, error) {
			return reply(status, map[string]string{"X-Amzn-Errortype": code}, bytes.NewReader(body)), nil
		})})
		if _, err := c.Do(t.Context(), conversation(bedrock.OpConverse)); err != nil {
			ours(t, err)
		} else if status/100 != 2 {
			t.Errorf("status %d was taken for success", status)
		}
	})
}

func ours(t *testing.T, err error) {
	t.Helper()
	e, ok := errors.AsType[*outcrop.Error](err)
	if !ok || e.Message == "" || bedrock.Code(e.Code).Status == 500 && e.Code != bedrock.CodeInternalServer {
		t.Errorf("%T %v", err, err)
	}
}

// FuzzURL: a URL that is accepted is one that can be called.
func FuzzURL(f *testing.F) {
	for _, text := range []string{"http://127.0.0.1:8777", "https://h/base/", "h:1", "http://", "http://u@h", "http://h/%2f/", "http:h"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		var asked string
		c, err := remote.New(remote.Config{URL: text, Transport: transport(func(r *http.Request) (*http.Response, error) {
			asked = r.URL.EscapedPath()
			return reply(200, nil, bytes.NewReader([]byte(`{"modelSummaries":[],"inferenceProfileSummaries":[]}`))), nil
		})})
		if err != nil {
			return
		}
		if _, err := c.Models(t.Context()); err != nil || len(asked) < len("/inference-profiles") || asked[len(asked)-len("/inference-profiles"):] != "/inference-profiles" {
			t.Errorf("%q: asked %q, %v", text, asked, err)
		}
	})
}
