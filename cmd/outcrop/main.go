// Command outcrop runs the five inference methods of Amazon Bedrock on any
// model: from the command line, and as a server for unmodified AWS SDKs.
//
// It wires packages together and holds no policy of its own. One file is one
// command.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/outcrop-ai/outcrop"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := run(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

// run is the program without the process: it returns the exit code.
func run(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	a := &app{stdin: stdin, stdout: stdout, stderr: stderr}
	root := newRoot(a)
	root.SetArgs(args)
	root.SetIn(stdin)
	root.SetOut(stdout)
	root.SetErr(stderr)
	err := root.ExecuteContext(ctx)
	if err == nil {
		return 0
	}
	if exitCode(err) == exitInterrupted {
		a.sayInterrupted()
		return exitInterrupted
	}
	a.sayError(err)
	return exitCode(err)
}

// sayInterrupted ends the line that Ctrl-C broke off.
func (a *app) sayInterrupted() {
	if a.json {
		a.sayJSON(jsonError{Message: "interrupted", ExitCode: exitInterrupted})
		return
	}
	if isTerminal(a.stderr) {
		fmt.Fprintln(a.stderr)
	}
	a.say("outcrop: interrupted")
}

// messages is an error for a person, each of several on a line of its own. The
// code stands behind the sentence, for whoever looks it up.
func messages(err error) []string {
	if many, ok := err.(interface{ Unwrap() []error }); ok {
		var all []string
		for _, one := range many.Unwrap() {
			all = append(all, messages(one)...)
		}
		return all
	}
	text := err.Error()
	if e, ok := errors.AsType[*outcrop.Error](err); ok {
		before, _ := strings.CutSuffix(text, e.Error())
		text = before + e.Message
		if code := "(" + e.Code + ")"; !strings.Contains(before, code) {
			text += " " + code
		}
		text += cause(e)
	}
	return []string{text}
}
