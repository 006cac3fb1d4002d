package main

import (
	"fmt"
	"strings"

	"github.com/spf13/pflag"
)

// again is a command line with the settings that this one was given: without
// them it would ask another server, or go on with another model.
func (a *app) again(line string) string { return "outcrop " + line + a.given }

// givenFlags are the global flags of a command line, as a shell takes them.
func givenFlags(all *pflag.FlagSet) string {
	var b strings.Builder
	all.VisitAll(func(f *pflag.Flag) {
		if !f.Changed || f.Name == "json" {
			return
		}
		values := []string{f.Value.String()}
		if list, ok := f.Value.(pflag.SliceValue); ok {
			values = list.GetSlice()
		}
		for _, value := range values {
			if f.Value.Type() == "bool" {
				fmt.Fprintf(&b, " --%s=%s", f.Name, value)
				continue
			}
			fmt.Fprintf(&b, " --%s %s", f.Name, quoted(value))
		}
	})
	return b.String()
}

// quoted is a word as a shell takes it.
func quoted(word string) string {
	plain := func(r rune) bool {
		return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("-_./:=@%+,", r)
	}
	if word != "" && strings.IndexFunc(word, func(r rune) bool { return !plain(r) }) < 0 {
		return word
	}
	return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
}
