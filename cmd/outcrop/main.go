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
	if !errors.Is(err, errReported) {
		fmt.Fprintln(stderr, "outcrop:", message(err))
	}
	return exitCode(err)
}

// message is an error for a person: the code only where it says more than
// the message.
func message(err error) string {
	if e, ok := errors.AsType[*outcrop.Error](err); ok {
		text := e.Message
		if e.Cause != nil && e.Message == "internal error" {
			text += ": " + e.Cause.Error()
		}
		return fmt.Sprintf("%s (%s)", text, e.Code)
	}
	return err.Error()
}
