package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
)

// maxInput bounds what is read from a file or standard input, in bytes: the
// largest body that the API takes.
const maxInput = 25 << 20

// prompt is the words to send: the arguments, @FILE, or standard input when
// there are no arguments or a single dash.
func (a *app) prompt(args []string) (string, error) {
	if len(args) == 0 || len(args) == 1 && args[0] == "-" {
		if isTerminal(a.stdin) {
			return "", usageError{errors.New("no prompt: give it as an argument, as @FILE, or on standard input")}
		}
		text, err := readAll(a.stdin, "standard input")
		if err != nil {
			return "", err
		}
		if strings.TrimSpace(text) == "" {
			return "", usageError{errors.New("the prompt on standard input is empty; give it as an argument, or as @FILE")}
		}
		return strings.TrimRight(text, "\n"), nil
	}
	text := strings.Join(args, " ")
	if file, ok := strings.CutPrefix(text, "@"); ok && len(args) == 1 {
		text, err := readFile(file)
		return strings.TrimRight(text, "\n"), err
	}
	if strings.TrimSpace(text) == "" {
		return "", usageError{errors.New("the prompt is empty")}
	}
	return text, nil
}

func readFile(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", usageError{err}
	}
	defer f.Close()
	return readAll(f, path)
}

func readAll(r io.Reader, name string) (string, error) {
	text, err := io.ReadAll(io.LimitReader(r, maxInput+1))
	if err != nil {
		return "", fmt.Errorf("reading %s: %w", name, err)
	}
	if len(text) > maxInput {
		return "", usageError{fmt.Errorf("%s is larger than %d MB", name, maxInput>>20)}
	}
	return string(text), nil
}
