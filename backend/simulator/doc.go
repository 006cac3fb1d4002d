// Package simulator is the back-end that needs no model: a deterministic,
// scriptable stand-in for Amazon Bedrock, for development and tests.
//
// Begin with [New]; the zero [Config] answers every model of package catalog
// at once. It says that it is a simulator wherever it is asked: in the reply's
// Meta, in [Notice], never by pretending in silence.
//
//	call ── model ── checks ── rules ── compose ── shape ── reply or stream
//	        catalog  bedrock   a file    tools,     stop sequences,
//	                 (typed    of the    schemas,   maxTokens, usage,
//	                 errors)   user's    sentences  latency
//
// The reply is a function of the request: of the model, the system prompt, the
// messages, the tools and the schema asked for. Equal requests give equal
// bytes, ids and latency figures included, on every machine. Inference
// settings only shorten it: a smaller maxTokens gives a prefix. A stream is
// the same reply in pieces. Rules that count (a sequence of replies) are the
// one exception, and only where a user writes them.
//
// Sentences are made of the prompt's words by templates; they are
// grammatical, not true. Tool inputs and structured outputs validate against
// their schemas and take their values from the prompt where one fits.
package simulator
