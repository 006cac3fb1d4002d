// Package testengine runs a real llama-server on a very small model, for
// tests. [Start] starts one, or skips the test with a line that says what to
// install: tests never download anything.
//
// llama-server.sh unpacks the server beside the system; `make engine` calls
// it. The model, tiny-tools-f16.gguf, is the project's own: 0.36 million
// parameters that read bytes, written by model/main.go and trained on
// generated chats by model/train_tools.py. It answers a question about the
// weather with a call of the tool get_weather, writes a person in JSON or XML
// for "Extract: Ada is 36" and "Extract as XML: Ada is 36" below the prompt of
// Construct, and keeps to any JSON Schema under a grammar. Its words mean
// nothing, names and ages included; assert structure, never wording.
package testengine
