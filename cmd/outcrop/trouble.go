package main

import (
	"errors"
	"fmt"
	"net"
	"strings"
	"syscall"

	"github.com/outcrop-ai/outcrop"
	"github.com/outcrop-ai/outcrop/backend/simulator"
	"github.com/outcrop-ai/outcrop/bedrock"
	"github.com/outcrop-ai/outcrop/cassette"
)

// mistaken has an error of opening be a mistake of the command line where it is
// about a file that somebody named.
func mistaken(err error) error {
	if rules, ok := errors.AsType[*simulator.RulesError](err); ok {
		return usageError{rules}
	}
	if empty, ok := errors.AsType[*cassette.EmptyError](err); ok {
		return usageError{empty}
	}
	return err
}

// taken says what to do where another program listens already.
func taken(err error) error {
	if errors.Is(err, syscall.EADDRINUSE) {
		return fmt.Errorf("%w: another program listens there, perhaps a server of another data directory; --listen names another address, and with port 0 a free one", err)
	}
	return err
}

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
