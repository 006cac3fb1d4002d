package simulator

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"

	"github.com/outcrop-ai/outcrop/bedrock"
)

// node is a place in a YAML file that knows where it is, so that every
// complaint can say so.
type node struct {
	ast.Node
	file string
	path string // "rules.0.match"
}

func (n node) fail(format string, args ...any) error {
	e := &RulesError{File: n.file, Key: n.path, Message: fmt.Sprintf(format, args...)}
	if t := n.GetToken(); t != nil && t.Position != nil {
		e.Line = t.Position.Line
	}
	return e
}

func (n node) at(child ast.Node, name string) node {
	if n.path != "" {
		name = n.path + "." + name
	}
	return node{Node: child, file: n.file, path: name}
}

// plain is the node without a tag or an anchor around it.
func (n node) plain() node {
	for {
		switch v := n.Node.(type) {
		case *ast.AnchorNode:
			n.Node = v.Value
		case *ast.TagNode:
			n.Node = v.Value
		default:
			return n
		}
	}
}

// members reads a mapping. A key that no function is for is an error.
func (n node) members(read map[string]func(node) error) error {
	n = n.plain()
	entries, ok := entriesOf(n.Node)
	if !ok {
		return n.fail("expected a mapping with the keys %s", strings.Join(slices.Sorted(maps.Keys(read)), ", "))
	}
	seen := map[string]bool{}
	for _, entry := range entries {
		name := keyOf(entry.Key)
		child := n.at(entry.Value, name)
		f, known := read[name]
		switch {
		case !known:
			at := node{Node: entry.Key, file: n.file, path: child.path}
			return at.fail("unknown key; the keys here are %s", strings.Join(slices.Sorted(maps.Keys(read)), ", "))
		case seen[name]:
			return child.fail("the key stands here twice")
		case entry.Value == nil:
			return n.fail("%s has no value", name)
		}
		seen[name] = true
		if err := f(child); err != nil {
			return err
		}
	}
	return nil
}

func entriesOf(n ast.Node) ([]*ast.MappingValueNode, bool) {
	switch v := n.(type) {
	case *ast.MappingNode:
		return v.Values, true
	case *ast.MappingValueNode:
		return []*ast.MappingValueNode{v}, true
	case *ast.NullNode:
		return nil, true
	}
	return nil, false
}

func keyOf(key ast.MapKeyNode) string {
	if scalar, ok := key.(ast.ScalarNode); ok {
		if s, ok := scalar.GetValue().(string); ok {
			return s
		}
	}
	if t := key.GetToken(); t != nil {
		return t.Value
	}
	return ""
}

// items reads a list.
func (n node) items(read func(node) error) error {
	n = n.plain()
	list, ok := n.Node.(*ast.SequenceNode)
	if !ok {
		if _, null := n.Node.(*ast.NullNode); null {
			return nil
		}
		return n.fail("expected a list")
	}
	for i, item := range list.Values {
		if item == nil {
			return n.fail("item %d has no value", i)
		}
		if err := read(n.at(item, strconv.Itoa(i))); err != nil {
			return err
		}
	}
	return nil
}

// oneOrMore reads a list, or a single item in the place of one.
func (n node) oneOrMore(read func(node) error) error {
	if _, list := n.plain().Node.(*ast.SequenceNode); list {
		return n.items(read)
	}
	return read(n)
}

// text reads a string; numbers and truth values are taken as they are
// written.
func (n node) text(to *string) error {
	switch v := n.plain().Node.(type) {
	case *ast.StringNode:
		*to = v.Value
	case *ast.LiteralNode:
		*to = v.Value.Value
	case *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode:
		*to = v.GetToken().Value
	default:
		return n.fail("expected a text")
	}
	return nil
}

func (n node) count(to *int, low int) error {
	v, ok := n.plain().Node.(*ast.IntegerNode)
	if ok {
		switch i := v.Value.(type) {
		case uint64:
			*to, ok = int(i), i <= math.MaxInt32 //nolint:gosec // checked beside it
		case int64:
			*to, ok = int(i), i >= 0 && i <= math.MaxInt32
		default:
			ok = false
		}
	}
	if !ok || *to < low {
		return n.fail("expected a whole number from %d on", low)
	}
	return nil
}

func (n node) truth(to *bool) error {
	v, ok := n.plain().Node.(*ast.BoolNode)
	if !ok {
		return n.fail("expected true or false")
	}
	*to = v.Value
	return nil
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
	value, err := n.value(0)
	if err != nil {
		return nil, err
	}
	text, err := json.Marshal(value)
	if err != nil {
		return nil, n.fail("the value has no JSON: %v", err)
	}
	return text, nil
}

const maxNesting = 64

func (n node) value(depth int) (any, error) {
	if depth > maxNesting {
		return nil, n.fail("nested more than %d levels deep", maxNesting)
	}
	n = n.plain()
	if entries, ok := entriesOf(n.Node); ok && n.Type() != ast.NullType {
		object := make(map[string]any, len(entries))
		for _, entry := range entries {
			name := keyOf(entry.Key)
			if entry.Value == nil {
				return nil, n.fail("%s has no value", name)
			}
			v, err := n.at(entry.Value, name).value(depth + 1)
			if err != nil {
				return nil, err
			}
			object[name] = v
		}
		return object, nil
	}
	switch v := n.Node.(type) {
	case *ast.SequenceNode:
		list := make([]any, 0, len(v.Values))
		err := n.items(func(n node) error {
			item, err := n.value(depth + 1)
			list = append(list, item)
			return err
		})
		return list, err
	case *ast.StringNode:
		return v.Value, nil
	case *ast.LiteralNode:
		return v.Value.Value, nil
	case *ast.IntegerNode:
		return v.Value, nil
	case *ast.FloatNode:
		return v.Value, nil
	case *ast.BoolNode:
		return v.Value, nil
	case *ast.NullNode:
		return nil, nil
	}
	return nil, n.fail("expected a plain value; aliases and merges are not read here")
}

// syntaxError is the parser's error without its excerpt of the file.
func syntaxError(file string, err error) error {
	e := &RulesError{File: file, Message: "the file is no YAML"}
	if y, ok := errors.AsType[yaml.Error](err); ok {
		e.Message = y.GetMessage()
		if t := y.GetToken(); t != nil && t.Position != nil {
			e.Line = t.Position.Line
		}
	}
	return e
}
