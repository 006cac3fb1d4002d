package main

import (
	"errors"
	"net"
	"strings"

	"github.com/outcrop-ai/outcrop"
	"github.com/outcrop-ai/outcrop/bedrock"
)

// cause is what an error's message leaves out, since it may travel to others,
// and whoever runs this process may know: the failure inside, and the address
// of a server that is not there.
func cause(e *outcrop.Error) string {
	if e.Cause == nil {
		return ""
	}
	if e.Code == bedrock.CodeInternalServer {
		return ": " + e.Cause.Error()
	}
	op, ok := errors.AsType[*net.OpError](e.Cause)
	if !ok || e.Code != bedrock.CodeServiceUnavailable || strings.Contains(e.Message, op.Err.Error()) {
		return ""
	}
	return ": " + op.Error()
}
