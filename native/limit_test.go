package native

import (
	"encoding/json"
	"errors"
	"testing"
)

func TestOutputLimit(t *testing.T) {
	for _, c := range []struct {
		name, body string
		family     *Family
		limit      int
		ok         bool
		set        string // the body with a limit of 7
		field      string
	}{
		{"Claude", `{"a":1, "max_tokens" : 100 ,"messages":[]}`, anthropicMessages, 100, true, `{"a":1, "max_tokens" : 7 ,"messages":[]}`, ""},
		{"last", `{"messages":[{"max_tokens":5}],"max_tokens":100}`, anthropicMessages, 100, true, `{"messages":[{"max_tokens":5}],"max_tokens":7}`, ""},
		{"none", `{"messages":"max_tokens"}`, anthropicMessages, 0, false, `{"max_tokens":7,"messages":"max_tokens"}`, ""},
		{"empty", ` { } `, anthropicMessages, 0, false, ` {"max_tokens":7 } `, ""},
		{"null", `{"max_tokens":null}`, anthropicMessages, 0, false, `{"max_tokens":7}`, ""},
		{"escaped", `{"max\u005ftokens":100,"s":"}\\\""}`, anthropicMessages, 100, true, `{"max\u005ftokens":7,"s":"}\\\""}`, ""},
		{"Nova", `{"inferenceConfig":{"topP":1,"maxTokens":9}}`, novaMessages, 9, true, `{"inferenceConfig":{"topP":1,"maxTokens":7}}`, ""},
		{"Nova's older name", `{"inferenceConfig":{"max_new_tokens":9}}`, novaMessages, 9, true, `{"inferenceConfig":{"max_new_tokens":7}}`, ""},
		{"Nova with settings but none", `{"inferenceConfig":{"topP":1}}`, novaMessages, 0, false, `{"inferenceConfig":{"maxTokens":7,"topP":1}}`, ""},
		{"Nova without settings", `{"messages":[]}`, novaMessages, 0, false, `{"inferenceConfig":{"maxTokens":7},"messages":[]}`, ""},
		{"Nova with null settings", `{"inferenceConfig":null}`, novaMessages, 0, false, `{"inferenceConfig":{"maxTokens":7}}`, ""},
		{"Titan", `{"textGenerationConfig":{"maxTokenCount":3}}`, titanText, 3, true, `{"textGenerationConfig":{"maxTokenCount":7}}`, ""},
		{"Llama", `{"max_gen_len":3}`, llamaText, 3, true, `{"max_gen_len":7}`, ""},
		{"both names", `{"max_tokens":30,"max_completion_tokens":3}`, openaiChat, 3, true, `{"max_tokens":7,"max_completion_tokens":7}`, ""},
		{"twice", `{"max_tokens":1,"max_tokens":100}`, anthropicMessages, 0, false, "", "max_tokens"},
		{"twice, once escaped", `{"max_tokens":1,"max\u005ftokens":100}`, anthropicMessages, 0, false, "", "max_tokens"},
		{"a fraction", `{"max_tokens":1.5}`, anthropicMessages, 0, false, "", "max_tokens"},
		{"no object", `[1]`, anthropicMessages, 0, false, "", ""},
		{"no JSON", `{"max_tokens":`, anthropicMessages, 0, false, "", ""},
		{"settings that are none", `{"inferenceConfig":5}`, novaMessages, 0, false, "", "inferenceConfig"},
	} {
		t.Run(c.name, func(t *testing.T) {
			limit, ok, err := c.family.OutputLimit([]byte(c.body))
			if c.set == "" {
				var bad *RequestError
				if !errors.As(err, &bad) || bad.Field != c.field {
					t.Fatalf("error is %v, want one about %q", err, c.field)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if limit != c.limit || ok != c.ok {
				t.Errorf("limit is %d, %v, want %d, %v", limit, ok, c.limit, c.ok)
			}
			before := c.body
			set, err := c.family.SetOutputLimit([]byte(c.body), 7)
			if err != nil {
				t.Fatal(err)
			}
			if string(set) != c.set || before != c.body {
				t.Errorf("with the limit: %s, want %s", set, c.set)
			}
		})
	}
}

// FuzzOutputLimit checks that a limit that was set is the one that is read,
// and the only thing that changed.
func FuzzOutputLimit(f *testing.F) {
	f.Add(`{"max_tokens":100}`)
	f.Add(`{"inferenceConfig":{"a":[{}],"maxTokens":1}}`)
	f.Add(` {"a":"\"}","max\u005ftokens":null}`)
	f.Fuzz(func(t *testing.T, body string) {
		for _, family := range []*Family{anthropicMessages, novaMessages, openaiChat} {
			set, err := family.SetOutputLimit([]byte(body), 7)
			if err != nil {
				continue
			}
			if !json.Valid(set) {
				t.Fatalf("%s: the body is no JSON any more: %s", family.name, set)
			}
			limit, ok, err := family.OutputLimit(set)
			if err != nil || !ok || limit != 7 {
				t.Fatalf("%s: %s reads as %d, %v, %v", family.name, set, limit, ok, err)
			}
			again, err := family.SetOutputLimit(set, 7)
			if err != nil || string(again) != string(set) {
				t.Fatalf("%s: setting it twice gives %s, %v, not %s", family.name, again, err, set)
			}
		}
	})
}
