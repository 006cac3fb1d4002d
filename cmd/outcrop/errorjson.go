package main

import (
	"errors"
	"fmt"
	"strings"

	"github.com/outcrop-ai/outcrop"
	"github.com/outcrop-ai/outcrop/bedrock"
)

// jsonError is an error on standard error where --json asked for JSON: one line.
type jsonError struct {
	Code      string `json:"code,omitzero"` // Bedrock's, where it has one
	Message   string `json:"message"`
	Hint      string `json:"hint,omitzero"`
	Field     string `json:"field,omitzero"` // the member at fault
	RequestID string `json:"requestId,omitzero"`
	Retryable bool   `json:"retryable"`
	ExitCode  int    `json:"exitCode"`
}

// sayError tells an error: as words, or with --json as a line of JSON.
func (a *app) sayError(err error) {
	hint := a.hint(err)
	if a.json {
		said := jsonError{Message: strings.Join(messages(err), "\n"), Hint: hint, ExitCode: exitCode(err)}
		if e, ok := errors.AsType[*outcrop.Error](err); ok {
			said.Code, said.Field, said.RequestID, said.Retryable = e.Code, e.Field, e.RequestID, e.Retryable
		}
		a.sayJSON(said)
		return
	}
	for _, text := range messages(err) {
		a.say("outcrop: %s", text)
	}
	if hint != "" {
		a.say("outcrop: %s", hint)
	}
}

func (a *app) sayJSON(said jsonError) {
	line, err := bedrock.Marshal(map[string]jsonError{"error": said})
	if err != nil {
		line = []byte(`{"error":{"message":"internal error"}}`) // texts and numbers always have JSON
	}
	fmt.Fprintf(a.stderr, "%s\n", line)
}
