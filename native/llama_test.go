package native

import (
	"testing"

	"github.com/outcrop-ai/outcrop/bedrock"
)

func TestLlamaRequests(t *testing.T) {
	testRequests(t, llamaText, []requestCase{
		{
			name:     "a prompt without a template",
			body:     `{"prompt":"Hi","max_gen_len":10,"temperature":0.5,"top_p":0.9}`,
			converse: `{"messages":[{"role":"user","content":[{"text":"Hi"}]}],"inferenceConfig":{"maxTokens":10,"temperature":0.5,"topP":0.9}}`,
		},
		{
			name: "Llama 3's template, an answer begun",
			body: `{"prompt":"<|begin_of_text|><|start_header_id|>system<|end_header_id|>\n\nBe brief.<|eot_id|><|start_header_id|>user<|end_header_id|>\n\nHi<|eot_id|>` +
				`<|start_header_id|>assistant<|end_header_id|>\n\nWell"}`,
			converse: `{"messages":[{"role":"user","content":[{"text":"Hi"}]},{"role":"assistant","content":[{"text":"Well"}]}],"system":[{"text":"Be brief."}]}`,
		},
		{
			name: "Llama 4's template",
			body: `{"prompt":"<|begin_of_text|><|header_start|>user<|header_end|>\n\nHi<|eot|><|header_start|>assistant<|header_end|>\n\nHo<|eot|>` +
				`<|header_start|>user<|header_end|>\n\nYou?<|eot|><|header_start|>assistant<|header_end|>\n\n"}`,
			converse: `{"messages":[{"role":"user","content":[{"text":"Hi"}]},{"role":"assistant","content":[{"text":"Ho"}]},{"role":"user","content":[{"text":"You?"}]}]}`,
		},
		{
			name:     "Llama 2's template",
			body:     `{"prompt":"<s>[INST] <<SYS>>\nBe brief.\n<</SYS>>\n\nHi [/INST]"}`,
			converse: `{"messages":[{"role":"user","content":[{"text":"Hi"}]}],"system":[{"text":"Be brief."}]}`,
		},
		{
			name:     "an image",
			body:     `{"prompt":"<|start_header_id|>user<|end_header_id|>\n\n<|image|>What?<|eot_id|>","images":["iVBORw0KGgo="]}`,
			converse: `{"messages":[{"role":"user","content":[{"image":{"format":"png","source":{"bytes":"iVBORw0KGgo="}}},{"text":"What?"}]}]}`,
		},
		{
			name:     "a temperature over Converse's",
			body:     `{"prompt":"Hi","temperature":1.5}`,
			converse: `{"messages":[{"role":"user","content":[{"text":"Hi"}]}],"additionalModelRequestFields":{"temperature":1.5}}`,
		},
		{name: "no prompt", body: `{"max_gen_len":10}`, field: ""},
		{name: "an unknown member", body: `{"prompt":"Hi","max_tokens":10}`, reason: "Malformed input request: #: extraneous key [max_tokens] is not permitted, please reformat your input and try again."},
		{name: "an image that is none", body: `{"prompt":"Hi","images":["aGk="]}`, field: "images.0"},
		{name: "a negative temperature", body: `{"prompt":"Hi","temperature":-1}`, field: "temperature"},
	})
}

func TestLlamaReplies(t *testing.T) { testReplies(t, llamaText, "llama", usageOnly) }

func TestLlamaStops(t *testing.T) {
	testStops(t, llamaText, "stop_reason", map[bedrock.StopReason]string{"end_turn": "stop", "max_tokens": "length"})
}
