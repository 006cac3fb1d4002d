package awscli

import (
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/outcrop-ai/outcrop/internal/near"
)

// Line is a command line that was read.
type Line struct {
	Command  *Command
	Values   map[string]any // by member, as JSON has them; a blob is []byte
	OutFile  string         // where the body goes
	Options  map[string]string
	Help     bool
	Skeleton bool // --generate-cli-skeleton: print a request's form, ask nobody

	format string // of blobs: --cli-binary-format
}

// options are the AWS CLI's own: true takes a value. What says nothing here is
// taken and has no effect, so that a line written for AWS runs.
var options = map[string]bool{
	"profile": true, "region": true, "endpoint-url": true, "output": true, "query": true,
	"cli-binary-format": true, "cli-input-json": true, "cli-read-timeout": true, "cli-connect-timeout": true,
	"ca-bundle": true, "color": true, "max-items": true, "page-size": true, "starting-token": true,
	"no-paginate": false, "no-sign-request": false, "no-verify-ssl": false, "debug": false,
	"no-cli-pager": false, "no-cli-auto-prompt": false, "cli-auto-prompt": false,
}

// Parse reads a command line of a service. more are the options of the calling
// program beside the AWS CLI's: true takes a value. Errors name the option.
func Parse(service string, args []string, more map[string]bool) (*Line, error) {
	known := maps.Clone(options)
	maps.Copy(known, more)
	name, rest, err := operation(args, known)
	if err != nil || name == "" || name == "help" {
		return &Line{Help: true}, err
	}
	command, err := find(service, name)
	if err != nil {
		return nil, err
	}
	l := &Line{Command: command, Values: map[string]any{}, Options: map[string]string{}}
	s := splitter{line: l, known: known, given: map[string][]string{}}
	if err := s.split(rest); err != nil || l.Help {
		return l, err
	}
	l.format = l.Options["cli-binary-format"]
	if l.format != "" && l.format != "base64" && l.format != "raw-in-base64-out" {
		return nil, fmt.Errorf("--cli-binary-format: %q is neither base64 nor raw-in-base64-out", l.format)
	}
	if err := l.fill(s.given); err != nil {
		return nil, err
	}
	return l, nil
}

// operation takes the operation's name out of the arguments: the first word
// that is no option's value.
func operation(args []string, known map[string]bool) (string, []string, error) {
	for i := 0; i < len(args); i++ {
		if !strings.HasPrefix(args[i], "-") {
			return args[i], slices.Concat(args[:i], args[i+1:]), nil
		}
		name, _, joined := strings.Cut(strings.TrimLeft(args[i], "-"), "=")
		takes, ok := known[name]
		switch {
		case name == "help" || name == "h":
			return "", nil, nil
		case !ok:
			return "", nil, fmt.Errorf("%s stands before the operation, and is no option of all commands", args[i])
		case takes && !joined:
			i++
		}
	}
	return "", nil, nil
}

// splitter takes the words of a line apart.
type splitter struct {
	line  *Line
	known map[string]bool
	given map[string][]string // texts by flag
}

func (s *splitter) split(args []string) error {
	var words []string
	for len(args) > 0 {
		word := args[0]
		args = args[1:]
		if word == "-h" || word == "--help" || word == "help" && len(words) == 0 {
			s.line.Help = true
			return nil
		}
		if !strings.HasPrefix(word, "--") || word == "--" {
			words = append(words, word)
			continue
		}
		var err error
		if args, err = s.option(word[2:], args); err != nil {
			return err
		}
	}
	return s.positional(words)
}

// option reads one option with its values, and returns what follows.
func (s *splitter) option(name string, args []string) ([]string, error) {
	name, value, joined := strings.Cut(name, "=")
	if name == "generate-cli-skeleton" {
		s.line.Skeleton = true
		if len(args) > 0 && args[0] == "input" {
			args = args[1:]
		}
		return args, nil
	}
	most := 1
	if takes, ok := s.known[name]; ok {
		if !takes {
			s.line.Options[name] = "true"
			return args, nil
		}
	} else {
		m, yes, ok := s.member(name)
		switch {
		case !ok:
			return nil, s.unknown(name)
		case kindOf(m.Type) == reflect.Bool:
			s.given[m.Flag] = []string{strconv.FormatBool(yes)}
			return args, nil
		case composed(m.Type):
			most = len(args)
		}
	}
	values := []string{value}
	if !joined {
		values = nil
		for len(values) < most && len(args) > 0 && (most == 1 || !strings.HasPrefix(args[0], "--")) {
			values, args = append(values, args[0]), args[1:]
		}
	}
	if len(values) == 0 {
		return nil, fmt.Errorf("--%s: expected a value", name)
	}
	if _, ok := s.known[name]; ok {
		s.line.Options[name] = values[0]
	} else {
		s.given[name] = values
	}
	return args, nil
}

// member is the member of a flag, or of no- and a yes-or-no member's flag.
func (s *splitter) member(flag string) (m *Member, yes, ok bool) {
	for i := range s.line.Command.Members {
		m := &s.line.Command.Members[i]
		if m.Flag == flag {
			return m, true, true
		}
		if "no-"+m.Flag == flag && kindOf(m.Type) == reflect.Bool {
			return m, false, true
		}
	}
	return nil, false, false
}

func (s *splitter) unknown(name string) error {
	var names []string
	for _, m := range s.line.Command.Members {
		names = append(names, "--"+m.Flag)
	}
	for option := range maps.Keys(s.known) {
		names = append(names, "--"+option)
	}
	if close := near.Words("--"+name, names, 1); len(close) > 0 {
		return fmt.Errorf("%s has no option --%s; did you mean %s?", s.line.Command.Name, name, close[0])
	}
	return fmt.Errorf("%s has no option --%s", s.line.Command.Name, name)
}

// positional takes the words that are no options: the file of the reply.
func (s *splitter) positional(words []string) error {
	l := s.line
	if l.Command.OutFile && !l.Skeleton {
		if len(words) == 0 {
			return errors.New("the following argument is required: outfile, the file that the reply is written to (- is standard output)")
		}
		l.OutFile, words = words[0], words[1:]
	}
	if len(words) > 0 {
		return fmt.Errorf("unknown argument %q; a value of several words needs quotes", words[0])
	}
	return nil
}
