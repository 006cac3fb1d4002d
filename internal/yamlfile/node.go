package yamlfile

import (
	"fmt"

	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"
)

// Kind is what a node is.
type Kind uint8

// The kinds. Null is also what an empty file and a key without a value are.
const (
	Null Kind = iota
	Scalar
	List
	Map
)

func (k Kind) String() string {
	return [...]string{"nothing", "a single value", "a list", "a mapping"}[min(k, Map)]
}

// Node is a value of a file, and where it stands.
type Node struct {
	Kind    Kind
	Line    int      // from 1
	Text    string   // of a scalar, as it was written, without its quotes
	Quoted  bool     // the scalar had quotes, or is a block of text
	Items   []*Node  // of a list
	Members []Member // of a mapping, in the file's order; no key stands twice
}

// Member is one key of a mapping with its value.
type Member struct {
	Key   string
	Line  int // of the key
	Value *Node
}

// Parse reads a text of one document. Anchors, aliases, merges and tags are
// not taken: settings are clearer without them. The file's name is for errors,
// as is kind: "a configuration file".
func Parse(name, kind string, data []byte) (*Node, error) {
	var file *ast.File
	err := guarded(data, func() (err error) {
		file, err = parser.ParseBytes(data, 0)
		return err
	})
	if err != nil {
		return nil, plain(name, kind, data, err)
	}
	r := reader{name: name}
	var root *Node
	for _, doc := range file.Docs {
		if doc.Body == nil {
			continue
		}
		node := r.node(doc.Body, 1, 0)
		if root != nil {
			r.fail(node.Line, "a second document; one file is one document")
		}
		root = node
	}
	if r.err != nil {
		return nil, r.err
	}
	if root == nil {
		root = &Node{Line: 1}
	}
	return root, nil
}

// reader turns the library's tree into ours, and keeps the first error.
type reader struct {
	name string
	err  error
}

func (r *reader) fail(line int, format string, args ...any) {
	if r.err == nil {
		r.err = &Error{File: r.name, Line: line, Message: fmt.Sprintf(format, args...)}
	}
}

// node reads n. line is where its parent stands, for nodes without a place of
// their own.
func (r *reader) node(n ast.Node, line, depth int) *Node {
	line = lineOf(n, line)
	out := &Node{Line: line}
	if depth > maxNesting {
		r.fail(line, "nested more than %d levels deep", maxNesting)
	}
	if r.err != nil {
		return out
	}
	switch n := n.(type) {
	case nil, *ast.NullNode, *ast.CommentGroupNode:
	case *ast.MappingNode:
		r.members(out, n.Values, depth)
	case *ast.MappingValueNode:
		r.members(out, []*ast.MappingValueNode{n}, depth)
	case *ast.SequenceNode:
		out.Kind = List
		for _, item := range n.Values {
			out.Items = append(out.Items, r.node(item, line, depth+1))
		}
	case *ast.LiteralNode:
		out.Kind, out.Quoted, out.Text = Scalar, true, n.Value.Value
	case *ast.StringNode:
		out.Kind, out.Text = Scalar, n.Value
		out.Quoted = n.Token != nil && (n.Token.Type == token.SingleQuoteType || n.Token.Type == token.DoubleQuoteType)
	case *ast.AnchorNode, *ast.AliasNode, *ast.MergeKeyNode:
		r.fail(line, "anchors, aliases and merges are not read here; write the value out")
	case *ast.TagNode:
		r.fail(line, "tags are not read here; leave it out")
	case ast.ScalarNode:
		out.Kind, out.Text = Scalar, n.GetToken().Value
	default:
		r.fail(line, "expected a value, a list or a mapping")
	}
	return out
}

func (r *reader) members(out *Node, entries []*ast.MappingValueNode, depth int) {
	out.Kind = Map
	seen := make(map[string]bool, len(entries))
	for _, entry := range entries {
		if entry == nil || entry.Key == nil {
			r.fail(out.Line, "a key is missing")
			return
		}
		line := lineOf(entry.Key, out.Line)
		key, ok := keyOf(entry.Key)
		switch {
		case !ok:
			r.fail(line, "expected a plain text as a key; anchors, aliases, merges and tags are not read here")
			return
		case seen[key]:
			r.fail(line, "the key %q stands here twice", key)
			return
		}
		seen[key] = true
		out.Members = append(out.Members, Member{Key: key, Line: line, Value: r.node(entry.Value, line, depth+1)})
	}
}

func keyOf(n ast.MapKeyNode) (string, bool) {
	switch n := n.(type) {
	case *ast.StringNode:
		return n.Value, true
	case *ast.MergeKeyNode, *ast.AnchorNode, *ast.AliasNode, *ast.TagNode, *ast.MappingKeyNode:
		return "", false
	case ast.ScalarNode:
		return n.GetToken().Value, true
	}
	return "", false
}

// lineOf is the line of a node, or another when it has none. Some nodes of the
// library hold a nil and cannot be asked.
func lineOf(n ast.Node, otherwise int) int {
	if n == nil {
		return otherwise
	}
	t := n.GetToken()
	if t == nil || t.Position == nil || t.Position.Line < 1 {
		return otherwise
	}
	return t.Position.Line
}
