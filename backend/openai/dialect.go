package openai

import (
	"maps"
	"slices"
)

// dialect is how one server differs from the others. This table is the only
// place that knows servers by name.
type dialect struct {
	limitName  string    // what the output limit is called
	profile    string    // the schema subset of its constrained decoding, as structured names it; "" for none
	tokenizer  tokenizer // how it counts tokens
	reasoning  bool      // earlier reasoning may be sent back, as reasoning_content
	thinking   thinking  // how reasoning is switched
	continues  bool      // a last assistant message is continued when it is asked to be
	topK       bool      // takes top_k
	strictJSON bool      // json_schema wants "strict"
}

type tokenizer int

const (
	noTokenizer    tokenizer = iota
	llamaTokenizer           // POST /apply-template, then /tokenize
	vllmTokenizer            // POST /tokenize with the chat request
)

type thinking int

const (
	thinkingByEffort   thinking = iota // reasoning_effort
	thinkingByTemplate                 // chat_template_kwargs.enable_thinking
)

// other is a server of none of these: it is asked for what all of them take.
const other = "other"

var dialects = map[string]*dialect{
	//                 limit                                profile                   tokenizer                  earlier reasoning
	other:       {limitName: "max_tokens", topK: true},
	"llama.cpp": {limitName: "max_tokens", profile: "llama.cpp", tokenizer: llamaTokenizer, reasoning: true, thinking: thinkingByTemplate, topK: true},
	"vllm":      {limitName: "max_tokens", profile: "llama.cpp", tokenizer: vllmTokenizer, reasoning: true, thinking: thinkingByTemplate, continues: true, topK: true},
	"sglang":    {limitName: "max_tokens", profile: "llama.cpp", reasoning: true, thinking: thinkingByTemplate, topK: true},
	"ollama":    {limitName: "max_tokens", profile: "llama.cpp"},
	"lmstudio":  {limitName: "max_tokens", profile: "llama.cpp", topK: true},
	"openai":    {limitName: "max_completion_tokens", profile: "openai-strict", strictJSON: true},
}

// engineNames are the names that Config.Engine takes.
func engineNames() []string {
	return slices.Sorted(maps.Keys(dialects))
}
