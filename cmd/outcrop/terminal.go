package main

import (
	"bufio"
	"fmt"
	"os"
	"strings"

	"golang.org/x/term"
)

// isTerminal tells whether a stream is a person's terminal.
func isTerminal(stream any) bool {
	f, ok := stream.(*os.File)
	if !ok {
		return false
	}
	return term.IsTerminal(int(f.Fd()))
}

// confirm asks a person; where nobody can answer, the answer is no.
func (a *app) confirm(question string, args ...any) bool {
	if !isTerminal(a.stdin) {
		return false
	}
	fmt.Fprintf(a.stderr, question+" [y/N] ", args...)
	answer, err := bufio.NewReader(a.stdin).ReadString('\n')
	return err == nil && strings.HasPrefix(strings.ToLower(strings.TrimSpace(answer)), "y")
}
