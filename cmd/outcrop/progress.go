package main

import (
	"fmt"
	"io"
)

// progress is one line on a terminal that is written over and over. Where the
// output is no terminal, only a line that differs in its first word is
// written, so that a log stays short.
type progress struct {
	w        io.Writer
	terminal bool
	last     string
}

func newProgress(w io.Writer) *progress { return &progress{w: w, terminal: isTerminal(w)} }

func (p *progress) show(line string) {
	if p.terminal {
		fmt.Fprintf(p.w, "\r\x1b[K%s", line)
		return
	}
	if first := firstWord(line); first != firstWord(p.last) {
		fmt.Fprintln(p.w, line)
	}
	p.last = line
}

// done leaves the terminal's line empty, for what comes next.
func (p *progress) done() {
	if p.terminal {
		fmt.Fprint(p.w, "\r\x1b[K")
	}
}

func firstWord(line string) string {
	for i, r := range line {
		if r == ' ' {
			return line[:i]
		}
	}
	return line
}
