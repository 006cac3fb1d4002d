package main

import (
	"bytes"
	"encoding/json"
	"fmt"

	"github.com/outcrop-ai/outcrop/bedrock"
)

// printJSON writes a value as indented JSON on standard output.
func (a *app) printJSON(v any) error {
	text, err := bedrock.Marshal(v)
	if err != nil {
		return err
	}
	return a.printRaw(text)
}

// printRaw writes JSON, indented.
func (a *app) printRaw(text []byte) error {
	_, err := a.stdout.Write(indented(text))
	return err
}

// indented is JSON as people read it, with a newline; other text is as it is.
func indented(text []byte) []byte {
	var b bytes.Buffer
	if err := json.Indent(&b, text, "", "  "); err != nil {
		b.Reset()
		b.Write(text)
	}
	b.WriteByte('\n')
	return b.Bytes()
}

// say writes words for a person on standard error.
func (a *app) say(format string, args ...any) {
	fmt.Fprintf(a.stderr, format+"\n", args...)
}

// sayUsage writes what a call cost, unless JSON was asked for, which has it.
func (a *app) sayUsage(u bedrock.TokenUsage) {
	if !a.json {
		a.say("%d input + %d output tokens", u.InputTokens, u.OutputTokens)
	}
}
