package outcrop_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log"
	"strings"
	"sync"
	"testing"

	"github.com/outcrop-ai/outcrop"
	"github.com/outcrop-ai/outcrop/bedrock"
	"github.com/outcrop-ai/outcrop/local"
)

// clerk is a model that answers lists of items, well or badly, and single ones.
type clerk struct {
	together func(items []string) (string, error) // the text of the reply
	alone    func(item string) (string, error)

	mu    sync.Mutex
	sizes []int // of what it was asked
	most  int   // requests at once
	now   int
}

func (c *clerk) Do(_ context.Context, call *outcrop.Call) (*outcrop.Reply, error) {
	req, err := call.Converse()
	if err != nil {
		return nil, err
	}
	prompt := *req.Messages[0].Content[0].Text
	_, list, several := strings.Cut(prompt, "under its id:\n")
	list, _, _ = strings.Cut(list, "\n")
	var items []struct {
		ID   int    `json:"id"`
		Item string `json:"item"`
	}
	texts := []string{prompt}
	if several {
		if err := json.Unmarshal([]byte(list), &items); err != nil {
			return nil, outcrop.Errorf(bedrock.CodeValidation, "the items are no list: %v", err)
		}
		texts = nil
		for _, item := range items {
			texts = append(texts, item.Item)
		}
	}
	c.mu.Lock()
	c.sizes = append(c.sizes, len(texts))
	c.now++
	c.most = max(c.most, c.now)
	c.mu.Unlock()
	defer func() {
		c.mu.Lock()
		c.now--
		c.mu.Unlock()
	}()
	text, err := "", error(nil)
	if several {
		text, err = c.together(texts)
	} else {
		text, err = c.alone(texts[0])
	}
	if err != nil {
		return nil, err
	}
	return outcrop.NewConverseReply(outcrop.Meta{}, &bedrock.ConverseResponse{
		Output:     bedrock.ConverseOutput{Message: &bedrock.Message{Role: bedrock.ConversationRoleAssistant, Content: []bedrock.ContentBlock{{Text: &text}}}},
		StopReason: bedrock.StopReasonEndTurn, Usage: bedrock.TokenUsage{InputTokens: 10, OutputTokens: 5, TotalTokens: 15},
	}), nil
}

// upper answers every item with its capitals.
func upper(items []string) (string, error) {
	var parts []string
	for i, item := range items {
		parts = append(parts, fmt.Sprintf(`{"id":%d,"answer":%q}`, i+1, strings.ToUpper(item)))
	}
	return `{"answers":[` + strings.Join(parts, ",") + `]}`, nil
}

// alone answers a prompt's last line with its capitals.
func alone(prompt string) (string, error) {
	return fmt.Sprintf("%q", strings.ToUpper(prompt[strings.LastIndexByte(prompt, '\n')+1:])), nil
}

var greek = []string{"alpha", "beta", "gamma", "delta", "epsilon", "zeta", "eta"}

