package simulator

import (
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/outcrop-ai/outcrop/bedrock"
	"github.com/outcrop-ai/outcrop/internal/near"
	"github.com/outcrop-ai/outcrop/internal/yamlfile"
)

// node is a place in a rules file that knows where it is, so that every
// complaint can say so.
type node struct {
	*yamlfile.Node
	file string
	path string // "rules.0.match"
}

func (n node) fail(format string, args ...any) error {
	return &RulesError{File: n.file, Line: n.Line, Key: n.path, Message: fmt.Sprintf(format, args...)}
}

func (n node) at(child *yamlfile.Node, name string) node {
	if n.path != "" {
		name = n.path + "." + name
	}
	return node{Node: child, file: n.file, path: name}
}

// members reads a mapping. A key that no function is for is an error.
func (n node) members(read map[string]func(node) error) error {
	if n.Kind != yamlfile.Map && n.Kind != yamlfile.Null {
		return n.fail("expected a mapping with the keys %s", strings.Join(slices.Sorted(maps.Keys(read)), ", "))
	}
	for _, m := range n.Members {
		f, known := read[m.Key]
		if !known {
			at := n.at(&yamlfile.Node{Line: m.Line}, m.Key)
			keys := slices.Sorted(maps.Keys(read))
			if words := near.Words(m.Key, keys, 2); len(words) > 0 {
				return at.fail("unknown key; did you mean %s?", strings.Join(words, " or "))
			}
			return at.fail("unknown key; the keys here are %s", strings.Join(keys, ", "))
		}
		if err := f(n.at(m.Value, m.Key)); err != nil {
			return err
		}
	}
	return nil
}

// items reads a list.
func (n node) items(read func(node) error) error {
	if n.Kind != yamlfile.List && n.Kind != yamlfile.Null {
		return n.fail("expected a list")
	}
	for i, item := range n.Items {
		if err := read(n.at(item, strconv.Itoa(i))); err != nil {
			return err
		}
	}
	return nil
}

// oneOrMore reads a list, or a single item in the place of one.
func (n node) oneOrMore(read func(node) error) error {
	if n.Kind == yamlfile.List {
		return n.items(read)
	}
	return read(n)
}

// text reads a string; numbers and truth values are taken as they are
// written.
func (n node) text(to *string) error {
	if n.Kind != yamlfile.Scalar {
		return n.fail("expected a text")
	}
	*to = n.Text
	return nil
}

func (n node) count(to *int, low int) error {
	i, err := strconv.Atoi(n.Text)
	if err != nil || n.Quoted || i < low || i > math.MaxInt32 {
		return n.fail("expected a whole number from %d on", low)
	}
	*to = i
	return nil
}

func (n node) truth(to *bool) error {
	b, ok := truthOf(n.Text)
	if !ok || n.Quoted {
		return n.fail("expected true or false")
	}
	*to = b
	return nil
}

// truthOf reads the words that YAML has for truth values.
func truthOf(text string) (value, ok bool) {
	switch text {
	case "true", "True", "TRUE":
		return true, true
	case "false", "False", "FALSE":
		return false, true
	}
	return false, false
}

// maxDelay is the longest time a rule can make a call wait.
const maxDelay = time.Hour

func (n node) duration(to *time.Duration) error {
	var text string
	if err := n.text(&text); err != nil {
		return err
	}
	d, err := time.ParseDuration(text)
	if err != nil || d < 0 || d > maxDelay {
		return n.fail("expected a duration up to %v, such as 200ms or 2s", maxDelay)
	}
	*to = d
	return nil
}

// json is the node's value as JSON.
func (n node) json() (bedrock.Document, error) {
	text, err := json.Marshal(valueOf(n.Node))
	if err != nil {
		return nil, n.fail("the value has no JSON: %v", err)
	}
	return text, nil
}

// valueOf is a value for encoding/json. A file's nesting is bounded.
func valueOf(n *yamlfile.Node) any {
	switch n.Kind {
	case yamlfile.Map:
		object := make(map[string]any, len(n.Members))
		for _, m := range n.Members {
			object[m.Key] = valueOf(m.Value)
		}
		return object
	case yamlfile.List:
		list := make([]any, len(n.Items))
		for i, item := range n.Items {
			list[i] = valueOf(item)
		}
		return list
	case yamlfile.Scalar:
		if !n.Quoted {
			return plainValue(n.Text)
		}
		return n.Text
	}
	return nil
}

// plainValue is what a word without quotes means: a truth value, a number as
// JSON writes it or as a whole number in hex or octal, or else a text.
func plainValue(text string) any {
	if b, ok := truthOf(text); ok {
		return b
	}
	if number := bedrock.Document(text); number.Kind() == '0' && number.IsValid() {
		return json.Number(text)
	}
	if strings.HasPrefix(text, "0x") || strings.HasPrefix(text, "0o") {
		if i, err := strconv.ParseInt(text, 0, 64); err == nil {
			return i
		}
	}
	return text
}
