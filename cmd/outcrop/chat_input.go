package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"golang.org/x/term"
)

// prompts of a terminal: for a new entry, and for the rest of one.
const (
	prompt     = "> "
	promptMore = ". "
)

// pipedLines reads lines from a file or a pipe.
func pipedLines(r io.Reader) lineReader {
	scanner := bufio.NewScanner(r)
	scanner.Buffer(nil, maxInput)
	return awaited(func(bool) (string, error) {
		if scanner.Scan() {
			return scanner.Text(), nil
		}
		if err := scanner.Err(); err != nil {
			return "", fmt.Errorf("reading standard input: %w", err)
		}
		return "", io.EOF
	})
}

// awaited is a reader that returns when its context ends, though read is still
// blocked. A read from a terminal or a pipe cannot be called off; the program
// ends then, and its goroutine with it.
func awaited(read func(more bool) (string, error)) lineReader {
	type line struct {
		text string
		err  error
	}
	return func(ctx context.Context, more bool) (string, error) {
		read1 := make(chan line, 1)
		go func() {
			text, err := read(more)
			read1 <- line{text, err}
		}()
		select {
		case l := <-read1:
			return l.text, l.err
		case <-ctx.Done():
			return "", ctx.Err()
		}
	}
}

// openTerminal reads lines from a person, who can edit them and call back
// earlier ones. The terminal is raw only while a line is read: a reply is
// written to a terminal that turns Ctrl-C into an interrupt.
func openTerminal(stdin io.Reader, stdout io.Writer) (lineReader, error) {
	file, ok := stdin.(*os.File)
	if !ok {
		return nil, errors.New("standard input is no terminal")
	}
	fd := int(file.Fd())
	keys := &keyboard{file: file}
	t := term.NewTerminal(struct {
		io.Reader
		io.Writer
	}{keys, stdout}, prompt)
	read := func(more bool) (string, error) {
		t.SetPrompt(prompt)
		if more {
			t.SetPrompt(promptMore)
		}
		keys.interrupted = false
		line, err := t.ReadLine()
		if errors.Is(err, term.ErrPasteIndicator) {
			err = nil
		}
		if err == nil && keys.interrupted {
			err = errInterrupted
		}
		return line, err
	}
	return func(ctx context.Context, more bool) (string, error) {
		state, err := term.MakeRaw(fd)
		if err != nil {
			return "", fmt.Errorf("the terminal: %w", err)
		}
		if width, height, err := term.GetSize(fd); err == nil && width > 0 {
			_ = t.SetSize(width, height)
		}
		line, err := awaited(read)(ctx, more)
		if restoring := term.Restore(fd, state); err == nil && restoring != nil {
			err = fmt.Errorf("the terminal: %w", restoring)
		}
		if err != nil && !errors.Is(err, errInterrupted) {
			fmt.Fprintln(stdout) // what comes next begins on a line of its own
		}
		return line, err
	}, nil
}

// keyboard notes whether Ctrl-C was pressed, and has the terminal's line editor
// give up its line then: to the end of the line, delete all before, enter.
type keyboard struct {
	file        io.Reader
	pending     []byte // read and not yet handed on
	interrupted bool
}

const ctrlC = 3

var giveUp = []byte{5, 21, '\r'} // Ctrl-E, Ctrl-U, Enter

func (k *keyboard) Read(b []byte) (int, error) {
	if len(k.pending) == 0 {
		var typed [256]byte
		n, err := k.file.Read(typed[:])
		if n == 0 {
			return 0, err
		}
		for _, c := range typed[:n] {
			if c == ctrlC {
				k.interrupted = true
				k.pending = append(k.pending, giveUp...)
			} else {
				k.pending = append(k.pending, c)
			}
		}
	}
	n := copy(b, k.pending)
	k.pending = k.pending[n:]
	return n, nil
}