func TestInvokeMany(t *testing.T) {
	schema := `{"type":"string","pattern":"^[A-Z]+$"}`
	for name, c := range map[string]struct {
		together func([]string) (string, error)
		req      outcrop.ManyRequest
		requests int
		alone    string // the items that were asked alone
	}{
		"three to a request":         {upper, outcrop.ManyRequest{PerRequest: 3}, 3, ""},
		"all in one":                 {upper, outcrop.ManyRequest{}, 1, ""},
		"each alone":                 {upper, outcrop.ManyRequest{PerRequest: 1}, 7, ""},
		"as many as the bytes allow": {upper, outcrop.ManyRequest{MaxBytes: 10}, 4, ""},
		"one is missing": {func(items []string) (string, error) {
			text, err := upper(items)
			return strings.Replace(text, `,{"id":2,"answer":"BETA"}`, "", 1), err
		}, outcrop.ManyRequest{}, 2, "beta"},
		"one is invalid": {func(items []string) (string, error) {
			text, err := upper(items)
			return strings.Replace(text, `"GAMMA"`, `"12"`, 1), err
		}, outcrop.ManyRequest{}, 2, "gamma"},
		"one comes twice": {func(items []string) (string, error) {
			text, err := upper(items)
			return strings.Replace(text, `"id":2`, `"id":3`, 1), err
		}, outcrop.ManyRequest{}, 3, "beta gamma"},
		"ids that nobody gave": {func(items []string) (string, error) {
			text, err := upper(items)
			return strings.Replace(text, `"id":7`, `"id":70`, 1), err
		}, outcrop.ManyRequest{}, 2, "eta"},
		"nonsense": {func([]string) (string, error) { return "I would rather not.", nil }, outcrop.ManyRequest{PerRequest: 4}, 9, strings.Join(greek, " ")},
		"too much for one request": {func([]string) (string, error) {
			return "", outcrop.Errorf(bedrock.CodeValidation, "Input is too long for requested model.")
		}, outcrop.ManyRequest{}, 8, strings.Join(greek, " ")},
	} {
		t.Run(name, func(t *testing.T) {
			model := &clerk{together: c.together, alone: alone}
			c.req.Instruction, c.req.Items, c.req.Schema = "In capitals:", greek, json.RawMessage(schema)
			result, err := manager(t, model).InvokeMany(t.Context(), &c.req)
			if err != nil {
				t.Fatal(err)
			}
			var asked []string
			for i, item := range result.Items {
				if item.Err != nil || item.Text() != strings.ToUpper(greek[i]) {
					t.Errorf("item %d: %s, %v", i, item.Output, item.Err)
				}
				if item.Alone {
					asked = append(asked, greek[i])
				}
			}
			if got := strings.Join(asked, " "); got != c.alone || result.Requests != c.requests {
				t.Errorf("%d requests, asked alone %q; want %d and %q (sizes %v)", result.Requests, got, c.requests, c.alone, model.sizes)
			}
			if name != "too much for one request" && result.Usage.TotalTokens != 15*result.Requests {
				t.Errorf("usage %+v for %d requests", result.Usage, result.Requests)
			}
		})
	}
}

// TestInvokeManyErrors: an item's error is its own; what asking alone would not
// help is everybody's of a request, and nobody else's.
func TestInvokeManyErrors(t *testing.T) {
	model := &clerk{alone: func(prompt string) (string, error) {
		if strings.HasSuffix(prompt, "beta") {
			return "never in capitals", nil
		}
		return alone(prompt)
	}}
	model.together = func(items []string) (string, error) {
		if items[0] == "delta" {
			return "", outcrop.Errorf(bedrock.CodeThrottling, "Too many requests, please wait before trying again.")
		}
		text, err := upper(items)
		return strings.Replace(text, "BETA", "beta", 1), err
	}
	result, err := manager(t, model).InvokeMany(t.Context(), &outcrop.ManyRequest{
		Instruction: "In capitals:", Items: greek, Schema: json.RawMessage(`{"type":"string","pattern":"^[A-Z]+$"}`), PerRequest: 3, AtOnce: 1,
	})
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"", bedrock.CodeSchemaValidation, "", bedrock.CodeThrottling, bedrock.CodeThrottling, bedrock.CodeThrottling, ""}
	for i, item := range result.Items {
		code := ""
		if item.Err != nil {
			code = item.Err.Code
		}
		if code != want[i] || (item.Output == nil) != (code != "") {
			t.Errorf("%s: %s, %v; want %q", greek[i], item.Output, item.Err, want[i])
		}
	}
	if model.most != 1 {
		t.Errorf("%d requests at once, want 1", model.most)
	}
}

