// Package openai is a Backend on any server that speaks OpenAI's Chat
// Completions: llama.cpp's llama-server, vLLM, SGLang, Ollama, LM Studio, or
// OpenAI itself.
//
// Call [New] with the server's base URL. The way of one call:
//
//	Call ── request.go: Converse → chat request ── client.go: POST
//	                                                    │
//	Reply ◀── reply.go: the whole answer          ◀─────┤
//	Stream ◀── stream.go: chunks → events ◀── sse.go ◀──┘
//
// InvokeModel is outcrop.AnswerNative around Converse. Servers differ; the
// table in dialect.go says how, and nothing else in the package asks which
// server it talks to.
//
// What Chat Completions cannot carry is refused with a ValidationException
// that names the field, never dropped: guardrails, video, documents that are
// no text, images in a bucket. Hints that change no meaning are passed over:
// cache points, service tier, latency, request metadata. A reply that breaks
// the schema or the tool choice that was asked for says so in its stop reason
// (malformed_model_output, malformed_tool_use), since not every server holds
// its models to them.
//
// The back-end does not retry, keeps no state between calls but idle
// connections, and starts no goroutine of its own. Every wait has a limit in
// [Config]. Nothing is logged.
package openai