// TestInvokeManySchemas: answers of any form; references into $defs hold within
// the list, and a schema that refers to its root is asked item by item.
func TestInvokeManySchemas(t *testing.T) {
	for schema, sizes := range map[string]string{
		`{"$defs":{"word":{"type":"string"}},"type":"object","properties":{"w":{"$ref":"#/$defs/word"}},"required":["w"]}`: "[2]",
		`{"type":"object","properties":{"w":{"type":"string"},"next":{"$ref":"#"}},"required":["w"]}`:                      "[1 1]",
		``: "[2]",
	} {
		answer := `{"w":"x"}`
		if schema == "" {
			answer = `"x"`
		}
		model := &clerk{
			alone: func(string) (string, error) { return answer, nil },
			together: func([]string) (string, error) {
				return `{"answers":[{"id":2,"answer":` + answer + `},{"id":1,"answer":` + answer + `}]}`, nil
			},
		}
		result, err := manager(t, model).InvokeMany(t.Context(), &outcrop.ManyRequest{Instruction: "Do:", Items: []string{"a", "b"}, Schema: json.RawMessage(schema)})
		if err != nil {
			t.Errorf("%s: %v", schema, err)
			continue
		}
		for _, item := range result.Items {
			if string(item.Output) != answer || item.Err != nil {
				t.Errorf("%s: %s, %v", schema, item.Output, item.Err)
			}
		}
		if got := fmt.Sprint(model.sizes); got != sizes {
			t.Errorf("%s: asked %s, want %s", schema, got, sizes)
		}
	}
}

func TestInvokeManyRefusesBadRequests(t *testing.T) {
	m := manager(t, &clerk{})
	for field, req := range map[string]outcrop.ManyRequest{
		"instruction": {Items: greek},
		"items.1":     {Instruction: "x", Items: []string{"a", " "}},
		"perRequest":  {Instruction: "x", PerRequest: -1},
		"maxBytes":    {Instruction: "x", MaxBytes: -1},
		"schema":      {Instruction: "x", Schema: json.RawMessage(`{"type":"nothing"}`)},
	} {
		_, err := m.InvokeMany(t.Context(), &req)
		if e, ok := errors.AsType[*outcrop.Error](err); !ok || e.Field != field || e.Code != bedrock.CodeValidation {
			t.Errorf("%s: %v", field, err)
		}
	}
	if result, err := m.InvokeMany(t.Context(), &outcrop.ManyRequest{Instruction: "x"}); err != nil || len(result.Items) != 0 {
		t.Errorf("no items: %v, %v", result, err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	result, err := m.InvokeMany(ctx, &outcrop.ManyRequest{Instruction: "x", Items: greek})
	if err != nil || result.Items[0].Err == nil || result.Items[6].Err == nil {
		t.Errorf("a context that has ended: %+v, %v", result, err)
	}
}

func ExampleManager_InvokeMany() {
	ctx := context.Background()
	m, err := local.Open("", local.Config{ModelID: sonnet})
	if err != nil {
		log.Fatal(err)
	}
	defer m.Close(ctx)
	result, err := m.InvokeMany(ctx, &outcrop.ManyRequest{
		Instruction: "Name the mood of the review: good or bad.",
		Items:       []string{"Loved it.", "It broke at once.", "Fine, I suppose.", "Never again."},
		Schema:      json.RawMessage(`{"enum":["good","bad"]}`),
		PerRequest:  4,
	})
	if err != nil {
		log.Fatal(err)
	}
	for i := range result.Items {
		if result.Items[i].Err != nil {
			log.Fatal(result.Items[i].Err)
		}
	}
	fmt.Println(len(result.Items), "answers")
	// Output: 4 answers
}

// Once the context has ended nobody is asked, and no request is counted.
func TestManyWithoutTime(t *testing.T) {
	for _, perRequest := range []int{1, 3} {
		c := &clerk{}
		m, err := outcrop.New(outcrop.Config{ModelID: "m", Backend: c})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		result, err := m.InvokeMany(ctx, &outcrop.ManyRequest{Instruction: "Translate.", Items: []string{"a", "b", "c", "d"}, PerRequest: perRequest})
		if err != nil {
			t.Fatal(err)
		}
		if result.Requests != 0 || len(c.sizes) != 0 {
			t.Errorf("%d requests are counted, %d were sent", result.Requests, len(c.sizes))
		}
		for i, item := range result.Items {
			if !errors.Is(item.Err, context.Canceled) {
				t.Errorf("item %d: error %v", i, item.Err)
			}
		}
	}
}
